import { createPublicKey, sign } from 'node:crypto'
import type { Author } from '../audit/ledger.ts'
import { publicMembers } from '../audit/verify-record.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { readPrivateKey } from './private-key.ts'

/** Reads a private key on Ed25519, PEM or JWK. What is wrong is told without a word of the file. */
export function readSigningKey(file: string): Reading<NonNullable<Author['key']>> {
  const key = readPrivateKey(file)?.key
  if (!key) return unreadable(`${file}: it holds no private key, as PEM or JWK, that can be read`)
  const members = publicMembers(createPublicKey(key))
  if (!members) return unreadable(`${file}: the key is not on Ed25519`)
  return read({ sign: (text) => sign(null, Buffer.from(text, 'latin1'), key).toString('base64url'), public: members })
}
