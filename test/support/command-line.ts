import { run, type Terminal } from '../../src/cli/main.ts'

export interface Ran {
  readonly out: string
  readonly err: string
  /** Undefined when no command set one, which the system takes for 0. */
  readonly code: number | undefined
}

/** One command line, in this process; with `ask`, somebody sits at the terminal. */
export async function commandLine(
  argv: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  ask?: Terminal['ask'],
): Promise<Ran> {
  let [out, err] = ['', '']
  let code: number | undefined
  await run(argv, {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    ...(ask && { ask }),
    backlog: () => 0,
    environment,
    exit: (next) => {
      code = next
    },
  })
  return { out, err, code }
}
