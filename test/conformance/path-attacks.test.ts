import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { CheckRequest, HttpRequest } from '../../src/wire.ts'
import { flaws, verdict } from '../support/answers.ts'
import { overTheWire, received, recordedCheck } from '../support/recordings.ts'
import { checkRequest, forms } from '../support/requests.ts'
import { buildTestCheck, document, goodRequest, mintToken, ORIGIN, type Order, proofFor } from '../support/spine.ts'

type Line = readonly [name: string, value: string]

/** An open and a protected path beside each other: whoever reads one path in two ways gets from one to the other. */
const beside = {
  ...document,
  routes: [
    { name: 'public', path: '/public/**', methods: ['GET', 'HEAD', 'POST'], open: true },
    { name: 'admin', path: '/admin/**' },
    { name: 'accounts', path: '/accounts', scopes: ['accounts'] },
    { name: 'account', path: '/accounts/{id}' },
  ],
}

async function ask(wire: CheckRequest, changed: object = beside): Promise<string> {
  const response = overTheWire(await buildTestCheck({ document: changed }).ask(received(wire)))
  expect(flaws(response)).toEqual([])
  return verdict(response)
}
const reason = (order: Order, changed?: object): Promise<string> => ask(goodRequest(order), changed)

/** The same request with other attributes beside its headers. */
function changed(wire: CheckRequest, http: Partial<HttpRequest>): CheckRequest {
  const { attributes } = wire
  return { attributes: { ...attributes, request: { http: { ...attributes?.request?.http, ...http } } } }
}

describe.each(forms)('%s headers', (form) => {
  /** Neither let through as something open nor, with good credentials, as something else. */
  const refused = async (path: string, expected: string): Promise<void> => {
    expect([path, await ask(checkRequest({ path }, form))]).toEqual([path, expected])
    const token = mintToken()
    for (const htu of ['/accounts', '/admin/x', '/public/x', path]) {
      const proof = proofFor(token, { claims: { htu: ORIGIN + htu } })
      expect([path, await reason({ form, path, token, proof })]).toEqual([path, expected])
    }
  }

  test('the plain paths are what they seem', async () => {
    expect(await ask(checkRequest({ path: '/public/x' }, form))).toBe('allow')
    expect(await ask(checkRequest({ path: '/admin/x' }, form))).toBe('credentials_missing')
    expect(await reason({ form, path: '/admin/x' })).toBe('allow')
  })

  describe('att-path-01, T-55 dots, slashes and backslashes, encoded once or twice', () => {
    test.each([
      '/public/../accounts',
      '/public/./../accounts',
      '/public/..',
      '/public/.',
      '/public/%2e%2e/accounts',
      '/public/%2E%2E/accounts',
      '/public/.%2e/accounts',
      '/public/..%2faccounts',
      '/public/..%2Faccounts',
      '/public/%2e%2e%2faccounts',
      '/public/%252e%252e/accounts',
      '/public/%252e%252e%252faccounts',
      '/public/..\\accounts',
      '/public\\..\\accounts',
      '/public/..%5caccounts',
      '/public//../accounts',
      '/public//accounts',
      '/public/%c0%ae%c0%ae/accounts',
      '/public/%c0%af..%c0%afaccounts',
      '/public/%e0%80%af',
      '/public/%u002e%u002e/accounts',
      '/public/x%00/../accounts',
      '/public/x%0d%0aHost:%20evil',
      '/public/%zz',
      '/public/%',
    ])('%s', async (path) => await refused(path, 'path_not_canonical'))
  })
  test.each(['//admin/x', '///x', '/\\admin', '//user@host/x', '//evil.example/accounts', '/\\/evil.example'])(
    'att-path-02 %s is no authority',
    async (path) => await refused(path, 'path_not_canonical'),
  )
  test.each(['/public%2e/x', '/api%2e/admin', '/%70ublic/x', '/publi%63/x', '/admin%2Fx'])(
    'att-path-03 %s is not decoded into a prefix',
    async (path) => await refused(path, 'path_not_canonical'),
  )
  test.each(['pkg.Service/Method', 'public/x', '*', '', 'http://api.example.com/public/x', '?/public/x', '\\public'])(
    'att-path-04 a target that does not start with a slash: %j',
    async (path) => {
      for (const method of ['GET', 'POST', 'OPTIONS'])
        expect(await ask(checkRequest({ path, method }, form))).toBe('request_malformed')
      const token = mintToken()
      expect(await ask(changed(goodRequest({ form, token }), { path }))).toBe('request_malformed')
    },
  )
  describe('att-path-05 case and endings', () => {
    test.each(['API.EXAMPLE.COM', 'Api.Example.Com:443'])('the host %s is ours', async (host) =>
      expect(await reason({ form, host })).toBe('allow'),
    )
    test.each(['api.example.com.', 'api.example.com..', 'xapi.example.com', 'api.example.com:444', 'api-example.com'])(
      'the host %s is not',
      async (host) => expect(await reason({ form, host })).toBe('host_unknown'),
    )
    test('a slash at the end leads to the same route, and the proof is still for the very path', async () => {
      expect(await ask(checkRequest({ path: '/accounts/' }, form))).toBe('credentials_missing')
      const weaker = { ...beside, routes: [{ path: '/accounts', scopes: ['admin'] }, { path: '/**' }] }
      const token = mintToken()
      const proof = (htu: string) => proofFor(token, { claims: { htu } })
      for (const path of ['/accounts', '/accounts/'])
        expect(await reason({ form, path, token, proof: proof(ORIGIN + path) }, weaker)).toBe('scope_insufficient')
      expect(await reason({ form, path: '/accounts/', token, proof: proof(`${ORIGIN}/accounts`) })).toBe(
        'proof_target_mismatch',
      )
      expect(await reason({ form, path: '/accounts/', token, proof: proof(`${ORIGIN}/accounts/`) })).toBe('allow')
    })
    test.each(['/ACCOUNTS', '/Accounts', '/accounts.', '/accounts.json', '/PUBLIC/x', '/publicx'])(
      'the path %s is another',
      async (path) => expect(await ask(checkRequest({ path }, form))).toBe('route_unknown'),
    )
  })
  describe('att-envoy-14 matrix parameters', () => {
    test.each([
      '/accounts;x=1',
      '/accounts;x=1/1',
      '/public;/x',
      '/public/;/../admin',
      '/admin;/..;/',
      '/accounts%3bx',
      '/public/..;/admin',
    ])('%s', async (path) => await refused(path, 'path_not_canonical'))
    test('in the query they are nobody’s path', async () =>
      expect(await reason({ form, path: '/accounts?a;b=/../public' })).toBe('allow'))
  })
  test.each(['/public#/../admin', '/public/x#', '/accounts?x#y', '/public/x y', '/public/é', '/public/x\u0000'])(
    'att-envoy-03, ENV-05 %j is no target of a request',
    async (path) => expect(await ask(checkRequest({ path }, form))).toBe('request_malformed'),
  )
  test('the query chooses no route and is no part of the target', async () => {
    for (const query of ['?/public/x', '?x=/../public/x', '?/../../public/x', '??', '?x=%2e%2e%2f'])
      expect(await ask(checkRequest({ path: `/accounts${query}` }, form))).toBe('credentials_missing')
    expect(await reason({ form, path: '/accounts?/public/x' })).toBe('allow')
  })
})

describe('att-path-06 the whole public path counts', () => {
  const mounted = { ...beside, publicOrigins: [{ origin: ORIGIN, pathPrefix: '/open-banking/v1' }] }
  const proofOf = (token: string, path: string) => proofFor(token, { claims: { htu: ORIGIN + path } })
  test('the proof is for the URL the client used, the route for what Envoy sees', async () => {
    const token = mintToken()
    expect(await reason({ token, proof: proofOf(token, '/open-banking/v1/accounts') }, mounted)).toBe('allow')
    for (const path of [
      '/accounts',
      '/open-banking/accounts',
      '/open-banking/v1//accounts',
      '/open-banking/v2/accounts',
    ])
      expect(await reason({ token, proof: proofOf(token, path) }, mounted)).toBe('proof_target_mismatch')
  })
  test('the prefix is no way around a route', async () => {
    expect(await ask(checkRequest(), mounted)).toBe('credentials_missing')
    for (const path of ['/open-banking/v1/accounts', '/open-banking/v1/public/x'])
      expect(await ask(checkRequest({ path }), mounted)).toBe('route_unknown')
  })
})

describe('T-07, T-08 htu is compared by its own rules, not by a URL parser’s', () => {
  const forTarget = async (htu: string, path = '/accounts/7'): Promise<string> => {
    const token = mintToken()
    return await reason({ path, token, proof: proofFor(token, { claims: { htu } }) })
  }
  test.each([
    [`${ORIGIN}/accounts/7`, 'allow'],
    [`${ORIGIN}/accounts/%37`, 'allow'],
    [`${ORIGIN}/x/../accounts/7`, 'allow'],
    [`${ORIGIN}\\accounts\\7`, 'proof_target_mismatch'],
    [` ${ORIGIN}/accounts/7`, 'proof_target_mismatch'],
    [`${ORIGIN}/accounts/7 `, 'proof_target_mismatch'],
    [`${ORIGIN}/accounts\t/7`, 'proof_target_mismatch'],
    [`${ORIGIN}/acc\nounts/7`, 'proof_target_mismatch'],
    ['https://user:pass@api.example.com/accounts/7', 'proof_target_mismatch'],
    ['https://api.example.com@evil.example/accounts/7', 'proof_target_mismatch'],
    ['https:api.example.com/accounts/7', 'proof_target_mismatch'],
    ['https:/api.example.com/accounts/7', 'proof_target_mismatch'],
    ['https:////api.example.com/accounts/7', 'proof_target_mismatch'],
    ['https://api。example。com/accounts/7', 'proof_target_mismatch'],
    ['https://api%2eexample.com/accounts/7', 'proof_target_mismatch'],
  ])('%j: %s', async (htu, expected) => expect(await forTarget(htu)).toBe(expected))
  test('T-08 an encoded slash is no slash', async () => {
    expect(await forTarget(`${ORIGIN}/accounts%2F7`)).toBe('proof_target_mismatch')
    expect(await forTarget(`${ORIGIN}/accounts/7`, '/accounts%2F7')).toBe('path_not_canonical')
    expect(await forTarget(`${ORIGIN}/accounts%2F7`, '/accounts%2F7')).toBe('path_not_canonical')
  })
})

describe('att-envoy-09 the scheme of the request', () => {
  test.each(['HTTPS', 'hTTp', 'http', '', 'javascript', 'https,http', '\u0000'])(
    '%j decides nothing',
    async (scheme) => {
      expect(await ask(changed(goodRequest(), { scheme }))).toBe('allow')
      const token = mintToken()
      const plain = proofFor(token, { claims: { htu: 'http://api.example.com/accounts' } })
      expect(await ask(changed(goodRequest({ token, proof: plain }), { scheme }))).toBe('proof_target_mismatch')
    },
  )
})

describe('att-envoy-12 an upgrade is a request like any other', () => {
  const upgrades: readonly (readonly Line[])[] = [
    [
      ['connection', 'upgrade'],
      ['upgrade', 'websocket'],
    ],
    [
      ['connection', 'upgrade'],
      ['upgrade', 'connect-udp'],
      ['capsule-protocol', '?1'],
    ],
    [[':protocol', 'websocket']],
    [[':protocol', 'connect-udp']],
    [
      ['upgrade', 'h2c'],
      ['http2-settings', 'AAMAAABkAAQAAP__'],
    ],
  ]
  test.each(upgrades.map((headers) => ({ headers })))('$headers', async ({ headers }) => {
    expect(await ask(checkRequest({ headers }))).toBe('credentials_missing')
    expect(await reason({ headers })).toBe('allow')
    expect(await reason({ headers, proof: null })).toBe('proof_missing')
    expect(await reason({ headers, method: 'CONNECT' })).toBe('method_not_allowed')
  })
  test('a CONNECT as Envoy 1.40 sends it', async () =>
    expect(await ask(recordedCheck('h1-connect'))).toBe('request_malformed'))
  test('the bootstraps we ship upgrade nothing and match no template', () => {
    for (const path of ['envoy/hardened.yaml', 'envoy/minimal.yaml'])
      expect(readFileSync(path, 'utf8')).not.toMatch(/upgrade_configs|uri_template|connect_matcher|allow_connect/)
  })
})

test('att-envoy-07 a request without path, method or host is malformed, not a mistake of ours', async () => {
  for (const member of ['path', 'method', 'host', 'headerMap'] as const) {
    const http: Partial<HttpRequest> = { ...goodRequest().attributes?.request?.http }
    delete (http as Record<string, unknown>)[member]
    const expected = member === 'headerMap' ? 'credentials_missing' : 'request_malformed'
    expect(await ask({ attributes: { request: { http } } })).toBe(expected)
  }
  for (const wire of [
    {},
    { attributes: {} },
    { attributes: { request: {} } },
    { attributes: { request: { http: {} } } },
  ])
    expect(await ask(wire)).toBe('request_malformed')
  expect(await ask({ attributes: { request: { http: { ...goodRequest().attributes?.request?.http } } } })).toBe('allow')
})
