import { createHash, createPublicKey } from 'node:crypto'
import type { AssertionKey } from '../assertion.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { readPrivateKey } from './private-key.ts'

/** The key that signs assertions, with the set that upstreams fetch. */
export interface AssertionKeyFile extends AssertionKey {
  readonly jwks: { readonly keys: readonly object[] }
}

/** Reads a private key on P-256 or Ed25519, as PEM or JWK. What is wrong is told without a word of the file. */
export function readAssertionKey(file: string): Reading<AssertionKeyFile> {
  const key = readPrivateKey(file)?.key
  if (!key) return unreadable(`${file}: it holds no private key, as PEM or JWK, that can be read`)
  const { kty, crv, x, y } = createPublicKey(key).export({ format: 'jwk' })
  const algorithm = crv === 'P-256' ? 'ES256' : crv === 'Ed25519' ? 'EdDSA' : undefined
  if (!algorithm) return unreadable(`${file}: the key is neither on P-256 nor Ed25519`)
  // The members of RFC 7638 in their order.
  const members = JSON.stringify({ crv, kty, x, ...(y !== undefined && { y }) })
  const keyId = createHash('sha256').update(members).digest('base64url')
  const shown = { kty, crv, x, ...(y !== undefined && { y }), kid: keyId, alg: algorithm, use: 'sig' }
  return read({ key, algorithm, keyId, jwks: { keys: [shown] } })
}
