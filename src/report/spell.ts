import { answers } from '../denial.ts'
import { advice } from '../explain/advice.ts'
import type { Report, Row } from './report.ts'

/** How many lines of the files were no decisions. */
export interface Unread {
  readonly broken: number
  /** Where the first of them stands. */
  readonly first: string | undefined
}

/** The report for people. */
export function spellReport({ rows, others, ...seen }: Report, unread: Unread): string {
  const range =
    seen.first === undefined || seen.last === undefined ? '' : `, ${spellTime(seen.first)} to ${spellTime(seen.last)}`
  const head = `${count(seen.decisions, 'decision')} of ${count(seen.clients, 'client')}${range}\n`
  const names = spellNames(rows)
  const part = (mode: Row['mode'], title: string): string => {
    const own = rows.filter((row) => row.mode === mode)
    if (own.length === 0 && others[mode] === 0) return ''
    const more = others[mode] > 0 ? `  and ${others[mode]} more, of too many clients or reasons to list\n` : ''
    return `\n${title}\n${own.map((row) => spellRow(row, names(row))).join('')}${more}`
  }
  const broken =
    unread.broken > 0 ? `\nnote: ${count(unread.broken, 'line')} could not be read, the first at ${unread.first}\n` : ''
  const nothing =
    rows.length === 0 && others.shadow + others.enforce === 0 ? '\nfine: nothing was refused or would be\n' : ''
  return `${head}${part('shadow', 'would be refused (mode: shadow)')}${part('enforce', 'refused')}${nothing}${broken}`
}

/** How clients are called: by their authorization server as well where several know one of that name. */
function spellNames(rows: readonly Row[]): (row: Row) => string {
  const issuers = new Map<string, Set<string | undefined>>()
  for (const { client, known, issuer } of rows)
    if (known) issuers.set(client, (issuers.get(client) ?? new Set()).add(issuer))
  return ({ client, known, issuer }) => {
    if (!known) return `nobody known, from ${safe(client)}`
    return (issuers.get(client)?.size ?? 0) > 1 ? `${safe(client)} of ${safe(issuer ?? 'nobody')}` : safe(client)
  }
}

function spellRow({ route, reason, count: times, of, first, last, mode }: Row, who: string): string {
  const often = `${times} of ${of} (${percent(times, of)})`
  const fix = adviceFor(reason, mode)
  return [
    `  ${who}: ${safe(reason)} on ${safe(route)}, ${often}, ${spellTime(first)} to ${spellTime(last)}\n`,
    ...(fix ? [`    ${fix.whose}: ${fix.text}\n`] : []),
  ].join('')
}

/** The report for programs. */
export const describeReport = ({ rows, ...seen }: Report, unread: Unread): object => ({
  ok: rows.length === 0 && seen.others.shadow + seen.others.enforce === 0,
  ...seen,
  first: seen.first === undefined ? undefined : spellTime(seen.first),
  last: seen.last === undefined ? undefined : spellTime(seen.last),
  rows: rows.map(({ first, last, ...row }) => {
    const fix = adviceFor(row.reason, row.mode)
    return { ...row, share: row.count / row.of, first: spellTime(first), last: spellTime(last), advice: fix }
  }),
  unread,
})

interface Fix {
  readonly whose: 'tell the client' | 'do'
  readonly text: string
}

/** What is to be done about it, by whoever can. */
function adviceFor(reason: string, mode: Row['mode']): Fix | undefined {
  const known = Object.hasOwn(advice, reason) ? advice[reason as keyof typeof advice] : undefined
  if (!known) return undefined
  // In shadow nobody is given a nonce, so that nobody can have one.
  if (mode === 'shadow' && /^nonce_/.test(reason))
    return { whose: 'do', text: 'Nothing yet: clients are given nonces by refusals, and use them from then on.' }
  const ours = answers[reason as keyof typeof answers].status >= 500 || known.client.startsWith('Nothing')
  return ours ? { whose: 'do', text: known.operator } : { whose: 'tell the client', text: known.client }
}

const percent = (part: number, whole: number): string => {
  const share = (100 * part) / whole
  return share > 0 && share < 1 ? 'under 1 %' : `${Math.floor(share)} %`
}

const count = (number: number, thing: string): string => `${number} ${thing}${number === 1 ? '' : 's'}`

const spellTime = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(/\.[0-9]{3}Z$/, 'Z')

/** What a client made up moves no cursor and colours nothing: anything but printable ASCII is spelled out. */
export const safe = (text: string): string =>
  text.replaceAll(/[^\x20-\x7e]|\\/gu, (sign) =>
    sign === '\\' ? '\\\\' : `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`,
  )
