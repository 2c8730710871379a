import { hash } from 'node:crypto'
import type { Reading } from '../reading.ts'
import { attempt, booleanOf, type Element, listOf, malformed, oidOf, parseDer, partsOf, tags } from './der.ts'
import { type Name, nameOf } from './name.ts'
import { type CertificateKey, publicKeyOf } from './public-key.ts'
import { type Signed, signatureAlgorithmOf } from './signature.ts'
import { timeOf } from './time.ts'

/** An extension as it stands in the certificate; what its value means is not read yet. */
export interface Extension {
  readonly oid: string
  readonly critical: boolean
  readonly value: Buffer
}

/** A certificate of version 3 (RFC 5280 section 4.1). That it is valid or trusted is not said. */
export interface X509 extends Signed {
  readonly der: Buffer
  /** base64url SHA-256 of the DER encoding. */
  readonly thumbprint: string
  /** Lower-case hex of a positive number of at most 20 octets. */
  readonly serial: string
  readonly issuer: Name
  readonly subject: Name
  /** Seconds since 1970, both inclusive. */
  readonly notBefore: number
  readonly notAfter: number
  readonly key: CertificateKey
  /** The octets of the key alone, as OCSP hashes them. */
  readonly subjectPublicKey: Buffer
  readonly extensions: readonly Extension[]
}

/** Bytes of DER; far above any real certificate. */
const MAX_BYTES = 16_384
const MAX_EXTENSIONS = 64

/** Reads the DER encoding strictly: nothing behind it, no extension twice, both algorithms the same. Never throws. */
export const readX509 = (der: Uint8Array): Reading<X509> => attempt(() => x509Of(der))

function x509Of(bytes: Uint8Array): X509 {
  if (bytes.length > MAX_BYTES) malformed('the certificate is too long')
  // A copy: what was read has to stay as it was, whatever becomes of the buffer it came in.
  const der = Buffer.from(bytes)
  const outer = partsOf(parseDer(der), 'the certificate')
  const signed = outer.take(tags.sequence, 'what is signed')
  const algorithm = outer.take(tags.sequence, 'the signature algorithm')
  const signature = octetsOf(outer.take(tags.bitString, 'the signature'))
  outer.end()
  const parts = partsOf(signed, 'what is signed')
  const version = parts.optional(0xa0)
  if (!version?.whole.equals(VERSION_3)) malformed('the certificate is not of version 3')
  const serial = serialOf(parts.take(tags.integer, 'the serial number'))
  const inner = parts.take(tags.sequence, 'the signature algorithm')
  if (!inner.whole.equals(algorithm.whole)) malformed('two signature algorithms are named')
  const issuer = nameOf(parts.any('the issuer'), 'the issuer')
  if (issuer.attributes.length === 0) malformed('the issuer is empty')
  const validity = partsOf(parts.any('the validity'), 'the validity')
  const [notBefore, notAfter] = [timeOf(validity.any('notBefore')), timeOf(validity.any('notAfter'))]
  validity.end()
  const subject = nameOf(parts.any('the subject'), 'the subject')
  const info = parts.take(tags.sequence, 'the public key')
  const infoParts = partsOf(info, 'the public key')
  infoParts.take(tags.sequence, 'the type of the public key')
  const subjectPublicKey = octetsOf(infoParts.take(tags.bitString, 'the public key'))
  infoParts.end()
  parts.optional(0x81)
  parts.optional(0x82)
  const extensions = extensionsOf(parts.optional(0xa3))
  parts.end()
  const key = publicKeyOf(der, info.whole)
  if (!key) return malformed('the certificate cannot be parsed')
  return Object.freeze({
    der,
    thumbprint: hash('sha256', der, 'base64url'),
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    key,
    subjectPublicKey,
    extensions,
    signed: signed.whole,
    signature,
    algorithm: signatureAlgorithmOf(algorithm),
  })
}

/** `[0] EXPLICIT INTEGER 2`. */
const VERSION_3 = Buffer.of(0xa0, 3, 2, 1, 2)

export function octetsOf({ content }: Element): Buffer {
  if (content[0] !== 0) malformed('a bit string is not of whole octets')
  return content.subarray(1)
}

/** RFC 5280 section 4.1.2.2. */
function serialOf({ content }: Element): string {
  if (content.length > 20 || content.readInt8(0) < 0) malformed('the serial number is negative or too long')
  const hex = content.toString('hex')
  return hex === '00' ? malformed('the serial number is zero') : hex
}

export function extensionsOf(element: Element | undefined): readonly Extension[] {
  if (!element) return []
  const [list, ...rest] = element.children
  if (rest.length > 0) malformed('the extensions are wrong')
  const extensions = listOf(list, 'the extensions', MAX_EXTENSIONS).map(extensionOf)
  if (new Set(extensions.map(({ oid }) => oid)).size < extensions.length) malformed('an extension is there twice')
  return Object.freeze(extensions)
}

function extensionOf(element: Element): Extension {
  const parts = partsOf(element, 'an extension')
  const oid = oidOf(parts.any('an extension'))
  const critical = parts.optional(tags.boolean)
  const { content } = parts.take(tags.octetString, 'the value of an extension')
  parts.end()
  return Object.freeze({ oid, critical: critical !== undefined && booleanOf(critical), value: content })
}
