import { hash } from 'node:crypto'
import { deny, ok, type Result } from '../denial.ts'
import type { Trace } from '../trace.ts'
import type { VerificationKey } from './jwk.ts'
import { type Jws, readJws, verifySignature } from './jws.ts'
import { isObject, type JsonObject, own } from './strict-json.ts'
import { type ClaimRules, isTime, judgeTimes, readAudiences, readNames, type Statement } from './token-claims.ts'

declare const verified: unique symbol

/**
 * A JWT access token whose signature, type, issuer, audience and lifetime hold (RFC 9068 section 4). That its sender
 * may use it is not shown by this: see `VerifiedBinding`. Only `acceptAccessToken` and, for a token the server vouched
 * for when it was asked, `acceptIntrospectedToken` make one.
 */
export interface VerifiedToken {
  readonly [verified]: 'access token'
  /** As sent, for the `ath` comparison; never logged. */
  readonly raw: string
  /** The Authorization scheme it came with. */
  readonly scheme: 'DPoP' | 'Bearer'
  /** Configured name of the authorization server. */
  readonly server: string
  readonly issuer: string
  readonly subject: string
  readonly clientId: string
  readonly tokenId: string
  readonly audiences: readonly string[]
  /** Undefined when there is no usable scope claim. */
  readonly scopes: readonly string[] | undefined
  /** Seconds since the epoch. */
  readonly issuedAt: number
  readonly expiresAt: number
  readonly acr: string | undefined
  readonly authTime: number | undefined
  /** The confirmation claim as sent; undefined only when absent. */
  readonly cnf: unknown
  readonly claims: JsonObject
  /** Its claims are what the authorization server said when it was asked, not what is in the token. */
  readonly introspected: boolean
}

const seals = new WeakSet<object>()

export const isVerifiedToken = (value: unknown): value is VerifiedToken =>
  typeof value === 'object' && value !== null && seals.has(value)

/** What the token's shape may be before a key is looked for. */
export interface FormRules {
  /** Accepted media types for `typ`, lower case, without `application/`. */
  readonly types: readonly string[]
  /** Accept an absent `typ` (compat only). */
  readonly untyped: boolean
  readonly maxBytes: number
}

/** A token whose form is right and that claims to come from some issuer. Nothing is verified. */
export interface UnverifiedToken {
  readonly jws: Jws
  readonly issuer: string
  readonly kid: string | undefined
}

/** Form, `typ` and `iss` of a token; header parameters that bring a key are refused (RFC 8725 section 3.10). */
export function readAccessToken(raw: string, rules: FormRules, trace: Trace): Result<UnverifiedToken> {
  const jws = readJws(raw, rules.maxBytes)
  if (!trace.holds('token form', 'RFC 7515 section 7.1', jws.ok) || !jws.ok)
    return deny('token_malformed', jws.ok ? '' : jws.problem)
  const { header, payload } = jws.value

  const type = own(header, 'typ')
  if (!trace.holds('token typ', 'RFC 9068 section 4', isAccepted(type, rules), type, rules.types))
    return deny('token_type_refused', 'typ is not that of an access token')
  const borrowed = ['jwk', 'jku', 'x5u'].find((name) => Object.hasOwn(header, name))
  if (!trace.holds('token key source', 'RFC 8725 section 3.10', borrowed === undefined, borrowed))
    return deny('token_malformed', 'the header brings its own key')
  const kid = own(header, 'kid')
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > 256))
    return deny('token_malformed', 'kid is not a short string')

  const issuer = own(payload, 'iss')
  if (typeof issuer !== 'string') return deny('token_issuer_unknown', 'iss is not a string')
  return ok({ jws: jws.value, issuer, kid })
}

/** Media types are compared without case and without `application/` (RFC 7515 section 4.1.9). */
function isAccepted(type: unknown, { types, untyped }: FormRules): boolean {
  if (type === undefined) return untyped
  if (typeof type !== 'string') return false
  return types.includes(type.toLowerCase().replace(/^application\//, ''))
}

/** Whether one of the candidate keys made the signature. */
export const isSignedBy = ({ jws }: UnverifiedToken, keys: readonly VerificationKey[]): boolean =>
  keys.some((key) => verifySignature(jws, key))

/**
 * Judges the claims of a token whose signature holds, on every request anew: times, audience and lifetime change with
 * clock and route. RFC 9068 section 4, RFC 7519 section 4.1.
 */
export function acceptAccessToken(
  { jws, issuer }: UnverifiedToken,
  sent: Sent,
  rules: ClaimRules,
  now: number,
  trace: Trace,
): Result<VerifiedToken> {
  return accept({ claims: jws.payload, issuer, standIn: undefined }, sent, rules, now, trace)
}

/** The token as it came with the request. */
type Sent = Pick<VerifiedToken, 'raw' | 'scheme'>

/** What is asked of an introspection response besides. */
export interface ResponseRules extends ClaimRules {
  readonly issuer: string
  /** Members that have to be there; `aud`, `client_id` and `exp` always have to. */
  readonly required: readonly string[]
}

/**
 * Judges what the authorization server says of an active token, like the claims of a JWT and as often (RFC 7662
 * sections 2.2 and 4). `claims` come out of `readIntrospection`, so they are the server's own words.
 */
export function acceptIntrospectedToken(
  claims: JsonObject,
  sent: Sent,
  rules: ResponseRules,
  now: number,
  trace: Trace,
): Result<VerifiedToken> {
  const { issuer, required } = rules
  const named = own(claims, 'iss')
  if (!trace.holds('token iss', 'RFC 7662 section 2.2', named === undefined || named === issuer, named, issuer))
    return deny('token_issuer_unknown', 'iss of the introspection response is not its issuer')
  const missing = required.find((name) => !Object.hasOwn(claims, name))
  if (!trace.holds('token members', 'RFC 7662 section 2.2', missing === undefined, missing, required))
    return deny('token_claims_invalid', `the introspection response has no ${missing}`)
  const type = own(claims, 'token_type')
  if (!trace.holds('token type', 'RFC 9449 section 6.2', agrees(type, own(claims, 'cnf')), type))
    return deny('token_claims_invalid', 'token_type is not that of the binding')
  const standIn = { tokenId: hash('sha256', sent.raw, 'base64url'), issuedAt: now }
  return accept({ claims, issuer, standIn }, sent, rules, now, trace)
}

/** RFC 9449 section 6.2: a token that is bound to a key is of type DPoP, when its type is told. */
function agrees(type: unknown, cnf: unknown): boolean {
  if (type === undefined) return true
  if (typeof type !== 'string') return false
  return !(isObject(cnf) && Object.hasOwn(cnf, 'jkt')) || type.toLowerCase() === 'dpop'
}

/** The one place where the seal of an access token is given. */
function accept(statement: Statement, sent: Sent, rules: ClaimRules, now: number, trace: Trace): Result<VerifiedToken> {
  const { claims, issuer } = statement
  const named = readNames(statement, rules)
  if (!named.ok) return named
  const times = judgeTimes(statement, rules, now, trace)
  if (!times.ok) return times

  const audiences = readAudiences(own(claims, 'aud'))
  const meant = audiences?.some((audience) => rules.audiences.includes(audience)) === true
  if (!trace.holds('token aud', 'RFC 9068 section 4', meant, audiences, rules.audiences) || !audiences)
    return deny('token_audience_mismatch', 'aud names none of the accepted audiences')

  const [acr, authTime] = [own(claims, 'acr'), own(claims, 'auth_time')]
  const accepted: Omit<VerifiedToken, typeof verified> = {
    ...sent,
    ...named.value,
    ...times.value,
    server: rules.server,
    issuer,
    audiences: Object.freeze(audiences),
    acr: typeof acr === 'string' ? acr : undefined,
    authTime: isTime(authTime) ? authTime : undefined,
    // Nobody may change what the token is bound to between here and the binding.
    cnf: Object.freeze(own(claims, 'cnf')),
    claims: Object.freeze(claims),
    introspected: statement.standIn !== undefined,
  }
  seals.add(Object.freeze(accepted))
  // The seal: everything above has held.
  return ok(accepted as VerifiedToken)
}
