import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { StatusSource, StatusWord } from '../verify/certificate-status.ts'
import { unreadable } from '../verify/reading.ts'
import type { Certificate } from '../verify/x509/certificate.ts'
import type { Identified, IdentifierDigest } from '../verify/x509/certificate-id.ts'
import { type Breaker, buildBreaker } from './breaker.ts'
import { type Schedule, scheduleTimer } from './keys.ts'
import { isCurrent, type KeptAnswer, keepAnswers, type Revocations, wordOf } from './ocsp-answers.ts'
import { askResponder, type OcspOutcome, type QuestionSurroundings } from './ocsp-question.ts'
import { isListedPlace } from './status-places.ts'
import { timer } from './timer.ts'

/** Whom to ask about certificates, and what answers are worth. Seconds. */
export interface OcspOptions {
  /** One responder for all; absent: each certificate names its own, which has to be at a listed host. */
  readonly responder?: string | undefined
  readonly hosts: readonly string[]
  /** Answers that do not say when the next one comes count so long. */
  readonly maxAge: number
  /** A request waits so long at the most. */
  readonly wait: number
  readonly requireNonce: boolean
  readonly digest?: IdentifierDigest
}

/** What asking needs of the outside world, and tells it. Seconds. */
export interface OcspSurroundings extends QuestionSurroundings {
  readonly monotonic: () => number
  readonly observe: (event: OcspEvent) => void
  /** What outlives this configuration; absent: nothing does. */
  readonly revocations?: Revocations | undefined
  /** Timers and chance of this process unless told. */
  readonly schedule?: Schedule
  readonly elapse?: typeof timer
  readonly chance?: () => number
}

export type OcspEvent =
  | { readonly kind: 'remembered' }
  /** What a responder said, named by its origin. */
  | { readonly kind: 'good' | 'revoked' | 'unknown'; readonly responder: string; readonly seconds: number }
  | { readonly kind: 'failed'; readonly responder: string; readonly seconds: number; readonly problem: string }
  /** It said something older than what is known already, which was set aside. */
  | { readonly kind: 'older'; readonly responder: string }
  /** Not asked, because there is too much to do or the responder failed a moment ago. */
  | { readonly kind: 'refused'; readonly responder: string }
  /** A request waited in vain; the question goes on without it. */
  | { readonly kind: 'late'; readonly responder: string }
  /** The certificate names no responder that may be asked. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'closed' }

/** Asks OCSP responders (RFC 6960). */
export interface LiveOcsp extends StatusSource {
  /** False while a responder is left alone because it failed. */
  readonly available: boolean
  /** Grows with each answer that is not good: what was concluded from those before may have changed. */
  readonly generation: number
  readonly close: () => void
}

/** Questions at the same time, and requests that wait for them. */
const MAX_QUESTIONS = 64
const MAX_WAITING = 256
/** Questions that brought nothing are not asked again for a while: so many are remembered, and so long. */
const FAILURES = { max: 10_000, seconds: 30 }
/**
 * Failures in a row after which a responder is left alone, for how long, and how many are told apart. One that fails for
 * an authority may answer for others: whoever certifies addresses that lead nowhere keeps nobody else from being asked.
 */
const BREAKER = { failures: 5, pause: 1 }
const MAX_RESPONDERS = 256

/** One certificate and whom to ask about it. */
interface Subject {
  readonly key: string
  readonly url: string
  readonly responder: string
  /** Held as long as the answer, so no more of it than asking again takes. */
  readonly certificate: Identified
  readonly issuer: Certificate
}

/**
 * The OCSP responders of one configuration. Answers are remembered while they count and asked for again before that ends,
 * so that only the first request with a certificate waits, and never longer than it may.
 */
export function buildOcsp(options: OcspOptions, surroundings: OcspSurroundings): LiveOcsp {
  const { wall, monotonic, schedule = scheduleTimer, elapse = timer, chance = Math.random } = surroundings
  const answers = keepAnswers({ monotonic, chance, revocations: surroundings.revocations })
  const perf = { now: () => monotonic() * 1000 }
  const failures = new LRUCache<string, string>({
    ...{ max: FAILURES.max, ttl: FAILURES.seconds * 1000, ttlResolution: 0, perf },
  })
  const breakers = new LRUCache<string, Breaker>({ max: MAX_RESPONDERS })
  const underWay = new Map<string, Promise<StatusWord>>()
  let waiting = 0
  let generation = 0
  /** Requests of a configuration that was replaced still get their answers, but nothing is renewed or told any more. */
  let closed = false

  const observe = (event: OcspEvent): void => {
    if (!closed) surroundings.observe(event)
  }
  const breakerOf = ({ responder, issuer }: Subject): Breaker => {
    const key = `${issuer.key.pin} ${responder}`
    const known = breakers.get(key) ?? buildBreaker({ ...BREAKER, monotonic })
    breakers.set(key, known)
    return known
  }
  const keep = (subject: Subject, verdict: Parameters<typeof answers.keep>[1]): StatusWord => {
    const { key, responder, certificate } = subject
    const now = wall()
    const kept = answers.keep(key, verdict, now)
    if (kept && verdict.status.kind !== 'good') generation += 1
    if (!kept) {
      observe({ kind: 'older', responder })
      return makeDo(subject, `${responder} says something older than what is known`)
    }
    if (!closed) kept.callOff = schedule(kept.renewAt - monotonic(), () => kept.used && renew(subject, kept))
    failures.delete(key)
    // Whoever waited may use what came just now, even when it is not worth remembering.
    return wordOf(verdict, certificate.serial, Math.max(kept.until, now))
  }
  /** What to say when asking brought nothing. It is not tried again for a while. */
  const makeDo = (subject: Subject, problem: string): StatusWord => {
    failures.set(subject.key, problem)
    return remembered(subject, wall()) ?? unavailable(problem)
  }
  /** Nobody waits for it. What fails is tried again by those who ask, not by a timer. */
  const renew = (subject: Subject, kept: KeptAnswer): void => {
    kept.renewAt = monotonic() + FAILURES.seconds
    void load(subject)
  }
  const inquire = async (subject: Subject, breaker: Breaker): Promise<StatusWord> => {
    const { key, url, responder, certificate, issuer } = subject
    const begun = monotonic()
    // What would be a bug must not end as a rejection that nobody handles.
    const bug = (): OcspOutcome => ({ verdict: unreadable('the answer could not be judged'), fault: false })
    const { verdict, fault } = await askResponder(url, certificate, issuer, options, surroundings).catch(bug)
    underWay.delete(key)
    if (fault) breaker.failed()
    else breaker.succeeded()
    const seconds = monotonic() - begun
    if (verdict.ok) {
      observe({ kind: verdict.value.status.kind, responder, seconds })
      return keep(subject, verdict.value)
    }
    observe({ kind: 'failed', responder, seconds, problem: verdict.problem })
    return makeDo(subject, verdict.problem)
  }
  /** Asks unless that is under way; undefined when nobody is asked. */
  const load = (subject: Subject): Promise<StatusWord> | undefined => {
    const { key, responder } = subject
    const known = underWay.get(key)
    if (known !== undefined) return known
    const breaker = breakerOf(subject)
    if (underWay.size >= MAX_QUESTIONS || !breaker.admits()) {
      observe({ kind: 'refused', responder })
      return undefined
    }
    const asking = inquire(subject, breaker)
    underWay.set(key, asking)
    return asking
  }
  /** What is known and still counts, be it that the certificate was revoked once. */
  const remembered = ({ key, certificate }: Subject, now: number): StatusWord | undefined => {
    const kept = answers.find(key)
    if (!kept) return undefined
    const { verdict, until } = kept
    if (verdict.status.kind !== 'revoked' && !isCurrent(kept, now, monotonic())) return undefined
    return wordOf(verdict, certificate.serial, until)
  }
  /** A request waits for the answer, but not longer than it may. */
  const waitFor = async (subject: Subject, asking: Promise<StatusWord>, now: number): Promise<StatusWord> => {
    waiting += 1
    const { elapsed, cancel } = elapse(options.wait * 1000)
    const word = await Promise.race([asking, elapsed])
    cancel()
    waiting -= 1
    answers.use(subject.key)
    if (word) return word
    observe({ kind: 'late', responder: subject.responder })
    return remembered(subject, now) ?? unavailable(`${subject.responder} has not answered yet`)
  }
  const subjectOf = (
    { ocspResponders, serial, issuer: name }: Certificate,
    issuer: Certificate,
  ): Subject | undefined => {
    const named = ocspResponders.find((one) => isListedPlace(one, options.hosts))
    const url = options.responder ?? named
    if (url === undefined) return undefined
    // A name and a key: authorities share neither, but one of both can be the same.
    const key = `${hash('sha256', name.der, 'base64url')}.${issuer.key.pin}.${serial}`
    return { key, url, responder: new URL(url).origin, certificate: { serial, issuer: name }, issuer }
  }
  return {
    judge(certificate, issuer, now) {
      const subject = subjectOf(certificate, issuer)
      if (!subject) {
        observe({ kind: 'foreign' })
        return unavailable('the certificate names no OCSP responder at a listed host')
      }
      const { key, responder } = subject
      const kept = answers.use(key)
      const word = remembered(subject, now)
      const failure = failures.get(key)
      if (kept && word && isCurrent(kept, now, monotonic())) {
        if (monotonic() >= kept.renewAt) renew(subject, kept)
        observe({ kind: 'remembered' })
        return word
      }
      if (failure !== undefined) return word ?? unavailable(failure)
      const asking = waiting < MAX_WAITING ? load(subject) : undefined
      return asking !== undefined
        ? waitFor(subject, asking, now)
        : (word ?? unavailable(`${responder} is not asked at the moment`))
    },
    get generation() {
      return generation
    },
    get available() {
      return ![...breakers.values()].some(({ open }) => open)
    },
    close: () => {
      observe({ kind: 'closed' })
      closed = true
      answers.rest()
    },
  }
}

const unavailable = (detail: string): StatusWord => ({ kind: 'unavailable', detail })
