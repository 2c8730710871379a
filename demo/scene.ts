import { calculateJwkThumbprint, exportJWK, importJWK, type JWK, type JWTPayload, SignJWT } from 'jose'
import { dpopHeaders, fetchToken } from './client.ts'
import { API, type Setting } from './setting.ts'

/** What the honest client has, what the thief has, and what the thief took. */
export interface Scene {
  readonly setting: Setting
  readonly dpopKey: CryptoKeyPair
  readonly thiefKey: CryptoKeyPair
  readonly tokens: {
    /** Bound to `dpopKey`, scope accounts. */
    readonly dpop: string
    /** Bound to `dpopKey`, scope payments. */
    readonly payments: string
    /** Bound to the certificate of the client, scope accounts. */
    readonly mtls: string
    /** Bound to nothing. */
    readonly plain: string
    /** Bound to `dpopKey`, of a user who agreed to one payment of 10 euros. */
    readonly agreed: string
    /** Bound to `dpopKey`, of a user, names the consent `c-1`. */
    readonly consented: string
    /** Bound to `dpopKey`; ended an hour ago. */
    readonly expired: string
    /** Bound to `dpopKey`; for another API. */
    readonly foreign: string
    /** The payload of `dpop` with more scope than was granted, under the same signature. */
    readonly tampered: string
    /** The payload of `dpop`, signed by the thief under the key id of the authorization server. */
    readonly forged: string
  }
}

/** Fetches the tokens. What the authorization server would never issue is signed with its key here. */
export async function setScene(setting: Setting): Promise<Scene> {
  const { authorizationServer, edge, clients } = setting
  const source = { issuer: authorizationServer.issuer, ca: edge.ca, resource: API }
  const dpopKey = await newDpopKey()
  const thiefKey = await newDpopKey()
  const dpop = await fetchToken(source, clients.dpop, 'accounts', dpopKey)
  const claims = {
    ...readPayload(dpop),
    cnf: { jkt: await calculateJwkThumbprint(await exportJWK(dpopKey.publicKey)) },
  }
  const now = Math.floor(Date.now() / 1000)
  const sign = async (content: JWTPayload, key: JWK): Promise<string> =>
    await new SignJWT(content)
      .setProtectedHeader({ alg: 'PS256', typ: 'at+jwt', kid: 'as-1' })
      .sign(await importJWK(key, 'PS256'))
  const { signingKey } = authorizationServer
  return {
    setting,
    dpopKey,
    thiefKey,
    tokens: {
      dpop,
      payments: await fetchToken(source, clients.dpop, 'payments', dpopKey),
      mtls: await fetchToken(source, clients.mtls, 'accounts'),
      plain: await fetchToken(source, clients.legacy, 'accounts'),
      agreed: await sign({ ...claims, sub: 'user-1', scope: 'payments', authorization_details: [payment] }, signingKey),
      consented: await sign({ ...claims, sub: 'user-1', consent_id: 'c-1' }, signingKey),
      expired: await sign({ ...claims, iat: now - 3900, exp: now - 3600 }, signingKey),
      foreign: await sign({ ...claims, aud: 'https://api.other.example' }, signingKey),
      tampered: tamper(dpop),
      forged: await sign(claims, await newRsaKey()),
    },
  }
}

/** What the user agreed to (RFC 9396). */
const payment = {
  ...{ type: 'payment_initiation', actions: ['initiate'] },
  instructedAmount: { amount: '10.00', currency: 'EUR' },
}

/** Headers of a proper request: the token and a fresh proof for it, both as the client library makes them. */
export const proven = (
  { dpopKey, tokens }: Scene,
  request: { readonly method?: string; readonly url?: string; readonly token?: string; readonly skew?: number } = {},
): Promise<{ readonly authorization: string; readonly dpop: string }> =>
  dpopHeaders(
    request.token ?? tokens.dpop,
    dpopKey,
    request.method ?? 'GET',
    request.url ?? `${API}/accounts`,
    request.skew,
  )

async function newDpopKey(): Promise<CryptoKeyPair> {
  // An asymmetric algorithm gives a pair.
  return (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ])) as CryptoKeyPair
}

async function newRsaKey(): Promise<JWK> {
  const algorithm = { name: 'RSA-PSS', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }
  const { privateKey } = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair
  return await exportJWK(privateKey)
}

const readPayload = (token: string): JWTPayload =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as JWTPayload

function tamper(token: string): string {
  const [header, , signature] = token.split('.')
  const payload = { ...readPayload(token), scope: 'accounts payments' }
  return `${header}.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.${signature}`
}
