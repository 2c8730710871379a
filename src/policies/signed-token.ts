import { hash } from 'node:crypto'
import { type Denial, deny, ok, type Result } from '../denial.ts'
import type { AuthorizationServer, Ports, RoutedRequest } from '../policy.ts'
import type { KeySearch } from '../ports.ts'
import { acceptAccessToken, isSignedBy, type UnverifiedToken, type VerifiedToken } from '../verify/access-token.ts'
import type { Credentials } from '../verify/credentials.ts'
import { hasStatus } from '../verify/status-list.ts'
import type { ClaimRules } from '../verify/token-claims.ts'

/** One trusted issuer with what its tokens have to satisfy on this route. */
export interface Issuer {
  readonly server: AuthorizationServer
  readonly algorithms: readonly string[]
  readonly claims: ClaimRules
  /** The same for tokens that are judged without asking. */
  readonly unasked: ClaimRules
}

export type Yield = Result<{ readonly token: VerifiedToken }>

/** Algorithm → key → signature → claims. Waits only when the key source has to fetch. */
export function verifySignedToken(
  request: RoutedRequest,
  credentials: Credentials,
  token: UnverifiedToken,
  issuer: Issuer,
  { signedTokens }: Ports,
): Yield | Promise<Yield> {
  const { algorithm } = token.jws
  if (
    !request.trace.holds(
      'token alg',
      'RFC 8725 section 3.1',
      issuer.algorithms.includes(algorithm),
      algorithm,
      issuer.algorithms,
    )
  )
    return deny('token_algorithm_refused', 'alg is not accepted from this issuer')

  // Who points to a status list can be taken back before its time (JWT-30); the list is looked at on every request.
  const revocable = issuer.server.statusLists !== undefined && hasStatus(token.jws.payload)
  const accept = (): Yield => {
    const sent = { raw: credentials.token, scheme: credentials.scheme }
    const rules = revocable ? issuer.claims : issuer.unasked
    const accepted = acceptAccessToken(token, sent, rules, request.now, request.trace)
    return accepted.ok ? ok({ token: accepted.value }) : accepted
  }
  const key = cacheKey(credentials.token, issuer.server)
  if (signedTokens.get(key) === true) return accept()

  const judge = (search: KeySearch, remember: boolean): Yield => {
    const denial = judgeSignature(token, search, request)
    if (denial) return denial
    const verdict = accept()
    // Kept only for tokens that are good in every respect, so garbage cannot push good ones out.
    if (verdict.ok && remember) signedTokens.set(key, true, rememberedFor(verdict.value.token, request))
    return verdict
  }
  const search = issuer.server.keys.find(token.kid, algorithm)
  // What was waited for may be of keys that have been taken back since; the next request finds out at once.
  return search instanceof Promise ? search.then((found) => judge(found, false)) : judge(search, true)
}

/** How long it is known that a token was good, seconds. */
export const rememberedFor = ({ expiresAt }: VerifiedToken, { now }: RoutedRequest): number =>
  Math.min(60, expiresAt - now)

function judgeSignature(token: UnverifiedToken, search: KeySearch, { trace }: RoutedRequest): Denial | undefined {
  if (search.kind === 'unavailable') return deny('keys_unavailable', search.detail)
  if (!trace.holds('token key', 'RFC 9068 section 4', search.kind === 'found', search.kind) || search.kind !== 'found')
    return deny('token_key_unknown', search.kind === 'unknown' ? search.detail : '')
  if (!trace.holds('token signature', 'RFC 9068 section 4', isSignedBy(token, search.keys)))
    return deny('token_signature_invalid', 'no key of the issuer verifies the signature')
  return undefined
}

/** JWT-31: the exact token, its issuer's configured name and the generation of its keys. */
const cacheKey = (token: string, { name, keys }: AuthorizationServer): string =>
  `${hash('sha256', token, 'base64url')}.${keys.generation}.${name}`
