import { run } from './cli/main.ts'
import { askTerminal } from './io/questions.ts'

// Who stops reading has seen enough; that is no fault. `serve` listens too, and ends.
process.stdout.on('error', () => {})

await run(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  ...(process.stdin.isTTY && process.stdout.isTTY && { ask: askTerminal }),
  backlog: () => process.stdout.writableLength,
  environment: process.env,
  exit: (code) => {
    process.exitCode = code
  },
})
