import type { Certificate } from '../verify/x509/certificate.ts'
import { nameText } from '../verify/x509/name-text.ts'
import { type Finding, finding, fine } from './findings.ts'

/** What came of reading one place with revocation lists the way `serve` does. Seconds since 1970. */
export interface ListObservation {
  /** Why nothing can be used of it. */
  readonly problem: string | undefined
  /** Whether a configured authority signed any of them. */
  readonly verified: boolean
  readonly entries: number
  /** When the first of them ends to count. */
  readonly until: number | undefined
}

const DAY = 86_400
const SOON = 30 * DAY
/** Authorities that are told one by one. */
const SHOWN = 3

/** The authorities of one file. One that has ended takes its own clients along, and nobody else's. `now`: seconds. */
export function judgeAuthorities(tried: string, authorities: readonly Certificate[], now: number): readonly Finding[] {
  const valid = authorities.filter(({ notBefore, notAfter }) => notBefore <= now && now <= notAfter)
  if (valid.length === 0) return [finding('DR-12', tried, `none of ${count(authorities)} is valid now`)]
  const others = authorities.filter((one) => !valid.includes(one))
  const ending = valid.filter(({ notAfter }) => notAfter - now < SOON)
  const next = Math.min(...valid.map(({ notAfter }) => notAfter))
  return [
    fine(tried, `${count(authorities)}, the next one ends ${day(next)}`),
    ...(ending.length > 0 ? [finding('DR-11', tried, named(ending))] : []),
    ...(others.length > 0 ? [finding('DR-19', tried, named(others))] : []),
  ]
}

const count = ({ length }: readonly unknown[]): string => (length === 1 ? '1 authority' : `${length} authorities`)

function named(authorities: readonly Certificate[]): string {
  const shown = authorities.slice(0, SHOWN).map(({ subject, notBefore, notAfter }) => {
    return `${nameText(subject).slice(0, 100)} (${day(notBefore)} to ${day(notAfter)})`
  })
  const rest = authorities.length - shown.length
  return rest > 0 ? `${shown.join('; ')}; and ${rest} more` : shown.join('; ')
}

const day = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 10)

/** Lists of one place. */
export function judgeLists(tried: string, seen: ListObservation): Finding {
  const { problem, verified, entries, until } = seen
  if (problem !== undefined) return finding('DR-20', tried, problem)
  if (!verified || until === undefined) return finding('DR-21', tried, 'no authority of ca or intermediates issued it')
  const end = new Date(until * 1000).toISOString().slice(0, 16)
  return fine(tried, `${entries} ${entries === 1 ? 'entry' : 'entries'}, counts until ${end}Z`)
}
