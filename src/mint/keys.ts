import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { writeElement } from '../verify/x509/der-writer.ts'
import { bits, integer, oid, sequence } from './der.ts'

/** Kinds of keys that development certificates have. */
export const keyTypes = ['ec', 'ec-p384', 'ec-p521', 'rsa', 'rsa-pss', 'ed25519'] as const
export type KeyType = (typeof keyTypes)[number]

/** A new private key. */
export function newKey(type: KeyType): KeyObject {
  switch (type) {
    case 'ec':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    case 'ec-p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
    case 'ec-p521':
      return generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    case 'rsa-pss':
      return generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey
  }
}

const NULL = writeElement(0x05)
const SHA256 = '2.16.840.1.101.3.4.2.1'
/** SHA-256, MGF1 with SHA-256, a salt of 32 octets (RFC 4055 section 3.1). */
const PSS = sequence(
  oid('1.2.840.113549.1.1.10'),
  sequence(
    writeElement(0xa0, sequence(oid(SHA256), NULL)),
    writeElement(0xa1, sequence(oid('1.2.840.113549.1.1.8'), sequence(oid(SHA256), NULL))),
    writeElement(0xa2, integer(Buffer.of(32))),
  ),
)

interface Algorithm {
  readonly identifier: Buffer
  readonly digest: 'sha256' | 'sha384' | 'sha512' | null
  readonly padded?: boolean
}

const ec = (id: string, digest: Algorithm['digest']): Algorithm => ({ identifier: sequence(oid(id)), digest })
const curves: Readonly<Record<string, Algorithm>> = {
  prime256v1: ec('1.2.840.10045.4.3.2', 'sha256'),
  secp384r1: ec('1.2.840.10045.4.3.3', 'sha384'),
  secp521r1: ec('1.2.840.10045.4.3.4', 'sha512'),
}
const others: Readonly<Record<string, Algorithm>> = {
  rsa: { identifier: sequence(oid('1.2.840.113549.1.1.11'), NULL), digest: 'sha256' },
  'rsa-pss': { identifier: PSS, digest: 'sha256', padded: true },
  ed25519: { identifier: sequence(oid('1.3.101.112')), digest: null },
}

/** How a key signs; throws for a kind of key that no development certificate has. */
export function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): Algorithm {
  const found = curves[asymmetricKeyDetails?.namedCurve ?? ''] ?? others[asymmetricKeyType ?? '']
  if (!found) throw new Error(`keys of type ${asymmetricKeyType} sign no development certificates`)
  return found
}

/** What is signed, the algorithm and the signature, as certificates, lists and answers hold them. */
export function signed(content: Buffer, key: KeyObject, ...more: readonly Buffer[]): Buffer {
  const { identifier, digest, padded } = algorithmOf(key)
  const options = padded ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : key
  return sequence(content, identifier, bits(sign(digest, content, options)), ...more)
}
