import { LRUCache } from 'lru-cache'
import type { StatusWord } from '../verify/certificate-status.ts'
import type { OcspVerdict } from '../verify/x509/ocsp.ts'

/** An answer in memory. */
export interface KeptAnswer {
  readonly verdict: OcspVerdict
  /** Nothing from before this is believed any more: thisUpdate of the last answer by a responder that knew the certificate. */
  readonly newest: number
  /** It counts as long as both clocks say so: seconds since 1970, and monotonic. */
  readonly until: number
  readonly dies: number
  /** When whoever asks sees to it that it is asked for again, monotonic. */
  renewAt: number
  /** Asked for since it came. */
  used: boolean
  callOff: () => void
}

/** Answers that are remembered, and revocations. */
const MAX_ANSWERS = 10_000
/** No answer counts longer than this without being asked for again, seconds. */
const MAX_LIFE = 43_200
/** That a responder does not know a certificate may change as soon as the certificate has reached it, seconds. */
const UNKNOWN_LIFE = 30
/** A part of its life after which an answer in use is asked for again, the least and how much of it is left to chance. */
const RENEWAL = { least: 0.5, spread: 0.2 }
/** And no sooner than this, seconds: an answer made long ago comes again and again until the next one is made. */
const MIN_RENEWAL = 5

/** What was revoked, by the keys of the answers. */
export interface Revocations {
  readonly verdicts: LRUCache<string, OcspVerdict>
  /** Grows with each of them: whoever shares them concludes anew. */
  changes: number
}

/**
 * Revocations have places of their own, so that no number of other certificates drives them out. They may be shared by
 * configurations: the rules that an answer has to meet differ, but that a certificate was revoked holds for all.
 */
export const keepRevocations = (): Revocations => ({ verdicts: new LRUCache({ max: MAX_ANSWERS }), changes: 0 })

/**
 * The last answer about each certificate. An older one never takes the place of a newer one: on plain http somebody could
 * bring an answer from before a revocation that has not run out. What was revoked stays so until something newer is said.
 */
export function keepAnswers({
  monotonic,
  chance,
  revocations = keepRevocations(),
}: {
  readonly monotonic: () => number
  readonly chance: () => number
  readonly revocations?: Revocations | undefined
}) {
  const answers = new LRUCache<string, KeptAnswer>({ max: MAX_ANSWERS, dispose: ({ callOff }) => callOff() })
  const find = (key: string): KeptAnswer | undefined => {
    const kept = answers.peek(key)
    const revoked = revocations.verdicts.peek(key)
    const outdated = revoked !== undefined && kept !== undefined && kept.newest > revoked.thisUpdate
    return revoked && !outdated && revoked !== kept?.verdict ? recalled(revoked) : kept
  }
  return {
    find,
    /** Finds it for a request. */
    use(key: string): KeptAnswer | undefined {
      const kept = answers.get(key)
      if (kept) kept.used = true
      revocations.verdicts.get(key)
      return find(key)
    },
    /** What is kept from now on; undefined when something newer was known. */
    keep(key: string, said: OcspVerdict, now: number): KeptAnswer | undefined {
      // A delegate was looked at when it answered. Its certificate is many times as large as the answer.
      const verdict = { ...said, unchecked: undefined }
      const before = find(key)
      if (before && !replaces(verdict, before)) return undefined
      const ignorant = verdict.status.kind === 'unknown'
      const most = ignorant ? UNKNOWN_LIFE : MAX_LIFE
      const life = Math.max(0, Math.min(verdict.until - now, most))
      const since = monotonic()
      const kept: KeptAnswer = {
        verdict,
        newest: ignorant ? (before?.newest ?? Number.NEGATIVE_INFINITY) : verdict.thisUpdate,
        until: now + life,
        dies: since + life,
        renewAt: since + Math.max(MIN_RENEWAL, life * (RENEWAL.least + RENEWAL.spread * chance())),
        used: false,
        callOff: () => undefined,
      }
      answers.set(key, kept)
      if (verdict.status.kind === 'revoked') {
        revocations.verdicts.set(key, verdict)
        revocations.changes += 1
      } else revocations.verdicts.delete(key)
      return kept
    },
    /** Nothing is asked for again any more. */
    rest(): void {
      for (const { callOff } of answers.values()) callOff()
    },
  }
}

/** A revocation whose answer is not at hand any more. It has to be asked for again. */
const recalled = (verdict: OcspVerdict): KeptAnswer => ({
  ...{ verdict, newest: verdict.thisUpdate, used: true, callOff: () => undefined },
  ...{ until: Number.NEGATIVE_INFINITY, dies: Number.NEGATIVE_INFINITY, renewAt: Number.NEGATIVE_INFINITY },
})

function replaces({ thisUpdate, status }: OcspVerdict, { newest, verdict: before }: KeptAnswer): boolean {
  if (thisUpdate < newest) return false
  if (before.status.kind !== 'revoked' || status.kind === 'revoked') return true
  return status.kind === 'good' && thisUpdate > newest
}

/** Whether the answer still counts. That something has been revoked counts until somebody says otherwise. */
export const isCurrent = ({ until, dies }: KeptAnswer, now: number, monotonic: number): boolean =>
  now < until && monotonic < dies

/** What an answer says. The serial number is all that names the certificate. */
export function wordOf({ status, until: last }: OcspVerdict, serial: string, until = last): StatusWord {
  if (status.kind === 'good') return { kind: 'good', until }
  if (status.kind === 'unknown') return { kind: 'unknown', detail: `the OCSP responder does not know ${serial}` }
  const date = new Date(status.at * 1000).toISOString()
  return { kind: 'revoked', detail: `certificate ${serial} was revoked at ${date} (${status.reason})` }
}
