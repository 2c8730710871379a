import { deny, ok, type Result } from '../denial.ts'
import type { Nonces } from '../ports.ts'
import type { Trace } from '../trace.ts'
import { type JsonObject, own } from './strict-json.ts'

/** When a proof is fresh enough. Seconds. */
export interface FreshnessRules {
  readonly maxAge: number
  readonly futureTolerance: number
  /** Whether a nonce of ours is looked at, and whether there has to be one. */
  readonly nonce: 'off' | 'optional' | 'required'
  /** With a good nonce `iat` may be any time ago: the nonce tells when the proof was made. */
  readonly relaxIat: boolean
}

/** What a proof is judged by besides its own claims. */
export interface Moment {
  /** Canonical request URI. */
  readonly target: string
  readonly rules: FreshnessRules
  readonly now: number
  readonly nonces: Nonces
  readonly trace: Trace
}

/**
 * Judges `iat`, `exp`, `nbf` and `nonce` (RFC 9449 section 4.3 (10, 11)). Returns the nonce the client is to use from now
 * on, undefined when it has the newest. The nonce comes last: a client whose proof is bad in another way is told that,
 * and whoever is asked for a nonce gets in with it.
 */
export function judgeFreshness(claims: JsonObject, issuedAt: number, moment: Moment): Result<string | undefined> {
  const { rules } = moment
  const relaxed = rules.nonce !== 'off' && rules.relaxIat
  const timely = judgeTime(claims, issuedAt, relaxed ? Number.POSITIVE_INFINITY : rules.maxAge, moment)
  if (!timely.ok) return timely
  if (rules.nonce === 'off') return ok(undefined)
  return judgeNonce(own(claims, 'nonce'), rules.nonce === 'required' || moment.now - issuedAt > rules.maxAge, moment)
}

function judgeNonce(nonce: unknown, needed: boolean, moment: Moment): Result<string | undefined> {
  const { target, rules, now, nonces, trace } = moment
  // Nonces are for one public origin: the canonical target begins with it.
  const origin = target.slice(0, target.indexOf('/', 'https://'.length))
  if (nonce === undefined) {
    if (!trace.holds('proof nonce present', 'RFC 9449 section 9', !needed, rules.nonce))
      return deny('nonce_missing', 'there is no nonce in the proof', { nonce: nonces.issue(origin, now) })
    return ok(nonces.issue(origin, now))
  }
  const standing = typeof nonce === 'string' ? nonces.judge(origin, nonce, now) : 'foreign'
  const good = standing === 'current' || standing === 'aging'
  if (!trace.holds('proof nonce', 'RFC 9449 section 4.3 (10)', good, standing))
    return deny('nonce_refused', 'the nonce is not one of the last steps', { nonce: nonces.issue(origin, now) })
  return ok(standing === 'aging' ? nonces.issue(origin, now) : undefined)
}

function judgeTime(claims: JsonObject, iat: number, maxAge: number, { rules, now, trace }: Moment): Result<undefined> {
  const [exp, nbf] = [own(claims, 'exp'), own(claims, 'nbf')]
  const age = now - iat
  const timely = age <= maxAge && age >= -rules.futureTolerance
  const window = [now - maxAge, now + rules.futureTolerance]
  if (!trace.holds('proof iat', 'RFC 9449 section 4.3 (11)', timely, iat, window))
    return deny('proof_expired', age > 0 ? `iat is ${Math.ceil(age)} s ago` : `iat is ${Math.ceil(-age)} s ahead`)
  if (!trace.holds('proof exp', 'RFC 7519 section 4.1.4', exp === undefined || now < Number(exp), exp, now))
    return deny('proof_expired', 'exp has passed')
  const begun = nbf === undefined || now >= Number(nbf) - rules.futureTolerance
  if (!trace.holds('proof nbf', 'RFC 7519 section 4.1.5', begun, nbf, window[1]))
    return deny('proof_expired', 'nbf is in the future')
  return ok(undefined)
}
