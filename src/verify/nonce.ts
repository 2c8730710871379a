import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Nonces } from '../ports.ts'
import { EndedNonces } from './ended-nonces.ts'

/** A secret and since when this process knows it, seconds of the monotonic clock. */
export interface NonceSecret {
  readonly secret: string
  readonly since: number
}

/** What nonces are made of. The newest secret comes first. */
export interface NonceOptions {
  readonly secrets: readonly NonceSecret[]
  /** Seconds. */
  readonly step: number
  /** Monotonic clock, seconds; tells how long a secret has been known. */
  readonly monotonic: () => number
}

/** Steps around the current one whose nonces are accepted: clients use one for a while, clocks of replicas differ. */
const ACCEPTED = [-2, -1, 0, 1] as const
const CURRENT = ACCEPTED.indexOf(0)
/** A secret has to be known for so many steps before it signs, so that every replica verifies with it by then. */
const SIGNS_AFTER = 2
/** base64url of SHA-256. */
const LENGTH = 43

/** The accepted nonces of one origin during one step, for each secret one for each accepted step. */
interface Window {
  readonly current: number
  readonly accepted: readonly (readonly Buffer[])[]
}

/** Seconds between the first moment and the last that one clock accepts a nonce. */
export const nonceLifetime = (step: number): number => ACCEPTED.length * step

/**
 * Nonces that nobody has to remember (RFC 9449 sections 8 and 9): HMAC-SHA-256 over origin and time step, so every
 * process with the same secrets issues and accepts the same ones, and each is good for any number of proofs.
 */
export function buildNonces({ secrets, step, monotonic }: NonceOptions): Nonces {
  if (secrets.length === 0) throw new Error('nonces need a secret')
  /** One entry for each public origin that was asked for. */
  const windows = new Map<string, Window>()
  const ended = new Map<string, EndedNonces>()

  const windowOf = (origin: string, now: number): Window => {
    const current = Math.floor(now / step)
    const known = windows.get(origin)
    if (known?.current === current) return known
    if (known)
      endedOf(origin).remember(
        known.current,
        known.accepted.map((steps) => String(steps[CURRENT])),
      )
    const made = {
      current,
      accepted: secrets.map(({ secret }) =>
        ACCEPTED.map((offset) => makeNonce(secret, origin, step, current + offset)),
      ),
    }
    windows.set(origin, made)
    return made
  }
  const endedOf = (origin: string): EndedNonces => {
    const known = ended.get(origin)
    if (known) return known
    const make = (count: number) => secrets.map(({ secret }) => String(makeNonce(secret, origin, step, count)))
    const made = new EndedNonces(step, make)
    ended.set(origin, made)
    return made
  }
  /** The newest secret known for long enough, else the oldest: the others may know no newer one yet. */
  const signing = (): number => {
    const settled = secrets.findIndex(({ since }) => monotonic() - since >= SIGNS_AFTER * step)
    return settled < 0 ? secrets.length - 1 : settled
  }

  return {
    lifetime: nonceLifetime(step),
    issue(origin, now) {
      const nonce = windowOf(origin, now).accepted[signing()]?.[CURRENT]
      if (!nonce) throw new Error('there is no nonce of the current step')
      return nonce.toString('latin1')
    },
    judge(origin, nonce, now) {
      const given = Buffer.from(nonce.slice(0, LENGTH + 1))
      if (given.length !== LENGTH) return 'foreign'
      const newest = signing()
      let standing: ReturnType<Nonces['judge']> = 'foreign'
      // Every one is compared, whatever the others said: time does not tell which of them is near.
      for (const [index, accepted] of windowOf(origin, now).accepted.entries())
        for (const [position, own] of accepted.entries())
          if (timingSafeEqual(given, own)) standing = index > newest || position < CURRENT ? 'aging' : 'current'
      if (standing !== 'foreign') return standing
      return endedOf(origin).has(nonce, Math.floor(now / step) + ACCEPTED[0] - 1) ? 'expired' : 'foreign'
    },
  }
}

/**
 * Neither an origin nor a number holds a zero byte, so no two of them share the text. The length of a step is part of
 * it: the count of a short step is that of a longer one years later, and would be its nonce known in advance.
 */
const makeNonce = (secret: string, origin: string, step: number, count: number): Buffer =>
  Buffer.from(createHmac('sha256', secret).update(`envoy-fapi nonce\0${origin}\0${step}\0${count}`).digest('base64url'))

/** The secrets of a configuration; one that was in force before keeps the time since when it is known. */
export const settleSecrets = (
  secrets: readonly string[],
  before: readonly NonceSecret[],
  now: number,
): readonly NonceSecret[] =>
  secrets.map((secret) => before.find((known) => known.secret === secret) ?? { secret, since: now })
