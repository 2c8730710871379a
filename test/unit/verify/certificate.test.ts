import { X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { readCertificate } from '../../../src/verify/certificate.ts'
import { certificate, certificateDer, certificateThumbprint, pemOf, pemThumbprint } from '../../support/possession.ts'

const unreadable = (text: string): boolean => !readCertificate(text).ok
const pem = pemOf(certificateDer)
/** A DER SEQUENCE around so many bytes. */
const sequence = (length: number, header: readonly number[]): Buffer =>
  Buffer.concat([Buffer.of(0x30, ...header), Buffer.alloc(length, 5)])

describe('RFC 8705 section 3.1', () => {
  test('V-05, MTLS-03 the thumbprint is over the DER bytes', () => {
    const reading = readCertificate(certificate)
    expect(reading).toEqual({ ok: true, value: { der: certificateDer, thumbprint: certificateThumbprint } })
    const runtime = new X509Certificate(certificateDer).fingerprint256.replaceAll(':', '').toLowerCase()
    expect(Buffer.from(certificateThumbprint, 'base64url').toString('hex')).toBe(runtime)
    expect(certificateThumbprint).not.toBe(pemThumbprint)
  })
  test('as Envoy spells it, and with other line ends', () => {
    const envoy = encodeURIComponent(pem).replaceAll('%0A', '%0a')
    for (const text of [
      envoy,
      encodeURIComponent(pem.replaceAll('\n', '\r\n')),
      encodeURIComponent(pem.trimEnd()),
      pem,
    ])
      expect(readCertificate(text)).toMatchObject({ value: { thumbprint: certificateThumbprint } })
  })
})

describe('exactly one whole certificate', () => {
  test.each([
    ['nothing', ''],
    ['no PEM', certificateDer.toString('base64')],
    ['a broken triplet', '%'],
    ['a triplet that is not UTF-8', '%FF'],
    ['two blocks', encodeURIComponent(pem + pem)],
    ['text before it', encodeURIComponent(`subject=x\n${pem}`)],
    ['text behind it', encodeURIComponent(`${pem}x`)],
    ['another label', encodeURIComponent(pem.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE'))],
    ['a key', encodeURIComponent(pem.replaceAll('CERTIFICATE', 'PUBLIC KEY'))],
    ['no end', encodeURIComponent(pem.split('-----END')[0] ?? '')],
    ['a header', encodeURIComponent(pem.replace('-----\n', '-----\nProc-Type: 4\n\n'))],
    ['a blank for a plus sign', pem.replaceAll('+', ' ')],
    ['no body', encodeURIComponent('-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n')],
    ['base64url', encodeURIComponent(pem.replaceAll('+', '-').replaceAll('/', '_'))],
    ['padding in the middle', encodeURIComponent(pem.replace('\n', '\nAA==\n'))],
    ['no padding', encodeURIComponent(pem.replace('=\n', '\n'))],
    ['unused bits that are not zero', encodeURIComponent(pem.replace('SY=', 'SZ='))],
    ['double encoding', encodeURIComponent(certificate)],
  ])('%s is refused', (_name, text) => expect(unreadable(text)).toBe(true))

  test('a length of one, two and three octets', () => {
    const whole = [sequence(5, [5]), sequence(200, [0x81, 200]), sequence(300, [0x82, 1, 44])]
    for (const der of whole) expect(unreadable(encodeURIComponent(pemOf(der)))).toBe(false)
  })
  test.each([
    ['a byte too many', Buffer.concat([certificateDer, Buffer.of(0)])],
    ['a byte too few', certificateDer.subarray(0, -1)],
    ['another tag', Buffer.concat([Buffer.of(0x31), certificateDer.subarray(1)])],
    ['an indefinite length', sequence(5, [0x80])],
    ['a length that could be shorter', sequence(5, [0x81, 5])],
    ['a two-octet length that could be shorter', sequence(200, [0x82, 0, 200])],
    ['a length of more octets', sequence(300, [0x83, 0, 1, 44])],
    ['a length that is cut off', Buffer.of(0x30, 0x82, 1)],
    ['a few bytes', Buffer.of(0x30, 0)],
  ])('%s is refused', (_name, der) => expect(unreadable(encodeURIComponent(pemOf(der)))).toBe(true))

  test('the size is bounded before anything is decoded', () => {
    const large = sequence(12_500, [0x82, 0x30, 0xd4])
    expect(unreadable(pemOf(large))).toBe(true)
    expect(unreadable(pemOf(sequence(11_000, [0x82, 0x2a, 0xf8])))).toBe(false)
  })
})
