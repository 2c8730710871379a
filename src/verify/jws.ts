import { constants, type KeyObject, verify } from 'node:crypto'
import { decodeBase64url } from './base64url.ts'
import type { VerificationKey } from './jwk.ts'
import { type Reading, read, unreadable } from './reading.ts'
import { isObject, type JsonObject, own, readJsonObject } from './strict-json.ts'

/** A signed JWT in compact form, read strictly. Its signature has not been verified. */
export interface Jws {
  readonly header: JsonObject
  readonly payload: JsonObject
  /** The `alg` header parameter as sent. */
  readonly algorithm: string
  readonly signingInput: string
  readonly signature: Buffer
}

/**
 * Reads a compact JWS whose payload is a JSON object (RFC 7515 section 7.1, RFC 7519 section 7.2). Exactly three
 * non-empty segments in canonical base64url; no `crit` and no `b64`, because no extension is understood here.
 */
export function readJws(compact: string, maxBytes: number): Reading<Jws> {
  if (compact.length > maxBytes) return unreadable('it is too long')
  const [protectedHeader, body, mac, ...rest] = compact.split('.', 4)
  if (!protectedHeader || !body || !mac || rest.length > 0) return unreadable('it does not have three segments')

  const header = readSegment(protectedHeader)
  if (!header.ok) return unreadable(`header: ${header.problem}`)
  const payload = readSegment(body)
  if (!payload.ok) return unreadable(`payload: ${payload.problem}`)
  const signature = decodeBase64url(mac)
  if (!signature) return unreadable('signature: it is not canonical base64url')

  if (Object.hasOwn(header.value, 'crit')) return unreadable('crit names extensions, and none is understood')
  if (Object.hasOwn(header.value, 'b64')) return unreadable('b64 is not allowed in a JWT')
  const algorithm = own(header.value, 'alg')
  if (typeof algorithm !== 'string') return unreadable('alg is not a string')

  const signingInput = compact.slice(0, protectedHeader.length + 1 + body.length)
  return read({ header: header.value, payload: payload.value, algorithm, signingInput, signature })
}

/**
 * Whether a token claims to be a JWT: three segments, the first of which is a JSON object for some reader, however lenient.
 * Such a token is judged as a JWT and as nothing else (INT-12).
 */
export function hasJwtForm(token: string): boolean {
  const segments = token.split('.', 4)
  if (segments.length !== 3) return false
  try {
    return isObject(JSON.parse(Buffer.from(segments[0] ?? '', 'base64url').toString()))
  } catch {
    return false
  }
}

function readSegment(segment: string): Reading<JsonObject> {
  const bytes = decodeBase64url(segment)
  return bytes ? readJsonObject(bytes) : unreadable('it is not canonical base64url')
}

/** Whether a key may verify this algorithm: type and curve, and `alg` when the key names one (JWT-05, JWT-28, JWK-09). */
export function fits(algorithm: string, key: Pick<VerificationKey, 'type' | 'alg'>): boolean {
  if (key.alg !== undefined && family(key.alg) !== family(algorithm)) return false
  switch (algorithm) {
    case 'ES256':
      return key.type === 'EC'
    case 'PS256':
    case 'RS256':
      return key.type === 'RSA'
    case 'EdDSA':
    case 'Ed25519':
      return key.type === 'OKP'
    default:
      return false
  }
}

/** Ed25519 is the full name of what EdDSA means here, so whoever accepts EdDSA accepts both names (JWT-28). */
export const spellAlgorithms = (accepted: readonly string[]): readonly string[] =>
  accepted.includes('EdDSA') && !accepted.includes('Ed25519') ? [...accepted, 'Ed25519'] : accepted

/** RFC 9864 gave EdDSA with Ed25519 a name of its own; both mean the same here, where no other curve is admitted. */
const family = (algorithm: string): string => (algorithm === 'Ed25519' ? 'EdDSA' : algorithm)

/** Verifies the signature with exactly the parameters RFC 7518 section 3 and RFC 8037 fix for the algorithm. */
export function verifySignature(jws: Jws, key: VerificationKey): boolean {
  if (!fits(jws.algorithm, key)) return false
  const input = Buffer.from(jws.signingInput, 'ascii')
  switch (jws.algorithm) {
    case 'ES256':
      // 64 bytes r‖s and nothing else: a DER signature would be a second spelling (RFC 7518 section 3.4).
      if (jws.signature.length !== 64) return false
      return verify('sha256', input, key.key, derOf(jws.signature))
    case 'PS256':
      // OpenSSL takes it also without the zero bytes it may begin with: a second spelling (RFC 8017 section 8.1.2).
      if (jws.signature.length !== modulusBytes(key.key)) return false
      return verify(
        'sha256',
        input,
        { key: key.key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
        jws.signature,
      )
    case 'RS256':
      return verify('sha256', input, { key: key.key, padding: constants.RSA_PKCS1_PADDING }, jws.signature)
    case 'EdDSA':
    case 'Ed25519':
      return jws.signature.length === 64 && verify(null, input, key.key, jws.signature)
    default:
      return false
  }
}

/** The length of every signature by an RSA key. */
const modulusBytes = (key: KeyObject): number => Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8)

/**
 * r‖s as the DER SEQUENCE of two INTEGERs that OpenSSL reads (RFC 3279 section 2.2.3). Node would do it too, when told in
 * an options object, but that makes a verification half as dear again.
 */
function derOf(signature: Buffer): Buffer {
  const [r, s] = [derInteger(signature.subarray(0, 32)), derInteger(signature.subarray(32))]
  return Buffer.concat([Buffer.of(0x30, r.length + s.length), r, s])
}

/** In its shortest form, and with a zero byte in front where the first bit would make it negative (X.690 section 8.3). */
function derInteger(bytes: Buffer): Buffer {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1
  const digits = bytes.subarray(start)
  const sign = (digits[0] ?? 0) < 0x80 ? [] : [0]
  return Buffer.concat([Buffer.of(0x02, sign.length + digits.length, ...sign), digits])
}
