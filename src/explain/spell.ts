import { relative } from 'node:path'
import type { ExplainedCheck, Explanation } from './explanation.ts'
import type { Spot } from './options.ts'

/** Columns of a line at the most. */
const WIDTH = 100
/** Where the right column begins. */
const INDENT = 11

/** An explanation for a terminal; `from` is the directory that file names are shown from. */
export function spellExplanation(explanation: Explanation, from: string): string {
  const { route, pipeline = [], checks, detail, cause, fix, docs, anomalies, notes, request, client } = explanation
  const place = (spot: Spot): string => spellSpot(spot, from)
  const lines = [
    verdictLine(explanation),
    '',
    ...row('time', explanation.time),
    ...row('id', explanation.interactionId),
    ...row('request', request && [request.method, request.host, request.path].filter(Boolean).join(' ')),
    ...row(
      'client',
      client &&
        Object.entries(client)
          .map(([name, text]) => `${name} ${text}`)
          .join(', '),
    ),
    ...row(
      'route',
      route && [route.name, route.kind && `(${route.kind})`, route.at && place(route.at)].filter(Boolean).join('  '),
    ),
    ...pipeline.flatMap((one, index) => row(index === 0 ? 'pipeline' : '', `${one.policy}  ${place(one)}`)),
    '',
    ...(checks ?? []).flatMap((check) => spellCheck(check, place)),
    ...(checks ? [''] : []),
    ...row('detail', detail),
    ...row('cause', cause),
    ...row('client', fix?.client),
    ...row('operator', fix?.operator),
    ...row('more', docs),
    ...row('odd', anomalies && `${anomalies.join(', ')} (docs/anomalies.md)`),
    ...notes.flatMap((note) => row('note', note)),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}

/** `DENY 401 proof_replayed`, `ALLOW`, `ALLOW in shadow, else DENY 401 proof_replayed`. */
function verdictLine({ verdict, status, reason, would }: Explanation): string {
  const denied = (one: { readonly status?: number | undefined; readonly reason: string }): string =>
    ['DENY', one.status, one.reason].filter((part) => part !== undefined).join(' ')
  if (verdict === 'deny') return denied({ status, reason })
  return would ? `ALLOW in shadow, else ${denied(would)}` : 'ALLOW'
}

function spellCheck(
  { check, clause, result, found, expected, setBy }: ExplainedCheck,
  place: (spot: Spot) => string,
): readonly string[] {
  return [
    ...wrap(result === 'pass' ? '  pass' : '  FAIL', `${check.padEnd(24)} ${clause}`),
    ...row('', found && `found     ${found}`),
    ...row('', expected && `expected  ${expected}`),
    ...row('', result === 'fail' && setBy ? `set by    ${setBy.option} ${place(setBy)}` : undefined),
  ]
}

const spellSpot = ({ file, line, column, written }: Spot, from: string): string => {
  const near = relative(from, file)
  return `${near.startsWith('..') ? file : near}:${line}:${column}${written ? '' : ' (default)'}`
}

const row = (label: string, text: string | undefined | false): readonly string[] => (text ? wrap(label, text) : [])

/** The text beside its label, broken at blanks, and within a word that is longer than a line. */
function wrap(label: string, text: string): readonly string[] {
  const room = WIDTH - INDENT
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    let rest = word
    if (line !== '' && line.length + 1 + rest.length > room) {
      lines.push(line)
      line = ''
    }
    for (; rest.length > room; rest = rest.slice(room)) lines.push(rest.slice(0, room))
    line = line === '' && lines.length >= 0 ? rest : `${line} ${rest}`
  }
  lines.push(line)
  return lines.map((one, index) => `${(index === 0 ? label : '').padEnd(INDENT)}${one}`.trimEnd())
}
