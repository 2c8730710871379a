import {
  type CipherGCMTypes,
  constants,
  createCipheriv,
  generateKeyPairSync,
  type KeyObject,
  publicEncrypt,
  randomBytes,
} from 'node:crypto'
import { CompactEncrypt, type CompactJWEHeaderParameters } from 'jose'
import type { DecryptionKey, Recipient } from '../../src/verify/encrypted-token.ts'
import { contentEncryption, keyManagement } from '../../src/verify/encrypted-token.ts'
import { document, ISSUER } from './spine.ts'

/** A key of ours that tokens are encrypted for, and its public half. */
export interface SealingKey {
  readonly publicKey: KeyObject
  readonly ours: DecryptionKey
}

const shapes = {
  RSA: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  X25519: () => generateKeyPairSync('x25519'),
}

export function newSealingKey(shape: DecryptionKey['shape'], kid?: string): SealingKey {
  const { publicKey, privateKey } = shapes[shape]()
  return { publicKey, ours: { key: privateKey, shape, kid, modulus: shape === 'RSA' ? 256 : undefined } }
}

export const rsa = newSealingKey('RSA', 'rsa-1')
export const curve = newSealingKey('P-256', 'ec-1')
export const montgomery = newSealingKey('X25519', 'x-1')

/** The server of the test documents, whose tokens are encrypted for all three keys. */
export const recipient = (difference: Partial<Recipient> & { readonly required?: boolean } = {}) => ({
  issuer: ISSUER,
  algorithms: keyManagement,
  encodings: contentEncryption,
  keys: [rsa.ours, curve.ours, montgomery.ours],
  required: true,
  ...difference,
})

const [server] = document.authorizationServers
/** The test document with a server whose tokens are encrypted. */
export const sealingDocument = {
  ...document,
  authorizationServers: [{ ...server, encryption: { keys: ['unread.pem'] } }],
}

interface Sealing {
  readonly header?: object
  readonly key?: SealingKey
}

/** An encrypted token by jose; undefined takes a member of the header away. */
export async function seal(content: string, { header = {}, key = rsa }: Sealing = {}): Promise<string> {
  const alg = key.ours.shape === 'RSA' ? 'RSA-OAEP-256' : 'ECDH-ES'
  // What is undefined is left out, as JSON does.
  const whole = { alg, enc: 'A256GCM', cty: 'JWT', kid: key.ours.kid, ...header } as CompactJWEHeaderParameters
  return await new CompactEncrypt(Buffer.from(content)).setProtectedHeader(whole).encrypt(key.publicKey)
}

/** A properly encrypted token with a header that jose would not write: RSA-OAEP-256 and A256GCM, whatever it says. */
export function forgeSealed(content: string | Buffer, header: object | string = {}, key = rsa): string {
  const usual = { alg: 'RSA-OAEP-256', enc: 'A256GCM', cty: 'JWT', kid: key.ours.kid }
  const head = Buffer.from(typeof header === 'string' ? header : JSON.stringify({ ...usual, ...header }))
  const [secret, iv] = [randomBytes(32), randomBytes(12)]
  const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
  const wrapped = publicEncrypt({ key: key.publicKey, ...padding }, secret)
  const cipher = createCipheriv('aes-256-gcm' satisfies CipherGCMTypes, secret, iv)
  const protectedHeader = head.toString('base64url')
  cipher.setAAD(Buffer.from(protectedHeader))
  const ciphertext = Buffer.concat([cipher.update(content), cipher.final()])
  const rest = [wrapped, iv, ciphertext, cipher.getAuthTag()].map((part) => part.toString('base64url'))
  return [protectedHeader, ...rest].join('.')
}

/** The token with one of its five segments replaced. */
export function withSegment(token: string, index: number, change: (segment: string) => string): string {
  return token
    .split('.')
    .map((segment, at) => (at === index ? change(segment) : segment))
    .join('.')
}
