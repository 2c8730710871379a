import { createPublicKey, sign } from 'node:crypto'
import type { CertificateNames } from './cases-schema.ts'
import { type BuiltInKey, sha256 } from './keys.ts'

/** A certificate that a built-in client shows. */
export interface BuiltInCertificate {
  readonly der: Buffer
  readonly pem: string
  /** base64url SHA-256: `x5t#S256`. */
  readonly thumbprint: string
  /** What Envoy calls whoever shows it: its first URI name, else its first DNS name, else its subject. */
  readonly principal: string
}

/**
 * A certificate that an Ed25519 key signed for itself (RFC 5280, RFC 8410). The same names and key make the same bytes.
 * `now`: seconds since the epoch, in the middle of the two days it is valid.
 */
export function buildCertificate(
  { name, uris, dns }: CertificateNames & { readonly name: string },
  { privateKey }: BuiltInKey,
  now: number,
): BuiltInCertificate {
  const subject = sequence(set(sequence(COMMON_NAME, der(0x0c, Buffer.from(name)))))
  const alternative = [
    ...uris.map((uri) => der(0x86, Buffer.from(uri))),
    ...dns.map((one) => der(0x82, Buffer.from(one))),
  ]
  const extensions = [
    sequence(EXTENDED_KEY_USAGE, octets(sequence(CLIENT_AUTHENTICATION))),
    ...(alternative.length > 0 ? [sequence(SUBJECT_ALTERNATIVE_NAME, octets(sequence(...alternative)))] : []),
  ]
  const content = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.of(1)),
    ED25519,
    subject,
    sequence(time(now - DAY), time(now + DAY)),
    subject,
    createPublicKey(privateKey).export({ format: 'der', type: 'spki' }),
    der(0xa3, sequence(...extensions)),
  )
  const whole = sequence(content, ED25519, der(0x03, Buffer.of(0), sign(null, content, privateKey)))
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? []
  return {
    der: whole,
    pem: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    thumbprint: sha256(whole),
    principal: uris[0] ?? dns[0] ?? `CN=${name}`,
  }
}

const DAY = 86_400

/** Tag, length in its shortest form, content (X.690 section 10.1). */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  if (content.length < 0x80) return Buffer.concat([Buffer.of(tag, content.length), content])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  const digits = length.subarray(length.findIndex((byte) => byte !== 0))
  return Buffer.concat([Buffer.of(tag, 0x80 + digits.length), digits, content])
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts)
const set = (...parts: readonly Buffer[]): Buffer => der(0x31, ...parts)
const octets = (content: Buffer): Buffer => der(0x04, content)
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))

/** GeneralizedTime, which any year fits. */
const time = (seconds: number): Buffer =>
  der(0x18, Buffer.from(`${new Date(seconds * 1000).toISOString().replaceAll(/[-:T]|\.[0-9]+/g, '')}`))

const COMMON_NAME = oid('550403')
const ED25519 = sequence(oid('2b6570'))
const SUBJECT_ALTERNATIVE_NAME = oid('551d11')
const EXTENDED_KEY_USAGE = oid('551d25')
const CLIENT_AUTHENTICATION = oid('2b06010505070302')
