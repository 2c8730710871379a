import { hash } from 'node:crypto'
import { z } from 'zod'
import { type Denial, deny, ok, type Result } from '../denial.ts'
import { duration } from '../durations.ts'
import {
  type AuthorizationServer,
  type Evaluate,
  type Ports,
  policyKind,
  type RoutedRequest,
  type Setting,
} from '../policy.ts'
import type { KeySearch } from '../ports.ts'
import {
  acceptAccessToken,
  type FormRules,
  isSignedBy,
  readAccessToken,
  type UnverifiedToken,
  type VerifiedToken,
} from '../verify/access-token.ts'
import { type Credentials, readCredentials } from '../verify/credentials.ts'
import { spellAlgorithms } from '../verify/jws.ts'
import type { ClaimRules } from '../verify/token-claims.ts'
import { type Informant, introspect, isAskedAbout } from './introspected-token.ts'

/** Types that tokens of another kind have, of the same issuer and key (RFC 8725 section 3.11). */
const otherKinds =
  /^(?:application\/)?(?:jwt|(?:dpop|logout|client-authentication|oauth-authz-req|token-introspection|secevent|statuslist)\+jwt)$/i

const mediaType = z
  .string()
  .min(1)
  .refine((type) => !otherKinds.test(type), {
    error: 'a type that only access tokens have; where they have none of their own, exceptions: [tokenTypeJwt]',
  })

const options = z.strictObject({
  /** Names of the authorization servers whose tokens are taken; absent: every configured one. */
  from: z.array(z.string()).min(1).optional(),
  /** Narrows the server's audiences. */
  audiences: z.array(z.string().min(1)).min(1).optional(),
  typ: z.array(mediaType).min(1).default(['at+jwt']),
  leeway: duration(0, 60).prefault('5s'),
  maxLifetime: duration(1, 86_400).prefault('10m'),
  maxBytes: z.int().min(1024).max(65_536).default(8192),
  /** Ask the authorization server about every token, also about JWTs. */
  forceIntrospection: z.boolean().default(false),
})

export type AccessTokenOptions = z.output<typeof options>

/**
 * JWT access tokens: form, type, issuer, signature, times and audience (RFC 9068 section 4). Others are asked about
 * (RFC 7662) where a server of the route can be. Not checked here: that the sender may use it (senderConstraint) and
 * what it allows (scopes).
 */
export const accessToken = policyKind({
  options,
  needs: [],
  yields: ['token'],
  create: (settings: AccessTokenOptions, ports: Ports, setting: Setting): Evaluate<never, 'token'> => {
    const issuers = trustedIssuers(settings, ports, setting)
    const form = formRules(settings, setting)
    const known = [...issuers.keys()]
    const informant = findInformant([...issuers.values()], settings)
    return (request) => {
      const { attributes, trace } = request
      const credentials = readCredentials(attributes.headers, attributes.query, attributes.body, form.maxBytes)
      if (!credentials.ok) return credentials
      if (informant && isAskedAbout(credentials.value.token, settings.forceIntrospection))
        return introspect(request, credentials.value, informant)
      const token = readAccessToken(credentials.value.token, form, trace)
      if (!token.ok) return token
      const issuer = issuers.get(token.value.issuer)
      if (!trace.holds('token iss', 'RFC 9068 section 4', issuer !== undefined, token.value.issuer, known) || !issuer)
        return deny('token_issuer_unknown', 'iss is not a configured issuer')
      return verify(request, credentials.value, token.value, issuer, ports)
    }
  },
})

/** One trusted issuer with what its tokens have to satisfy on this route. */
interface Issuer {
  readonly server: AuthorizationServer
  readonly algorithms: readonly string[]
  readonly claims: ClaimRules
  /** The same for tokens that are judged without asking. */
  readonly unasked: ClaimRules
}

function trustedIssuers(
  { from, audiences, leeway, maxLifetime }: AccessTokenOptions,
  { servers }: Ports,
  { exceptions }: Setting,
) {
  const names = from ?? [...servers.keys()]
  return new Map(
    names.map((name): readonly [string, Issuer] => {
      const server = servers.get(name)
      if (!server) throw new Error(`there is no authorization server named ${name}`)
      const claims = {
        server: name,
        // A route narrows what its server's tokens may be for; it never lends one server the audiences of another.
        audiences: server.audiences.filter((audience) => audiences?.includes(audience) ?? true),
        leeway,
        maxLifetime: exceptions.has('longLivedTokens') ? undefined : maxLifetime,
        mapClaims: exceptions.has('claimMapping'),
      }
      const algorithms = [...spellAlgorithms(server.algorithms), ...(exceptions.has('rs256') ? ['RS256'] : [])]
      return [server.issuer, { server, algorithms, claims, unasked: shorten(claims, server, exceptions) }]
    }),
  )
}

/** JWT-30: where the server can be asked, tokens may live long; those that nobody asks about may not. */
function shorten(claims: ClaimRules, { unasked }: AuthorizationServer, exceptions: Setting['exceptions']): ClaimRules {
  const { maxLifetime } = claims
  if (unasked === undefined || maxLifetime === undefined || exceptions.has('noRevocation')) return claims
  return { ...claims, maxLifetime: Math.min(maxLifetime, unasked) }
}

/** An opaque token names no issuer, so there can only be one to ask; the check of the configuration sees to that. */
function findInformant(issuers: readonly Issuer[], settings: AccessTokenOptions): Informant | undefined {
  const informants = issuers.flatMap(({ server: { introspection, issuer }, claims }) =>
    introspection
      ? [{ introspector: introspection, claims: { ...claims, issuer, required: introspection.required } }]
      : [],
  )
  const [only] = informants
  if (informants.length > 1 || (settings.forceIntrospection && !(only && issuers.length === 1)))
    throw new Error('it is not clear which authorization server to ask about a token')
  return only
}

function formRules({ typ, maxBytes }: AccessTokenOptions, { exceptions }: Setting): FormRules {
  const untyped = exceptions.has('tokenTypeJwt')
  const types = typ.map((type) => type.toLowerCase().replace(/^application\//, ''))
  return { types: untyped ? [...types, 'jwt'] : types, untyped, maxBytes }
}

type Yield = Result<{ readonly token: VerifiedToken }>

/** Algorithm → key → signature → claims. Waits only when the key source has to fetch. */
function verify(
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

  const accept = (): Yield => {
    const accepted = acceptAccessToken(
      token,
      { raw: credentials.token, scheme: credentials.scheme },
      issuer.unasked,
      request.now,
      request.trace,
    )
    return accepted.ok ? ok({ token: accepted.value }) : accepted
  }
  const remembered = cacheKey(credentials.token, issuer.server)
  if (signedTokens.get(remembered) === true) return accept()

  const judge = (search: KeySearch): Yield => {
    const denial = judgeSignature(token, search, request)
    if (denial) return denial
    const verdict = accept()
    // Kept only for tokens that are good in every respect, so garbage cannot push good ones out.
    if (verdict.ok)
      signedTokens.set(
        cacheKey(credentials.token, issuer.server),
        true,
        Math.min(60, verdict.value.token.expiresAt - request.now),
      )
    return verdict
  }
  const search = issuer.server.keys.find(token.kid, algorithm)
  return search instanceof Promise ? search.then(judge) : judge(search)
}

function judgeSignature(token: UnverifiedToken, search: KeySearch, { trace }: RoutedRequest): Denial | undefined {
  if (search.kind === 'unavailable') return deny('keys_unavailable', search.detail)
  if (!trace.holds('token key', 'RFC 9068 section 4', search.kind === 'found', token.kid) || search.kind !== 'found')
    return deny('token_key_unknown', search.kind === 'unknown' ? search.detail : '')
  if (!trace.holds('token signature', 'RFC 9068 section 4', isSignedBy(token, search.keys)))
    return deny('token_signature_invalid', 'no key of the issuer verifies the signature')
  return undefined
}

/** JWT-31: the exact token, its issuer's configured name and the generation of its keys. */
const cacheKey = (token: string, { name, keys }: AuthorizationServer): string =>
  `${hash('sha256', token, 'base64url')}.${keys.generation}.${name}`
