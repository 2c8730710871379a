import { hash } from 'node:crypto'
import type { PresentedCertificate } from '../attributes.ts'
import { judgePeer } from './peer-name.ts'
import { type Reading, read, unreadable } from './reading.ts'

/** The end-entity certificate a client presented. That it is valid or trusted is not said. */
export interface ClientCertificate {
  readonly der: Buffer
  /** base64url SHA-256 of the DER encoding: `x5t#S256` of RFC 8705 section 3.1. */
  readonly thumbprint: string
}

/** Bytes of a percent-encoded PEM; far above any real certificate. */
const MAX_LENGTH = 16_384

/** What a source says, as it was read. It never changes, so each request reads it once, whoever asks. */
const readings = new WeakMap<PresentedCertificate, Reading<PresentedLeaf>>()

/** A certificate a client presented; without its DER encoding where a proxy told its hash alone. */
export type PresentedLeaf = Pick<ClientCertificate, 'thumbprint'> & Partial<Pick<ClientCertificate, 'der'>>

/**
 * What the one configured source says about the client's certificate → its thumbprint. Whatever else the source said
 * about it has to agree with the certificate itself, whose names must not be able to write a header of their own.
 */
export function readPresented(presented: PresentedCertificate): Reading<PresentedLeaf> {
  const known = readings.get(presented)
  if (known) return known
  const reading = judgePresented(presented)
  readings.set(presented, reading)
  return reading
}

function judgePresented(presented: PresentedCertificate): Reading<PresentedLeaf> {
  if (presented.kind === 'unusable') return unreadable(presented.problem)
  if (presented.kind === 'der') return judgeDer(presented.bytes)
  if (presented.kind === 'thumbprint')
    return HEX_SHA256.test(presented.hex)
      ? read({ thumbprint: Buffer.from(presented.hex, 'hex').toString('base64url') })
      : unreadable('the hash is not the hex of a SHA-256 digest')
  const certificate = readCertificate(presented.text)
  const { forwarded } = presented
  if (!certificate.ok || forwarded === undefined) return certificate
  if (hash('sha256', certificate.value.der, 'hex') !== forwarded.hash.toLowerCase())
    return unreadable('the hash beside the certificate is of another one')
  const problem = judgePeer(certificate.value.der, forwarded.principal)
  return problem === undefined ? certificate : unreadable(problem)
}

function judgeDer(bytes: Uint8Array): Reading<PresentedLeaf> {
  if (!isWholeSequence(bytes)) return unreadable(NOT_DER)
  return read({ der: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), ...thumbprintOf(bytes) })
}

const HEX_SHA256 = /^[0-9A-Fa-f]{64}$/
const NOT_DER = 'the DER is not one whole SEQUENCE'

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
  if (!isWholeSequence(der)) return unreadable(NOT_DER)
  return read({ der, ...thumbprintOf(der) })
}

const thumbprintOf = (der: Uint8Array) => ({ thumbprint: hash('sha256', der, 'base64url') })

const PEM = /^-----BEGIN CERTIFICATE-----\r?\n((?:[A-Za-z0-9+/=]+\r?\n)+)-----END CERTIFICATE-----(?:\r?\n)?$/

/**
 * Tag, and length in its shortest form, agree with the number of bytes, so nothing stands behind the certificate
 * (X.690 section 10.1). What fits into `MAX_LENGTH` needs two length octets at the most.
 */
export function isWholeSequence(bytes: Uint8Array): boolean {
  const der = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (der.length < 4 || der[0] !== 0x30) return false
  const [, first = 0] = der
  if (first < 0x80) return der.length === 2 + first
  if (first === 0x81) return der.length === 3 + der.readUInt8(2) && der.readUInt8(2) >= 0x80
  return first === 0x82 && der.length === 4 + der.readUInt16BE(2) && der.readUInt16BE(2) >= 0x100
}
