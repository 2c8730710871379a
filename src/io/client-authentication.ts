import { type KeyObject, randomUUID, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { SignJWT } from 'jose'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { own } from '../verify/strict-json.ts'
import { type PrivateKeyFile, readPrivateKey } from './private-key.ts'

/** How we show an authorization server who we are (FAPI 2.0 Security Profile section 5.3.2.1 (6)). */
export interface ClientAuthentication {
  /** Adds what the form of one request needs. */
  readonly sign: (form: URLSearchParams, now: number) => Promise<void>
  /** The client certificate of the connection. */
  readonly identity: { readonly certificate: string; readonly key: string } | undefined
}

interface ClientOptions {
  readonly clientId: string
  readonly key: string
  readonly certificate?: string | undefined
}

/** Seconds; an assertion is made for the request it goes with. */
const ASSERTION_LIFETIME = 60

/** Mutual TLS where there is a certificate (RFC 8705 section 2), else signed assertions (RFC 7523 section 2.2). */
export function readClientAuthentication(options: ClientOptions, issuer: string): Reading<ClientAuthentication> {
  const file = readPrivateKey(options.key)
  if (!file) return unreadable(`${options.key}: it holds no private key, as PEM or JWK, that can be read`)
  return options.certificate === undefined
    ? readAssertions(options, file, issuer)
    : readIdentity(options.clientId, options.certificate, file.key)
}

function readAssertions({ clientId, key: name }: ClientOptions, file: PrivateKeyFile, issuer: string) {
  const algorithm = algorithmOf(file.key)
  if (!algorithm)
    return unreadable(`${name}: the key is neither on P-256 nor Ed25519 nor an RSA key of 2048 bits or more`)
  const kid = file.jwk && own(file.jwk, 'kid')
  const header = { alg: algorithm, ...(typeof kid === 'string' && { kid }) }
  const sign = async (form: URLSearchParams, now: number): Promise<void> => {
    const issuedAt = Math.floor(now)
    // The issuer and nothing else: an assertion for an endpoint could be used at the endpoint of another server.
    const assertion = await new SignJWT({ iss: clientId, sub: clientId, aud: issuer, jti: randomUUID() })
      .setProtectedHeader(header)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + ASSERTION_LIFETIME)
      .sign(file.key)
    form.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    form.set('client_assertion', assertion)
  }
  return read({ sign, identity: undefined })
}

/** The algorithms of FAPI 2.0 Security Profile section 5.4.1. */
export function algorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | undefined {
  if (type === 'ec') return details?.namedCurve === 'prime256v1' ? 'ES256' : undefined
  if (type === 'ed25519') return 'EdDSA'
  return type === 'rsa' && (details?.modulusLength ?? 0) >= 2048 ? 'PS256' : undefined
}

function readIdentity(clientId: string, name: string, key: KeyObject): Reading<ClientAuthentication> {
  try {
    const certificate = readFileSync(name, 'utf8')
    if (!new X509Certificate(certificate).checkPrivateKey(key)) return unreadable(`${name}: the key is not its own`)
    const identity = { certificate, key: key.export({ type: 'pkcs8', format: 'pem' }) as string }
    // RFC 8705 section 2: the server has to be told whose certificate to expect.
    return read({ identity, sign: (form) => Promise.resolve(form.set('client_id', clientId)) })
  } catch {
    return unreadable(`${name}: it holds no certificate that can be read`)
  }
}
