import { deny, ok, type Result } from '../denial.ts'
import type { Trace } from '../trace.ts'
import type { VerifiedToken } from './access-token.ts'
import { type JsonObject, own } from './strict-json.ts'

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

/** Claims by which a token is judged, and who says so. */
export interface Statement {
  readonly claims: JsonObject
  readonly issuer: string
  /**
   * What stands in for what an introspection response may leave out; undefined for a JWT, which has to say it itself.
   * Without a subject there is nobody but the client (RFC 9068 section 2.2).
   */
  readonly standIn: Pick<VerifiedToken, 'tokenId' | 'issuedAt'> | undefined
}

/** FAPI 2.0 Security Profile section 5.3.2.1 (13): up to 10 s ahead is clock skew, more is refused. */
const FUTURE_TOLERANCE = 10

/** Largest believable time, seconds: values in milliseconds and odd numbers stay out. */
const MAX_TIME = 2 ** 40

type Names = Pick<VerifiedToken, 'subject' | 'clientId' | 'tokenId' | 'scopes'>

/** RFC 9068 section 2.2: the claims an access token must have, and their types. */
export function readNames({ claims, standIn }: Statement, { mapClaims }: ClaimRules): Result<Names> {
  const clientId = own(claims, 'client_id') ?? (mapClaims ? (own(claims, 'azp') ?? own(claims, 'cid')) : undefined)
  const subject = standIn && !Object.hasOwn(claims, 'sub') ? clientId : own(claims, 'sub')
  const tokenId = standIn && !Object.hasOwn(claims, 'jti') ? standIn.tokenId : own(claims, 'jti')
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

export function judgeTimes(
  { claims, standIn }: Statement,
  rules: ClaimRules,
  now: number,
  trace: Trace,
): Result<Times> {
  const [exp, nbf] = [own(claims, 'exp'), own(claims, 'nbf')]
  const iat = standIn && !Object.hasOwn(claims, 'iat') ? standIn.issuedAt : own(claims, 'iat')
  if (!isTime(exp)) return deny('token_claims_invalid', 'exp is not a time')
  if (!isTime(iat)) return deny('token_claims_invalid', 'iat is not a time')
  if (nbf !== undefined && !isTime(nbf)) return deny('token_claims_invalid', 'nbf is not a time')

  if (!trace.holds('token exp', 'RFC 7519 section 4.1.4', now < exp + rules.leeway, exp, now - rules.leeway))
    return deny('token_expired', `exp is ${Math.floor(now - exp)} s ago`)
  const latest = now + FUTURE_TOLERANCE
  if (!trace.holds('token nbf', 'RFC 7519 section 4.1.5', nbf === undefined || nbf <= latest, nbf, latest))
    return deny('token_not_yet_valid', 'nbf is in the future')
  if (!trace.holds('token iat', 'RFC 9068 section 2.2', iat <= latest, iat, latest))
    return deny('token_not_yet_valid', 'iat is in the future')
  const short = rules.maxLifetime === undefined || exp - iat <= rules.maxLifetime
  if (!trace.holds('token lifetime', 'FAPI 2.0 Security Profile section 5.3.4', short, exp - iat, rules.maxLifetime))
    return deny('token_lifetime_exceeded', `exp is ${exp - iat} s after iat`)
  return ok({ issuedAt: iat, expiresAt: exp })
}

export function readAudiences(aud: unknown): string[] | undefined {
  if (typeof aud === 'string') return [aud]
  return Array.isArray(aud) && aud.length > 0 && aud.every((item) => typeof item === 'string') ? [...aud] : undefined
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

export const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= MAX_TIME
