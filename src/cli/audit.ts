import { createPublicKey } from 'node:crypto'
import type { Command } from 'commander'
import type { AuditFinding, AuditReport, AuditRun } from '../audit/report.ts'
import { AuditVerifier } from '../audit/verify.ts'
import { type AuditKey, nameKey } from '../audit/verify-record.ts'
import { scanLines } from '../io/audit-lines.ts'
import { readBounded } from '../io/bounded-file.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import type { Terminal } from './main.ts'

interface VerifyOptions {
  readonly key?: readonly string[]
  readonly head?: string
  readonly mixed?: boolean
  readonly json?: boolean
}

/** `audit verify FILE…` and `audit head FILE…`. */
export function registerAudit(program: Command, terminal: Terminal): void {
  const audit = program.command('audit').description('prove what stands in audit files')
  audit
    .command('verify <files...>')
    .description('follow the chain through files, the oldest first, and name the first bad position')
    .option('--key <files...>', 'public keys, PEM, one of which has signed every run')
    .option('--head <seq:hash>', 'a record that has to be there, as `audit head` printed it')
    .option('--mixed', 'other lines may stand between the records, as in a log of standard output')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing is wrong, 1 findings, 2 usage or a file that holds no records.\n\nExample:\n  envoy-fapi audit verify audit.jsonl.* audit.jsonl --key audit.pub.pem\n  envoy-fapi audit verify audit.jsonl --head 1204:HASH',
    )
    .action((files: readonly string[], options: VerifyOptions) => verifyFiles(files, options, terminal))
  audit
    .command('head <files...>')
    .description('print number and hash of the last record, to be kept where nobody can change it')
    .addHelpText('after', '\nExample:\n  envoy-fapi audit head audit.jsonl')
    .action((files: readonly string[]) => printHead(files, terminal))
}

async function verifyFiles(files: readonly string[], options: VerifyOptions, terminal: Terminal): Promise<void> {
  const { head, json, mixed } = options
  const refuse = (problem: string): void => {
    if (json) terminal.out(`${JSON.stringify({ ok: false, problem })}\n`)
    else terminal.err(`${problem}\n`)
    terminal.exit(2)
  }
  if (head !== undefined && !HEAD.test(head)) return refuse('--head is SEQ:HASH, as `audit head` prints it')
  const keys = readKeys(options.key)
  if (!keys.ok) return refuse(keys.problem)
  const read = await follow(files, new AuditVerifier({ keys: keys.value, head, mixed }))
  if (!read.ok) return refuse(read.problem)
  const report = read.value
  const ok = report.findings.length === 0
  if (json) terminal.out(`${JSON.stringify({ ok, ...report, runs: report.runs.map(spellRunMembers) })}\n`)
  else terminal.out(spellReport(report, keys.value !== undefined))
  if (!ok) terminal.exit(1)
}

const HEAD = /^[1-9][0-9]{0,15}:[A-Za-z0-9_-]{43}$/

async function printHead(files: readonly string[], terminal: Terminal): Promise<void> {
  const read = await follow(files, new AuditVerifier())
  if (read.ok) terminal.out(`${read.value.head}\n`)
  else {
    terminal.err(`${read.problem}\n`)
    terminal.exit(2)
  }
}

async function follow(files: readonly string[], verifier: AuditVerifier): Promise<Reading<AuditReport>> {
  for (const file of files) {
    verifier.file(file)
    const scanned = await scanLines(file, (line, length) => verifier.line(line, length))
    if (!scanned.ok) return unreadable(`${file}: ${scanned.problem}`)
  }
  const report = verifier.report()
  return report.records === 0 ? unreadable(`${files.join(', ')}: no audit record stands there`) : read(report)
}

/** Bytes of a file with a public key. */
const MAX_KEY = 65_536

function readKeys(files: readonly string[] | undefined): Reading<readonly AuditKey[] | undefined> {
  if (!files) return read(undefined)
  const keys: AuditKey[] = []
  for (const file of files) {
    const content = readBounded(file, MAX_KEY)
    if (!content.ok) return unreadable(`${file}: ${content.problem}`)
    const key = parseKey(content.value)
    if (!key) return unreadable(`${file}: it holds no public key on Ed25519, as PEM`)
    keys.push(key)
  }
  return read(keys)
}

function parseKey(pem: Buffer): AuditKey | undefined {
  // The public half of a private key could be had as well, but that one has no business here.
  if (pem.includes('PRIVATE KEY')) return undefined
  try {
    return nameKey(createPublicKey(pem))
  } catch {
    return undefined
  }
}

const spellRunMembers = ({ key, ...run }: AuditRun) => ({ ...run, key: key?.id })

function spellReport({ findings, notes, runs, records, dropped, head }: AuditReport, known: boolean): string {
  const lines = [
    ...findings.map(spellFinding),
    ...notes.map((note) => `note: ${note}`),
    ...runs.map((run) => spellRun(run, known)),
    ...(dropped > 0 ? [`note: ${dropped} decisions were denied without a record, as the records tell`] : []),
    `head ${head}`,
    `${findings.length === 0 ? 'fine' : `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}`}: ${records} records, ${runs.length} ${runs.length === 1 ? 'run' : 'runs'}`,
  ]
  return `${lines.join('\n')}\n`
}

const spellFinding = ({ file, line, kind, seq, run, message }: AuditFinding): string =>
  `${file}:${line}: ${kind}: ${seq === undefined ? '' : `record ${seq} of run ${run}: `}${message}`

/** What is proven of a run, and what is not. */
function spellRun({ run, first, last, closed, key, proven }: AuditRun, known: boolean): string {
  const proof =
    key === undefined
      ? 'not signed: whoever can write to the file can make it anew'
      : proven === undefined
        ? 'no signature yet'
        : `content and order proven to ${proven} by key ${key.id}${known ? '' : ', which the file names itself (see --key)'}${proven < last ? `, records ${proven + 1} to ${last} proven by nothing` : ''}`
  return `run ${run}: records ${first} to ${last}, ${proof}; ${closed ? 'closed' : `not closed: records after ${last} may be missing`}`
}
