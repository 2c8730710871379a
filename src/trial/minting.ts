import type { Config } from '../config.ts'
import { type Algorithm, type ProofDifference, secondsOf, type TokenDifference } from './cases-schema.ts'
import type { BuiltInCertificate } from './certificate.ts'
import type { Good } from './good-request.ts'
import { type BuiltInKey, type buildKeyring, sha256, signCompact } from './keys.ts'
import type { TrialServers } from './servers.ts'

/** A client of the cases with what it holds. */
export interface Holder {
  readonly id: string
  readonly subject: string
  readonly algorithm: Algorithm
  readonly key: BuiltInKey
  readonly certificate: BuiltInCertificate
}

/** A token as it is sent. */
export interface SentToken {
  readonly raw: string
  readonly scheme: 'DPoP' | 'Bearer'
  readonly bind: Good['bind']
}

/** When, and under which name of its own. Seconds since the epoch. */
interface Stamp {
  readonly now: number
  readonly id: string
}

/** What tokens are made with. */
interface Mint {
  readonly config: Config
  readonly servers: TrialServers
  readonly keyring: ReturnType<typeof buildKeyring>
}

/** A token for this holder that the route takes, but for what is said. */
export function mintToken(
  difference: TokenDifference,
  good: Good,
  holder: Holder,
  { now, id }: Stamp,
  mint: Mint,
): SentToken {
  const { bind = good.bind, scopes = good.scopes, lifetime = good.lifetime } = difference
  const named = mint.config.authorizationServers.find(({ name }) => name === difference.server)
  const server = named ?? good.server
  const iat = Math.floor(now + secondsOf(difference.iat ?? '0s'))
  const [keyBound, certificateBound] = [bind === 'dpop' || bind === 'both', bind === 'mtls' || bind === 'both']
  const claims = {
    iss: server.issuer,
    aud: difference.audience ?? (server === good.server ? good.audience : server.audiences[0]),
    sub: holder.subject,
    client_id: holder.id,
    scope: scopes.length > 0 ? scopes.join(' ') : null,
    cnf:
      keyBound || certificateBound
        ? {
            ...(keyBound && { jkt: holder.key.thumbprint }),
            ...(certificateBound && { 'x5t#S256': holder.certificate.thumbprint }),
          }
        : null,
    jti: id,
    iat,
    exp: iat + lifetime,
    ...(good.acr !== undefined && { acr: good.acr }),
    ...((good.authenticated || difference.authTime !== undefined) && {
      auth_time: Math.floor(now + secondsOf(difference.authTime ?? '0s')),
    }),
    ...difference.claims,
  }
  const raw = difference.opaque ? sha256(`opaque\0${id}`) : sign(difference, claims, server.name, good, mint)
  mint.servers.remember(raw, {
    server: server.name,
    claims: withoutNull({ token_type: keyBound ? 'DPoP' : 'Bearer', ...claims }),
    state: difference.introspection,
  })
  return { raw, bind, scheme: difference.scheme ?? (keyBound ? 'DPoP' : 'Bearer') }
}

function sign(difference: TokenDifference, claims: object, server: string, good: Good, { servers, keyring }: Mint) {
  const algorithm = difference.algorithm ?? good.algorithm
  const published = servers.publish(server, algorithm)
  const key = difference.key === 'another' ? keyring('another server', algorithm) : published.key
  const header = { typ: difference.typ ?? good.typ, kid: published.kid, ...difference.header }
  return signCompact(header, claims, key, algorithm)
}

const withoutNull = (members: object): object =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null))

/** What a proof is for. */
export interface ProofPurpose extends Stamp {
  readonly method: string
  readonly url: string
  readonly token: SentToken | undefined
  /** The nonce that a good one has. */
  readonly nonce: string | undefined
  /** The nonce of the last answer. */
  readonly challenge: string | undefined
}

/** A proof for this request that the route takes, but for what is said; signed with the key of `holder`. */
export function mintProof(
  difference: ProofDifference,
  holder: Pick<Holder, 'algorithm' | 'key'>,
  purpose: ProofPurpose,
) {
  const { method, url, token, now, id, challenge } = purpose
  const { algorithm = holder.algorithm } = difference
  const claims = {
    jti: difference.jti ?? id,
    htm: difference.htm ?? method,
    htu: difference.htu ?? url.split(/[?#]/, 1)[0],
    iat: Math.floor(now + secondsOf(difference.iat ?? '0s')),
    ath: left(difference.ath, token ? sha256(token.raw) : null),
    nonce: difference.nonce === 'challenge' ? (challenge ?? null) : left(difference.nonce, purpose.nonce ?? null),
    ...difference.claims,
  }
  const header = { typ: difference.typ ?? 'dpop+jwt', jwk: holder.key.jwk, ...difference.header }
  return signCompact(header, claims, holder.key, algorithm)
}

/** What was said, `none` for nothing, or what a good one has. */
const left = (said: string | undefined, good: string | null): string | null => (said === 'none' ? null : (said ?? good))
