import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { smallest } from '../support/config-files.ts'

const problems = (difference: object): readonly string[] => {
  const reading = readConfig(smallest(difference))
  return reading.ok ? [] : reading.problems.map(({ path, message }) => `${path.join('.')}: ${message}`)
}
const files = { certificate: 'a', key: 'b' }
const pinned = { ...files, clientCa: 'c', peers: ['spiffe://bank.example/envoy'] }
const exposed = expect.stringMatching(/^listen\.(?:check|admin): .* can be reached from outside/)

describe('FAPI-NET-05, att-ops-08 the Check port', () => {
  test.each([
    ['loopback', { check: '127.0.0.1:9191' }],
    ['any loopback', { check: '127.8.9.10:9191' }],
    ['localhost', { check: 'localhost:9191' }],
    ['IPv6 loopback', { check: '[::1]:9191' }],
    ['IPv6 loopback, written out', { check: '[0:0:0:0:0:0:0:1]:9191' }],
    ['IPv4 loopback inside IPv6', { check: '[::ffff:127.0.0.1]:9191' }],
    ['a name in capitals', { check: 'LOCALHOST:9191' }],
    ['a socket', { check: 'unix:/run/check.sock' }],
    ['mutual TLS with pinned peers', { check: '0.0.0.0:9191', tls: pinned }],
    ['the mesh', { check: '0.0.0.0:9191', insecureCheck: true, meshTls: true }],
  ])('%s is fine', (_name, listen) => expect(problems({ listen })).toEqual([]))

  test.each([
    ['every address', { check: '0.0.0.0:9191' }],
    ['every IPv6 address', { check: '[::]:9191' }],
    ['a name', { check: 'envoy-fapi:9191' }],
    ['an address inside IPv6', { check: '[::ffff:10.0.0.1]:9191' }],
    ['a name that ends like loopback', { check: 'x.localhost:9191' }],
    ['a name that begins like loopback', { check: '127.0.0.1.bank.example:9191' }],
    ['another that does', { check: '127.bank.example:9191' }],
    ['TLS that takes any client', { check: '0.0.0.0:9191', tls: files }],
    ['TLS that takes any client of an authority', { check: '0.0.0.0:9191', tls: { ...files, clientCa: 'c' } }],
    ['the word of the mesh alone', { check: '0.0.0.0:9191', meshTls: true }],
  ])('%s is refused', (_name, listen) => expect(problems({ listen })).toEqual([exposed]))

  test('insecureCheck off loopback needs the mesh under FAPI, and is not FAPI without', () => {
    const listen = { check: '0.0.0.0:9191', insecureCheck: true }
    expect(problems({ listen })).toEqual([expect.stringContaining('only together with meshTls: true')])
    expect(problems({ listen, profile: 'compat' })).toEqual([])
  })
  test('admin stays at home', () => {
    expect(problems({ listen: { admin: '0.0.0.0:9192' } })).toEqual([exposed])
    expect(problems({ listen: { admin: '127.0.0.1:1', metrics: '0.0.0.0:9464' } })).toEqual([])
  })
})

describe('FAPI-RS-06 the profile cannot be loosened and keep its name', () => {
  const exceptions = ['bearerTokens', 'rs256', 'tokenTypeJwt', 'longLivedTokens', 'claimMapping', 'noRevocation']
  test.each(exceptions)('%s only under compat', (exception) => {
    const routes = [
      { path: '/**', exceptions: [exception, ...(exception === 'longLivedTokens' ? ['noRevocation'] : [])] },
    ]
    expect(problems({ routes, profile: 'compat' })).toEqual([])
    expect(problems({ routes })).toEqual([`routes.0.exceptions: ${exception} is only allowed under profile: compat`])
  })
  test('no possession, no protected route', () => {
    const routes = [{ path: '/**', pipeline: 'p' }]
    expect(problems({ routes, pipelines: { p: ['accessToken'] } })).toEqual([
      'routes.0: the pipeline of this route never yields a verified binding',
    ])
  })
  test('a bearer route has to be asked for by exception', () => {
    const routes = [{ path: '/**', kind: 'bearer', pipeline: 'p' }]
    expect(problems({ routes, pipelines: { p: ['accessToken'] }, profile: 'compat' })).toEqual([
      'routes.0.kind: kind: bearer needs exceptions: [bearerTokens]',
    ])
  })
})

describe('JWT-30 tokens whose revocation nobody can learn of live for a short time', () => {
  const server = (shortLived: string) => ({
    authorizationServers: [{ issuer: 'https://as.bank.example', revocation: { shortLived } }],
  })
  const route = (maxLifetime: string, more: object = {}) => ({
    routes: [{ path: '/**', accessToken: { maxLifetime }, ...more }],
  })
  test.each([
    ['10m', '10m', true],
    ['10m', '601s', false],
    ['5m', '5m', true],
    ['5m', '10m', false],
  ])('shortLived %s, maxLifetime %s: fine is %s', (shortLived, maxLifetime, fine) =>
    expect(problems({ ...server(shortLived), ...route(maxLifetime) }).length === 0).toBe(fine),
  )
  test('noRevocation is an exception', () =>
    expect(problems({ ...route('1d', { exceptions: ['noRevocation'] }), profile: 'compat' })).toEqual([]))
})

describe('JWT-07 audiences of a route are among those of its servers', () => {
  const servers = [
    { name: 'one', issuer: 'https://as.one.example', audiences: ['https://a.example', 'https://b.example'] },
    { name: 'two', issuer: 'https://as.two.example', audiences: ['https://c.example'] },
  ]
  const ask = (accessToken: object) =>
    problems({ authorizationServers: servers, routes: [{ path: '/**', accessToken }] }).map(
      (text) => text.split(':')[0],
    )
  test.each<[object, readonly string[]]>([
    [{ from: ['one'], audiences: ['https://a.example'] }, []],
    [{ from: ['one'], audiences: ['https://a.example', 'https://b.example'] }, []],
    [{ audiences: ['https://a.example', 'https://c.example'] }, []],
    [{ from: ['two'] }, []],
    [{ from: ['one'] }, ['routes.0']],
    [{ audiences: ['https://a.example'] }, ['routes.0.accessToken.audiences']],
    [{ from: ['two'], audiences: ['https://a.example'] }, ['routes.0.accessToken.audiences.0']],
    [
      { audiences: ['https://a.example', 'https://c.example', 'https://d.example'] },
      ['routes.0.accessToken.audiences.2'],
    ],
  ])('%j', (accessToken, expected) => expect(ask(accessToken)).toEqual(expected))
})

describe('routes that others hide', () => {
  const origins = ['https://a.example', { origin: 'https://b.example', hosts: ['inner.b'] }]
  const servers = [{ issuer: 'https://as.bank.example', audiences: ['https://a.example'] }]
  const told = (...routes: readonly object[]) =>
    problems({ publicOrigins: origins, authorizationServers: servers, routes }).map((text) =>
      text.includes('never reached') ? 'hidden' : text.includes('the open route') ? 'partly open' : text,
    )
  test.each<[string, object, object, readonly string[]]>([
    ['the same path', { path: '/a' }, { path: '/a', name: 'x' }, ['hidden']],
    ['everything first', { path: '/**' }, { path: '/a/{id}' }, ['hidden']],
    ['a parameter before a literal', { path: '/{x}' }, { path: '/a' }, ['hidden']],
    ['a literal before a parameter', { path: '/a' }, { path: '/{x}' }, []],
    ['another method', { path: '/a', methods: ['GET'] }, { path: '/a', methods: ['POST'] }, []],
    ['fewer methods', { path: '/a', methods: ['GET'] }, { path: '/a', name: 'x' }, []],
    ['another host', { path: '/a', hosts: ['a.example'] }, { path: '/a', hosts: ['b.example'], name: 'x' }, []],
    ['one host of two', { path: '/a', hosts: ['a.example'] }, { path: '/a', name: 'x' }, []],
    ['all hosts', { path: '/a', hosts: ['a.example', 'b.example'] }, { path: '/a', name: 'x' }, ['hidden']],
    [
      'another spelling',
      { path: '/a', hosts: ['b.example'] },
      { path: '/a', hosts: ['inner.b'], name: 'x' },
      ['hidden'],
    ],
    ['the inner one first', { path: '/a', hosts: ['inner.b'] }, { path: '/a', hosts: ['b.example'], name: 'x' }, []],
    ['open, some methods', { path: '/a/**', methods: ['GET'], open: true }, { path: '/a/b' }, ['partly open']],
    ['open, some hosts', { path: '/a/**', hosts: ['a.example'], open: true }, { path: '/a/b' }, ['partly open']],
    ['open, other methods', { path: '/a/**', methods: ['GET'], open: true }, { path: '/a/b', methods: ['POST'] }, []],
    ['open, narrower', { path: '/a/b', open: true }, { path: '/a/**' }, []],
    ['open before open', { path: '/a/**', methods: ['GET'], open: true }, { path: '/a/b', open: true }, []],
  ])('%s', (_name, first, second, expected) => expect(told(first, second)).toEqual(expected))
})

describe('smaller things', () => {
  test.each<[string, object, number]>([
    ['a scope value from a path parameter', { path: '/a/{id}', scopes: param('id') }, 0],
    ['a scope value nobody compares', { path: '/a', scopes: param('consentId') }, 0],
    ['a misspelled path parameter', { path: '/a/{accountId}', scopes: param('acountId') }, 1],
    ['scopes for every method', { path: '/a', methods: ['GET', 'HEAD'], scopes: { methods: { GET: ['a'] } } }, 0],
    ['a method that is free by word', { path: '/a', methods: ['GET', 'POST'], scopes: free }, 0],
    ['a method nobody thought of', { path: '/a', methods: ['GET', 'POST', 'DELETE'], scopes: free }, 1],
    ['the methods a route has by default', { path: '/a', scopes: free }, 1],
    ['a scope for all beside it', { path: '/a', scopes: { ...free, all: ['b'] } }, 0],
    ['scopes that ask for nothing', { path: '/a', scopes: {} }, 1],
    ['an open route for nearly all', { path: '/{a}/**', methods: ['GET'], open: true }, 1],
    ['an open route below one name', { path: '/a/{b}/**', methods: ['GET'], open: true }, 0],
    ['a certificate that is taken', { path: '/a', senderConstraint: { methods: ['mtls'] } }, 0],
  ])('%s', (_name, route, count) => expect(problems({ routes: [route] })).toHaveLength(count))

  test.each<[object, number]>([
    [{ methods: ['dpop'] }, 0],
    [{ methods: ['dpop', 'mtls'] }, 0],
    [{ methods: ['mtls'] }, 1],
    [{ both: true }, 1],
  ])('without client certificates, senderConstraint %j', (senderConstraint, count) =>
    expect(
      problems({ clientCertificateFrom: { source: 'none' }, routes: [{ path: '/a', senderConstraint }] }),
    ).toHaveLength(count),
  )

  test.each(['x-user', 'x-authz-sub', 'x-authz-certificate'])('%s may carry identity', (subject) =>
    expect(problems({ identity: { headers: { subject } } })).toEqual([]),
  )
  test.each([
    ...['host', 'authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'dpop', 'connection', 'te', 'trailer'],
    ...['transfer-encoding', 'upgrade', 'content-length', 'content-type', 'forwarded', 'x-forwarded-for', 'via'],
    ...[
      'x-envoy-original-path',
      'x-request-id',
      'x-fapi-interaction-id',
      'signature-input',
      'client-cert',
      'x-real-ip',
    ],
    ...['x-original-url', 'x-http-method-override', 'keep-alive', 'www-authenticate', 'cache-control', 'if-match'],
  ])('%s may not carry identity', (subject) =>
    expect(problems({ identity: { headers: { subject } } })).toEqual([expect.stringContaining('is not free')]),
  )
})

const free = { methods: { GET: ['a'], POST: [] } }
const param = (fact: string): object => ({ parameter: { scope: 'account:{id}', fact } })
