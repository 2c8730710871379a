import { hash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { parseDer } from '../../../../src/verify/x509/der.ts'
import { writeOcspRequest } from '../../../../src/verify/x509/ocsp-request.ts'
import { readOcspResponse } from '../../../../src/verify/x509/ocsp-response.ts'
import { client, delegateWith, hex, issuer, NOW, octets, sequence, time } from '../../../support/ocsp-pki.ts'
import { type ResponseContent, response, single, status } from '../../../support/ocsp-responses.ts'

const NONCE = Buffer.alloc(29, 7)
const question = { certificate: client, issuer: issuer.certificate }

describe('REV-09 REV-15 a question', () => {
  /** The lengths and all that is not hashed, as RFC 6960 section 4.1.1 has them. */
  const named = (digest: string): string => {
    const { issuer: name, serial } = question.certificate
    const hashes = [name.der, question.issuer.subjectPublicKey].map((bytes) => hash(digest, bytes))
    return `${hashes.join(digest === 'sha1' ? '0414' : '0420')}0204${serial}`
  }
  test('names the certificate by SHA-1', () =>
    expect(writeOcspRequest(question, 'sha1').toString('hex')).toBe(
      `304530433041303f303d300906052b0e03021a05000414${named('sha1')}`,
    ))
  test('names it by SHA-256, and has a nonce that is not critical', () =>
    expect(writeOcspRequest({ ...question, nonce: NONCE }, 'sha256').toString('hex')).toBe(
      '308194308191305d305b3059300d060960864801650304020105000420' +
        `${named('sha256')}a230302e302c06092b0601050507300102041f041d${'07'.repeat(29)}`,
    ))
})

describe('an answer', () => {
  const delegate = delegateWith()
  test.each<[string, ResponseContent]>([
    ['as it is', {}],
    ['with the version that is the default', { version: hex('a003020100') }],
    ['with 64 responses', { responses: Array.from({ length: 64 }, () => single()) }],
    ['with 8 certificates', { certificates: Array.from({ length: 8 }, () => delegate.certificate.der) }],
  ])('%s is read', (_, content) =>
    expect(readOcspResponse(response(content))).toMatchObject({
      ok: true,
      value: { kind: 'response', response: { producedAt: NOW - 600 } },
    }),
  )
  const utc = hex(`170d${Buffer.from('260102030405Z').toString('hex')}`)
  const fraction = hex(`1811${Buffer.from('20260102030405.1Z').toString('hex')}`)
  test.each<[string, ResponseContent]>([
    ['of another version', { version: hex('a003020101') }],
    ['without responses', { responses: [] }],
    ['with 65 responses', { responses: Array.from({ length: 65 }, () => single()) }],
    ['with 9 certificates', { certificates: Array.from({ length: 9 }, () => delegate.certificate.der) }],
    ['by an unknown kind of responder', { responder: hex('a3020500') }],
    ['by two responders', { responder: hex('a20a0403010203040301020a') }],
    ['by a key hash of another type', { responder: hex('a20403020000') }],
    ['produced at a UTCTime', { producedAt: utc }],
    ['produced at a fraction of a second', { producedAt: fraction }],
    ['of a UTCTime', { thisUpdate: utc }],
    ['with something behind a response', { responses: [sequence(...parts(single()), hex('0500'))] }],
    ['with a response that is no sequence', { responses: [octets(single())] }],
    [
      'with nextUpdate under another tag',
      { responses: [sequence(...parts(single({ nextUpdate: undefined })), hex('a1'), time(NOW))] },
    ],
    ['without thisUpdate', { responses: [sequence(...parts(single()).slice(0, 2))] }],
    ['with empty extensions', { extensions: [] }],
    ['with a reason of another type', { status: hex(status.revoked(1).toString('hex').replace('0a0101', '020101')) }],
  ])('%s is not', (_, content) => expect(readOcspResponse(response(content))).toMatchObject({ ok: false }))
})

const parts = (der: Buffer): readonly Buffer[] => parseDer(der).children.map(({ whole }) => whole)
