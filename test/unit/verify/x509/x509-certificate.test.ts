import { describe, expect, test } from 'vitest'
import { isSignedWith } from '../../../../src/verify/x509/signature.ts'
import { readX509 } from '../../../../src/verify/x509/x509-certificate.ts'
import { certificateOf } from '../../../support/certificates.ts'

const der = certificateOf({ dns: ['a.example'] })
const read = (bytes: Buffer) => {
  const reading = readX509(bytes)
  if (!reading.ok) throw new Error(reading.problem)
  return reading.value
}
/** The one place these bytes stand, with others of the same length instead. */
const replaced = (from: string, to: string): Buffer => {
  const [before = '', after, ...rest] = der.toString('hex').split(from)
  if (after === undefined || rest.length > 0 || from.length !== to.length) throw new Error('not there once')
  return Buffer.from(before + to + after, 'hex')
}

describe('X5-13 a certificate', () => {
  test('is read', () => {
    const certificate = read(der)
    expect(certificate).toMatchObject({
      serial: '01',
      notBefore: Date.UTC(2026, 0) / 1000,
      notAfter: Date.UTC(2036, 0) / 1000,
      key: { kind: 'rsa', weakness: undefined },
      algorithm: { family: 'rsa', digest: 'sha256' },
    })
    expect(certificate.subject.attributes).toMatchObject([{ type: '2.5.4.3', text: 'client' }])
    expect(certificate.extensions).toMatchObject([{ oid: '2.5.29.17', critical: false }])
    expect(isSignedWith(certificate, certificate.key)).toBe(true)
  })
  test('X5-01 with one bit of its signature less is signed by nobody', () => {
    const other = Buffer.from(der)
    other.writeUInt8(other.readUInt8(other.length - 1) ^ 1, other.length - 1)
    const certificate = read(other)
    expect(isSignedWith(certificate, certificate.key)).toBe(false)
  })
  test.each([
    ['version 2', replaced('a003020102', 'a003020101')],
    ['a serial number of zero', replaced('a003020102020101', 'a003020102020100')],
    ['a negative serial number', replaced('a003020102020101', 'a003020102020181')],
    ['trailing garbage', Buffer.concat([der, Buffer.of(0)])],
    ['its last byte missing', der.subarray(0, -1)],
    ['more than 16 kB', certificateOf({ dns: Array.from({ length: 1400 }, (_, index) => `a${index}.example`) })],
    ['another algorithm outside than inside', withOtherAlgorithm()],
    ['an empty issuer', certificateOf({ subject: [], dns: ['a.example'] })],
    ['nothing', Buffer.alloc(0)],
    ['a long serial number', certificateWithSerial(21)],
  ])('with %s is none', (_, bytes) => expect(readX509(bytes).ok).toBe(false))
})

/** SHA-384 with RSA is what stands beside the signature, where SHA-256 is signed for. */
function withOtherAlgorithm(): Buffer {
  const other = Buffer.from(der)
  const at = other.lastIndexOf(Buffer.from('2a864886f70d01010b', 'hex'))
  other.writeUInt8(0x0c, at + 8)
  return other
}

/** The certificate with a serial number of so many octets, lengths adjusted. */
function certificateWithSerial(octets: number): Buffer {
  const signed = der.subarray(8, 8 + der.readUInt16BE(6))
  const rest = der.subarray(8 + signed.length)
  const serial = Buffer.concat([Buffer.of(2, octets), Buffer.alloc(octets, 1)])
  return sequence(sequence(signed.subarray(0, 5), serial, signed.subarray(8)), rest)
}

function sequence(...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(body.length)
  return Buffer.concat([Buffer.of(0x30, 0x82), length, body])
}

test('X5-13 a serial number of 20 octets is the longest', () =>
  expect(read(certificateWithSerial(20)).serial).toBe('01'.repeat(20)))
