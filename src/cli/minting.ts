import { createHash, randomUUID, X509Certificate } from 'node:crypto'
import { calculateJwkThumbprint, importJWK, type JWK, SignJWT } from 'jose'

/** A private JWK. */
export type SigningKey = JWK & { readonly kty: string }

/** What goes into a development access token. Seconds. */
export interface TokenContent {
  readonly key: SigningKey
  readonly issuer: string
  readonly audience: string
  readonly clientId: string
  readonly subject?: string | undefined
  readonly scope?: string | undefined
  /** Bind to this key. */
  readonly jkt?: SigningKey | undefined
  /** Bind to this PEM certificate. */
  readonly certificate?: string | undefined
  readonly lifetime: number
  readonly now: number
}

/** Signs an access token in the form of RFC 9068. */
export async function mintToken({ key, now, lifetime, ...content }: TokenContent): Promise<string> {
  const cnf = {
    ...(content.jkt && { jkt: await calculateJwkThumbprint(content.jkt) }),
    ...(content.certificate !== undefined && {
      'x5t#S256': createHash('sha256').update(new X509Certificate(content.certificate).raw).digest('base64url'),
    }),
  }
  const claims = {
    iss: content.issuer,
    aud: content.audience,
    sub: content.subject ?? content.clientId,
    client_id: content.clientId,
    ...(content.scope !== undefined && { scope: content.scope }),
    ...(Object.keys(cnf).length > 0 && { cnf }),
    jti: randomUUID(),
    iat: Math.floor(now),
    exp: Math.floor(now) + lifetime,
  }
  const header = { alg: algorithmOf(key), typ: 'at+jwt', ...(key.kid !== undefined && { kid: key.kid }) }
  return await new SignJWT(claims).setProtectedHeader(header).sign(await importJWK(key, header.alg))
}

/** What goes into a DPoP proof. Seconds. */
export interface ProofContent {
  readonly key: SigningKey
  readonly method: string
  readonly url: string
  readonly token?: string | undefined
  readonly nonce?: string | undefined
  readonly now: number
}

/** Signs a DPoP proof (RFC 9449 section 4.2). */
export async function mintProof({ key, method, url, token, nonce, now }: ProofContent): Promise<string> {
  const claims = {
    jti: randomUUID(),
    htm: method,
    htu: url.replace(/[?#].*$/, ''),
    iat: Math.floor(now),
    ...(token !== undefined && { ath: createHash('sha256').update(token).digest('base64url') }),
    ...(nonce !== undefined && { nonce }),
  }
  const header = { alg: algorithmOf(key), typ: 'dpop+jwt', jwk: publicPart(key) }
  return await new SignJWT(claims).setProtectedHeader(header).sign(await importJWK(key, header.alg))
}

function algorithmOf({ kty, alg }: SigningKey): string {
  if (alg !== undefined) return alg
  if (kty === 'RSA') return 'PS256'
  return kty === 'OKP' ? 'EdDSA' : 'ES256'
}

function publicPart({ kty, crv, x, y, n, e }: SigningKey): JWK {
  return JSON.parse(JSON.stringify({ kty, crv, x, y, n, e })) as JWK
}
