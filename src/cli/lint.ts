import type { Command } from 'commander'
import type { PlacedProblem } from '../io/config-file.ts'
import { parseYamlStream, readYamlStream, type YamlFile } from '../io/yaml-file.ts'
import { spellPath } from '../io/yaml-structure.ts'
import { embedded, type Finding, lint, recognize, rules } from '../lint/lint.ts'
import type { LintDocument } from '../lint/spot.ts'
import type { Terminal } from './main.ts'
import { inOrder, spellLines, spellPlace } from './problems.ts'

interface LintOptions {
  readonly json?: boolean
  readonly ignore?: readonly string[]
}

/** `lint FILE…`: unsafe settings around us. */
export function registerLint(program: Command, terminal: Terminal): void {
  program
    .command('lint <files...>')
    .description(
      'find unsafe settings in Envoy bootstraps, Istio and Envoy Gateway manifests; files are judged together',
    )
    .option('--ignore <ids...>', 'findings that you decided to live with')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      '\nExample:\n  envoy-fapi lint envoy/hardened.yaml\n  envoy-fapi lint mesh.yaml istio/*.yaml --ignore IL-20',
    )
    .action((files: readonly string[], options: LintOptions) => runLint(files, options, terminal))
}

function runLint(files: readonly string[], { json, ignore = [] }: LintOptions, terminal: Terminal): void {
  const unknown = ignore.filter((id) => !rules.some((rule) => rule.id === id))
  if (unknown.length > 0) {
    terminal.err(`${unknown.join(', ')}: no finding has this id; docs/lint.md lists them\n`)
    terminal.exit(2)
    return
  }
  const streams = files.map((file) => ({ file, ...readYamlStream(file) }))
  const read = streams.flatMap(({ documents }) => documents)
  const inner = read.flatMap(readEmbedded)
  const problems = [...streams, ...inner].flatMap((one) => one.problems)
  if (problems.length > 0) {
    if (json) terminal.out(`${JSON.stringify({ ok: false, problems })}\n`)
    else terminal.err(spellLines(problems))
    terminal.exit(2)
    return
  }
  const documents: readonly LintDocument[] = [...read, ...inner.flatMap((one) => one.documents)]
  const findings = lint(documents)
    .filter(({ rule }) => !ignore.includes(rule.id))
    .map(spread)
  const nothing = streams.filter((stream) => !stream.documents.some(recognize)).map(({ file }) => file)
  if (json) terminal.out(`${JSON.stringify({ ok: findings.length === 0, findings, unrecognized: nothing })}\n`)
  else terminal.out(`${spellFindings(findings, files)}${spellEnd(findings.length, documents.length, nothing)}`)
  if (findings.length > 0) terminal.exit(1)
}

/** The documents that stand in a ConfigMap, when they are of a kind that is judged. */
function readEmbedded(
  outer: YamlFile,
): readonly { documents: readonly LintDocument[]; problems: readonly PlacedProblem[] }[] {
  return embedded(outer).map(({ path, value }) => {
    const stream = parseYamlStream(outer.path, String(value))
    const placeOf = () => outer.placeOf(path)
    const within = spellPath(path)
    return {
      documents: stream.documents.map((document) => ({ value: document.value, placeOf, within })),
      problems: stream.problems.map((problem) => ({ ...placeOf(), key: within, message: problem.message })),
    }
  })
}

function spread({ rule: { id, severity, title, why, fix }, spot }: Finding) {
  const { file, line, column } = spot.document.placeOf(spot.path)
  const inner = spellPath(spot.path)
  const path = spot.document.within === undefined ? inner : `${spot.document.within}: ${inner}`
  return { id, severity, file, line, column, path, title, why, fix }
}

type Spread = ReturnType<typeof spread>

function spellFindings(findings: readonly Spread[], files: readonly string[]): string {
  return inOrder(findings, files)
    .map(
      (one) =>
        `${spellPlace(one)}: ${one.severity} ${one.id}: ${one.title}\n    at:  ${one.path}\n    why: ${one.why}\n    fix: ${one.fix}\n`,
    )
    .join('')
}

function spellEnd(findings: number, documents: number, nothing: readonly string[]): string {
  const notes = nothing.map((file) => `note: ${file} holds nothing that lint knows\n`).join('')
  const looked = documents === 1 ? '1 document' : `${documents} documents`
  return `${notes}${findings === 0 ? 'fine' : findings === 1 ? '1 finding' : `${findings} findings`}: ${looked}\n`
}
