import { verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Certificate, readCertificateDer } from '../../src/verify/x509/certificate.ts'
import { judgeOcspResponse } from '../../src/verify/x509/ocsp.ts'
import { readOcspResponse } from '../../src/verify/x509/ocsp-response.ts'

interface VectorCase {
  readonly id: string
  readonly root: string
  readonly intermediates: readonly string[]
  readonly leaf: string
  readonly ocsp_responses: readonly string[]
  readonly validation_time: string
  readonly expected: 'accept' | 'reject'
}

const text = (name: string): string => readFileSync(new URL(`../vectors/x509/ocsp/${name}`, import.meta.url), 'utf8')
const { cases } = JSON.parse(text('ocsp-cases.json')) as { readonly cases: readonly VectorCase[] }

const derOf = (name: string): Buffer => {
  const [, base64] = /-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(text(name)) ?? []
  return Buffer.from(base64 ?? text(name), 'base64')
}
function certificateOf(name: string): Certificate {
  const certificate = readCertificateDer(derOf(name))
  if (!certificate.ok) throw new Error(certificate.problem)
  return certificate.value
}
const rules = { maxAge: 86_400, requireNonce: false }

/** What is said of each answer: the first is about the leaf, the next one about its issuer. */
function saidOf({ root, intermediates, leaf, ocsp_responses, validation_time }: VectorCase): readonly string[] {
  const path = [leaf, ...intermediates, root].map((name) => certificateOf(name))
  return ocsp_responses.map((name, index) => {
    const [certificate, issuer] = path.slice(index)
    if (!certificate || !issuer) throw new Error(`${name} is about no certificate`)
    const now = Date.parse(validation_time) / 1000
    const judged = judgeOcspResponse(derOf(name), { certificate, issuer }, rules, now)
    return judged.ok ? judged.value.status.kind : judged.problem
  })
}

const foreign = 'the answer is not about this certificate'
const unnamed = 'the answer names nobody who may sign it'
/** All of them are signed with SHA-1, so that no answer of the suite counts: stricter on purpose. */
const weak = 'the answer is signed with a weak or unknown algorithm'
/** What we say of an answer by the beginning of its name, which tells what is wrong with it; of any other `weak`. */
const objections: Readonly<Record<string, string>> = { WRID: unnamed, WINH: foreign, WIKH: foreign, WKDOSC: unnamed }
const STALE = 'ocsp-direct_stale_otherwise_ok'
/** Its root has the serial number zero, which RFC 5280 forbids: stricter on purpose. */
const isUnreadable = ({ root }: VectorCase): boolean => root === 'D3_Issuer_Root.pem'

describe('REV-09 … REV-12 att-mtls-06 att-mtls-07 answers of the OpenSSL suite', () => {
  test('are all there', () => expect(cases).toHaveLength(29))
  test('the suite accepts four of them', () => {
    const accepted = cases.filter(({ expected }) => expected === 'accept')
    expect(accepted.map(({ id }) => id)).toEqual([
      'ocsp-direct_with_intermediate_success',
      'ocsp-direct_success',
      'ocsp-delegated_with_intermediate_success',
      'ocsp-delegated_success',
    ])
  })
  test.each(cases.filter((one) => !isUnreadable(one)))('$id', (one) => {
    const expected = one.ocsp_responses.map((name) => objections[name.split('_', 1)[0] ?? ''] ?? weak)
    expect(saidOf(one)).toEqual(one.id === STALE ? ['the answer counts no longer'] : expected)
  })
  test.each(cases.filter(isUnreadable))('$id has a root that is not read', (one) =>
    expect(() => saidOf(one)).toThrow('the serial number is zero'),
  )
})

describe('what SHA-1 hides: whether the bytes that are read as signed are those under the signature', () => {
  const holds = (name: string, signer: string | undefined): boolean => {
    const answer = readOcspResponse(derOf(name))
    if (!answer.ok || answer.value.kind !== 'response') throw new Error(name)
    const { signed, signature, certificates } = answer.value.response
    const [delegate] = certificates.map((der) => readCertificateDer(der))
    const certificate = signer === undefined ? delegate?.ok && delegate.value : certificateOf(signer)
    const key = certificate ? certificate.key.object : undefined
    return key !== undefined && verify('sha1', signed, key, signature)
  }
  test.each([
    ['ND1.ors', 'ND1_Issuer_ICA.pem', true],
    ['ND2.ors', 'ND2_Issuer_Root.pem', true],
    ['ND3.ors', 'ND3_Issuer_Root.pem', true],
    ['D1.ors', undefined, true],
    ['ISOP_ND1.ors', 'ND1_Issuer_ICA.pem', false],
    ['ISOP_ND2.ors', 'ND2_Issuer_Root.pem', false],
    ['ISOP_ND3.ors', 'ND3_Issuer_Root.pem', false],
    ['ISOP_D1.ors', undefined, false],
    ['WKDOSC_D1.ors', undefined, false],
  ])('%s', (name, signer, expected) => expect(holds(name, signer)).toBe(expected))
})
