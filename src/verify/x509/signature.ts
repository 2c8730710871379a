import { constants, verify } from 'node:crypto'
import { type Element, oidOf, partsOf, smallNumberOf, tags } from './der.ts'
import type { CertificateKey } from './public-key.ts'

/** How something is signed. Only what this product believes in has one. */
export interface SignatureAlgorithm {
  readonly family: 'rsa' | 'pss' | 'ecdsa' | 'ed25519'
  /** undefined for Ed25519, which hashes by itself. */
  readonly digest: 'sha256' | 'sha384' | 'sha512' | undefined
  readonly saltLength?: number
}

/**
 * SHA-2 with RSA, RSA-PSS and ECDSA, and Ed25519 (RFC 4055, RFC 5758, RFC 8410); undefined for anything else, as
 * SHA-1 and MD5. PSS has to use one digest for everything and a salt as long as it.
 */
export function signatureAlgorithmOf(identifier: Element): SignatureAlgorithm | undefined {
  const parts = partsOf(identifier, 'an algorithm')
  const oid = oidOf(parts.any('an algorithm'))
  const parameters = parts.more() ? parts.any('the parameters') : undefined
  parts.end()
  if (oid === '1.2.840.113549.1.1.10') return pssOf(parameters)
  const known = algorithms.get(oid)
  if (!known) return undefined
  return (known.family === 'rsa' ? parameters?.tag === tags.null : parameters === undefined) ? known : undefined
}

const algorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['1.2.840.113549.1.1.11', { family: 'rsa', digest: 'sha256' }],
  ['1.2.840.113549.1.1.12', { family: 'rsa', digest: 'sha384' }],
  ['1.2.840.113549.1.1.13', { family: 'rsa', digest: 'sha512' }],
  ['1.2.840.10045.4.3.2', { family: 'ecdsa', digest: 'sha256' }],
  ['1.2.840.10045.4.3.3', { family: 'ecdsa', digest: 'sha384' }],
  ['1.2.840.10045.4.3.4', { family: 'ecdsa', digest: 'sha512' }],
  ['1.3.101.112', { family: 'ed25519', digest: undefined }],
])

/** RSASSA-PSS-params (RFC 4055 section 3.1). Absent members mean SHA-1, so all but the trailer have to be there. */
function pssOf(parameters: Element | undefined): SignatureAlgorithm | undefined {
  if (parameters?.tag !== tags.sequence) return undefined
  const parts = partsOf(parameters, 'the parameters')
  const [hash] = parts.optional(0xa0)?.children ?? []
  const [mask] = parts.optional(0xa1)?.children ?? []
  const [salt] = parts.optional(0xa2)?.children ?? []
  const [trailer] = parts.optional(0xa3)?.children ?? []
  parts.end()
  if (!hash || !mask || !salt || (trailer && smallNumberOf(trailer) !== 1)) return undefined
  const generator = partsOf(mask, 'the mask generator')
  if (oidOf(generator.any('the mask generator')) !== '1.2.840.113549.1.1.8') return undefined
  const digest = digestOf(hash)
  const agrees = digestOf(generator.any('the digest of the mask')) === digest
  const saltLength = smallNumberOf(salt)
  if (!digest || !agrees || saltLength !== LENGTHS[digest]) return undefined
  return { family: 'pss', digest, saltLength }
}

function digestOf(identifier: Element): SignatureAlgorithm['digest'] {
  const parts = partsOf(identifier, 'a digest')
  const oid = oidOf(parts.any('a digest'))
  parts.optional(tags.null)
  parts.end()
  return digests[oid]
}

const digests: Readonly<Record<string, 'sha256' | 'sha384' | 'sha512'>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}
const LENGTHS = { sha256: 32, sha384: 48, sha512: 64 } as const

/** What a key signed: a certificate, a revocation list, a response. */
export interface Signed {
  /** The bytes under the signature. */
  readonly signed: Buffer
  readonly signature: Buffer
  readonly algorithm: SignatureAlgorithm | undefined
}

/** Whether the key made the signature. Weak keys and algorithms made none. */
export function isSignedWith(document: Signed, key: CertificateKey): boolean {
  const check = checkOf(document, key)
  try {
    return check !== undefined && verify(...check)
  } catch {
    return false
  }
}

/** The same for large documents: other work goes on meanwhile. The bytes must stay as they are. */
export function isSignedWithLater(document: Signed, key: CertificateKey): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const check = checkOf(document, key)
  try {
    if (check) verify(...check, (error, made) => resolve(error === null && made))
    else resolve(false)
  } catch {
    resolve(false)
  }
  return promise
}

function checkOf({ signed, signature, algorithm }: Signed, { object, kind, weakness }: CertificateKey) {
  if (!algorithm || !object || weakness !== undefined || !SIGNERS[algorithm.family].includes(kind)) return undefined
  const padding = {
    rsa: { padding: constants.RSA_PKCS1_PADDING },
    pss: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: algorithm.saltLength ?? 32 },
    ecdsa: { dsaEncoding: 'der' as const },
    ed25519: {},
  }[algorithm.family]
  return [algorithm.digest ?? null, signed, { key: object, ...padding }, signature] as const
}

const SIGNERS: Readonly<Record<SignatureAlgorithm['family'], readonly CertificateKey['kind'][]>> = {
  rsa: ['rsa'],
  pss: ['rsa', 'rsa-pss'],
  ecdsa: ['ec'],
  ed25519: ['ed25519'],
}
