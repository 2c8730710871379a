import { describe, expect, test } from 'vitest'
import { certificateIdOf, writeCertificateId } from '../../../../src/verify/x509/certificate-id.ts'
import { judge, NONCE, said } from '../../../support/ocsp-judgement.ts'
import {
  client,
  clientWith,
  extension,
  hex,
  issuer,
  NOW,
  namesake,
  octets,
  otherIssuer,
} from '../../../support/ocsp-pki.ts'
import {
  basic,
  type ResponseContent,
  refusal,
  response,
  single,
  status,
  wrapped,
} from '../../../support/ocsp-responses.ts'

const other = clientWith('00c0ffef')
const idOf = (difference: Partial<ReturnType<typeof certificateIdOf>>): Buffer =>
  writeCertificateId({ ...certificateIdOf(client, issuer.certificate, 'sha1'), ...difference })

type Case = readonly [title: string, content: ResponseContent, expected: string]

describe('REV-09 an answer is about the certificate', () => {
  const stranger = { id: idOf({ issuerKey: '00'.repeat(20) }), status: status.unknown }
  const about: readonly Case[] = [
    ['named with SHA-1', {}, 'good'],
    ['named with SHA-256', { digest: 'sha256' }, 'good'],
    [
      'that comes among others',
      { responses: [single({ certificate: other, status: status.revoked() }), single()] },
      'good',
    ],
    [
      'revoked, among others that are good',
      { responses: [single({ certificate: other }), single({ status: status.revoked() })] },
      'revoked',
    ],
    ['said twice in the same words', { responses: [single(), single()] }, 'good'],
    ['beside an issuer that nobody knows', { responses: [single(stranger), single()] }, 'good'],
  ]
  test.each(about)('%s', (_, content, expected) => expect(said(response(content))).toBe(expected))
  const foreign: readonly Case[] = [
    ['another serial number', { certificate: other }, 'the answer is not about this certificate'],
    [
      'the serial number without its leading zero',
      { id: idOf({ serial: '40ffee' }) },
      'the answer is not about this certificate',
    ],
    ['another issuer', { issuedBy: otherIssuer.certificate }, 'the answer is not about this certificate'],
    [
      'the name of the issuer, another key',
      { issuedBy: namesake.certificate },
      'the answer is not about this certificate',
    ],
    [
      'the key of the issuer, another name',
      { id: idOf({ issuerName: '00'.repeat(20) }) },
      'the answer is not about this certificate',
    ],
    [
      'the digests of SHA-256 under SHA-1',
      { id: idOf({ ...certificateIdOf(client, issuer.certificate, 'sha256'), digest: 'sha1' }) },
      'the answer is not about this certificate',
    ],
    [
      'good and revoked',
      { responses: [single(), single({ status: status.revoked() })] },
      'the answer says two things about this certificate',
    ],
    [
      'good now and good before',
      { responses: [single(), single({ thisUpdate: NOW - 700 })] },
      'the answer says two things about this certificate',
    ],
    [
      'good by SHA-1 and revoked by SHA-256',
      { responses: [single(), single({ status: status.revoked(), digest: 'sha256' })] },
      'the answer says two things about this certificate',
    ],
  ]
  test.each(foreign)('%s is no answer', (_, content, expected) => expect(said(response(content))).toBe(expected))
  test('a digest that nobody here knows names nothing', () => {
    const unknown = idOf({}).toString('hex').replace('06052b0e03021a', '06052b0e03021b')
    expect(said(response({ id: hex(unknown) }))).toBe('the answer is not about this certificate')
  })
})

describe('REV-12 ocsp-stale the times of an answer', () => {
  const times = (thisUpdate: number, nextUpdate?: number, producedAt = NOW - 600): ResponseContent => ({
    ...{ thisUpdate: NOW + thisUpdate, producedAt },
    nextUpdate: nextUpdate === undefined ? undefined : NOW + nextUpdate,
  })
  const late = 'the answer counts no longer'
  test.each<Case>([
    ['thisUpdate 60 s ahead', times(60, 600), 'good'],
    ['thisUpdate 61 s ahead', times(61, 600), 'the answer does not count yet'],
    ['nextUpdate 60 s ago', times(-600, -60), 'good'],
    ['nextUpdate 61 s ago', times(-600, -61), late],
    ['a revocation that counts no longer', { ...times(-600, -61), status: status.revoked() }, late],
    ['no nextUpdate, as old as may be', times(-7260), 'good'],
    ['no nextUpdate, and older', times(-7261), late],
    ['produced 60 s ahead', times(0, 600, NOW + 60), 'good'],
    ['produced 61 s ahead', times(0, 600, NOW + 61), 'the answer is from the future'],
    ['nextUpdate before thisUpdate', times(-10, -11), 'nextUpdate lies before thisUpdate'],
    ['nextUpdate with thisUpdate', times(-10, -10), 'good'],
  ])('%s', (_, content, expected) => expect(said(response(content))).toBe(expected))
  test('it counts up to nextUpdate, or as long as the configuration says', () => {
    expect(judge(response())).toMatchObject({ value: { thisUpdate: NOW - 600, until: NOW + 3600 } })
    expect(judge(response({ nextUpdate: undefined }))).toMatchObject({ value: { until: NOW - 600 + 7200 } })
  })
})

describe('REV-13 an answer without a word about certificates is none', () => {
  test.each([
    [1, 'malformedRequest', false],
    [2, 'internalError', true],
    [3, 'tryLater', true],
    [5, 'sigRequired', false],
    [6, 'unauthorized', false],
  ])('responseStatus %d is %s', (word, name, busy) =>
    expect(judge(refusal(word))).toEqual({ ok: false, problem: `the responder answers ${name}`, busy }),
  )
  test.each<[string, Buffer]>([
    ['an unused status', refusal(4)],
    ['an unknown status', refusal(7)],
    ['success without an answer', refusal(0)],
    ['a failure with an answer', wrapped(basic(), undefined, 3)],
    ['an answer of another type', wrapped(basic(), '06092b0601050507300102')],
    ['HTML', Buffer.from('<html><body>Welcome</body></html>')],
    ['nothing', Buffer.of()],
    ['the answer and a byte', Buffer.concat([response(), Buffer.of(0)])],
    ['the answer without its last byte', response().subarray(0, -1)],
    ['more than 64 kB', response({ certificates: [octets(Buffer.alloc(65_536))] })],
  ])('%s', (_, der) => expect(judge(der)).toMatchObject({ ok: false }))
})

describe('REV-14 T-62 what a responder says of a certificate', () => {
  test.each<[string, Buffer, object]>([
    ['good', status.good, { kind: 'good' }],
    ['unknown is not good', status.unknown, { kind: 'unknown' }],
    ['revoked', status.revoked(), { kind: 'revoked', reason: 'unspecified', at: NOW - 3600 }],
    ['revoked for a compromised key', status.revoked(1), { kind: 'revoked', reason: 'keyCompromise' }],
    ['REV-02 on hold', status.revoked(6), { kind: 'revoked', reason: 'certificateHold' }],
    ['REV-02 removed from a list', status.revoked(8), { kind: 'revoked', reason: 'removeFromCRL' }],
    ['to be revoked tomorrow', status.revoked(undefined, NOW + 86_400), { kind: 'revoked' }],
  ])('%s', (_, der, expected) =>
    expect(judge(response({ status: der }))).toMatchObject({ ok: true, value: { status: expected } }),
  )
  test.each<[string, Buffer]>([
    ['a reason that does not exist', status.revoked(7)],
    ['another reason that does not exist', status.revoked(11)],
    ['good with something in it', hex('800100')],
    ['good as a structure', hex('a000')],
    ['a status of another kind', hex('8300')],
    ['a revocation without time', hex('a100')],
  ])('%s is no answer', (_, der) => expect(judge(response({ status: der }))).toMatchObject({ ok: false }))
})

describe('REV-15 the nonce', () => {
  const missing = 'the answer has no nonce'
  test.each<[string, Buffer | undefined, boolean, string]>([
    ['that was asked with', NONCE, false, 'good'],
    ['that was asked with, where one is required', NONCE, true, 'good'],
    ['absent', undefined, false, 'good'],
    ['absent where one is required', undefined, true, missing],
    ['of another question', Buffer.alloc(32, 8), false, 'the answer is to another question'],
    ['cut off', NONCE.subarray(1), false, 'the answer is to another question'],
    ['empty', Buffer.of(), false, 'the answer is to another question'],
  ])('%s', (_, nonce, requireNonce, expected) => expect(said(response({ nonce }), { requireNonce })).toBe(expected))
  test('may be critical, and nothing else may that is not known', () => {
    const value = Buffer.concat([hex('0420'), NONCE])
    const critical = (oid: string, content = hex('0500')): Buffer => extension(oid, content, true)
    expect(said(response({ more: [critical('06092b0601050507300102', value)] }))).toBe('good')
    const refused = 'the answer has the unknown critical extension 1.2.3.4'
    expect(said(response({ more: [critical('06032a0304')] }))).toBe(refused)
    expect(said(response({ extensions: [critical('06032a0304')] }))).toBe(refused)
    expect(said(response({ extensions: [extension('06032a0304', hex('0500'))] }))).toBe('good')
  })
  test('twice is one time too often', () => {
    const one = extension('06092b0601050507300102', Buffer.concat([hex('0420'), NONCE]))
    expect(said(response({ more: [one, one] }))).toBe('an extension is there twice')
  })
})
