import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { admit } from '../../src/admission.ts'
import { buildAssertion } from '../../src/assertion.ts'
import { describeDecision } from '../../src/audit/record.ts'
import type { Evidence } from '../../src/policy.ts'
import { removed, told, verdict } from '../support/answers.ts'
import { clientExtensions } from '../support/chains.ts'
import {
  asking,
  issue,
  meet,
  oracle,
  qcStatements,
  root,
  subject,
  trusting,
  witness,
} from '../support/client-certificates.ts'
import { overTheWire } from '../support/recordings.ts'
import { boundTo, document, mintToken, type Order } from '../support/spine.ts'
import { CN, subjectOf } from '../support/subjects.ts'

const provider = issue(root, {
  serial: '00c0ffee',
  extensions: [...clientExtensions, qcStatements('PSP_AI', 'PSP_PI')],
})
const NAME = 'organizationIdentifier=PSDGB-FCA-123456,CN=client-1,O=Good Fintech'
const facts = ['subject', 'issuer', 'serial', 'thumbprint', 'roles'].map((name) => `x-authz-certificate-${name}`)

async function answerTo(
  certificate: typeof provider | undefined,
  order: Order = {},
  options: Parameters<typeof meet>[0] = {},
) {
  const { ask, request, records } = meet(options)
  const response = overTheWire(await ask(request(certificate, order)))
  const [record] = records
  if (!record) throw new Error('nothing was recorded')
  return { response, record }
}

describe('MTLS-18 what the upstream is told of a verified certificate', () => {
  test('subject, issuer, serial number, thumbprint and roles', async () => {
    const { response } = await answerTo(provider)
    expect(facts.map((name) => told(response, name))).toEqual([
      [NAME],
      ['CN=Root'],
      [provider.serial],
      [provider.thumbprint],
      ['PSP_PI PSP_AI'],
    ])
  })
  test('never what the client says of itself', async () => {
    const headers = facts.map((name) => [name, 'forged'] as const)
    const { response } = await answerTo(provider, { headers })
    expect(facts.flatMap((name) => told(response, name))).not.toContain('forged')
    const plain = { document }
    const without = await answerTo(provider, { headers }, plain)
    expect(facts.map((name) => told(without.response, name))).toEqual(facts.map(() => []))
    expect(removed(without.response)).toEqual(expect.arrayContaining([...facts]))
  })
  test('nothing about a certificate that no policy looked at', async () => {
    const { response } = await answerTo(provider, {}, { document })
    expect(verdict(response)).toBe('allow')
    expect(facts.flatMap((name) => told(response, name))).toEqual([])
  })
  test('no name that had to be cut, where names are passed on', async () => {
    const long = issue(root, { subject: subjectOf([CN, 'a'.repeat(1100)]).der })
    expect(verdict((await answerTo(long)).response)).toBe('client_certificate_unusable')
    const identity = { headers: ['subject', 'certificateThumbprint'] }
    const { response } = await answerTo(long, {}, { document: asking({}, {}, { identity }) })
    expect(verdict(response)).toBe('allow')
    expect(told(response, 'x-authz-certificate-thumbprint')).toEqual([long.thumbprint])
  })
  test('and no name refuses what the other one is passed on for', async () => {
    const long = issue(root, { subject: subjectOf([CN, 'a'.repeat(1100)]).der })
    const only = (headers: readonly string[]) => ({ document: asking({}, {}, { identity: { headers } }) })
    const { response } = await answerTo(long, {}, only(['certificateIssuer']))
    expect(told(response, 'x-authz-certificate-issuer')).toEqual(['CN=Root'])
    expect(verdict((await answerTo(long, {}, only(['certificateSubject']))).response)).toBe(
      'client_certificate_unusable',
    )
  })
  test('under names of its own where the configuration gives some', async () => {
    const identity = { headers: { certificateSubject: 'x-client-name' } }
    const { response } = await answerTo(provider, {}, { document: asking({}, {}, { identity }) })
    expect(told(response, 'x-client-name')).toEqual([NAME])
  })
})

test('MTLS-18 the assertion says the same, and leaves out a name that had to be cut', async () => {
  const { privateKey: key } = generateKeyPairSync('ed25519')
  const saidOf = async (certificate: typeof provider) => {
    const { record } = await answerTo(certificate, {}, { document: asking({}, {}, { identity: { headers: [] } }) })
    if (!record.decision.ok) throw new Error(record.decision.reason)
    const rules = { issuer: 'https://edge', audience: 'https://api', lifetime: 30 }
    const jwt = buildAssertion(record.decision.admission, { key, algorithm: 'EdDSA', keyId: 'k' }, rules, {
      now: 0,
      id: '1',
    })
    return JSON.parse(Buffer.from(jwt?.split('.')[1] ?? '', 'base64url').toString()) as object
  }
  const { thumbprint, serial } = provider
  expect(await saidOf(provider)).toMatchObject({
    certificate: { subject: NAME, issuer: 'CN=Root', serial, 'x5t#S256': thumbprint, roles: ['PSP_PI', 'PSP_AI'] },
  })
  const long = issue(root, { subject: subjectOf([CN, 'a'.repeat(1100)]).der })
  expect(await saidOf(long)).toMatchObject({ certificate: { issuer: 'CN=Root' } })
  expect(JSON.stringify(await saidOf(long))).not.toContain('subject')
})

describe('what is written down of it', () => {
  test('names and status, and nothing of the certificate itself', async () => {
    const fields = describeDecision((await answerTo(provider)).record)
    expect(fields).toMatchObject({
      certificate: provider.thumbprint,
      certificateSubject: NAME,
      certificateIssuer: 'CN=Root',
      certificateSerial: provider.serial,
      certificateRoles: ['PSP_PI', 'PSP_AI'],
      certificateStatus: 'unasked',
    })
    expect(JSON.stringify(fields)).not.toContain(provider.der.toString('base64').slice(60, 100))
  })
  test('that nothing could be learned of its status', async () => {
    const { source } = oracle({})
    const status = { scope: 'chain', witnesses: [witness('ocsp', 'soft', source)] } as const
    const { record } = await answerTo(provider, {}, { authorities: { trust: trusting(root), status } })
    expect(describeDecision(record)).toMatchObject({ decision: 'allow', certificateStatus: 'unknown' })
  })
  test('who was refused after its certificate held', async () => {
    const { record } = await answerTo(provider, { token: mintToken({ claims: { scope: 'other' } }) })
    expect(describeDecision(record)).toMatchObject({ reason: 'scope_insufficient', certificateSubject: NAME })
  })
})

describe('MTLS-12 a certificate and a token end apart', () => {
  test('a token that is bound to the certificate does not outlive it where the route asks for it', async () => {
    const bound = (certificate: typeof provider): Order => ({
      token: mintToken({ claims: { cnf: { 'x5t#S256': certificate.thumbprint } } }),
      scheme: 'Bearer',
      proof: null,
    })
    expect(verdict((await answerTo(provider, bound(provider))).response)).toBe('allow')
    const ended = issue(root, { notAfter: 1_799_999_999 })
    expect(verdict((await answerTo(ended, bound(ended))).response)).toBe('client_certificate_expired')
    const unasked = { document }
    expect(verdict((await answerTo(ended, bound(ended), unasked)).response)).toBe('allow')
  })
  test('X5-15 a good certificate is not the one that the token is bound to', async () => {
    const other = issue(root, { subject, serial: '05' })
    const order = { token: mintToken({ claims: { cnf: boundTo.mtls } }), scheme: 'Bearer', proof: null }
    expect(verdict((await answerTo(other, order)).response)).toBe('certificate_mismatch')
  })
})

describe('the gate', () => {
  const evidence = async (): Promise<Partial<Evidence>> => {
    const order = {
      token: mintToken({ claims: { cnf: { 'x5t#S256': provider.thumbprint } } }),
      scheme: 'Bearer',
      proof: null,
    } as const
    return (await answerTo(provider, order)).record.evidence
  }
  test('takes the certificate that was judged, and no likeness of it', async () => {
    const all = await evidence()
    const { certificate, ...others } = all
    expect(admit('resource', all).ok).toBe(true)
    expect(admit('resource', others).ok).toBe(true)
    if (!certificate) throw new Error('no certificate was judged')
    expect(admit('resource', { ...others, certificate: { ...certificate } })).toMatchObject({
      reason: 'internal_error',
    })
  })
  test('takes none but that of the binding', async () => {
    const [one, other] = [await evidence(), (await answerTo(issue(root, { serial: '06' }))).record.evidence]
    if (!other.certificate) throw new Error('no certificate was judged')
    expect(admit('resource', { ...one, certificate: other.certificate })).toMatchObject({ reason: 'internal_error' })
  })
})
