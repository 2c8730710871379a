import type { Command } from 'commander'
import { loadConfig } from '../io/config-file.ts'
import { startService } from '../service.ts'
import type { Terminal } from './main.ts'
import { spellProblems } from './problems.ts'

/** `serve --config FILE`: runs until SIGTERM or SIGINT, then drains. */
export function registerServe(program: Command, terminal: Terminal): void {
  program
    .command('serve')
    .description('run the service')
    .requiredOption('-c, --config <file>', 'configuration file (YAML)')
    .addHelpText('after', '\nExample:\n  envoy-fapi serve --config envoy-fapi.yaml')
    .action(async ({ config: file }: { readonly config: string }) => {
      const loaded = loadConfig(file, terminal.environment)
      if (!loaded.ok) {
        terminal.err(spellProblems(loaded.problems))
        terminal.exit(2)
        return
      }
      const surroundings = {
        file,
        environment: terminal.environment,
        output: { write: terminal.out, backlog: terminal.backlog },
      }
      // From the start: by default these would end the process. A limit to the size of files then makes writing fail.
      let reopen = (): void => {}
      process.on('SIGHUP', () => reopen())
      process.on('SIGXFSZ', () => {})
      const service = await startService(surroundings, loaded)
      if (!service.ok) {
        terminal.err(`${service.problem}\n`)
        terminal.exit(2)
        return
      }
      reopen = service.value.reopen
      const reason = await ending()
      const complete = await service.value.stop()
      // Lines that nobody reads must not keep an ended service alive, milliseconds.
      setTimeout(() => process.exit(), 2000).unref()
      if (reason === 'deaf') {
        terminal.err('standard output was closed; decisions that nobody can read are not made\n')
        terminal.exit(3)
      } else if (!complete) terminal.exit(4)
    })
}

/**
 * The first reason to stop: a signal, or that nobody reads the decisions any more. A second signal ends the process at
 * once.
 */
function ending(): Promise<'asked' | 'deaf'> {
  const { promise, resolve } = Promise.withResolvers<'asked' | 'deaf'>()
  const stop = (): void => {
    // By hand: the first process of a container has no default action.
    process.off('SIGTERM', stop).on('SIGTERM', () => process.exit(143))
    process.off('SIGINT', stop).on('SIGINT', () => process.exit(130))
    resolve('asked')
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.stdout.on('error', () => resolve('deaf'))
  return promise
}
