import { run } from './cli/main.ts'

// Who stops reading has seen enough; that is no fault. `serve` listens too, and ends.
process.stdout.on('error', () => {})

await run(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  backlog: () => process.stdout.writableLength,
  environment: process.env,
  exit: (code) => {
    process.exitCode = code
  },
})
