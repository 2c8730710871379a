import { type KeyObject, randomUUID, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { SignJWT } from 'jose'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { own } from '../verify/strict-json.ts'
import { algorithmOf } from './client-authentication.ts'
import { readPrivateKey } from './private-key.ts'

/** How we show a consent service who asks. */
export interface Showing {
  /** The client certificate of the connection, PEM. */
  readonly identity: { readonly cert: string; readonly key: string } | undefined
  /** The Authorization field of one call; `now` in seconds since the epoch. */
  readonly authorize: (now: number) => Promise<string | undefined>
}

interface ShowingOptions {
  readonly key: string
  readonly certificate?: string | undefined
  readonly clientId?: string | undefined
}

/** Seconds; a JWT is made for the request it goes with. */
const LIFETIME = 60

/** Mutual TLS where there is a certificate, else JWTs for that audience alone. */
export function readShowing(
  { key: name, certificate, clientId = '' }: ShowingOptions,
  audience: string,
): Reading<Showing> {
  const file = readPrivateKey(name)
  if (!file) return unreadable(`${name}: it holds no private key, as PEM or JWK, that can be read`)
  if (certificate !== undefined) return readIdentity(certificate, file.key)
  const algorithm = algorithmOf(file.key)
  if (!algorithm)
    return unreadable(`${name}: the key is neither on P-256 nor Ed25519 nor an RSA key of 2048 bits or more`)
  const kid = file.jwk && own(file.jwk, 'kid')
  const header = { alg: algorithm, ...(typeof kid === 'string' && { kid }) }
  const authorize = async (now: number): Promise<string> => {
    const issuedAt = Math.floor(now)
    const token = await new SignJWT({ iss: clientId, sub: clientId, aud: audience, jti: randomUUID() })
      .setProtectedHeader(header)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + LIFETIME)
      .sign(file.key)
    return `Bearer ${token}`
  }
  return read({ identity: undefined, authorize })
}

function readIdentity(name: string, privateKey: KeyObject): Reading<Showing> {
  try {
    const cert = readFileSync(name, 'utf8')
    if (!new X509Certificate(cert).checkPrivateKey(privateKey)) return unreadable(`${name}: the key is not its own`)
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    return read({ identity: { cert, key }, authorize: () => Promise.resolve(undefined) })
  } catch {
    return unreadable(`${name}: it holds no certificate that can be read`)
  }
}
