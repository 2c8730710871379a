import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { oneAtATime, watchFiles } from '../io/watch.ts'
import { junitReport } from '../trial/junit.ts'
import { onOneLine } from '../trial/plain-text.ts'
import { countCases, jsonReport, type PlacedResult, type Report, spellReport } from '../trial/report.ts'
import { runSuite } from '../trial/suite.ts'
import { refuseUsage } from './key-files.ts'
import type { Terminal } from './main.ts'
import { spellPlace, spellProblems } from './problems.ts'
import { type CasesFile, type ReadCases, readCases } from './test-files.ts'

interface TestOptions {
  readonly config: string
  readonly watch?: boolean
  readonly json?: boolean
  readonly junit?: string
  readonly filter?: string
  readonly requireCoverage?: boolean
}

/** `test --config FILE CASES…`: what a configuration lets in and what it refuses, tried without a network. */
export function registerTest(program: Command, terminal: Terminal): void {
  program
    .command('test <cases...>')
    .description('try requests of built-in clients on a configuration and compare with what is expected')
    .requiredOption('-c, --config <file>', 'configuration file (YAML)')
    .option('--filter <text>', 'only cases with this text in their names')
    .option('--require-coverage', 'fail when there is a route that no case comes to')
    .option('--junit <file>', 'write the result as JUnit XML as well')
    .option('--watch', 'run again when a file changes, until interrupted')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      '\nExample:\n  envoy-fapi test --config envoy-fapi.yaml envoy-fapi-tests.yaml\n  envoy-fapi test --config envoy-fapi.yaml tests/*.yaml --require-coverage --junit result.xml',
    )
    .action(async (files: readonly string[], options: TestOptions) => {
      if (options.requireCoverage && options.filter !== undefined)
        return refuseUsage(terminal, '--require-coverage is about all cases: leave --filter out')
      if (options.watch) await watchCases(files, options, terminal)
      else await runOnce(files, options, terminal)
    })
}

/** Reads, runs and reports; returns what was read, for whoever watches it. */
async function runOnce(
  files: readonly string[],
  options: TestOptions,
  terminal: Terminal,
): Promise<readonly ReadCases[]> {
  const read = files.map((file) => readCases(file, options.config, terminal.environment))
  const problems = read.flatMap((one) => one.problems)
  if (problems.length > 0) {
    const shown = unique(problems.map((one) => ({ ...one, key: onOneLine(one.key), message: onOneLine(one.message) })))
    if (options.json) terminal.out(`${JSON.stringify({ ok: false, problems: shown })}\n`)
    else terminal.err(`${spellProblems(shown).replace(/, nothing was started or changed\n$/, ', no case was run\n')}`)
    terminal.exit(2)
    return read
  }
  const report = await runAll(
    read.flatMap(({ file }) => file ?? []),
    options,
  )
  terminal.exit(publish(report, options, terminal))
  return read
}

/** The configuration is read for each file of cases, and so are its problems. */
function unique<T>(list: readonly T[]): readonly T[] {
  const seen = new Set<string>()
  return list.filter((one) => seen.size !== seen.add(JSON.stringify(one)).size)
}

async function runAll(files: readonly CasesFile[], { filter }: TestOptions): Promise<Report> {
  const suites: { readonly file: string; readonly cases: readonly PlacedResult[] }[] = []
  let unreached: readonly string[] | undefined
  for (const { path, cases, config, placeOf } of files) {
    const suite = await runSuite(path, cases, config, filter)
    const placed = suite.cases.map((one) => ({ ...one, place: placeOf(['cases', one.index, 'name']) }))
    suites.push({ file: path, cases: placed })
    unreached = (unreached ?? suite.unreached).filter((name) => suite.unreached.includes(name))
  }
  return { suites, unreached: filter === undefined ? unreached : undefined }
}

/** Writes the report wherever it is wanted; returns the exit code. */
function publish(report: Report, { json, junit, filter, requireCoverage }: TestOptions, terminal: Terminal): number {
  const { passed, failed } = countCases(report)
  if (passed + failed === 0) {
    terminal.err(`no case has ${JSON.stringify(filter)} in its name\n`)
    return 2
  }
  terminal.out(json ? `${JSON.stringify(jsonReport(report))}\n` : spellReport(report, spellPlace))
  if (junit !== undefined)
    try {
      writeFileSync(junit, junitReport(report))
    } catch (error) {
      terminal.err(`${junit} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})\n`)
      return 2
    }
  return failed > 0 || (requireCoverage && report.unreached?.length) ? 1 : 0
}

/** Runs now and after each change, until a signal; the exit code is that of the last run. */
async function watchCases(files: readonly string[], options: TestOptions, terminal: Terminal): Promise<void> {
  // Watched before they are read for the run, so that no change in between is missed.
  let read: readonly ReadCases[] = files.map((file) => readCases(file, options.config, terminal.environment))
  const again = oneAtATime(async () => {
    try {
      read = await runOnce(files, options, terminal)
    } catch (error) {
      terminal.err(`${error instanceof Error ? error.stack : String(error)}\n`)
      terminal.exit(3)
    }
    if (!options.json) terminal.out('\nwatching for changes; Ctrl-C ends\n')
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = (): void => resolve()
  process.on('SIGINT', stop).on('SIGTERM', stop)
  // Watchers do not keep the process there.
  const alive = setInterval(() => {}, 2 ** 30)
  // What was looked at once stays watched: while one file is broken, nobody knows which others it would name.
  const known = new Set<string>()
  const watched = (): readonly string[] => {
    for (const file of read.flatMap((one) => [...one.files, ...one.included()])) known.add(file)
    return [...known]
  }
  const watcher = watchFiles(watched, again, { debounce: 100 })
  await again()
  await promise
  watcher.close()
  clearInterval(alive)
  process.off('SIGINT', stop).off('SIGTERM', stop)
}
