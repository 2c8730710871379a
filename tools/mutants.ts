// Breaks the guards of test/mutants.json one by one and runs the test that must notice. Prints a line each.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
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
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

const mutants: readonly Mutant[] = JSON.parse(readFileSync('test/mutants.json', 'utf8')).mutants

/** The mutants run in a copy, so an interrupted run leaves the tree as it was. */
const copy = mkdtempSync(join(tmpdir(), 'envoy-fapi-mutants-'))
for (const part of [
  'src',
  'test',
  'tools',
  'proto',
  'docs',
  'demo',
  'envoy',
  'bin',
  'schema',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
])
  cpSync(part, join(copy, part), { recursive: true })
symlinkSync(resolve('node_modules'), join(copy, 'node_modules'))

function caught({ file, guard, replacement, test, expect }: Mutant): string | undefined {
  const path = join(copy, file)
  const text = readFileSync(path, 'utf8')
  if (text.split(guard).length !== 2) return `the guard does not stand exactly once in ${file}`
  writeFileSync(
    path,
    text.replace(guard, () => replacement),
  )
  try {
    const results = join(copy, 'results.json')
    rmSync(results, { force: true })
    spawnSync('vitest', ['run', '--project', 'fast', test, '--reporter=json', `--outputFile=${results}`], { cwd: copy })
    const report: Report = JSON.parse(readFileSync(results, 'utf8'))
    const failed = report.testResults.flatMap((one) => one.assertionResults).filter(({ status }) => status === 'failed')
    if (failed.length === 0) return 'survived: no test failed'
    return failed.some(({ fullName }) => fullName.includes(expect)) ? undefined : `caught, but not by "${expect}"`
  } finally {
    writeFileSync(path, text)
  }
}

let survivors = 0
try {
  for (const mutant of mutants) {
    const problem = caught(mutant)
    if (problem) survivors += 1
    process.stdout.write(
      `${problem ? 'FAIL' : 'ok  '} ${mutant.file}: ${mutant.guard.slice(0, 90).replaceAll('\n', ' ')}${problem ? ` — ${problem}` : ''}\n`,
    )
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
process.stdout.write(`${mutants.length - survivors} of ${mutants.length} mutants caught\n`)
process.exitCode = survivors === 0 ? 0 : 1
