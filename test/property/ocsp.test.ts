import fc from 'fast-check'
import { expect, test } from 'vitest'
import { writeCertificateId } from '../../src/verify/x509/certificate-id.ts'
import { parseDer, tags } from '../../src/verify/x509/der.ts'
import { writeElement } from '../../src/verify/x509/der-writer.ts'
import { judgeOcspResponse } from '../../src/verify/x509/ocsp.ts'
import { writeOcspRequest } from '../../src/verify/x509/ocsp-request.ts'
import { readOcspResponse } from '../../src/verify/x509/ocsp-response.ts'
import { client, issuer, NOW } from '../support/ocsp-pki.ts'
import { response, single, status } from '../support/ocsp-responses.ts'

const question = { certificate: client, issuer: issuer.certificate }
const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((octets) => Buffer.from(octets))

test('REV-13 no bytes make the reader throw, and none are an answer by chance', () => {
  const inside = bytes(80).map((content) => writeElement(tags.sequence, content))
  fc.assert(
    fc.property(fc.oneof(bytes(200), inside), (der) => {
      const answer = readOcspResponse(der)
      // Five bytes are the word for having none.
      expect(answer.ok && answer.value.kind === 'response').toBe(false)
    }),
    { numRuns: 2000 },
  )
})

test('an element that is written is the one that is read, whatever its length', () => {
  fc.assert(
    fc.property(fc.nat({ max: 0xffff - 16 }), (length) => {
      const element = parseDer(writeElement(tags.octetString, Buffer.alloc(length, 1)))
      expect([element.tag, element.content.length]).toEqual([tags.octetString, length])
    }),
    { examples: [[0], [127], [128], [255], [256]], numRuns: 50 },
  )
})

test('REV-15 an answer is to the question with its own nonce and to no other', () => {
  const nonce = fc.uint8Array({ minLength: 16, maxLength: 32 }).map((octets) => Buffer.from(octets))
  fc.assert(
    fc.property(nonce, nonce, (mine, theirs) => {
      expect(
        writeOcspRequest({ ...question, nonce: mine }, 'sha1')
          .subarray(-mine.length)
          .equals(mine),
      ).toBe(true)
      const der = response({ nonce: theirs })
      const judged = judgeOcspResponse(der, { ...question, nonce: mine }, { maxAge: 60, requireNonce: true }, NOW)
      expect(judged.ok).toBe(mine.equals(theirs))
    }),
    { numRuns: 100 },
  )
})

test('REV-12 an answer counts from a minute before thisUpdate to a minute after nextUpdate', () => {
  const seconds = fc.integer({ min: -100_000, max: 100_000 })
  fc.assert(
    fc.property(seconds, fc.nat({ max: 200_000 }), (begin, length) => {
      const der = response({ thisUpdate: NOW + begin, nextUpdate: NOW + begin + length })
      const judged = judgeOcspResponse(der, question, { maxAge: 60, requireNonce: false }, NOW)
      expect(judged.ok).toBe(begin <= 60 && begin + length >= -60)
    }),
    {
      numRuns: 200,
      examples: [
        [60, 0],
        [61, 0],
        [-60, 0],
        [-61, 0],
      ],
    },
  )
})

test('REV-09 an answer about any other certificate says nothing about this one', () => {
  const digest = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((octets) => Buffer.from(octets).toString('hex'))
  const serial = fc.bigInt({ min: 1n, max: 2n ** 120n }).map((value) => {
    const hex = value.toString(16)
    const even = hex.length % 2 === 0 ? hex : `0${hex}`
    return /^[89a-f]/.test(even) ? `00${even}` : even
  })
  fc.assert(
    fc.property(digest, digest, serial, (issuerName, issuerKey, number) => {
      const id = writeCertificateId({ digest: 'sha1', issuerName, issuerKey, serial: number })
      const others = [single({ id }), single({ id, status: status.revoked() })]
      const rules = { maxAge: 60, requireNonce: false }
      const [alone, beside] = [others, [...others, single()]].map((responses) =>
        judgeOcspResponse(response({ responses }), question, rules, NOW),
      )
      expect([alone?.ok, beside?.ok]).toEqual([false, true])
    }),
    { numRuns: 100 },
  )
})
