import { z } from 'zod'
import { deny } from '../denial.ts'
import { duration } from '../durations.ts'
import {
  type AuthorizationServer,
  type Evaluate,
  type Ports,
  policyKind,
  type RoutedRequest,
  type Setting,
} from '../policy.ts'
import { type FormRules, readAccessToken, type UnverifiedToken } from '../verify/access-token.ts'
import { type Credentials, readCredentials } from '../verify/credentials.ts'
import { hasJwtForm, spellAlgorithms } from '../verify/jws.ts'
import type { ClaimRules } from '../verify/token-claims.ts'
import { isSealed, openEncryptedToken } from './encrypted-token.ts'
import { type Informant, introspect, isAskedAbout } from './introspected-token.ts'
import { judgeRevocation } from './revoked-token.ts'
import { type Issuer, rememberedFor, verifySignedToken, type Yield } from './signed-token.ts'
import { soon } from './soon.ts'
import { judgeStatus } from './token-status.ts'

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
    const recipients = [...issuers.values()].flatMap(({ server: { recipient } }) => recipient ?? [])
    const verify = (request: RoutedRequest, credentials: Credentials, token: UnverifiedToken, opened: boolean) => {
      const issuer = issuers.get(token.issuer)
      if (!request.trace.holds('token iss', 'RFC 9068 section 4', issuer !== undefined, token.issuer, known) || !issuer)
        return deny('token_issuer_unknown', 'iss is not a configured issuer')
      const covered = opened || issuer.server.recipient?.required !== true
      if (!request.trace.holds('token encryption', 'RFC 9068 section 4', covered))
        return deny('token_type_refused', 'it is not encrypted, as tokens of this server have to be')
      return verifySignedToken(request, credentials, token, issuer, ports)
    }
    const judge = (request: RoutedRequest, credentials: Credentials): Yield | Promise<Yield> => {
      const { token: raw } = credentials
      if (!isSealed(raw, recipients)) {
        const token = readAccessToken(raw, form, request.trace)
        return token.ok ? verify(request, credentials, token.value, false) : token
      }
      return soon(openEncryptedToken(raw, recipients, form, ports, request), (content) => {
        if (!content.ok) return content
        return soon(verify(request, credentials, content.value.token, true), (verdict) => {
          if (verdict.ok) content.value.remember(rememberedFor(verdict.value.token, request))
          return verdict
        })
      })
    }
    return (request) => {
      const { headers, query, body } = request.attributes
      const credentials = readCredentials(headers, query, body, form.maxBytes)
      if (!credentials.ok) return credentials
      const { token } = credentials.value
      const sealed = !settings.forceIntrospection && isSealed(token, recipients)
      const asked = informant !== undefined && !sealed && isAskedAbout(token, settings.forceIntrospection)
      const bare = asked && recipients.some(({ required }) => required) && hasJwtForm(token)
      if (bare && !request.trace.holds('token encryption', 'RFC 9068 section 4', false))
        return deny('token_type_refused', 'it is not encrypted, as tokens of this server have to be')
      const judged = asked ? introspect(request, credentials.value, informant) : judge(request, credentials.value)
      return soon(judged, (verdict) => {
        if (!verdict.ok) return verdict
        const { token: verified } = verdict.value
        const server = ports.servers.get(verified.server)
        if (!server) throw new Error(`there is no authorization server named ${verified.server}`)
        const revoked = judgeRevocation(verified, server, request)
        return revoked ?? soon(judgeStatus(verified, server, request, asked), (denial) => denial ?? verdict)
      })
    }
  },
})

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
