import type { VerificationKey } from './jwk.ts'
import { type Jws, readJws, verifySignature } from './jws.ts'
import { type Reading, read, unreadable } from './reading.ts'
import { isObject, type JsonObject, own } from './strict-json.ts'

/** What an authorization server says of a token (RFC 7662 section 2.2). Nobody can change what it says. */
export type Introspection = { readonly active: true; readonly claims: JsonObject } | { readonly active: false }

/** A signed answer whose form is right (RFC 9701). Nothing is verified. */
export interface UnverifiedAnswer {
  readonly jws: Jws
  readonly kid: string | undefined
}

/** Whose signed answers are believed, and for whom they have to be meant. */
export interface AnswerRules {
  readonly issuer: string
  /** Our own name there. */
  readonly clientId: string
  readonly algorithms: readonly string[]
}

/** The server's clock may be ahead by as much, and an answer is made for the request it comes with: seconds. */
const CLOCK_TOLERANCE = 60

/** A token is active when the answer says `true` and nothing that merely looks like it (RFC 7662 section 2.2). */
export function readIntrospection(answer: JsonObject): Introspection {
  return own(answer, 'active') === true ? { active: true, claims: freezeWhole(answer) } : { active: false }
}

/** Form and type of a signed answer: only its own type, so that no other token of the issuer can stand in for it. */
export function readSignedAnswer(
  compact: string,
  { algorithms }: AnswerRules,
  maxBytes: number,
): Reading<UnverifiedAnswer> {
  const jws = readJws(compact, maxBytes)
  if (!jws.ok) return jws
  const { header, algorithm } = jws.value
  if (!isAnswerType(own(header, 'typ'))) return unreadable('typ is not token-introspection+jwt')
  if (!algorithms.includes(algorithm)) return unreadable('alg is not accepted from this issuer')
  const borrowed = ['jwk', 'jku', 'x5u'].find((name) => Object.hasOwn(header, name))
  if (borrowed !== undefined) return unreadable('the header brings its own key')
  const kid = own(header, 'kid')
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > 256)) return unreadable('kid is not a short string')
  return read({ jws: jws.value, kid })
}

/** Signature, issuer, audience and time of a signed answer; then what it says of the token (RFC 9701 section 5). */
export function acceptSignedAnswer(
  { jws }: UnverifiedAnswer,
  keys: readonly VerificationKey[],
  { issuer, clientId }: AnswerRules,
  now: number,
): Reading<Introspection> {
  if (!keys.some((key) => verifySignature(jws, key))) return unreadable('no key of the issuer verifies the signature')
  const { payload } = jws
  if (own(payload, 'iss') !== issuer) return unreadable('iss is not the issuer')
  const audience = own(payload, 'aud')
  if (audience !== clientId && !(Array.isArray(audience) && audience.includes(clientId)))
    return unreadable('aud does not name this client')
  const issuedAt = own(payload, 'iat')
  if (typeof issuedAt !== 'number' || Math.abs(issuedAt - now) > CLOCK_TOLERANCE)
    return unreadable('iat is not the time of this answer')
  const answer = own(payload, 'token_introspection')
  return isObject(answer) ? read(readIntrospection(answer)) : unreadable('token_introspection is not an object')
}

const isAnswerType = (typ: unknown): boolean =>
  typeof typ === 'string' && typ.toLowerCase().replace(/^application\//, '') === 'token-introspection+jwt'

/** An answer serves many requests, and what one of them does to it must not be seen by the next. */
function freezeWhole<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const member of Object.values(value)) freezeWhole(member)
  return Object.freeze(value)
}
