import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { proven, type Scene, setScene } from '../../demo/scene.ts'
import { MTLS } from '../../demo/setting.ts'
import {
  type Asking,
  boundToCertificate,
  lines,
  sawLines,
  startTestEdge,
  type TestEdge,
  type Told,
} from '../support/edge.ts'
import { reasonOf } from '../support/edge-refusals.ts'

// The requests that the FAPI 2.0 test plan of the OpenID conformance suite sends to a resource endpoint.

let edge: TestEdge
let scene: Scene

beforeAll(async () => {
  edge = await startTestEdge()
  scene = await setScene(edge.setting)
})
afterAll(() => edge.stop())

/** The first client: its token and proof are made by the client library, byte for byte. */
const first = async (more: Asking = {}): Promise<Told> => {
  const { headers, ...asking } = more
  return await edge.ask({ ...asking, headers: { ...(await proven(scene)), ...headers } })
}
const expectServed = (told: Told, clientId: string): void => {
  expect(told).toMatchObject({ status: 200, hits: 1 })
  expect(lines(told, 'x-fapi-interaction-id')).toEqual([told.id])
  expect(sawLines(told.seen, 'x-authz-client-id')).toEqual([clientId])
}
const expectRefused = async (told: Told, status: number, reason: string): Promise<void> => {
  expect(told).toMatchObject({ status, hits: 0 })
  expect(await reasonOf(edge, told.id)).toBe(reason)
}

describe('suite: happy flow', () => {
  test.each([false, true])('DPOP-15, HDR-01: the first client, bound to a DPoP key (HTTP/2: %s)', async (http2) => {
    expectServed(await first({ http2 }), 'tpp-dpop')
  })
  test.each([false, true])('MTLS-01, HDR-11: the second client, bound to a certificate (HTTP/2: %s)', async (http2) => {
    const headers = { authorization: `Bearer ${scene.tokens.mtls}` }
    const certificate = edge.setting.pki.client
    expectServed(await edge.ask({ url: `${MTLS}/accounts`, headers, certificate, http2 }), 'tpp-mtls')
  })
  test('DPOP-31: the token of the first with a proof by the second', async () => {
    const token = scene.tokens.dpop
    await expectRefused(await edge.ask(edge.good({ token })), 401, 'proof_key_mismatch')
  })
})

const harmless: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['XF-06: IPv4', { 'x-fapi-customer-ip-address': '198.51.100.119' }],
  ['XF-06: IPv6', { 'x-fapi-customer-ip-address': '2001:db8::1893:25c8:1946' }],
  ['XF-07: no end user', { 'x-fapi-end-user-present': 'false' }],
  ['XF-05: a date', { 'x-fapi-auth-date': 'Tue, 11 Sep 2012 19:43:31 GMT' }],
  ['JSON in UTF-8', { accept: 'application/json; charset=utf-8' }],
  ['JSON rather than the rest', { accept: 'application/json;q=0.9, text/plain;q=0.8, */*;q=0.1' }],
  ['anything', { accept: '*/*' }],
]
test.each(harmless)('suite: header that must not matter, %s', async (_, headers) => {
  const told = await first({ headers })
  expectServed(told, 'tpp-dpop')
  const [[name = '', value] = []] = Object.entries(headers)
  expect(sawLines(told.seen, name)).toEqual([value])
})

describe('suite: HDR-04, T-10: the scheme in inverted case', () => {
  test.each(['dPOp', 'dpop', 'DPOP'])('%s', async (scheme) => {
    const { authorization, dpop } = await proven(scene)
    const told = await edge.ask({ headers: { authorization: authorization.replace(/^DPoP/, scheme), dpop } })
    expectServed(told, 'tpp-dpop')
  })
  test.each(['bEARER', 'bearer'])('%s', async (scheme) => {
    const headers = { authorization: `${scheme} ${scene.tokens.mtls}` }
    expectServed(await edge.ask({ headers, certificate: edge.setting.pki.client }), 'tpp-mtls')
  })
  test('DPoPX is another scheme', async () => {
    const { authorization, dpop } = await proven(scene)
    const headers = { authorization: authorization.replace('DPoP', 'DPoPX'), dpop }
    await expectRefused(await edge.ask({ headers }), 401, 'credentials_missing')
  })
})

describe('suite: HDR-02, FAPI-RS-02, T-53: the token in the query', () => {
  const inQuery = (name: string, headers: Asking['headers'] = {}): Promise<Told> =>
    edge.ask({ path: `/accounts?${name}=${scene.tokens.dpop}`, headers })
  test.each(['access_token', 'access%5Ftoken', 'a=1&access_token', 'a=1;access_token'])('%s', async (name) => {
    await expectRefused(await inQuery(name), 400, 'token_in_query')
  })
  test('and in the header too', async () => {
    await expectRefused(await inQuery('access_token', await proven(scene)), 400, 'token_in_query')
  })
  test('another parameter with such a value is none', async () => {
    expectServed(await inQuery('access_tokenx', await proven(scene)), 'tpp-dpop')
  })
})

describe('suite: XF-01 … XF-04, T-74: the interaction id', () => {
  test.each(['c770aef3-6784-41f7-8e0e-ff5f97bddb3a', '93BAC548-D2DE-4546-B106-880A5018460D'])(
    '%s comes back as it is, from an answer and from a refusal, and reaches the upstream',
    async (id) => {
      const headers = { 'x-fapi-interaction-id': id }
      const told = await first({ headers })
      expect([told.status, lines(told, 'x-fapi-interaction-id')]).toEqual([200, [id]])
      expect(sawLines(told.seen, 'x-fapi-interaction-id')).toEqual([id])
      const refused = await edge.ask({ headers })
      expect([refused.status, lines(refused, 'x-fapi-interaction-id')]).toEqual([401, [id]])
    },
  )
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
  test.each([
    ['none', []],
    ['no UUID', ['75bdc714-b2dg-4f5a-9c2b-3b2d0c5b1a11']],
    ['two', ['c770aef3-6784-41f7-8e0e-ff5f97bddb3a', '93bac548-d2de-4546-b106-880a5018460d']],
  ])('%s: a new one for client and upstream', async (_, sent) => {
    const told = await first({ headers: { 'x-fapi-interaction-id': sent } })
    const [id = '', ...more] = lines(told, 'x-fapi-interaction-id')
    expect([told.status, more]).toEqual([200, []])
    expect(id).toMatch(uuid)
    expect(sent).not.toContain(id)
    expect(sawLines(told.seen, 'x-fapi-interaction-id')).toEqual([id])
  })
})

test('suite: XF-10: answers and refusals carry a date', async () => {
  for (const told of [await first(), await edge.ask({})]) {
    const [date = ''] = lines(told, 'date')
    expect(Math.abs(Date.parse(date) - Date.now())).toBeLessThan(300_000)
  }
})

describe('suite: the Authorization field', () => {
  const with401: readonly (readonly [string, (good: { authorization: string; dpop: string }) => Asking['headers']])[] =
    [
      [
        'HDR-01: the token in a cookie',
        ({ authorization, dpop }) => ({ cookie: `access_token=${authorization.slice(5)}`, dpop }),
      ],
      ['HDR-08: another scheme', ({ dpop }) => ({ authorization: 'Basic dXNlcjpwYXNz', dpop })],
      ['HDR-13: Proxy-Authorization', ({ authorization, dpop }) => ({ 'proxy-authorization': authorization, dpop })],
    ]
  test.each(with401)('%s', async (_, change) => {
    const told = await edge.ask({ headers: change(await proven(scene)) ?? {} })
    await expectRefused(told, 401, 'credentials_missing')
    expect(lines(told, 'www-authenticate').join()).not.toContain('error')
  })
  test.each(['DPoP\t$', 'DPoP', 'DPoP $ x', 'DPoP "$"', 'DPoP $;'])('HDR-05, HDR-07: %j', async (form) => {
    const { authorization, dpop } = await proven(scene)
    const headers = { authorization: form.replace('$', authorization.slice(5)), dpop }
    await expectRefused(await edge.ask({ headers }), 400, 'credentials_malformed')
  })
  test('HDR-05: two blanks', async () => {
    const { authorization, dpop } = await proven(scene)
    const headers = { authorization: authorization.replace(' ', '  '), dpop }
    expectServed(await edge.ask({ headers }), 'tpp-dpop')
  })
  test('HDR-12: a token that is bound to nothing', async () => {
    const { plain } = scene.tokens
    await expectRefused(await edge.ask({ headers: { authorization: `Bearer ${plain}` } }), 401, 'token_unbound')
    await expectRefused(await edge.ask(edge.good({ token: plain })), 401, 'token_unbound')
  })
  test('HDR-10: a token for a certificate under DPoP, with certificate and proof', async () => {
    const certificate = edge.setting.pki.client
    const token = edge.mint({ claims: { cnf: boundToCertificate(certificate) } })
    await expectRefused(await edge.ask(edge.good({ token, certificate })), 401, 'token_not_dpop_bound')
  })
  test('HDR-17, T-54: a preflight is no exception', async () => {
    const headers = { origin: 'https://app.example', 'access-control-request-method': 'GET' }
    const told = await edge.ask({ method: 'OPTIONS', headers })
    await expectRefused(told, 405, 'method_not_allowed')
    expect([...told.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  })
  test('DPOP-21, T-54: HEAD wants a proof for HEAD', async () => {
    const { authorization, dpop } = await proven(scene)
    await expectRefused(
      await edge.ask({ method: 'HEAD', headers: { authorization, dpop } }),
      401,
      'proof_method_mismatch',
    )
    const told = await edge.ask({ method: 'HEAD', headers: await proven(scene, { method: 'HEAD' }) })
    expect([told.status, told.hits, told.body]).toEqual([200, 1, ''])
  })
})
