import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freePorts } from '../../../demo/ports.ts'
import { certificateIdOf, writeCertificateId } from '../../../src/verify/x509/certificate-id.ts'
import { authority, type Party } from '../../support/chains.ts'
import { pemOf } from '../../support/client-certificates.ts'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith, smallest } from '../../support/config-files.ts'
import { crlPem, entry, writeList } from '../../support/crls.ts'
import { newServerKey } from '../../support/jwks.ts'
import type { Holder } from '../../support/ocsp-pki.ts'
import { extension, extensions, hex } from '../../support/ocsp-pki.ts'
import { refusal, response, status } from '../../support/ocsp-responses.ts'
import { answer, startPlainStub } from '../../support/plain-stub.ts'

const DAY = 86_400
const now = Math.floor(Date.now() / 1000)
const signsBoth = extension('0603551d0f', hex('03020106'), true)
const ca = (name: string, from = -DAY, to = 90 * DAY): Party =>
  authority(name, undefined, {
    notBefore: now + from,
    notAfter: now + to,
    extensions: [extensions.authority, signsBoth],
  })
const holderOf = ({ certificate, keys }: Party): Holder => ({ certificate, key: keys.privateKey })
const listOf = (by: Party, until = now + 3600, key = by): string =>
  crlPem(
    writeList({
      thisUpdate: now - 7200,
      nextUpdate: until,
      revoked: [entry('07')],
      by: holderOf(by),
      key: key.keys.privateKey,
    }),
  )
const root = ca('Root')
const other = ca('Other')
const pems = (...parties: readonly Party[]): string => parties.map(({ certificate }) => pemOf(certificate)).join('')

interface Told {
  readonly id?: string
  readonly severity: string
  readonly tried: string
  readonly found: string
}

/** What doctor says about the clients' certificates of routes with these policies. */
async function examine(policies: readonly object[], files: Readonly<Record<string, string>>) {
  const { check, metrics } = await freePorts()
  const document = smallest({
    listen: { check: `127.0.0.1:${check}`, admin: `127.0.0.1:${metrics}` },
    authorizationServers: [{ issuer: 'https://as.bank.example', keys: { file: 'keys.json' } }],
    routes: policies.map((clientCertificate, index) => ({ path: `/${index}`, clientCertificate })),
  })
  const keys = JSON.stringify({ keys: [newServerKey('ES256', { kid: 'a' }).jwk] })
  const directory = directoryWith({ 'c.yaml': JSON.stringify(document), 'keys.json': keys, ...files })
  const { out, code } = await commandLine(['doctor', '--config', join(directory, 'c.yaml'), '--json'])
  const { findings } = JSON.parse(out) as { readonly findings: readonly Told[] }
  const told = findings
    .filter(({ tried }) => /^(?:clientCertificate|revocation)\./.test(tried))
    .map(({ id = 'ok', tried, found }) => `${id} ${tried.replace(`${directory}/`, '')}: ${found}`)
  return { told, code }
}

const day = (seconds: number): string => new Date((now + seconds) * 1000).toISOString().slice(0, 10)

describe('files of authorities', () => {
  test('are counted, each once, with the end that comes next', async () => {
    const policy = { ca: 'ca.pem', intermediates: 'more.pem' }
    const files = { 'ca.pem': pems(root, ca('Later', -DAY, 400 * DAY)), 'more.pem': pems(other) }
    expect(await examine([policy, policy], files)).toEqual({
      told: [
        `ok clientCertificate.ca ca.pem: 2 authorities, the next one ends ${day(90 * DAY)}`,
        `ok clientCertificate.intermediates more.pem: 1 authority, the next one ends ${day(90 * DAY)}`,
      ],
      code: undefined,
    })
  })
  test('one that ends soon, and one that has ended beside others', async () => {
    const { told, code } = await examine([{ ca: 'ca.pem' }], {
      'ca.pem': pems(root, ca('Soon', -DAY, 5 * DAY), ca('Gone', -9 * DAY, -DAY)),
    })
    expect(told.map((one) => one.slice(0, 5))).toEqual(['ok cl', 'DR-11', 'DR-19'])
    expect(told[1]).toContain('CN=Soon')
    expect(told[2]).toContain('CN=Gone')
    expect(code).toBeUndefined()
  })
  test('all of which have ended', async () => {
    const { told, code } = await examine([{ ca: 'ca.pem' }], { 'ca.pem': pems(ca('Gone', -9 * DAY, -DAY)) })
    expect(told).toEqual(['DR-12 clientCertificate.ca ca.pem: none of 1 authority is valid now'])
    expect(code).toBe(1)
  })
  test('that cannot be read', async () => {
    const { told, code } = await examine([{ ca: 'ca.pem' }], { 'ca.pem': 'garbage' })
    expect(told).toEqual([expect.stringMatching(/^DR-13 clientCertificate\.ca ca\.pem: /)])
    expect(code).toBe(1)
  })
})

describe('revocation lists', () => {
  const cases: readonly (readonly [string, string, RegExp, number | undefined])[] = [
    ['of a configured authority', listOf(root), /^ok .*: 1 entry, counts until \d{4}-\d\d-\d\dT\d\d:\d\dZ$/, undefined],
    ['of somebody else', listOf(other), /^DR-21 /, undefined],
    ['that another key signed', listOf(root, undefined, other), /^DR-20 /, 1],
    ['that has run out', listOf(root, now - 3600), /^DR-20 .*does not count now/, 1],
    ['that is none', 'garbage', /^DR-20 /, 1],
  ]
  test.each(cases)('a file %s', async (_, list, expected, exit) => {
    const revocation = { crl: 'hard', files: ['root.crl'] }
    const { told, code } = await examine([{ ca: 'ca.pem', revocation }], { 'ca.pem': pems(root), 'root.crl': list })
    expect(told.slice(1)).toEqual([expect.stringMatching(expected)])
    expect(code).toBe(exit)
  })
  test.each(cases)('a URL %s', async (_, list, expected, exit) => {
    const stub = await startPlainStub((_asked, answering) => answer(answering, 'application/pkix-crl', list))
    onTestFinished(() => stub.close())
    const revocation = { crl: 'soft', urls: [`${stub.origin}/root.crl?key=secret`] }
    const { told, code } = await examine([{ ca: 'ca.pem', revocation }], { 'ca.pem': pems(root) })
    expect(told.slice(1)).toEqual([expect.stringMatching(expected)])
    expect(told.join()).not.toContain('secret')
    expect(code).toBe(exit)
  })
  test('where nobody listens', async () => {
    const revocation = { crl: 'hard', urls: [`http://127.0.0.1:${(await freePorts()).check}/root.crl`] }
    const { told, code } = await examine([{ ca: 'ca.pem', revocation }], { 'ca.pem': pems(root) })
    expect(told.slice(1)).toEqual([expect.stringMatching(/^DR-20 /)])
    expect(code).toBe(1)
  })
})

describe('the configured OCSP responder', () => {
  const ask = async (respond: Parameters<typeof startPlainStub>[0]) => {
    const stub = await startPlainStub(respond)
    onTestFinished(() => stub.close())
    const revocation = { ocsp: 'hard', responder: `${stub.origin}/ocsp` }
    const { told, code } = await examine([{ ca: 'ca.pem', revocation }], { 'ca.pem': pems(root) })
    return { told: told.slice(1), code, asked: stub.asked }
  }
  test('that says nothing about a certificate that does not exist', async () => {
    const { told, code, asked } = await ask((_, answering) =>
      answer(answering, 'application/ocsp-response', refusal(6)),
    )
    expect(told).toEqual([expect.stringMatching(/^ok revocation\.responder .*it answers; .*unauthorized/)])
    expect(code).toBeUndefined()
    expect(asked).toMatchObject([{ method: 'POST', path: '/ocsp' }])
  })
  /** What this authority says of the number that is asked about, which root did not give to anybody. */
  const signedBy = (signer: Party): Buffer => {
    const asked = { serial: '7e6e766f792d66617069', issuer: root.certificate.subject }
    return response({
      id: writeCertificateId(certificateIdOf(asked, root.certificate, 'sha1')),
      status: status.unknown,
      thisUpdate: now - 60,
      nextUpdate: now + 60,
      producedAt: now - 60,
      signer: holderOf(signer),
      certificates: [],
    })
  }
  test.each([
    ['an authority of the configuration', root, /^ok .*: it answers, and its signature holds$/],
    ['another authority', other, /^DR-23 /],
  ] as const)('that signs as %s', async (_, signer, expected) => {
    const { told, code } = await ask((_asked, answering) =>
      answer(answering, 'application/ocsp-response', signedBy(signer)),
    )
    expect(told).toEqual([expect.stringMatching(expected)])
    expect(code).toBeUndefined()
  })
  test.each([
    ['is busy', 200, refusal(3)],
    ['answers garbage', 200, Buffer.from('garbage')],
    ['fails', 500, refusal(6)],
  ] as const)('that %s', async (_, code, bytes) => {
    const { told, code: exit } = await ask((_asked, answering) =>
      answering.writeHead(code, { 'content-type': 'application/ocsp-response' }).end(bytes),
    )
    expect(told).toEqual([expect.stringMatching(/^DR-22 /)])
    expect(exit).toBe(1)
  })
})
