import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readCertificateDer } from '../../src/verify/x509/certificate.ts'
import { attempt, parseDer } from '../../src/verify/x509/der.ts'
import { writeElement } from '../../src/verify/x509/der-writer.ts'
import { readPem } from '../../src/verify/x509/pem.ts'
import { derOf, newKeysOf } from '../support/chains.ts'
import { extension } from '../support/ocsp-pki.ts'

const keys = newKeysOf('p256')
const { value: element } = fc.letrec<{ value: Buffer; list: Buffer; leaf: Buffer }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, tie('leaf'), tie('list')),
  list: fc
    .tuple(fc.constantFrom(0x30, 0x31, 0xa0, 0xa1, 0xa2, 0xa4), fc.array(tie('value'), { maxLength: 4 }))
    .map(([tag, parts]) => writeElement(tag, ...parts)),
  leaf: fc
    .tuple(fc.constantFrom(1, 2, 3, 4, 5, 6, 12, 22, 0x80, 0x81, 0x82, 0x86, 0x87), fc.uint8Array({ maxLength: 9 }))
    .map(([tag, content]) => writeElement(tag, Buffer.from(content))),
}))
const known = ['0e', '0f', '11', '13', '1e', '1f', '20', '21', '23', '24', '25', '36'].map((last) => `0603551d${last}`)
const others = ['06082b06010505070101', '06082b06010505070103', '06092b0601050507300105']

test('X5-13 whatever an extension holds, the reader says what it is or what is wrong, and nothing is thrown', () => {
  fc.assert(
    fc.property(fc.constantFrom(...known, ...others), fc.boolean(), element, (oid, critical, value) => {
      const reading = readCertificateDer(
        derOf('client', undefined, { extensions: [extension(oid, value, critical)] }, keys),
      )
      expect(reading.ok || reading.problem.length > 0).toBe(true)
    }),
    { numRuns: 1000 },
  )
})

test('X5-13 DER that is read is written back as it was, and bytes that are none throw nothing', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        element,
        fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
      ),
      (bytes) => {
        const reading = attempt(() => parseDer(bytes))
        if (reading.ok) expect(reading.value.whole.equals(bytes)).toBe(true)
        expect(readCertificateDer(bytes).ok).toBe(false)
      },
    ),
  )
})

const line = fc.oneof(
  fc.constantFrom('-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----', '-----BEGIN X509 CRL-----', '', 'AAAA'),
  fc.string(),
  fc.base64String({ maxLength: 64 }),
)
test('X5-13 a PEM text is read within its limit, and nothing is thrown', () => {
  fc.assert(
    fc.property(fc.array(line), fc.integer({ min: 1, max: 3 }), (lines, limit) => {
      const reading = readPem(lines.join('\n'), 'CERTIFICATE', limit)
      expect(reading.ok ? reading.value.length >= 1 && reading.value.length <= limit : reading.problem !== '').toBe(
        true,
      )
    }),
  )
})
test('X5-13 blocks come back as they were written', () => {
  const der = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(fc.array(der, { minLength: 1, maxLength: 4 }), fc.constantFrom('\n', '\r\n'), (blocks, end) => {
      const text = blocks.map((block) => {
        const lines = block.toString('base64').match(/.{1,64}/g) ?? []
        return ['# text', '-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join(end)
      })
      expect(readPem(text.join(''), 'CERTIFICATE', 4)).toEqual({ ok: true, value: blocks })
    }),
  )
})
