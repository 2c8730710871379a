import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { boundToCertificate, sawLines, startTestEdge, type TestEdge, withSettings } from '../support/edge.ts'
import { customDocument } from '../support/edge-custom.ts'
import { aliases, expectIdentity, identityLines } from '../support/edge-identity.ts'
import { serveInstead } from '../support/edge-service.ts'

/** Spoofed lines, two of each name, with a value that would be worth something. */
const spoofed = Object.fromEntries(aliases.map((name) => [name, ['admin', 'root']]))

const allowUnderscores = { headers_with_underscores_action: () => 'ALLOW' }

describe.each([
  ['the early strip of Envoy and the service', allowUnderscores],
  // One layer alone has to do as well: nobody knows which of them is left out one day.
  ['the service alone', { ...allowUnderscores, early_header_mutation_extensions: () => [] }],
])('HDR-16, T-77, att-header-01: spoofed identity headers, with %s', (_, settings) => {
  let edge: TestEdge
  beforeAll(async () => {
    edge = await startTestEdge({ adapt: withSettings(settings) })
  })
  afterAll(() => edge.stop())

  const expected = () => ({
    'x-authz-issuer': edge.setting.authorizationServer.issuer,
    'x-authz-subject': 'user-1',
    'x-authz-client-id': 'tpp-1',
    'x-authz-scope': 'accounts payments',
  })

  test.each([false, true])('a DPoP-bound token (HTTP/2: %s)', async (http2) => {
    const told = await edge.ask(edge.good({ headers: spoofed, http2 }))
    expectIdentity(told, { ...expected(), 'x-authz-binding': 'dpop', 'x-authz-thumbprint': edge.key.thumbprint })
  })
  test.each([false, true])('a certificate-bound token (HTTP/2: %s)', async (http2) => {
    const { client } = edge.setting.pki
    const cnf = boundToCertificate(client)
    const headers = { ...spoofed, authorization: `Bearer ${edge.mint({ claims: { cnf } })}` }
    const told = await edge.ask({ certificate: client, headers, http2 })
    expectIdentity(told, { ...expected(), 'x-authz-binding': 'mtls', 'x-authz-thumbprint': cnf['x5t#S256'] })
  })
  test('a token bound to both, and its acr', async () => {
    const { client } = edge.setting.pki
    const cnf = { ...boundToCertificate(client), jkt: edge.key.thumbprint }
    const token = edge.mint({ claims: { cnf, acr: 'urn:bank:high' } })
    const told = await edge.ask(edge.good({ token, path: '/both', certificate: client, headers: spoofed }))
    expectIdentity(told, {
      ...expected(),
      ...{ 'x-authz-acr': 'urn:bank:high', 'x-authz-binding': 'dpop mtls' },
      'x-authz-thumbprint': edge.key.thumbprint,
    })
  })
  test.each([false, true])('an open route tells nobody anything (HTTP/2: %s)', async (http2) => {
    const told = await edge.ask({ path: '/public/x', headers: spoofed, http2 })
    expect([told.status, told.hits, identityLines(told.seen)]).toEqual([200, 1, {}])
  })
  test.each(aliases)('%s alone', async (name) => {
    const told = await edge.ask({ path: '/public/x', headers: { [name]: 'admin' } })
    expect([told.status, identityLines(told.seen)]).toEqual([200, {}])
  })
  test('neighbours of those names are left alone', async () => {
    const told = await edge.ask({ path: '/public/x', headers: { 'x-authzoo': '1', 'x-user': '2' } })
    expect([sawLines(told.seen, 'x-authzoo'), sawLines(told.seen, 'x-user')]).toEqual([['1'], ['2']])
  })
})

describe('att-header-01: the hardened bootstrap as it is', () => {
  let edge: TestEdge
  beforeAll(async () => {
    edge = await startTestEdge()
  })
  afterAll(() => edge.stop())

  test.each(aliases.filter((name) => name.includes('_')))('%s: 400', async (name) => {
    const told = await edge.ask({ path: '/public/x', headers: { [name]: 'admin' } })
    expect([told.status, told.hits]).toEqual([400, 0])
  })
  test.each([
    ['x-forwarded-client-cert', `Hash=${'0'.repeat(64)};Subject="CN=admin"`],
    ['x-envoy-auth-failure-mode-allowed', 'true'],
    ['x-forwarded-host', 'evil.example'],
  ])('MTLS-07, att-mtls-01, T-50: %s of a client never reaches the upstream', async (name, value) => {
    for (const certificate of [undefined, edge.setting.pki.client]) {
      const { status, seen } = await edge.ask(edge.good({ headers: { [name]: value }, certificate }))
      expect([status, sawLines(seen, name)]).toEqual([200, []])
    }
  })
  test('T-50: XFCC makes no certificate', async () => {
    const cnf = boundToCertificate(edge.setting.pki.client)
    const pem = encodeURIComponent(edge.setting.pki.client.certificate)
    const headers = {
      authorization: `Bearer ${edge.mint({ claims: { cnf } })}`,
      'x-forwarded-client-cert': `Cert="${pem}"`,
      'client-cert': `:${Buffer.from(pem).toString('base64')}:`,
    }
    expect(await edge.ask({ headers })).toMatchObject({ status: 401, hits: 0 })
  })
  test('att-header-02: who forwarded it, and how, is for Envoy to say', async () => {
    const headers = {
      'x-forwarded-for': '192.0.2.9',
      'x-forwarded-proto': 'http',
      forwarded: 'host=evil.example;proto=http',
    }
    const { status, seen } = await edge.ask(edge.good({ headers }))
    expect([status, sawLines(seen, 'x-forwarded-proto')]).toEqual([200, ['https']])
    // The last entry is what Envoy saw itself.
    expect(sawLines(seen, 'x-forwarded-for').join().split(',').at(-1)).not.toBe('192.0.2.9')
  })
  test('ENV-10, DPOP-21: a header that would change the method behind us', async () => {
    for (const name of ['x-http-method-override', 'x-method-override', 'x-http-method'])
      expect(await edge.ask(edge.good({ headers: { [name]: 'DELETE' } }))).toMatchObject({ status: 400, hits: 0 })
  })
  test.each([
    ['authorization', 401],
    ['dpop', 401],
    ['x-authz-subject', 200],
  ])('att-header-03: Connection names %s, which Envoy takes away before it asks', async (name, status) => {
    const told = await edge.ask(edge.good({ headers: { connection: `close, ${name}` } }))
    expect(told).toMatchObject({ status, hits: status === 200 ? 1 : 0 })
    if (status === 200) expect(identityLines(told.seen)).toMatchObject({ 'x-authz-subject': 'user-1' })
  })
  test('names of the operator that the bootstrap does not know are a fault, and nobody gets in', async () => {
    await edge.setting.service().stop()
    const other = await serveInstead(edge, customDocument)
    expect(await edge.ask(edge.good())).toMatchObject({ status: 500, hits: 0 })
    await other.stop()
  })
})
