import { hash } from 'node:crypto'
import type { ConsentQuestion, ConsentSource, ConsentStatement } from '../ports.ts'
import { isRemembered } from '../verify/consent.ts'
import type { ConsentRecord, ConsentState } from '../verify/consent-record.ts'
import { buildBreaker } from './breaker.ts'
import { boundedCache } from './caches.ts'
import type { ConsentCalls, ConsentOutcome } from './consent-service.ts'
import { buildShares } from './shares.ts'

/** A consent service and how it fares. */
export interface LiveConsents extends ConsentSource {
  /** False while it is not asked because it failed. */
  readonly available: boolean
}

/** `refused`: it was not asked. Seconds. */
export type ConsentEvent =
  | { readonly kind: 'remembered' | 'refused' }
  | { readonly kind: 'found' | 'absent' | 'spent'; readonly seconds: number }
  | { readonly kind: 'unavailable'; readonly seconds: number; readonly problem: string }

export interface LookupOptions {
  /** Seconds that a good answer is believed, at most 5. */
  readonly cache: number
  readonly states: readonly ConsentState[]
  readonly monotonic: () => number
  readonly observe: (event: ConsentEvent) => void
}

/** Calls at the same time; while there are few left, none of the clients gets more than its share. */
const CALLS = { places: 64, free: 32, each: 8 }
const MAX_REMEMBERED = 10_000
/** Failures in a row after which the service is left alone, and for how long. */
const BREAKER = { failures: 5, pause: 1 }
/** No consent is believed longer, whatever is configured (AZ-14). */
const LONGEST = 5

/** `undefined` is remembered where a newer answer took an older one back. */
interface Remembered {
  readonly record: ConsentRecord | undefined
}

let generations = 0

/**
 * Asks a consent service about each consent at most once at a time, and remembers for a moment what was good: a consent in
 * force, of whoever asked. What is asked afresh is never answered from memory, and waits for no older question.
 */
export function buildConsentLookups(calls: ConsentCalls, options: LookupOptions): LiveConsents {
  const { cache, states, monotonic, observe } = options
  const breaker = buildBreaker({ ...BREAKER, monotonic })
  const memory = boundedCache<Remembered>(MAX_REMEMBERED, LONGEST, { monotonic })
  const underWay = new Map<string, Promise<ConsentStatement>>()
  const shares = buildShares(CALLS)
  generations += 1
  const generation = generations
  const keyOf = ({ issuer, clientId, subject, id }: ConsentQuestion): string =>
    hash('sha256', JSON.stringify([issuer, clientId, subject, id, generation]), 'base64url')

  const call = async (question: ConsentQuestion, ask: () => Promise<ConsentOutcome>): Promise<ConsentStatement> => {
    const leave = shares.take(question.clientId)
    if (!leave) return refuse('too many consents are looked up')
    try {
      if (!breaker.admits()) return refuse('the consent service failed and is not asked for a moment')
      const begun = monotonic()
      const { statement, fault } = await ask()
      const seconds = monotonic() - begun
      if (fault) breaker.failed()
      else breaker.succeeded()
      if (statement.kind === 'unavailable') observe({ kind: 'unavailable', seconds, problem: statement.detail })
      else observe({ kind: statement.kind, seconds })
      return statement
    } finally {
      leave()
    }
  }
  const refuse = (detail: string): ConsentStatement => {
    observe({ kind: 'refused' })
    return { kind: 'unavailable', detail }
  }
  const look = async (question: ConsentQuestion, key: string): Promise<ConsentStatement> => {
    const begun = monotonic()
    const statement = await call(question, () => calls.look(question))
    const good = statement.kind === 'found' && isRemembered(statement.record, question, states)
    // It may have been true when the question left, no longer.
    const left = Math.min(cache, LONGEST) - (monotonic() - begun)
    if (good) memory.set(key, { record: statement.record }, left)
    else memory.set(key, { record: undefined }, LONGEST)
    return statement
  }
  return {
    find(question) {
      const key = keyOf(question)
      if (question.fresh) return look(question, key)
      const remembered = memory.get(key)?.record
      if (remembered) {
        observe({ kind: 'remembered' })
        return { kind: 'found', record: remembered }
      }
      const asked = underWay.get(key)
      if (asked !== undefined) return asked
      const asking = look(question, key).finally(() => underWay.delete(key))
      underWay.set(key, asking)
      return asking
    },
    async consume(question, requestKey) {
      // Whatever comes of it, what was known before is known no longer.
      const forget = (): void => memory.set(keyOf(question), { record: undefined }, LONGEST)
      forget()
      return await call(question, () => calls.consume(question, requestKey)).finally(forget)
    },
    get available() {
      return !breaker.open
    },
  }
}
