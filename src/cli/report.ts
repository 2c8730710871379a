import type { Command } from 'commander'
import { answers } from '../denial.ts'
import { readLines } from '../io/lines.ts'
import { nearest } from '../problems.ts'
import { type Line, readLine } from '../report/entry.ts'
import { Counting, type Filter } from '../report/report.ts'
import { describeReport, safe, spellReport, type Unread } from '../report/spell.ts'
import { readTime } from '../report/time.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import type { Terminal } from './main.ts'

interface ReportOptions {
  readonly since?: string
  readonly until?: string
  readonly route?: string
  readonly client?: string
  readonly reason?: string
  readonly json?: boolean
}

/** Bytes of a line; the service writes shorter ones. */
const MAX_LINE = 65_536

/** `report FILE…`: who was refused, who would be, and what to tell them. */
export function registerReport(program: Command, terminal: Terminal): void {
  program
    .command('report <files...>')
    .description('list the clients that were refused, or would be without shadow, from log lines or audit files')
    .option('--since <time>', 'today, yesterday, 24h, a date, or a time with its zone')
    .option('--until <time>', 'the same; itself not counted any more')
    .option('--route <name>', 'only decisions on this route')
    .option('--client <id>', 'only decisions about this client')
    .option('--reason <reason>', 'only refusals for this reason')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      '\nExample:\n  envoy-fapi report audit.jsonl\n  envoy-fapi report --reason proof_replayed --since yesterday --until today audit.jsonl\n  kubectl logs deploy/envoy-fapi | envoy-fapi report --json /dev/stdin',
    )
    .action((files: readonly string[], options: ReportOptions) => runReport(files, options, terminal))
}

async function runReport(files: readonly string[], options: ReportOptions, terminal: Terminal): Promise<void> {
  const refuse = (problem: string): void => {
    if (options.json) terminal.out(`${JSON.stringify({ ok: false, problem })}\n`)
    else terminal.err(`${problem}\n`)
    terminal.exit(2)
  }
  const filter = readFilter(options, Date.now() / 1000)
  if (!filter.ok) return refuse(filter.problem)
  const counting = new Counting(filter.value)
  const seen = { decisions: 0, others: 0, broken: 0, first: undefined as string | undefined }
  for (const file of files) {
    const problem = await readFile(file, counting, seen)
    if (problem !== undefined) return refuse(problem)
  }
  const { decisions, others, ...unread } = seen
  if (decisions + others === 0 && seen.first !== undefined)
    return refuse(`${seen.first}: no line can be read; expected log lines of the service, or its audit file`)
  if (decisions === 0)
    return refuse(`${files.map(safe).join(', ')}: there are no decisions in it; they are logged at level info`)
  const report = counting.report()
  if (options.json) terminal.out(`${toAscii(JSON.stringify(describeReport(report, unread)))}\n`)
  else terminal.out(spellReport(report, unread))
  if (report.rows.length > 0 || report.others.shadow + report.others.enforce > 0) terminal.exit(1)
}

/** Counts the decisions of one file; says why it cannot be read. */
async function readFile(
  file: string,
  counting: Counting,
  seen: { decisions: number; others: number } & { -readonly [K in keyof Unread]: Unread[K] },
): Promise<string | undefined> {
  try {
    for await (const { number, text } of readLines(file, MAX_LINE)) {
      if (text?.trim() === '') continue
      const line: Line = text === undefined ? { kind: 'broken' } : readLine(text)
      if (line.kind === 'broken') {
        seen.broken += 1
        seen.first ??= `${safe(file)}:${number}`
      } else if (line.kind === 'other') seen.others += 1
      else {
        seen.decisions += 1
        counting.add(line.entry)
      }
    }
    return undefined
  } catch (error) {
    return `${safe(file)}: it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'no code'})`
  }
}

function readFilter({ since, until, route, client, reason }: ReportOptions, now: number): Reading<Filter> {
  const times: { since?: number; until?: number } = {}
  for (const [name, text] of [['since', since] as const, ['until', until] as const]) {
    if (text === undefined) continue
    const time = readTime(text, now)
    if (time === undefined)
      return unreadable(
        `--${name}: expected today, yesterday, 24h, a date, or a time with its zone, found ${safe(text)}`,
      )
    times[name] = time
  }
  const known = Object.keys(answers)
  if (reason !== undefined && !known.includes(reason)) {
    const near = nearest(reason, known)
    return unreadable(
      `--reason: there is no reason ${safe(reason)}${near === undefined ? '' : `; did you mean ${near}?`}`,
    )
  }
  return read({ ...times, route, client, reason })
}

/** JSON may hold what a terminal obeys. */
const toAscii = (json: string): string =>
  json.replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
