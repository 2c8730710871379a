import { deny, ok, type Result } from '../denial.ts'
import type { Trace } from '../trace.ts'
import type { VerificationKey } from './jwk.ts'
import { type Jws, readJws, verifySignature } from './jws.ts'
import { type JsonObject, own } from './strict-json.ts'

declare const verified: unique symbol

/**
 * A JWT access token whose signature, type, issuer, audience and lifetime hold (RFC 9068 section 4). That its sender
 * may use it is not shown by this: see `VerifiedBinding`. Only `acceptAccessToken` makes one.
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

/** What is asked of the claims on one route. Durations in seconds. */
export interface ClaimRules {
  readonly server: string
  readonly audiences: readonly string[]
  readonly leeway: number
  /** Longest accepted `exp − iat`; undefined lifts the limit (compat only). */
  readonly maxLifetime: number | undefined
  /** Accept client and scope under the names other servers use (compat only). */
  readonly mapClaims: boolean
}

/** FAPI 2.0 Security Profile section 5.3.2.1 (13): up to 10 s ahead is clock skew, more is refused. */
const FUTURE_TOLERANCE = 10

/** Largest believable time, seconds: values in milliseconds and odd numbers stay out. */
const MAX_TIME = 2 ** 40

/**
 * Judges the claims of a token whose signature holds, on every request anew: times, audience and lifetime change with
 * clock and route. RFC 9068 section 4, RFC 7519 section 4.1.
 */
export function acceptAccessToken(
  token: UnverifiedToken,
  sent: Pick<VerifiedToken, 'raw' | 'scheme'>,
  rules: ClaimRules,
  now: number,
  trace: Trace,
): Result<VerifiedToken> {
  const claims = token.jws.payload
  const named = readNames(claims, rules)
  if (!named.ok) return named
  const times = judgeTimes(claims, rules, now, trace)
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
    issuer: token.issuer,
    audiences: Object.freeze(audiences),
    acr: typeof acr === 'string' ? acr : undefined,
    authTime: isTime(authTime) ? authTime : undefined,
    // Nobody may change what the token is bound to between here and the binding.
    cnf: Object.freeze(own(claims, 'cnf')),
    claims: Object.freeze(claims),
  }
  seals.add(Object.freeze(accepted))
  // The seal: everything above has held.
  return ok(accepted as VerifiedToken)
}

type Names = Pick<VerifiedToken, 'subject' | 'clientId' | 'tokenId' | 'scopes'>

/** RFC 9068 section 2.2: the claims an access token must have, and their types. */
function readNames(claims: JsonObject, { mapClaims }: ClaimRules): Result<Names> {
  const clientId = own(claims, 'client_id') ?? (mapClaims ? (own(claims, 'azp') ?? own(claims, 'cid')) : undefined)
  const [subject, tokenId] = [own(claims, 'sub'), own(claims, 'jti')]
  if (!isText(subject)) return deny('token_claims_invalid', 'sub is not a string')
  if (!isText(clientId)) return deny('token_claims_invalid', 'client_id is not a string')
  if (!isText(tokenId)) return deny('token_claims_invalid', 'jti is not a string')
  const scopes =
    readScopes(own(claims, 'scope'), mapClaims) ?? (mapClaims ? readScopes(own(claims, 'scp'), true) : undefined)
  return ok({ subject, clientId, tokenId, scopes: scopes && Object.freeze(scopes) })
}

/** RFC 6749 section 3.3: names apart by single blanks. Anything else than a string counts as no scope at all. */
function readScopes(scope: unknown, list: boolean): string[] | undefined {
  if (typeof scope === 'string') return scope.split(' ').filter((name) => name !== '')
  return list && Array.isArray(scope) && scope.every(isText) ? [...scope] : undefined
}

type Times = Pick<VerifiedToken, 'issuedAt' | 'expiresAt'>

function judgeTimes(claims: JsonObject, rules: ClaimRules, now: number, trace: Trace): Result<Times> {
  const [exp, iat, nbf] = [own(claims, 'exp'), own(claims, 'iat'), own(claims, 'nbf')]
  if (!isTime(exp)) return deny('token_claims_invalid', 'exp is not a time')
  if (!isTime(iat)) return deny('token_claims_invalid', 'iat is not a time')
  if (nbf !== undefined && !isTime(nbf)) return deny('token_claims_invalid', 'nbf is not a time')

  if (!trace.holds('token exp', 'RFC 7519 section 4.1.4', now < exp + rules.leeway, exp, `after ${now}`))
    return deny('token_expired', `exp is ${Math.floor(now - exp)} s ago`)
  if (!trace.holds('token nbf', 'RFC 7519 section 4.1.5', nbf === undefined || now >= nbf - FUTURE_TOLERANCE, nbf))
    return deny('token_not_yet_valid', 'nbf is in the future')
  if (!trace.holds('token iat', 'RFC 9068 section 2.2', iat <= now + FUTURE_TOLERANCE, iat))
    return deny('token_not_yet_valid', 'iat is in the future')
  const short = rules.maxLifetime === undefined || exp - iat <= rules.maxLifetime
  if (!trace.holds('token lifetime', 'FAPI 2.0 Security Profile section 5.3.4', short, exp - iat, rules.maxLifetime))
    return deny('token_lifetime_exceeded', `exp is ${exp - iat} s after iat`)
  return ok({ issuedAt: iat, expiresAt: exp })
}

function readAudiences(aud: unknown): string[] | undefined {
  if (typeof aud === 'string') return [aud]
  return Array.isArray(aud) && aud.length > 0 && aud.every((item) => typeof item === 'string') ? [...aud] : undefined
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= MAX_TIME
