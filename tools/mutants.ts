// Breaks the guards of test/mutants.json one by one and runs the test that must notice. Prints a line each.
// `node tools/mutants.ts TEXT` breaks only those whose file or guard holds the text.
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

interface Mutant {
  readonly file: string
  /** Text that stands exactly once in the file. */
  readonly guard: string
  readonly replacement: string
  /** Test file that must fail. */
  readonly test: string
  /** Part of the name of a test that must be among the failing ones. */
  readonly expect: string
}

interface Report {
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/** What the tests read; everything else can stay where it is. */
const parts = [
  'bin',
  'demo',
  'docs',
  'envoy',
  'k8s',
  'proto',
  'schema',
  'src',
  'test',
  'tools',
  'package.json',
] as const
const settings = ['README.md', 'package-lock.json', 'tsconfig.json', 'vitest.config.ts'] as const

/** A copy of the tree to break, so that an interrupted run leaves the tree itself as it was. */
function copyTree(): string {
  const copy = mkdtempSync(join(tmpdir(), 'envoy-fapi-mutants-'))
  for (const part of [...parts, ...settings]) cpSync(part, join(copy, part), { recursive: true })
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'))
  return copy
}

/** Undefined when the mutant was caught as it should be, else what is wrong. */
async function problemOf(
  { file, guard, replacement, test, expect }: Mutant,
  copy: string,
): Promise<string | undefined> {
  const path = join(copy, file)
  const text = readFileSync(path, 'utf8')
  if (text.split(guard).length !== 2) return `the guard does not stand exactly once in ${file}`
  writeFileSync(
    path,
    text.replace(guard, () => replacement),
  )
  try {
    const report = await runTest(test, copy)
    if (!report) return `${test} gave no report`
    const failed = report.testResults.flatMap((one) => one.assertionResults).filter(({ status }) => status === 'failed')
    if (failed.length === 0) return 'survived: no test failed'
    return failed.some(({ fullName }) => fullName.includes(expect)) ? undefined : `caught, but not by "${expect}"`
  } finally {
    writeFileSync(path, text)
  }
}

async function runTest(test: string, copy: string): Promise<Report | undefined> {
  const results = join(copy, 'results.json')
  rmSync(results, { force: true })
  const { promise, resolve: ended } = Promise.withResolvers<void>()
  const options = ['run', '--project', 'fast', test, '--reporter=json', `--outputFile=${results}`]
  execFile('vitest', options, { cwd: copy, timeout: 120_000 }, () => ended())
  await promise
  try {
    return JSON.parse(readFileSync(results, 'utf8'))
  } catch {
    return undefined
  }
}

/** Breaks the next one in a copy of its own until there is none left; how many were not caught. */
async function breakAll(queue: Iterator<Mutant> & Iterable<Mutant>): Promise<number> {
  const copy = copyTree()
  let missed = 0
  try {
    for (const mutant of queue) {
      const problem = await problemOf(mutant, copy)
      if (problem) missed += 1
      const guard = mutant.guard.replaceAll(/\s+/g, ' ').slice(0, 90)
      process.stdout.write(
        `${problem ? 'FAIL' : 'ok  '} ${mutant.file}: ${guard}${problem ? `\n     ${problem}` : ''}\n`,
      )
    }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
  return missed
}

const started = performance.now()
const [wanted = ''] = process.argv.slice(2)
const { mutants }: { readonly mutants: readonly Mutant[] } = JSON.parse(readFileSync('test/mutants.json', 'utf8'))
const chosen = mutants.filter(({ file, guard }) => `${file} ${guard}`.includes(wanted))
const queue = chosen.values()
const workers = Math.max(2, Math.floor(availableParallelism() / 2))
const missed = await Promise.all(Array.from({ length: workers }, () => breakAll(queue)))
const survivors = missed.reduce((sum, count) => sum + count, 0)
const seconds = Math.round((performance.now() - started) / 1000)
process.stdout.write(`${chosen.length - survivors} of ${chosen.length} mutants caught in ${seconds} s\n`)
process.exitCode = survivors === 0 && chosen.length > 0 ? 0 : 1
