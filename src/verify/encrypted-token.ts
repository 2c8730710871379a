import type { KeyObject } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { compactDecrypt } from 'jose'
import { decodeBase64url } from './base64url.ts'
import { type Reading, read, unreadable } from './reading.ts'
import { isObject, type JsonObject, own, readJsonObject } from './strict-json.ts'

/** What may be done with a key that tokens are encrypted for, by the names of RFC 7518 section 4. */
export const keyManagement = ['RSA-OAEP-256', 'ECDH-ES', 'ECDH-ES+A128KW', 'ECDH-ES+A256KW'] as const
/** How the content may be encrypted (RFC 7518 section 5). */
export const contentEncryption = ['A256GCM', 'A128GCM', 'A128CBC-HS256', 'A256CBC-HS512'] as const

export type KeyManagement = (typeof keyManagement)[number]
type ContentEncryption = (typeof contentEncryption)[number]
type KeyShape = 'RSA' | 'P-256' | 'X25519'

/** A private key of ours. */
export interface DecryptionKey {
  readonly key: KeyObject
  readonly shape: KeyShape
  /** Undefined when it has no name; then it may be meant under any. */
  readonly kid: string | undefined
  /** Bytes of the modulus of an RSA key. */
  readonly modulus: number | undefined
}

/** Whose tokens are encrypted, how, and for which keys. */
export interface Recipient {
  readonly issuer: string
  readonly algorithms: readonly KeyManagement[]
  readonly encodings: readonly ContentEncryption[]
  readonly keys: readonly DecryptionKey[]
}

/** An encrypted token whose form is right. Anybody can have made it: the key is public. */
export interface SealedToken {
  readonly compact: string
  readonly header: JsonObject
  readonly algorithm: KeyManagement
  readonly encoding: ContentEncryption
  readonly kid: string | undefined
  /** The curve of `epk`, or RSA. */
  readonly shape: KeyShape
  /** Bytes of the encrypted key. */
  readonly wrapped: number
}

/** What was in an encrypted token, and whose key opened it. Nothing of it is verified. */
export interface OpenedToken {
  readonly compact: string
  readonly issuer: string
}

/** Keys that are tried for one token at the most; whoever sends garbage does not get more out of it. */
export const MAX_ATTEMPTS = 8

/** Bytes of key, initialisation vector and tag (RFC 7518 sections 5.2 and 5.3). */
const sizes: Readonly<Record<ContentEncryption, { readonly key: number; readonly iv: number; readonly tag: number }>> =
  {
    A128GCM: { key: 16, iv: 12, tag: 16 },
    A256GCM: { key: 32, iv: 12, tag: 16 },
    'A128CBC-HS256': { key: 32, iv: 16, tag: 16 },
    'A256CBC-HS512': { key: 64, iv: 16, tag: 32 },
  }

/** Parameters that are refused whatever they hold: extensions, compression, passwords, and keys the sender brings. */
const refused = ['crit', 'zip', 'p2c', 'p2s', 'b64', 'jwk', 'jku', 'x5u']

/** Whether a token claims to be encrypted: five segments, the first of which is a JSON object for some reader. */
export function hasJweForm(token: string): boolean {
  const segments = token.split('.', 6)
  if (segments.length !== 5) return false
  try {
    return isObject(JSON.parse(Buffer.from(segments[0] ?? '', 'base64url').toString()))
  } catch {
    return false
  }
}

/**
 * Form and header of an encrypted token (RFC 7516 section 7.1), without any use of a key: canonical base64url, each
 * segment of the one length it can have, a signed token inside (RFC 7519 section 5.2), nothing but what is listed here.
 * `types` are those of access tokens: some servers say with `cty` what the token inside is rather than that it is one.
 */
export function readSealedToken(compact: string, types: readonly string[], maxBytes: number): Reading<SealedToken> {
  if (compact.length > maxBytes) return unreadable('it is too long')
  const segments = compact.split('.', 6)
  if (segments.length !== 5) return unreadable('it does not have five segments')
  const [head, wrapped, iv, ciphertext, tag] = segments.map(decodeBase64url)
  if (!head || !wrapped || !iv || !ciphertext || !tag) return unreadable('a segment is not canonical base64url')
  const parsed = readJsonObject(head)
  if (!parsed.ok) return unreadable(`header: ${parsed.problem}`)
  const header = parsed.value
  const foreign = refused.find((name) => Object.hasOwn(header, name))
  if (foreign !== undefined) return unreadable(`header: ${foreign} is not accepted`)
  const [algorithm, encoding] = [own(header, 'alg'), own(header, 'enc')]
  if (!isOneOf(keyManagement, algorithm)) return unreadable('alg is not accepted for encryption')
  if (!isOneOf(contentEncryption, encoding)) return unreadable('enc is not accepted')
  if (!isInnerType(own(header, 'cty'), types)) return unreadable('cty does not say that a signed token is inside')
  const kid = own(header, 'kid')
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > 256)) return unreadable('kid is not a short string')

  const size = sizes[encoding]
  if (iv.length !== size.iv || tag.length !== size.tag || ciphertext.length === 0)
    return unreadable('a segment is of the wrong length')
  if (!isWrappedLength(algorithm, wrapped.length, size.key))
    return unreadable('the encrypted key is of the wrong length')
  const shape = algorithm === 'RSA-OAEP-256' ? read<KeyShape>('RSA') : readAgreement(header)
  if (!shape.ok) return shape
  return read({ compact, header, algorithm, encoding, kid, shape: shape.value, wrapped: wrapped.length })
}

/** A key that may open a token, and whose tokens it is for. */
interface Candidate {
  readonly recipient: Recipient
  readonly key: DecryptionKey
}

/** Which keys may be meant; a token that names its issuer or its key is tried with no other (RFC 7516 section 4.1.6). */
export function findCandidates(token: SealedToken, recipients: readonly Recipient[]): readonly Candidate[] {
  const issuer = own(token.header, 'iss')
  return recipients
    .filter((one) => issuer === undefined || issuer === one.issuer)
    .filter(({ algorithms, encodings }) => algorithms.includes(token.algorithm) && encodings.includes(token.encoding))
    .flatMap((recipient) => recipient.keys.map((key) => ({ recipient, key })))
    .filter(({ key }) => isMeant(token, key))
    .slice(0, MAX_ATTEMPTS)
}

const isMeant = ({ kid, shape, wrapped }: SealedToken, key: DecryptionKey): boolean =>
  key.shape === shape &&
  (kid === undefined || key.kid === undefined || kid === key.kid) &&
  (key.modulus === undefined || key.modulus === wrapped)

/**
 * Opens the token with the first key that can. Whatever goes wrong is told in the same words: what differs between a wrong
 * key, a wrong padding and a wrong tag is nobody's business (RFC 7516 section 11.5).
 */
export async function openToken(token: SealedToken, candidates: readonly Candidate[]): Promise<Reading<OpenedToken>> {
  for (const { recipient, key } of candidates) {
    const compact = await decrypt(token, key)
    if (compact !== undefined) return read({ compact, issuer: recipient.issuer })
  }
  return unreadable('it cannot be decrypted')
}

async function decrypt(
  { compact, algorithm, encoding }: SealedToken,
  { key }: DecryptionKey,
): Promise<string | undefined> {
  try {
    const { plaintext } = await compactDecrypt(compact, key, {
      keyManagementAlgorithms: [algorithm],
      contentEncryptionAlgorithms: [encoding],
      // A second lock: a header with zip does not come here.
      maxDecompressedLength: 0,
    })
    // Each byte one character: what is no character of a signed token is refused by its reader.
    return Buffer.from(plaintext).toString('latin1')
  } catch {
    // Also what is no error of jose: a point off its curve, for one, is found by the runtime.
    return undefined
  }
}

/** Claims that stand in the header for whoever routes the token have to be those inside (RFC 7519 section 5.3). */
export const agreesInside = ({ header }: SealedToken, claims: JsonObject): boolean =>
  ['iss', 'sub', 'aud'].every(
    (name) => !Object.hasOwn(header, name) || isDeepStrictEqual(own(header, name), own(claims, name)),
  )

const isOneOf = <T extends string>(list: readonly T[], value: unknown): value is T =>
  (list as readonly unknown[]).includes(value)

/** Media types are compared without case and without `application/`. */
function isInnerType(type: unknown, types: readonly string[]): boolean {
  if (typeof type !== 'string') return false
  const name = type.toLowerCase().replace(/^application\//, '')
  return name === 'jwt' || types.includes(name)
}

/** RFC 7518 sections 4.3, 4.6 and RFC 3394 section 2.2.1: none for direct agreement, eight bytes more than the key when wrapped. */
function isWrappedLength(algorithm: KeyManagement, length: number, key: number): boolean {
  switch (algorithm) {
    case 'RSA-OAEP-256':
      return length >= 256 && length <= 512
    case 'ECDH-ES':
      return length === 0
    case 'ECDH-ES+A128KW':
    case 'ECDH-ES+A256KW':
      return length === key + 8
  }
}

/** The ephemeral key and what is mixed into the agreement (RFC 7518 section 4.6.1). */
function readAgreement(header: JsonObject): Reading<KeyShape> {
  const [epk, ...parties] = ['epk', 'apu', 'apv'].map((name) => own(header, name))
  if (
    !parties.every((one) => one === undefined || (typeof one === 'string' && one.length <= 256 && decodeBase64url(one)))
  )
    return unreadable('apu or apv is not short base64url')
  if (!isObject(epk)) return unreadable('epk is not a JSON object')
  if (Object.hasOwn(epk, 'd')) return unreadable('epk holds a private key')
  const [type, curve, x, y] = ['kty', 'crv', 'x', 'y'].map((name) => own(epk, name))
  if (type === 'EC' && curve === 'P-256' && isCoordinate(x) && isCoordinate(y)) return read('P-256')
  if (type === 'OKP' && curve === 'X25519' && isCoordinate(x)) return read('X25519')
  return unreadable('epk is neither on P-256 nor X25519')
}

const isCoordinate = (value: unknown): boolean =>
  typeof value === 'string' && value.length === 43 && decodeBase64url(value)?.length === 32
