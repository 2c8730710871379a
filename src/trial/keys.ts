import {
  constants,
  createECDH,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto'
import type { Algorithm } from './cases-schema.ts'

/** A key of the built-in clients and servers. */
export interface BuiltInKey {
  readonly privateKey: KeyObject
  /** Its public members in the order of RFC 7638. */
  readonly jwk: Readonly<Record<string, string>>
  readonly thumbprint: string
}

/**
 * Keys by name. On P-256 and Ed25519 the same name has the same key in every run, so that what depends on it can be
 * written down; nothing outside a run of policy tests ever trusts one.
 */
export function buildKeyring(): (name: string, algorithm: Algorithm) => BuiltInKey {
  const made = new Map<string, BuiltInKey>()
  return (name, algorithm) => {
    const type = keyType(algorithm)
    const id = `${type} ${name}`
    const key = made.get(id) ?? makeKey(id, type)
    made.set(id, key)
    return key
  }
}

type KeyType = 'EC' | 'OKP' | 'RSA'

function keyType(algorithm: Algorithm): KeyType {
  if (algorithm === 'PS256' || algorithm === 'RS256') return 'RSA'
  return algorithm === 'EdDSA' || algorithm === 'Ed25519' ? 'OKP' : 'EC'
}

function makeKey(id: string, type: KeyType): BuiltInKey {
  const privateKey = type === 'RSA' ? generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey : derive(id, type)
  const { kty = '', crv, x, y, n, e } = createPublicKey(privateKey).export({ format: 'jwk' })
  const jwk = JSON.parse(JSON.stringify({ crv, e, kty, n, x, y })) as BuiltInKey['jwk']
  return { privateKey, jwk, thumbprint: sha256(JSON.stringify(jwk)) }
}

function derive(id: string, type: 'EC' | 'OKP'): KeyObject {
  const secret = createHash('sha256').update(`envoy-fapi policy test key\0${id}`).digest()
  if (type === 'OKP')
    return createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, secret]), format: 'der', type: 'pkcs8' })
  const curve = createECDH('prime256v1')
  curve.setPrivateKey(secret)
  const point = curve.getPublicKey()
  const [x, y] = [point.subarray(1, 33).toString('base64url'), point.subarray(33).toString('base64url')]
  return createPrivateKey({ key: { kty: 'EC', crv: 'P-256', x, y, d: secret.toString('base64url') }, format: 'jwk' })
}

/** What stands in front of the 32 bytes of an Ed25519 key (RFC 8410 section 7). */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex')

export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('base64url')

/** A compact JWS, whatever header and claims are: also what nobody should accept. `undefined` and `null` are left out. */
export function signCompact(header: object, claims: object, key: BuiltInKey, algorithm: Algorithm): string {
  const content = `${encode({ alg: algorithm, ...header })}.${encode(claims)}`
  return `${content}.${signatureOf(Buffer.from(content), key, algorithm).toString('base64url')}`
}

function signatureOf(content: Buffer, { privateKey, jwk }: BuiltInKey, algorithm: Algorithm): Buffer {
  switch (algorithm) {
    case 'none':
      return Buffer.alloc(0)
    case 'HS256':
      // The confusion of RFC 8725 section 2.1: the public key taken for a shared secret.
      return createHmac('sha256', JSON.stringify(jwk)).update(content).digest()
    case 'ES256':
      return sign('sha256', content, { key: privateKey, dsaEncoding: 'ieee-p1363' })
    case 'PS256':
      return sign('sha256', content, { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 })
    case 'RS256':
      return sign('sha256', content, privateKey)
    case 'EdDSA':
    case 'Ed25519':
      return sign(null, content, privateKey)
  }
}

const encode = (members: object): string =>
  Buffer.from(
    JSON.stringify(Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null))),
  ).toString('base64url')
