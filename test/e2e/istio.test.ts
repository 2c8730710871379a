import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { API, MTLS } from '../../demo/setting.ts'
import type { Identity } from '../../tools/pki.ts'
import { boundToCertificate, sawLines, type TestEdge } from '../support/edge.ts'
import { shakeHands } from '../support/edge-raw.ts'
import { reasonOf } from '../support/edge-refusals.ts'
import { forgedXfcc } from '../support/forged-xfcc.ts'
import { accessLogOf } from '../support/istio.ts'
import { type Mesh, startMesh, variants } from '../support/istio-mesh.ts'
import { buildClientKey } from '../support/proofs.ts'

// What Istio's own generator makes of k8s/istio, run on a real Envoy: the gateway, the Envoy beside the API, the Envoy
// beside the service, and the service with the configuration that lies there.

describe.each(['gateway', 'unpatched', 'sidecar'] as const)('Istio, %s', (name) => {
  let mesh: Mesh
  let edge: TestEdge
  let client: Identity
  let otherClient: Identity
  beforeAll(async () => {
    mesh = await startMesh(variants[name])
    edge = mesh.edge
    client = edge.certify({ name: 'tpp', dns: ['tpp.example'] })
    otherClient = edge.certify({ name: 'tpp-other', dns: ['tpp-other.example'] })
  })
  afterAll(() => edge.stop())

  const boundToken = (): string => edge.mint({ claims: { cnf: boundToCertificate(client) } })
  /** A request with the client's certificate-bound token. */
  const bound = (certificate: Identity | undefined, headers: Readonly<Record<string, string>> = {}) =>
    edge.ask({
      url: `${certificate ? MTLS : API}/accounts`,
      certificate,
      headers: { authorization: `Bearer ${boundToken()}`, ...headers },
    })
  const refusal = async ({ status, hits, id }: Awaited<ReturnType<typeof bound>>) => [
    status,
    hits,
    await reasonOf(edge, id),
  ]

  test('the rightful DPoP client, and what the API learns of it', async () => {
    const { status, hits, seen } = await edge.ask(edge.good())
    expect([status, hits]).toEqual([200, 1])
    expect(sawLines(seen, 'x-authz-client-id')).toEqual(['tpp-1'])
    expect(sawLines(seen, 'x-authz-binding')).toEqual(['dpop'])
    expect(sawLines(seen, 'authorization')).toEqual([])
    expect(sawLines(seen, 'dpop')).toEqual([])
  })
  test('a DPoP client that shows a certificate as well', async () => {
    expect(await edge.ask({ ...edge.good(), certificate: client })).toMatchObject({ status: 200, hits: 1 })
  })
  test('MTLS-06 the rightful client with its certificate', async () => {
    const { status, hits, seen } = await bound(client)
    expect([status, hits]).toEqual([200, 1])
    expect(sawLines(seen, 'x-authz-binding')).toEqual(['mtls'])
  })
  test('a POST with a body', async () => {
    const payment = edge.good({ method: 'POST', path: '/payments', body: '{"amount":1}' })
    expect(await edge.ask(payment)).toMatchObject({ status: 200, hits: 1 })
  })

  test('a stolen token, as Bearer', async () => {
    const { headers } = edge.good()
    const stolen = String(headers?.authorization).replace('DPoP', 'Bearer')
    const told = await edge.ask({ headers: { authorization: stolen } })
    expect(await refusal(told)).toEqual([401, 0, 'bound_token_as_bearer'])
  })
  test('a stolen token, and a proof of the thief', async () => {
    const told = await edge.ask(edge.good({ proofKey: await buildClientKey() }))
    expect(await refusal(told)).toEqual([401, 0, 'proof_key_mismatch'])
  })
  test('a proof the second time', async () => {
    const once = edge.good()
    expect(await edge.ask(once)).toMatchObject({ status: 200 })
    expect(await refusal(await edge.ask(once))).toEqual([401, 0, 'proof_replayed'])
  })
  test('no token at all', async () => {
    expect(await refusal(await edge.ask({}))).toEqual([401, 0, 'credentials_missing'])
  })
  test('a bound token with another certificate', async () => {
    expect(await refusal(await bound(otherClient))).toEqual([401, 0, 'certificate_mismatch'])
  })
  test('a bound token without a certificate', async () => {
    expect(await refusal(await bound(undefined))).toEqual([401, 0, 'certificate_missing'])
  })
  test('MTLS-02 mtls takes no connection without a certificate', async () => {
    expect(await shakeHands(edge, { servername: 'mtls.bank.example' })).toMatchObject({
      error: expect.stringMatching(/_ALERT_CERTIFICATE_REQUIRED$/),
    })
  })

  test('a TLS session is not resumed, as long as an EnvoyFilter may say so', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { sessions } = await shakeHands(edge, { maxVersion })
      const again = await shakeHands(edge, { maxVersion, ...(sessions[0] && { session: sessions[0] }) })
      expect(again.reused).toBe(name === 'unpatched')
    }
  })

  test.each([
    ['as it is', (element: string) => element],
    ['with a second element', (element: string) => `${element},${element}`],
    ['with an open quote', (element: string) => `${element};Subject="`],
    [
      'with an element of the gateway behind it',
      (element: string) => `${element},URI=spiffe://cluster.local/ns/istio-ingress/sa/istio-ingressgateway`,
    ],
  ])('att-mtls-01, T-50 another certificate and a forged x-forwarded-client-cert, %s', async (_, spell) => {
    const forged = { 'x-forwarded-client-cert': spell(forgedXfcc(client)) }
    expect(await refusal(await bound(otherClient, forged))).toEqual([401, 0, 'certificate_mismatch'])
    expect(await refusal(await bound(undefined, forged))).toEqual([401, 0, 'certificate_missing'])
    // The honest client is not harmed by what it sends.
    expect(await bound(client, forged)).toMatchObject({ status: 200, hits: 1 })
  })
  test('att-header-01 identity headers of a client do not reach the API', async () => {
    const forged = ['x-authz-subject', 'x-authz-acr', 'x.authz.subject', 'x-authz-anything', 'client-cert']
    const headers = Object.fromEntries(forged.map((header) => [header, 'forged']))
    const { status, seen } = await edge.ask(edge.good({ headers }))
    expect(status).toBe(200)
    expect(seen?.headers.filter(([, value]) => value === 'forged')).toEqual([])
    expect(sawLines(seen, 'x-authz-subject')).toEqual(['user-1'])
    const open = await edge.ask({ path: '/public/x', headers })
    expect(open).toMatchObject({ status: 200, hits: 1 })
    expect(open.seen?.headers.filter(([header]) => header.includes('authz') || header === 'client-cert')).toEqual([])
  })
  test('the access log tells what was decided, and no token, proof or query', async () => {
    const { status } = await edge.ask(edge.good({ path: '/accounts?secret=1' }))
    expect(status).toBe(200)
    // The end writes out what is still kept back.
    await edge.setting.envoy.stop()
    const log = readFileSync(accessLogOf(edge.setting.pki.directory), 'utf8')
    expect(log).toContain('"decision":"allow"')
    expect(log).toContain('"reason":"proof_replayed"')
    expect(log).not.toMatch(/eyJ|secret/)
  })
})
