import { run } from './cli/main.ts'

await run(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  environment: process.env,
  exit: (code) => {
    process.exitCode = code
  },
})
