import { generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto'

const shapes = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  RSA1024: () => generateKeyPairSync('rsa', { modulusLength: 1024 }),
  X25519: () => generateKeyPairSync('x25519'),
  Ed448: () => generateKeyPairSync('ed448'),
}

/** A new key as an authorization server would publish it, and what it keeps to itself. */
export interface ServerKey {
  readonly jwk: JsonWebKey
  readonly privateJwk: JsonWebKey
  readonly privateKey: KeyObject
}

export function newServerKey(shape: keyof typeof shapes, members: object = {}): ServerKey {
  const { publicKey, privateKey } = shapes[shape]()
  return {
    jwk: { ...publicKey.export({ format: 'jwk' }), ...members },
    privateJwk: { ...privateKey.export({ format: 'jwk' }), ...members },
    privateKey,
  }
}
