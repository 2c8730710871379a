import type { StatusSource, StatusWord } from './certificate-status.ts'
import type { Certificate } from './x509/certificate.ts'

/** A source of status, and whether a path may do without it. */
export interface StatusWitness {
  readonly kind: 'crl' | 'ocsp'
  /** `hard`: without a word no certificate passes. `soft`: the operator lets those pass of which nothing can be learned. */
  readonly mode: 'soft' | 'hard'
  readonly source: StatusSource
}

/** What is asked, and in which order, until one says that the certificate is good or revoked. */
export interface StatusRules {
  readonly witnesses: readonly StatusWitness[]
  /** Every certificate but the trust anchor, or that of the client alone. */
  readonly scope: 'chain' | 'leaf'
}

/** What is known of all certificates of a path that are asked about. */
export type PathStatus =
  /** Seconds since 1970: from then on it has to be asked again. */
  | { readonly kind: 'good'; readonly until: number }
  /** Nobody is asked, or there is no authority that could say anything. */
  | { readonly kind: 'unasked' }
  | { readonly kind: 'revoked' | 'unknown' | 'unavailable'; readonly detail: string }
  /** Nothing could be learned, and every witness may be done without. */
  | { readonly kind: 'tolerated'; readonly detail: string }

/**
 * Asks about each certificate of a path but its anchor (RFC 5280 section 6.3, RFC 6960), all at the same time. At once
 * when every answer is at hand. A certificate is good when one witness says so; revoked is final, and so is that a hard
 * witness does not know it. A path of one certificate has no authority that could say anything: it was pinned, and is
 * revoked by taking its pin away.
 */
export function judgeStatus(
  path: readonly Certificate[],
  { witnesses, scope }: StatusRules,
  now: number,
): PathStatus | Promise<PathStatus> {
  if (witnesses.length === 0 || path.length < 2) return { kind: 'unasked' }
  const asked = scope === 'leaf' ? path.slice(0, 1) : path.slice(0, -1)
  const words = asked.flatMap((certificate, index) => {
    const issuer = path[index + 1]
    return issuer ? [judgeOne(certificate, issuer, witnesses, now)] : []
  })
  return words.some((word) => word instanceof Promise)
    ? Promise.all(words).then(conclude)
    : // None of them is a promise, as was just seen.
      conclude(words as readonly PathStatus[])
}

/** The worst word decides. */
function conclude(words: readonly PathStatus[]): PathStatus {
  for (const kind of ['revoked', 'unknown', 'unavailable', 'tolerated'] as const) {
    const found = words.find((word) => word.kind === kind)
    if (found) return found
  }
  return { kind: 'good', until: Math.min(...words.map((word) => (word.kind === 'good' ? word.until : 0))) }
}

/** What was learned so far of one certificate. */
interface Learned {
  readonly hard: boolean
  readonly details: readonly string[]
}

function judgeOne(
  certificate: Certificate,
  issuer: Certificate,
  witnesses: readonly StatusWitness[],
  now: number,
  learned: Learned = { hard: false, details: [] },
): PathStatus | Promise<PathStatus> {
  const [witness, ...others] = witnesses
  if (!witness) {
    const detail = learned.details.join('; ')
    return learned.hard ? { kind: 'unavailable', detail } : { kind: 'tolerated', detail }
  }
  const goOn = (word: StatusWord): PathStatus | Promise<PathStatus> => {
    if (word.kind === 'good' || word.kind === 'revoked') return word
    if (word.kind === 'unknown' && witness.mode === 'hard') return word
    const hard = learned.hard || witness.mode === 'hard'
    const next = { hard, details: [...learned.details, `${witness.kind}: ${word.detail}`] }
    return judgeOne(certificate, issuer, others, now, next)
  }
  const word = witness.source.judge(certificate, issuer, now)
  return word instanceof Promise ? word.then(goOn) : goOn(word)
}
