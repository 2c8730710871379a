import { describe, expect, test } from 'vitest'
import { judge, said } from '../../../support/ocsp-judgement.ts'
import {
  certify,
  client,
  delegateWith,
  extensions,
  hex,
  issuer,
  NOW,
  namesake,
  newKeys,
  otherIssuer,
} from '../../../support/ocsp-pki.ts'
import { byKey, byName, type ResponseContent, response, status } from '../../../support/ocsp-responses.ts'

const delegate = delegateWith()

type Case = readonly [title: string, content: ResponseContent, expected: string]

describe('REV-10 att-mtls-07 the issuer, or whom it appointed, has signed', () => {
  const good: readonly Case[] = [
    ['the issuer by name', { responder: byName(issuer) }, 'good'],
    ['the issuer by key', { responder: byKey(issuer) }, 'good'],
    ['the issuer, whose certificate comes along', { certificates: [issuer.certificate.der] }, 'good'],
    ['a delegate by name', { signer: delegate }, 'good'],
    ['a delegate by key', { signer: delegate, responder: byKey(delegate) }, 'good'],
    [
      'a delegate among others',
      {
        signer: delegate,
        certificates: [otherIssuer.certificate.der, delegateWith().certificate.der, delegate.certificate.der],
      },
      'good',
    ],
    [
      'a delegate beside something that is no certificate',
      { signer: delegate, certificates: [hex('3000'), delegate.certificate.der] },
      'good',
    ],
    ['a delegate without key usage', { signer: delegateWith([extensions.ocspSigning, extensions.noCheck]) }, 'good'],
    [
      'a delegate with the name of the issuer',
      { signer: certify('Issuing CA', issuer, [extensions.ocspSigning]) },
      'good',
    ],
    ['revoked by a delegate', { signer: delegate, status: status.revoked() }, 'revoked'],
  ]
  test.each(good)('%s counts', (_, content, expected) => expect(said(response(content))).toBe(expected))
  const unnamed = 'the answer names nobody who may sign it'
  const wrong = 'the signature of the answer is wrong'
  const bad: readonly Case[] = [
    ['another authority', { signer: otherIssuer }, 'the delegate is not appointed by the issuer'],
    [
      'another authority in the name of the issuer',
      { signer: otherIssuer, responder: byName(issuer), certificates: [] },
      wrong,
    ],
    ['another key under the name of the issuer', { signer: namesake }, 'the delegate is not appointed by the issuer'],
    ['the issuer in the name of somebody else', { responder: byName(otherIssuer) }, unnamed],
    ['the issuer with the key hash of somebody else', { responder: byKey(otherIssuer) }, unnamed],
    ['a delegate in the name of the issuer', { signer: delegate, responder: byName(issuer) }, wrong],
    ['a delegate whose certificate does not come along', { signer: delegate, certificates: [] }, unnamed],
    [
      'T-63 a client of the issuer',
      { signer: delegateWith([extensions.digitalSignature, extensions.clientAuth]) },
      'the delegate may not sign answers',
    ],
    [
      'T-63 a delegate without usages',
      { signer: delegateWith([extensions.digitalSignature]) },
      'the delegate may not sign answers',
    ],
    ['a delegate for any usage', { signer: delegateWith([extensions.anyUsage]) }, 'the delegate may not sign answers'],
    [
      'a delegate that may not sign',
      { signer: delegateWith([extensions.ocspSigning, extensions.keyEncipherment]) },
      'the delegate may not sign',
    ],
    [
      'a delegate of another authority',
      { signer: delegateWith(undefined, { by: otherIssuer }) },
      'the delegate is not appointed by the issuer',
    ],
    [
      'a delegate of another key with the name of the issuer',
      { signer: delegateWith(undefined, { by: namesake }) },
      'the delegate is not appointed by the issuer',
    ],
    [
      'a delegate of the issuer that names another one',
      { signer: delegateWith(undefined, { issuerName: 'Other CA' }) },
      'the delegate is not appointed by the issuer',
    ],
    [
      'the certificate that is asked about, as a delegate',
      { signer: delegateWith(undefined, { serial: client.serial }) },
      'the delegate answers for itself',
    ],
    [
      'a delegate of a delegate',
      { signer: delegateWith(undefined, { by: delegate }) },
      'the delegate is not appointed by the issuer',
    ],
    [
      'an authority below the issuer',
      { signer: delegateWith([extensions.authority, extensions.ocspSigning]) },
      'the delegate is an authority of its own',
    ],
    [
      'a delegate with an unknown critical extension',
      { signer: delegateWith([extensions.ocspSigning, extensions.unknown]) },
      'the delegate has an unknown critical extension',
    ],
    [
      'a delegate that SHA-1 appointed',
      { signer: delegateWith(undefined, { digest: 'sha1' }) },
      'the delegate is appointed with a weak or unknown algorithm',
    ],
    ['the issuer with SHA-1', { signedDigest: 'sha1' }, 'the answer is signed with a weak or unknown algorithm'],
    [
      'a delegate with SHA-1',
      { signer: delegate, signedDigest: 'sha1' },
      'the answer is signed with a weak or unknown algorithm',
    ],
  ]
  test.each(bad)('%s does not', (_, content, expected) => expect(said(response(content))).toBe(expected))
  test.each([
    ['the issuer', issuer],
    ['a delegate', delegate],
  ])('%s with another key does not', (_, { certificate }) =>
    expect(said(response({ signer: { certificate, key: otherIssuer.key } }))).toBe(wrong),
  )
  test('what is said under a good signature cannot be changed', () => {
    const der = response({ status: status.unknown }).toString('hex').replace('8200', '8000')
    expect(said(hex(der))).toBe('the signature of the answer is wrong')
  })
  test('a certificate of the delegate that was changed appoints nobody', () => {
    const key = newKeys()
    const clientOnly = delegateWith([extensions.clientAuth], { key })
    const changed = hex(
      clientOnly.certificate.der.toString('hex').replace('06082b06010505070302', '06082b06010505070309'),
    )
    expect(said(response({ signer: clientOnly, certificates: [changed] }))).toBe(
      'the delegate is not appointed by the issuer',
    )
  })
})

describe('REV-11 the certificate of the delegate', () => {
  const valid = (notBefore: number, notAfter: number): ResponseContent => ({
    signer: delegateWith(undefined, { notBefore, notAfter }),
  })
  test.each<Case>([
    ['begins now', valid(NOW, NOW + 10), 'good'],
    ['ends now', valid(NOW - 10, NOW), 'good'],
    ['begins in a second', valid(NOW + 1, NOW + 10), 'the delegate is not valid now'],
    ['has ended a second ago', valid(NOW - 10, NOW - 1), 'the delegate is not valid now'],
  ])('%s', (_, content, expected) => expect(said(response(content))).toBe(expected))
  test('nothing it signed counts longer than it does', () =>
    expect(judge(response(valid(NOW - 10, NOW + 10)))).toMatchObject({ value: { until: NOW + 10 } }))
  test('is told when its own status may matter, and not when it says itself that it does not', () => {
    const plain = delegateWith([extensions.ocspSigning])
    expect(judge(response({ signer: plain }))).toMatchObject({
      value: { unchecked: { thumbprint: plain.certificate.thumbprint } },
    })
    expect(judge(response({ signer: delegate }))).toMatchObject({ value: { unchecked: undefined } })
    expect(judge(response())).toMatchObject({ value: { unchecked: undefined } })
  })
})
