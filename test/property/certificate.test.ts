import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readCertificate } from '../../src/verify/certificate.ts'
import { certificate, certificateDer } from '../support/possession.ts'

/** A SEQUENCE around any bytes, its length in the shortest form. */
const der = fc.uint8Array({ minLength: 2, maxLength: 3000, size: 'max' }).map((body) => {
  const { length } = body
  const header = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(0x30, ...header), body])
})

const pem = (bytes: Uint8Array, width: number, end: string, last: string): string => {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(new RegExp(`.{1,${width}}`, 'g')) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----'].join(end) + last
}
const lineEnd = fc.constantFrom('\n', '\r\n')

/** Percent-encodes what has to be, and any other byte as chance has it. */
const encode = (text: string, chance: readonly boolean[], lower: boolean): string =>
  [...text]
    .map((byte, index) =>
      /[A-Za-z0-9/=-]/.test(byte) && chance[index % chance.length] !== true ? byte : triplet(byte, lower),
    )
    .join('')
const triplet = (byte: string, lower: boolean): string => {
  const hex = byte.charCodeAt(0).toString(16).padStart(2, '0')
  return `%${lower ? hex : hex.toUpperCase()}`
}

test('MTLS-03 whatever the spelling, the bytes and their hash come out', () => {
  const chance = fc.array(fc.boolean(), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(
      der,
      fc.integer({ min: 20, max: 200 }),
      lineEnd,
      fc.boolean(),
      chance,
      fc.boolean(),
      (bytes, width, end, ended, bits, lower) => {
        const text = encode(pem(bytes, width, end, ended ? end : ''), bits, lower)
        const thumbprint = createHash('sha256').update(bytes).digest('base64url')
        if (text.length <= 16_384)
          expect(readCertificate(text)).toEqual({ ok: true, value: { der: bytes, thumbprint } })
        else expect(readCertificate(text).ok).toBe(false)
      },
    ),
    { numRuns: 500 },
  )
})

/** The base64 text between the labels, without line ends. */
const bodyOf = (text: string): string => decodeURIComponent(text).replaceAll(/-----[A-Z ]+-----|[\r\n]/g, '')

const edit = fc.record({
  at: fc.nat(certificate.length),
  removed: fc.nat(8),
  inserted: fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.constantFrom('%0A', '%0D%0A', '%20', '%00', '%2B', '%3D', '=', 'A', '%', '%C3%A4', certificate),
  ),
})

test('MTLS-01, T-49 a changed text is refused, or is the certificate that it plainly spells', () => {
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      const text = edits.reduce(
        (before, { at, removed, inserted }) => before.slice(0, at) + inserted + before.slice(at + removed),
        certificate,
      )
      const reading = readCertificate(text)
      if (!reading.ok) return
      expect(reading.value.der.toString('base64')).toBe(bodyOf(text))
      expect(decodeURIComponent(text).match(/-----BEGIN CERTIFICATE-----/g)).toHaveLength(1)
    }),
    { numRuns: 5000 },
  )
})

test('MTLS-01 one bit less in the bytes is another certificate or none', () => {
  fc.assert(
    fc.property(fc.nat(certificateDer.length * 8 - 1), (bit) => {
      const bytes = Buffer.from(certificateDer)
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      const [before, after] = [
        readCertificate(certificate),
        readCertificate(encodeURIComponent(pem(bytes, 64, '\n', '\n'))),
      ]
      if (!before.ok) throw new Error(before.problem)
      if (after.ok) expect(after.value.thumbprint).not.toBe(before.value.thumbprint)
      // The first four bytes hold tag and length: nothing else fits this many bytes.
      expect(after.ok).toBe(bit >= 32)
    }),
    { numRuns: 2000 },
  )
})

test('T-49 anything at all never throws and is no certificate', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('-', 'M', '%0A', '\n', '=', ' ') })),
      (text) => {
        expect(readCertificate(text).ok).toBe(false)
      },
    ),
    { numRuns: 2000 },
  )
})
