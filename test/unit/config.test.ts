import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Config, readConfig } from '../../src/config.ts'
import { expandConfig } from '../../src/config-expansion.ts'
import { fixtures, loadFixture, smallest } from '../support/config-files.ts'

const accept = (difference: object = {}): Config => {
  const reading = readConfig(smallest(difference))
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems))
  return reading.config
}

const policiesOf = ({ routes }: Config, index = 0): readonly string[] =>
  routes[index]?.policies.map(({ name }) => name) ?? []
const optionsOf = ({ routes }: Config, name: string, index = 0): unknown =>
  routes[index]?.policies.find((policy) => policy.name === name)?.options

describe('the smallest useful file', () => {
  const config = loadFixture('good/smallest.yaml')

  test('stands on loopback, without metrics of its own', () =>
    expect(config.listen).toEqual({
      check: '127.0.0.1:9191',
      insecureCheck: false,
      meshTls: false,
      admin: '127.0.0.1:9192',
    }))
  test('finds keys by discovery; its audience is the public origin; no token lives longer than ten minutes', () =>
    expect(config.authorizationServers).toEqual([
      {
        name: 'as.bank.example',
        issuer: 'https://as.bank.example',
        audiences: ['https://api.bank.example'],
        keys: { discovery: true, refresh: 600, maxStale: 86_400, cooldown: 30 },
        algorithms: ['PS256', 'ES256', 'EdDSA', 'Ed25519'],
        revocation: { shortLived: 600 },
      },
    ]))
  test('demands token, possession and scopes of every method but OPTIONS', () => {
    expect(config.routes).toMatchObject([
      { name: 'all', kind: 'resource', path: '/**', hosts: undefined, exceptions: [] },
    ])
    expect(config.routes[0]?.methods).toEqual(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
    expect(policiesOf(config)).toEqual(['accessToken', 'senderConstraint', 'scopes'])
  })
  test('has the options of design section 4.1', () => {
    expect(optionsOf(config, 'accessToken')).toEqual({
      typ: ['at+jwt'],
      leeway: 5,
      maxLifetime: 600,
      maxBytes: 8192,
      forceIntrospection: false,
    })
    expect(optionsOf(config, 'senderConstraint')).toEqual({
      methods: ['dpop', 'mtls'],
      both: false,
      dpop: {
        algorithms: ['ES256', 'PS256', 'EdDSA'],
        maxAge: 60,
        futureTolerance: 10,
        nonce: 'off',
        relaxIat: false,
        maxHeaderBytes: 4096,
        proofBesideBearer: 'ignore',
      },
    })
    expect(optionsOf(config, 'scopes')).toEqual({ all: ['accounts'], any: [], methods: {} })
  })
  test('keeps proofs in memory at one replica, strips token and proof, reads the certificate of the connection', () =>
    expect(config).toMatchObject({
      profile: 'fapi2-security',
      stores: { replay: 'memory', replayCapacity: 500_000, afterRestart: 'refuse' },
      nonces: { step: 60 },
      replicas: 1,
      limits: { concurrentChecks: 1000, drain: 10 },
      identity: { token: 'strip', proof: 'strip', encoding: 'plain' },
      clientCertificateFrom: { source: 'connection' },
      log: { level: 'info' },
    }))
  test('names every fact to the upstream', () =>
    expect(Object.fromEntries(config.identity.headers)).toEqual({
      issuer: 'x-authz-issuer',
      subject: 'x-authz-subject',
      clientId: 'x-authz-client-id',
      scope: 'x-authz-scope',
      binding: 'x-authz-binding',
      thumbprint: 'x-authz-thumbprint',
      acr: 'x-authz-acr',
      certificateSubject: 'x-authz-certificate-subject',
      certificateIssuer: 'x-authz-certificate-issuer',
      certificateSerial: 'x-authz-certificate-serial',
      certificateThumbprint: 'x-authz-certificate-thumbprint',
      certificateRoles: 'x-authz-certificate-roles',
      consentId: 'x-authz-consent-id',
    }))
})

describe('a large file', () => {
  const config = loadFixture('good/large.yaml')

  test('puts the routes of included files behind its own, each file once', () =>
    expect(config.routes.map(({ name }) => name)).toEqual(['balances', 'pay', 'health', 'late', 'consents', 'rest']))
  test('normalises origins and hosts', () =>
    expect(config.publicOrigins).toEqual([
      { origin: 'https://api.bank.example', authorities: ['api.bank.example'], pathPrefix: '' },
      {
        origin: 'https://open.bank.example:8443',
        authorities: ['open.bank.example:8443', 'edge.internal:8443', 'edge.internal'],
        pathPrefix: '/open-banking',
      },
    ]))
  test('runs its default pipeline, with what the route says laid over it', () => {
    expect(policiesOf(config, 1)).toEqual(['fapiHeaders', 'accessToken', 'senderConstraint', 'scopes'])
    expect(optionsOf(config, 'senderConstraint', 1)).toEqual({
      methods: ['dpop'],
      both: false,
      dpop: {
        algorithms: ['ES256'],
        maxAge: 30,
        futureTolerance: 15,
        nonce: 'required',
        relaxIat: true,
        maxHeaderBytes: 2048,
        proofBesideBearer: 'refuse',
      },
    })
    expect(optionsOf(config, 'senderConstraint', 0)).toMatchObject({ dpop: { maxAge: 90 } })
  })
  test('keeps the order of a pipeline of its own', () =>
    expect(policiesOf(config, 3)).toEqual(['accessToken', 'senderConstraint', 'fapiHeaders']))
  test('an open route runs nothing but headers', () => {
    expect(config.routes[2]?.kind).toBe('open')
    expect(policiesOf(config, 2)).toEqual(['fapiHeaders'])
  })
  test('takes references, defaults and literals', () => {
    expect(config.listen.check).toBe('unix:/run/envoy-fapi/check.sock')
    expect(config.authorizationServers[0]?.issuer).toBe('https://as.bank.example/fapi')
    expect(optionsOf(config, 'scopes', 1)).toMatchObject({ any: [`$${'{literal}'}`] })
  })
  test('makes paths absolute, from the file they stand in', () => {
    expect(config.listen.tls).toMatchObject({
      certificate: `${fixtures}/good/tls.crt`,
      key: `${fixtures}/good/tls.key`,
    })
    expect(config.authorizationServers[0]?.keys).toMatchObject({ file: `${fixtures}/good/jwks.json` })
    expect(config.outbound).toEqual({ ca: `${fixtures}/good/ca.crt` })
  })
})

describe('policy keys of a route join its pipeline in standard order', () => {
  const standard = ['fapiHeaders', 'accessToken', 'senderConstraint', 'scopes']
  test.each<[readonly string[], object, readonly string[]]>([
    [['accessToken', 'senderConstraint'], { fapiHeaders: {}, scopes: ['accounts'] }, standard],
    [['accessToken', 'senderConstraint'], { scopes: ['accounts'], accessToken: {}, fapiHeaders: {} }, standard],
    [['accessToken'], { senderConstraint: {} }, ['accessToken', 'senderConstraint']],
    [
      ['accessToken', 'senderConstraint', 'fapiHeaders'],
      { scopes: ['x'] },
      [...standard.slice(1, 3), 'fapiHeaders', 'scopes'],
    ],
    [
      ['accessToken', 'fapiHeaders', 'senderConstraint'],
      { accessToken: {} },
      ['accessToken', 'fapiHeaders', 'senderConstraint'],
    ],
  ])('%j and %j', (pipeline, keys, expected) => {
    const routes = [{ path: '/**', pipeline: 'p', ...keys }]
    expect(policiesOf(accept({ pipelines: { p: pipeline }, routes }))).toEqual(expected)
  })
  test('a list of scopes on the pipeline is not lost to a map on the route', () => {
    const config = accept({
      pipelines: { p: ['accessToken', 'senderConstraint', { scopes: ['accounts'] }] },
      routes: [{ path: '/**', pipeline: 'p', scopes: { any: ['read', 'write'] } }],
    })
    expect(optionsOf(config, 'scopes')).toEqual({ all: ['accounts'], any: ['read', 'write'], methods: {} })
  })
  test('what the route says takes the place of what the pipeline says', () => {
    const config = accept({
      pipelines: { p: ['accessToken', 'senderConstraint', { scopes: { all: ['a'], methods: { POST: ['p'] } } }] },
      routes: [{ path: '/**', pipeline: 'p', scopes: ['b'] }],
    })
    expect(optionsOf(config, 'scopes')).toEqual({ all: ['b'], any: [], methods: { POST: ['p'] } })
  })
  test('a pipeline on the route wins over the default one', () => {
    const pipelines = {
      one: ['accessToken', 'senderConstraint'],
      two: ['accessToken', 'senderConstraint', 'fapiHeaders'],
    }
    const routes = [{ path: '/a', pipeline: 'two' }, { path: '/b' }]
    const config = accept({ pipelines, routes, defaults: { pipeline: 'one' } })
    expect([policiesOf(config, 0).length, policiesOf(config, 1).length]).toEqual([3, 2])
  })
})

describe('names', () => {
  test.each([
    [{ path: '/accounts/{id}/balances' }, 'accounts-id-balances'],
    [{ path: '/payments', methods: ['POST', 'PUT'] }, 'post-put-payments'],
    [{ path: '/' }, 'root'],
    [{ path: '/**' }, 'all'],
    [{ path: '/**', name: 'Mine_1' }, 'Mine_1'],
    [{ path: `/${'a'.repeat(100)}` }, 'a'.repeat(64)],
  ])('%j is called %s', (route, name) => expect(accept({ routes: [route] }).routes[0]?.name).toBe(name))

  test('identity headers: a list selects among the default names, a map gives its own', () => {
    const names = (headers: unknown) => Object.fromEntries(accept({ identity: { headers } }).identity.headers)
    expect(names(['subject', 'acr'])).toEqual({ subject: 'x-authz-subject', acr: 'x-authz-acr' })
    expect(names({ subject: 'x-user' })).toEqual({ subject: 'x-user' })
    expect(names([])).toEqual({})
  })
})

test('every option a route can have is in the design, and the file with all of them can be written back', () => {
  for (const name of ['smallest', 'large', 'compat'])
    expect(JSON.stringify(expandConfig(loadFixture(`good/${name}.yaml`)))).not.toMatch(/undefined|NaN|":[0-9.]+s/)
})

test('the smallest file of the README is the one that is tested', () => {
  const readme = readFileSync('README.md', 'utf8')
  const lines = (text: string) => text.split('\n').map((line) => line.replace(/ *#.*$/, '').trimEnd())
  const file = lines(readFileSync(`${fixtures}/good/smallest.yaml`, 'utf8')).filter(Boolean)
  expect(lines(readme).join('\n')).toContain(file.join('\n'))
})
