import { type KeyObject, sign } from 'node:crypto'
import type { Admission } from './admission.ts'

/** A private key and what upstreams need to know of it. */
export interface AssertionKey {
  readonly key: KeyObject
  readonly algorithm: 'ES256' | 'EdDSA'
  /** RFC 7638 thumbprint of the public key. */
  readonly keyId: string
}

/** Who says it, to whom, for how long (seconds). */
export interface AssertionRules {
  readonly issuer: string
  readonly audience: string
  readonly lifetime: number
}

/** When, and under which name of its own. */
export interface Moment {
  /** Seconds since the epoch. */
  readonly now: number
  readonly id: string
}

/**
 * What was verified, signed for one upstream: an upstream that checks it believes no header that came past Envoy. Says
 * nothing where nothing was verified, and never holds the token.
 */
export function buildAssertion(
  admission: Admission,
  { key, algorithm, keyId }: AssertionKey,
  { issuer, audience, lifetime }: AssertionRules,
  { now, id }: Moment,
): string | undefined {
  if (admission.kind === 'open' || admission.kind === 'shadow') return undefined
  const { token, certificate } = admission
  const binding = admission.kind === 'resource' ? admission.binding : undefined
  const issuedAt = Math.floor(now)
  const claims = {
    iss: issuer,
    aud: audience,
    sub: token.subject,
    client_id: token.clientId,
    token_issuer: token.issuer,
    scope: token.scopes && [...token.scopes].join(' '),
    acr: token.acr,
    cnf: binding && {
      jkt: binding.methods.includes('dpop') ? binding.thumbprint : undefined,
      'x5t#S256': binding.certificateThumbprint,
    },
    certificate: certificate && {
      ...certificate.whole,
      serial: certificate.serial,
      'x5t#S256': certificate.thumbprint,
      roles: certificate.roles,
    },
    jti: id,
    iat: issuedAt,
    exp: issuedAt + lifetime,
  }
  const content = `${encode({ alg: algorithm, typ: 'authz+jwt', kid: keyId })}.${encode(claims)}`
  const signature =
    algorithm === 'ES256'
      ? sign('sha256', Buffer.from(content), { key, dsaEncoding: 'ieee-p1363' })
      : sign(null, Buffer.from(content), key)
  return `${content}.${signature.toString('base64url')}`
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
