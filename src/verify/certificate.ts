import { hash } from 'node:crypto'
import { type Reading, read, unreadable } from './reading.ts'

/** The end-entity certificate a client presented. That it is valid or trusted is not said. */
export interface ClientCertificate {
  readonly der: Buffer
  /** base64url SHA-256 of the DER encoding: `x5t#S256` of RFC 8705 section 3.1. */
  readonly thumbprint: string
}

/** Bytes of a percent-encoded PEM; far above any real certificate. */
const MAX_LENGTH = 16_384

/** Reads the percent-encoded PEM Envoy sends: exactly one certificate, strict base64, one whole DER SEQUENCE. */
export function readCertificate(encoded: string): Reading<ClientCertificate> {
  if (encoded.length > MAX_LENGTH) return unreadable('the certificate is too long')
  let pem: string
  try {
    pem = decodeURIComponent(encoded)
  } catch {
    return unreadable('the certificate is not percent-encoded text')
  }
  const block = PEM.exec(pem)
  if (!block?.[1]) return unreadable('it is not exactly one PEM certificate')
  const base64 = block[1].replaceAll(/[\r\n]/g, '')
  const der = Buffer.from(base64, 'base64')
  if (der.toString('base64') !== base64) return unreadable('the PEM is not canonical base64')
  if (!isWholeSequence(der)) return unreadable('the DER is not one whole SEQUENCE')
  return read({ der, thumbprint: hash('sha256', der, 'base64url') })
}

const PEM = /^-----BEGIN CERTIFICATE-----\r?\n((?:[A-Za-z0-9+/=]+\r?\n)+)-----END CERTIFICATE-----(?:\r?\n)?$/

/**
 * Tag, and length in its shortest form, agree with the number of bytes, so nothing stands behind the certificate
 * (X.690 section 10.1). What fits into `MAX_LENGTH` needs two length octets at the most.
 */
function isWholeSequence(der: Buffer): boolean {
  if (der.length < 4 || der[0] !== 0x30) return false
  const [, first = 0] = der
  if (first < 0x80) return der.length === 2 + first
  if (first === 0x81) return der.length === 3 + der.readUInt8(2) && der.readUInt8(2) >= 0x80
  return first === 0x82 && der.length === 4 + der.readUInt16BE(2) && der.readUInt16BE(2) >= 0x100
}
