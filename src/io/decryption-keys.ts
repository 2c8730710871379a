import { createPublicKey, type KeyObject } from 'node:crypto'
import type { Config } from '../config.ts'
import type { DecryptionKey, KeyManagement, Recipient } from '../verify/encrypted-token.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { own } from '../verify/strict-json.ts'
import { readPrivateKey } from './private-key.ts'

type Recipients = ReadonlyMap<string, Recipient & { readonly required: boolean }>

/** What tokens are encrypted for, by the name of their server. Nothing of a key is told when it cannot be used. */
export function readRecipients({ authorizationServers }: Config): Reading<Recipients> {
  const recipients = new Map<string, Recipient & { readonly required: boolean }>()
  const owners = new Map<string, string>()
  for (const [index, { name, issuer, encryption }] of authorizationServers.entries()) {
    if (!encryption) continue
    const { algorithms, encodings, required } = encryption
    const keys: DecryptionKey[] = []
    for (const [position, file] of encryption.keys.entries()) {
      const at = `authorizationServers[${index}].encryption.keys[${position}]`
      const key = readDecryptionKey(file, algorithms)
      if (!key.ok) return unreadable(`${at}: ${key.problem}`)
      // It opened the tokens of the first server that has it, and those of the other would be taken for foreign ones.
      const half = publicHalf(key.value.key)
      const owner = owners.get(half)
      if (owner !== undefined && owner !== name)
        return unreadable(
          `${at}: ${file}: the key is named for ${owner} already; each key opens the tokens of one server`,
        )
      owners.set(half, name)
      keys.push(key.value)
    }
    recipients.set(name, { issuer, algorithms, encodings, keys, required })
  }
  return read(recipients)
}

function readDecryptionKey(file: string, algorithms: readonly KeyManagement[]): Reading<DecryptionKey> {
  const found = readPrivateKey(file)
  if (!found) return unreadable(`${file}: it holds no private key, as PEM or JWK, that can be read`)
  const { key, jwk } = found
  const form = formOf(key)
  if (!form) return unreadable(`${file}: the key is neither on P-256 nor X25519 nor an RSA key of 2048 to 4096 bits`)
  if (!algorithms.some((algorithm) => (algorithm === 'RSA-OAEP-256') === (form.shape === 'RSA')))
    return unreadable(`${file}: none of the algorithms can be used with this key`)
  const [kid, use] = jwk ? [own(jwk, 'kid'), own(jwk, 'use')] : []
  if (use !== undefined && use !== 'enc') return unreadable(`${file}: use of the key is not enc`)
  if (kid !== undefined && typeof kid !== 'string') return unreadable(`${file}: kid of the key is not a string`)
  return read({ key, kid, ...form })
}

const publicHalf = (key: KeyObject): string =>
  createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('latin1')

function formOf({
  asymmetricKeyType: type,
  asymmetricKeyDetails: { namedCurve, modulusLength = 0 } = {},
}: KeyObject): Pick<DecryptionKey, 'shape' | 'modulus'> | undefined {
  if (type === 'ec' && namedCurve === 'prime256v1') return { shape: 'P-256', modulus: undefined }
  if (type === 'x25519') return { shape: 'X25519', modulus: undefined }
  if (type !== 'rsa' || modulusLength < 2048 || modulusLength > 4096) return undefined
  return { shape: 'RSA', modulus: Math.ceil(modulusLength / 8) }
}
