import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { readCertificateDer } from '../../src/verify/x509/certificate.ts'
import type { Identity } from '../../tools/pki.ts'
import { clientExtensions } from '../support/chains.ts'
import { pemOf, qcStatements } from '../support/client-certificates.ts'
import type { TestEdge } from '../support/edge.ts'
import {
  besides,
  certifier,
  now,
  openConnection,
  replaceFile,
  revocationList,
  shown,
  shownAnyhow,
  startCertificateEdge,
} from '../support/edge-certificates.ts'
import { reasonOf } from '../support/edge-refusals.ts'
import { extension, extensions, hex, sequence } from '../support/ocsp-pki.ts'
import { CN, ORGANIZATION, subjectOf } from '../support/subjects.ts'

const root = certifier('Root of the clients')
const middle = certifier('Intermediate of the clients', root)
/** Trusted by Envoy and not by us. */
const elsewhere = certifier('Authority of somebody else')

const alone = shown(undefined)
const routes = [
  { name: 'accounts', path: '/accounts', clientCertificate: { ca: 'root.pem' } },
  { name: 'pinned', path: '/pinned', clientCertificate: { pinned: [alone.certificate.thumbprint] } },
  { name: 'denied', path: '/denied', clientCertificate: { ca: 'root.pem', deny: { subjects: [{ CN: 'client' }] } } },
  { name: 'roles', path: '/roles', clientCertificate: { ca: 'root.pem', roles: ['PSP_AI'], qwac: true } },
  { name: 'own', path: '/own', clientCertificate: { ca: 'root.pem' }, certificateClient: { attribute: 'CN' } },
  {
    name: 'listed',
    path: '/listed',
    clientCertificate: { ca: 'root.pem', revocation: { crl: 'hard', files: ['root.crl', 'middle.crl'] } },
  },
]
let edge: TestEdge
beforeAll(async () => {
  const trusted = [root, elsewhere, alone].map(({ certificate }) => pemOf(certificate)).join('')
  edge = await startCertificateEdge(
    trusted,
    routes,
    {
      'root.pem': pemOf(root.certificate),
      'root.crl': revocationList(root, ['66']),
      'middle.crl': revocationList(middle, ['77']),
    },
    // What Envoy would refuse in the handshake is let through to us where Envoy can be told so.
    (bootstrap) =>
      bootstrap.replaceAll(
        '"trust_chain_verification":"VERIFY_TRUST_CHAIN"',
        '"trust_chain_verification":"VERIFY_TRUST_CHAIN","allow_expired_certificate":true',
      ),
  )
})
afterAll(() => edge.stop())

/** The status and the reason, or how the handshake ended. */
async function outcome(path: string, certificate: Identity | undefined): Promise<string> {
  try {
    const { status, id, hits } = await edge.ask(edge.good({ path, certificate }))
    const reason = await reasonOf(edge, id)
    expect(hits).toBe(status === 200 ? 1 : 0)
    return `${status} ${reason}`
  } catch (error) {
    return `no connection: ${(error as NodeJS.ErrnoException).code}`
  }
}

describe('X5-01 real handshakes through a real Envoy', () => {
  test('a certificate of the root', async () =>
    expect(await outcome('/accounts', shown(root).identity)).toBe('200 allowed'))
  test('an intermediate sent by the client completes the path', async () => {
    expect(await outcome('/accounts', shown(middle, {}, [middle]).identity)).toBe('200 allowed')
  })
  test('no certificate', async () => {
    expect(await outcome('/accounts', undefined)).toBe('403 client_certificate_missing')
  })
  test('of an authority that Envoy trusts and the route does not', async () => {
    expect(await outcome('/accounts', shown(elsewhere).identity)).toBe('403 client_certificate_untrusted')
  })
  test('X5-03 expired, where Envoy lets it through', async () => {
    const ended = shown(root, { notAfter: now - 5 })
    expect(await outcome('/accounts', ended.identity)).toBe('403 client_certificate_expired')
  })
  test.each([
    ['of an authority nobody trusts', () => shown(certifier('Nobody')).identity],
    ['signed by itself', () => shown(undefined).identity],
    ['an intermediate that nobody sends', () => shown(middle).identity],
  ])('%s: Envoy ends the handshake', async (_, make) => {
    expect(await outcome('/accounts', make())).toMatch(/^no connection: /)
  })
  test.each([
    ['for servers alone', extension('0603551d25', sequence(hex('06082b06010505070301')))],
    ['for another purpose', extensions.ocspSigning],
    ['for any purpose', extensions.anyUsage],
  ])('X5-07 %s: Envoy ends the handshake', async (_, usage) => {
    const { identity } = shown(root, { extensions: [extensions.digitalSignature, usage] })
    expect(await outcome('/accounts', identity)).toMatch(/^no connection: /)
  })
  test('X5-07 for no stated purpose: Envoy lets it through, the route does not', async () => {
    const { identity } = shown(root, { extensions: [extensions.digitalSignature] })
    expect(await outcome('/accounts', identity)).toBe('403 client_certificate_purpose_refused')
  })
  test('X5-14 on the deny list', async () => {
    expect(await outcome('/denied', shown(root).identity)).toBe('403 client_certificate_refused')
    const subject = subjectOf([CN, 'another client']).der
    expect(await outcome('/denied', shown(root, { subject }).identity)).toBe('200 allowed')
  })
  test('QC-04 with the role the route asks for, and without', async () => {
    const subject = subjectOf([CN, 'provider'], [ORGANIZATION, 'PSDGB-FCA-123456']).der
    const qualified = (...roles: Parameters<typeof qcStatements>) =>
      shown(root, { subject, extensions: [...clientExtensions, qcStatements(...roles)] }).identity
    expect(await outcome('/roles', qualified('PSP_AI'))).toBe('200 allowed')
    expect(await outcome('/roles', qualified('PSP_PI'))).toBe('403 client_certificate_role_missing')
    expect(await outcome('/roles', shown(root).identity)).toBe('403 client_certificate_role_missing')
  })
  test('X5-15 of the client that the token was issued to, and of another', async () => {
    expect(await outcome('/own', shown(root, { subject: subjectOf([CN, 'tpp-1']).der }).identity)).toBe('200 allowed')
    expect(await outcome('/own', shown(root).identity)).toBe('403 client_certificate_mismatch')
  })
  test('X5-13 that no strict reader takes, though Envoy does', async () => {
    const twice = extension('06032a0305', hex('0500'))
    const { der, identity } = shownAnyhow(root, { extensions: [...clientExtensions, twice, twice] })
    expect(readCertificateDer(der).ok).toBe(false)
    expect(await outcome('/accounts', identity)).toBe('403 client_certificate_unusable')
  })
  test('pinned and signed by itself, where Envoy trusts this very certificate', async () => {
    expect(await outcome('/pinned', alone.identity)).toBe('200 allowed')
    expect(await outcome('/accounts', alone.identity)).toBe('403 client_certificate_untrusted')
    expect(await outcome('/pinned', shown(root).identity)).toBe('403 client_certificate_untrusted')
  })
})

describe('REV-02, REV-19 lists in files', () => {
  test('let pass who is not on them, and refuse who is', async () => {
    expect(await outcome('/listed', shown(root, { serial: '65' }).identity)).toBe('200 allowed')
    expect(await outcome('/listed', shown(root, { serial: '66' }).identity)).toBe('403 client_certificate_revoked')
    expect(await outcome('/listed', shown(middle, { serial: '77' }, [middle]).identity)).toBe(
      '403 client_certificate_revoked',
    )
    expect(await outcome('/accounts', shown(root, { serial: '66' }).identity)).toBe('200 allowed')
  })
  test('crl-swap a list that is replaced takes effect without restart, on the connection that is open', async () => {
    const client = openConnection(edge, shown(root, { serial: '67' }).identity)
    expect(await client.ask('/listed')).toBe(200)
    replaceFile(besides(edge, 'root.crl'), revocationList(root, ['66', '67']))
    await vi.waitFor(async () => expect(await client.ask('/listed')).toBe(403), { timeout: 9000, interval: 200 })
    expect(client.connections()).toBe(1)
    client.close()
  })
  test('crl-hang a list that is replaced by garbage, and then taken away, serves on', async () => {
    const [kept, revoked] = ['65', '66'].map((serial) => shown(root, { serial }).identity)
    for (const change of [
      () => replaceFile(besides(edge, 'root.crl'), 'garbage'),
      () => rmSync(besides(edge, 'root.crl')),
    ]) {
      const before = await troubles()
      change()
      await vi.waitFor(async () => expect(await troubles()).toBeGreaterThan(before), { timeout: 9000, interval: 200 })
      expect(await outcome('/listed', kept)).toBe('200 allowed')
      expect(await outcome('/listed', revoked)).toBe('403 client_certificate_revoked')
    }
  })
})

/** How often a list could not be used. */
async function troubles(): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${edge.setting.ports.metrics}/metrics`)).text()
  const counts = page.matchAll(/^envoy_fapi_crl_events_total\{result="(?:failed|refused)"\} ([0-9]+)$/gm)
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}
