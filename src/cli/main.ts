import { Command } from 'commander'
import { productVersion } from '../io/http.ts'
import { registerAudit } from './audit.ts'
import { registerConfig } from './config.ts'
import { registerDoctor } from './doctor.ts'
import { registerExplain } from './explain.ts'
import { registerInit } from './init.ts'
import { registerLint } from './lint.ts'
import { registerMint } from './mint.ts'
import { registerReport } from './report.ts'
import { registerServe } from './serve.ts'
import { registerTest } from './test.ts'

/** What a command needs from the process around it. */
export interface Terminal {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Asks whoever sits there; undefined when they leave. Absent when nobody does. */
  readonly ask?: (question: string) => Promise<string | undefined>
  /** Bytes given to `out` that nobody has taken yet. */
  readonly backlog: () => number
  readonly environment: NodeJS.ProcessEnv
  /** Sets the exit code: 0 fine, 1 findings, 2 usage or configuration, 3 our own fault. */
  readonly exit: (code: number) => void
}

/** The command line. */
function buildProgram(terminal: Terminal): Command {
  const program = new Command('envoy-fapi')
    .description('External authorization service that makes Envoy enforce FAPI 2.0')
    .version(productVersion())
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      '\nExample:\n  envoy-fapi init --dev --origin https://api.bank.example --issuer https://as.bank.example\n  envoy-fapi serve --config envoy-fapi.yaml',
    )
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
    .exitOverride()
  registerInit(program, terminal)
  registerServe(program, terminal)
  registerConfig(program, terminal)
  registerTest(program, terminal)
  registerLint(program, terminal)
  registerDoctor(program, terminal)
  registerReport(program, terminal)
  registerExplain(program, terminal)
  registerAudit(program, terminal)
  registerMint(program, terminal)
  return program
}

/** Runs one command line; resolves when the command has ended. Usage errors end with 2, bugs with 3. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<void> {
  try {
    await buildProgram(terminal).parseAsync([...argv], { from: 'user' })
  } catch (error) {
    const { code, exitCode } = error as { readonly code?: unknown; readonly exitCode?: unknown }
    if (typeof code === 'string' && code.startsWith('commander.')) terminal.exit(exitCode === 0 ? 0 : 2)
    else {
      terminal.err(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
      terminal.exit(3)
    }
  }
}
