import { createPublicKey, hash, type KeyObject } from 'node:crypto'
import { decodeBase64url } from './base64url.ts'
import { type Reading, read, unreadable } from './reading.ts'
import { isObject, type JsonObject, own } from './strict-json.ts'

/** A public key that may verify signatures. */
export interface VerificationKey {
  readonly key: KeyObject
  readonly type: 'EC' | 'RSA' | 'OKP'
  readonly kid: string | undefined
  /** The `alg` member, when the JWK has one. */
  readonly alg: string | undefined
  /** RFC 7638 SHA-256 thumbprint, base64url. */
  readonly thumbprint: string
}

/** A JWK whose shape has been checked, reduced to its public members; nothing has been imported yet. */
export interface AdmittedJwk extends Omit<VerificationKey, 'key'> {
  readonly members: Readonly<Record<string, string>>
  /** Private members were published with it and dropped (JWK-08). Always false for a proof key: those are refused. */
  readonly hasPrivate: boolean
}

/**
 * Decides from its shape alone whether a JWK may be imported, because importing and using a crafted key can cost a
 * hundred times a normal check: EC P-256, Ed25519, or RSA of 2048 to 4096 bits with exponent 65537.
 * `proof`: the key inside a DPoP proof (RFC 9449 section 4.2); `set`: a key of a JWK Set (RFC 7517 section 5).
 */
export function admitJwk(jwk: unknown, use: 'proof' | 'set'): Reading<AdmittedJwk> {
  if (!isObject(jwk)) return unreadable('the key is not a JSON object')
  const hasPrivate = hasPrivateMember(jwk)
  if (hasPrivate && use === 'proof') return unreadable('the key holds private members')
  const purpose = readPurpose(jwk)
  if (!purpose.ok) return purpose
  const shape = readShape(jwk)
  if (!shape.ok) return shape
  const { type, members } = shape.value
  const { kid, alg } = purpose.value
  return read({ type, members, kid, alg, hasPrivate, thumbprint: thumbprint(members) })
}

/** Whether a JWK holds what only its owner may know (RFC 7518 section 6). */
export const hasPrivateMember = (jwk: unknown): boolean =>
  isObject(jwk) && privateMembers.some((name) => Object.hasOwn(jwk, name))

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

/** `use`, `key_ops`, `alg` and `kid` have to agree with verifying signatures when they are present (DPOP-12, JWK-06). */
function readPurpose(jwk: JsonObject): Reading<{ readonly kid: string | undefined; readonly alg: string | undefined }> {
  const [use, operations, alg, kid] = [own(jwk, 'use'), own(jwk, 'key_ops'), own(jwk, 'alg'), own(jwk, 'kid')]
  if (use !== undefined && use !== 'sig') return unreadable('use is not sig')
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return unreadable('key_ops does not include verify')
  if (alg !== undefined && typeof alg !== 'string') return unreadable('alg is not a string')
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > 256)) return unreadable('kid is not a short string')
  return read({ kid, alg })
}

type Shape = Pick<AdmittedJwk, 'type' | 'members'>

function readShape(jwk: JsonObject): Reading<Shape> {
  switch (own(jwk, 'kty')) {
    case 'EC':
      return readEc(jwk)
    case 'OKP':
      return readOkp(jwk)
    case 'RSA':
      return readRsa(jwk)
    default:
      return unreadable('kty is not EC, OKP or RSA')
  }
}

function readEc(jwk: JsonObject): Reading<Shape> {
  const [x, y] = [own(jwk, 'x'), own(jwk, 'y')]
  if (own(jwk, 'crv') !== 'P-256') return unreadable('crv is not P-256')
  if (!isCoordinate(x) || !isCoordinate(y)) return unreadable('a coordinate is not 32 bytes')
  return read({ type: 'EC', members: { crv: 'P-256', kty: 'EC', x, y } })
}

function readOkp(jwk: JsonObject): Reading<Shape> {
  const x = own(jwk, 'x')
  if (own(jwk, 'crv') !== 'Ed25519') return unreadable('crv is not Ed25519')
  if (!isCoordinate(x)) return unreadable('the public key is not 32 bytes')
  return read({ type: 'OKP', members: { crv: 'Ed25519', kty: 'OKP', x } })
}

function readRsa(jwk: JsonObject): Reading<Shape> {
  const [n, e] = [own(jwk, 'n'), own(jwk, 'e')]
  // 65537 and no other: the cost of a verification grows with the exponent, and the sender chooses it.
  if (e !== 'AQAB') return unreadable('the RSA exponent is not 65537')
  if (typeof n !== 'string' || n.length > 683) return unreadable('the RSA modulus is larger than 4096 bits')
  const modulus = decodeBase64url(n)
  if (!modulus || modulus[0] === 0) return unreadable('the RSA modulus is not canonical base64url')
  const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24
  if (bits < 2048 || bits > 4096) return unreadable('the RSA modulus is not of 2048 to 4096 bits')
  if (((modulus.at(-1) ?? 0) & 1) === 0) return unreadable('the RSA modulus is even')
  return read({ type: 'RSA', members: { e, kty: 'RSA', n } })
}

const isCoordinate = (value: unknown): value is string =>
  typeof value === 'string' && value.length === 43 && decodeBase64url(value)?.length === 32

/** RFC 7638 section 3: the required members in lexicographic order, no white space. All values are plain base64url. */
const thumbprint = (members: Readonly<Record<string, string>>): string =>
  hash('sha256', JSON.stringify(members), 'base64url')

/** Imports an admitted JWK. A point that is not on its curve is unreadable. */
export function importJwk({ members, type, kid, alg, thumbprint }: AdmittedJwk): Reading<VerificationKey> {
  try {
    return read({ key: createPublicKey({ key: { ...members }, format: 'jwk' }), type, kid, alg, thumbprint })
  } catch {
    return unreadable('the key cannot be imported')
  }
}
