import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Certificate } from '../../src/verify/x509/certificate.ts'
import type { Identity } from '../../tools/pki.ts'
import { pemOf } from '../support/client-certificates.ts'
import type { TestEdge } from '../support/edge.ts'
import { certifier, holderOf, now, shown, startCertificateEdge } from '../support/edge-certificates.ts'
import { reasonOf } from '../support/edge-refusals.ts'
import { response, single, status } from '../support/ocsp-responses.ts'
import { startOpensslResponder } from '../support/openssl-responder.ts'
import { answer, type PlainStub, startPlainStub } from '../support/plain-stub.ts'

const root = certifier('Root of the clients')
const TYPE = 'application/ocsp-response'

/** What our responder does with a question. */
let react: (outgoing: ServerResponse, nonce: Buffer) => void
const saying =
  (about: Certificate, word: Buffer, lifetime = 3600): typeof react =>
  (outgoing, nonce) => {
    const said = single({
      ...{ certificate: about, issuedBy: root.certificate, status: word },
      ...{ thisUpdate: Math.floor(Date.now() / 1000) - 1, nextUpdate: Math.floor(Date.now() / 1000) + lifetime },
    })
    const content = { signer: holderOf(root), producedAt: Math.floor(Date.now() / 1000), certificates: [] }
    answer(outgoing, TYPE, response({ ...content, responses: [said], nonce }))
  }

let own: PlainStub
let openssl: Awaited<ReturnType<typeof startOpensslResponder>>
let edge: TestEdge
beforeAll(async () => {
  own = await startPlainStub(({ body }, outgoing) => react(outgoing, body.subarray(-32)))
  openssl = await startOpensslResponder('ec')
  const ocsp = (mode: string, responder: string, ca = 'root.pem', wait = '150ms') => ({
    clientCertificate: { ca, revocation: { ocsp: mode, responder, wait } },
  })
  const dead = 'http://127.0.0.1:9'
  const routes = [
    { name: 'own', path: '/own', ...ocsp('hard', own.origin) },
    { name: 'own-soft', path: '/own-soft', ...ocsp('soft', `${own.origin}/soft`) },
    // The openssl command is started anew for each question.
    { name: 'openssl', path: '/openssl', ...ocsp('hard', openssl.responder, 'openssl.pem', '400ms') },
    { name: 'dead-hard', path: '/dead-hard', ...ocsp('hard', dead) },
    { name: 'dead-soft', path: '/dead-soft', ...ocsp('soft', dead) },
  ]
  const authorities = { 'root.pem': pemOf(root.certificate), 'openssl.pem': openssl.identity('ca').certificate }
  edge = await startCertificateEdge(Object.values(authorities).join(''), routes, authorities)
})
afterAll(async () => {
  await edge.stop()
  await own.close()
  await openssl.close()
})

async function outcome(path: string, certificate: Identity): Promise<string> {
  const { status: code, id, hits } = await edge.ask(edge.good({ path, certificate }))
  expect(hits).toBe(code === 200 ? 1 : 0)
  return `${code} ${await reasonOf(edge, id)}`
}
const counted = async (series: string): Promise<number> => {
  const page = await (await fetch(`http://127.0.0.1:${edge.setting.ports.metrics}/metrics`)).text()
  return Number(
    page
      .split('\n')
      .find((line) => line.startsWith(`envoy_fapi_${series} `))
      ?.split(' ')[1] ?? 0,
  )
}
const serial = (() => {
  let next = 16
  return () => (next++).toString(16)
})()
const someone = () => shown(root, { serial: serial() })

describe('a responder of our own behind a real Envoy', () => {
  test('REV-10 says good: allowed, and asked once', async () => {
    const client = someone()
    react = saying(client.certificate, status.good)
    const before = own.asked.length
    expect(await outcome('/own', client.identity)).toBe('200 allowed')
    expect(await outcome('/own', client.identity)).toBe('200 allowed')
    expect(own.asked.length - before).toBe(1)
  })
  test.each([
    ['revoked', status.revoked(1, now - 60), '403 client_certificate_revoked'],
    ['unknown', status.unknown, '403 client_certificate_status_unknown'],
  ])('REV-02, REV-14 says %s: refused', async (_, word, expected) => {
    const client = someone()
    react = saying(client.certificate, word)
    expect(await outcome('/own', client.identity)).toBe(expected)
  })
  test('X5-16 says revoked when its last answer has ended', async () => {
    const client = someone()
    react = saying(client.certificate, status.good, 2)
    expect(await outcome('/own', client.identity)).toBe('200 allowed')
    react = saying(client.certificate, status.revoked(1, now - 60))
    await vi.waitFor(
      async () => expect(await outcome('/own', client.identity)).toBe('403 client_certificate_revoked'),
      { timeout: 8000, interval: 250 },
    )
  })
  test('REV-09 speaks of another certificate, or without a signature of its own: 503', async () => {
    const [client, other] = [someone(), someone()]
    react = saying(other.certificate, status.good)
    expect(await outcome('/own', client.identity)).toBe('503 certificate_status_unavailable')
    react = (outgoing, nonce) =>
      answer(outgoing, TYPE, response({ certificate: other.certificate, issuedBy: root.certificate, nonce }))
    expect(await outcome('/own', other.identity)).toBe('503 certificate_status_unavailable')
  })
  test.each<readonly [string, typeof react]>([
    ['hangs', () => undefined],
    ['answers 500', (outgoing) => outgoing.writeHead(500).end()],
    ['answers HTML', (outgoing) => answer(outgoing, 'text/html', Buffer.from('<html>'))],
    ['answers garbage', (outgoing) => answer(outgoing, TYPE, Buffer.from('garbage'))],
    ['hangs up', (outgoing) => outgoing.destroy()],
  ])('ocsp-hang %s: hard answers 503, soft lets pass and counts', async (_, failure) => {
    react = failure
    expect(await outcome('/own', someone().identity)).toBe('503 certificate_status_unavailable')
    const before = await counted('certificate_status_tolerated_total')
    expect(await outcome('/own-soft', someone().identity)).toBe('200 allowed')
    expect(await counted('certificate_status_tolerated_total')).toBe(before + 1)
  })
})

describe('the responder of OpenSSL', () => {
  test.each([
    ['good', '200 allowed'],
    ['revoked', '403 client_certificate_revoked'],
    ['hold', '403 client_certificate_revoked'],
    ['stranger', '403 client_certificate_status_unknown'],
  ])('REV-02, REV-14 knows %s', async (name, expected) => {
    openssl.answerAs('responder', '-nmin', '10')
    expect(await outcome('/openssl', openssl.identity(name))).toBe(expected)
  })
})

describe('att-mtls-06 a responder that is down', () => {
  test('hard: 503, and /readyz says so', async () => {
    for (let turn = 0; turn < 6; turn += 1)
      expect(await outcome('/dead-hard', someone().identity)).toBe('503 certificate_status_unavailable')
    const page = await (await fetch(`http://127.0.0.1:${edge.setting.ports.metrics}/readyz`)).text()
    expect(page).toContain('ocsp: a responder fails, certificates may be answered 503')
  })
  test('soft: allowed, counted each time, and named by /readyz', async () => {
    const before = await counted('certificate_status_tolerated_total')
    const client = someone()
    for (let turn = 0; turn < 3; turn += 1) expect(await outcome('/dead-soft', client.identity)).toBe('200 allowed')
    expect(await counted('certificate_status_tolerated_total')).toBe(before + 3)
    const page = (await (await fetch(`http://127.0.0.1:${edge.setting.ports.metrics}/readyz`)).json()) as object
    expect(page).toMatchObject({
      softRevocation: ['client certificates of own-soft', 'client certificates of dead-soft'],
    })
  })
})
