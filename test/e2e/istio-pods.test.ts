import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAuthority, type Identity, issue } from '../../tools/pki.ts'
import { boundToCertificate, lines, type TestEdge } from '../support/edge.ts'
import { reasonOf } from '../support/edge-refusals.ts'
import { forgedXfcc } from '../support/forged-xfcc.ts'
import { principalOf } from '../support/istio.ts'
import { type Mesh, startMesh, variants } from '../support/istio-mesh.ts'

// Other pods of the mesh, which go past the gateway.

const STRANGER = 'spiffe://cluster.local/ns/other/sa/default'
const CHECK = 'POST /envoy.service.auth.v3.Authorization/Check'
const RBAC = 'RBAC: access denied'

let meshes: Readonly<Record<'gateway' | 'sidecar', Mesh>>
beforeAll(async () => {
  meshes = { gateway: await startMesh(variants.gateway), sidecar: await startMesh(variants.sidecar) }
})
afterAll(async () => {
  for (const { edge } of Object.values(meshes)) await edge.stop()
})

describe.each(['gateway', 'sidecar'] as const)('Istio, %s', (name) => {
  let mesh: Mesh
  let stranger: Identity
  beforeAll(() => {
    mesh = meshes[name]
    stranger = mesh.certify(STRANGER)
  })

  test('att-ops-08, FAPI-NET-05 only the Envoy that checks reaches the service, and only its Check', async () => {
    const [asks, other] = name === 'gateway' ? (['gateway', 'api'] as const) : (['api', 'gateway'] as const)
    const ask = (pod: Identity, line = CHECK) =>
      mesh.fromPod(pod, { to: 'service', line, headers: { 'content-length': '0' } })
    expect(await ask(stranger)).toMatchObject({ status: 403, body: RBAC })
    expect(await ask(mesh.certify(principalOf[other]))).toMatchObject({ status: 403, body: RBAC })
    const right = mesh.certify(principalOf[asks])
    expect(await ask(right, 'POST /grpc.health.v1.Health/Check')).toMatchObject({ status: 403, body: RBAC })
    expect(await ask(right)).not.toMatchObject({ body: RBAC })
  })
  test.each(['api', 'service'] as const)('nobody reaches the %s without an identity of the mesh', async (to) => {
    const outside = issue(createAuthority('Other CA'), { name: 'pod', uris: [principalOf.gateway] })
    await expect(mesh.fromPod(outside, { to })).rejects.toThrow(/alert unknown ca/)
    const foreign = mesh.certify('spiffe://other.local/ns/istio-ingress/sa/istio-ingressgateway')
    await expect(mesh.fromPod(foreign, { to })).rejects.toThrow(/alert/)
  })
})

describe('Istio, gateway: the API', () => {
  let mesh: Mesh
  beforeAll(() => {
    mesh = meshes.gateway
  })

  test.each([
    ['without anything', {}],
    ['with identity headers', { 'x-authz-subject': 'admin', 'x-authz-client-id': 'tpp-1' }],
  ])('another pod, %s, does not get there', async (_, headers) => {
    const stranger = mesh.certify(STRANGER)
    expect(await mesh.fromPod(stranger, { to: 'api', headers })).toMatchObject({ status: 403, hits: 0, body: RBAC })
  })
  test('the gateway does', async () => {
    const gateway = mesh.certify(principalOf.gateway)
    expect(await mesh.fromPod(gateway, { to: 'api' })).toMatchObject({ status: 200, hits: 1 })
  })
})

describe('Istio, sidecar: the API', () => {
  let mesh: Mesh
  let edge: TestEdge
  let stranger: Identity
  let gateway: Identity
  let client: Identity
  beforeAll(() => {
    mesh = meshes.sidecar
    edge = mesh.edge
    stranger = mesh.certify(STRANGER)
    gateway = mesh.certify(principalOf.gateway)
    client = edge.certify({ name: 'tpp', dns: ['tpp.example'] })
  })

  const token = (): string => edge.mint({ claims: { cnf: boundToCertificate(client) } })
  /** A stolen certificate-bound token, and a header that says that the client is there. */
  const withXfcc = (pod: Identity, value: string) =>
    mesh.fromPod(pod, {
      to: 'api',
      headers: { authorization: `Bearer ${token()}`, 'x-forwarded-client-cert': value },
    })
  /** What the gateway's Envoy writes about the gateway, or somebody in its place. */
  const gatewayElement = `By=${principalOf.api};Hash=${'0'.repeat(64)};Subject="";URI=${principalOf.gateway}`

  test('MTLS-07 the gateway is believed', async () => {
    expect(await withXfcc(gateway, forgedXfcc(client))).toMatchObject({ status: 200, hits: 1 })
  })
  test.each([
    ['the element of the client', forgedXfcc],
    ['the elements of the client and of the gateway', (one: Identity) => `${forgedXfcc(one)},${gatewayElement}`],
    [
      'the element of the client, which says it is by the gateway',
      (one: Identity) => `By=${principalOf.gateway};${forgedXfcc(one)}`,
    ],
    ['an open quote', (one: Identity) => `${forgedXfcc(one)},URI="`],
  ])('att-mtls-01, T-50, MTLS-07 another pod is not, with %s', async (_, write) => {
    const answer = await withXfcc(stranger, write(client))
    expect(answer).toMatchObject({ status: 401, hits: 0 })
    expect(await reasonOf(edge, lines(answer, 'x-fapi-interaction-id').join())).toBe('certificate_missing')
  })
  test('nor is the gateway, with more elements than there are hops', async () => {
    const answer = await withXfcc(gateway, `${forgedXfcc(client)},${forgedXfcc(client)}`)
    expect(answer.hits).toBe(0)
    expect([400, 401]).toContain(answer.status)
  })
  test('another pod is checked like any client', async () => {
    expect(await mesh.fromPod(stranger, { to: 'api' })).toMatchObject({ status: 401, hits: 0 })
    const headers = edge.good().headers as Readonly<Record<string, string>>
    expect(await mesh.fromPod(stranger, { to: 'api', headers })).toMatchObject({ status: 200, hits: 1 })
  })
})
