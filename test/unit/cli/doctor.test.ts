import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { findFree, freePorts } from '../../../demo/ports.ts'
import { issue } from '../../../tools/pki.ts'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith, smallest } from '../../support/config-files.ts'
import { newServerKey } from '../../support/jwks.ts'
import { authority, json, type Stub, serverIdentity, startStub } from '../../support/stub-servers.ts'

const key = newServerKey('ES256', { kid: 'a' })

interface Told {
  readonly id?: string
  readonly severity: string
  readonly tried: string
  readonly found: string
}

/** What doctor reports of a configuration with these members, beside these files. */
async function examine(
  document: object,
  files: Readonly<Record<string, string>> = {},
  modes: Readonly<Record<string, number>> = {},
) {
  const { check, metrics } = await freePorts()
  const listen = { check: `127.0.0.1:${check}`, admin: `127.0.0.1:${metrics}` }
  const all = {
    ...smallest({ listen, outbound: { ca: 'ca.pem' }, ...document }),
  }
  const directory = directoryWith({ 'envoy-fapi.yaml': JSON.stringify(all), 'ca.pem': authority.certificate, ...files })
  for (const [name, mode] of Object.entries(modes)) chmodSync(join(directory, name), mode)
  const { out, err, code } = await commandLine(['doctor', '--config', join(directory, 'envoy-fapi.yaml'), '--json'])
  const { findings = [] } = JSON.parse(out || '{}') as { readonly findings?: readonly Told[] }
  return {
    err,
    code,
    findings,
    told: findings.flatMap(({ id, found }) => (id === undefined ? [] : [`${id} ${found}`])),
  }
}

/** The development authority itself ends within thirty days. */
const about = (told: readonly string[]): readonly string[] => told.filter((one) => !one.startsWith('DR-11'))

async function stub(
  handler: Parameters<typeof startStub>[0],
  identity?: Parameters<typeof startStub>[1],
): Promise<Stub> {
  const started = await startStub(handler, identity)
  onTestFinished(() => started.close())
  return started
}

const honest = { dpop_signing_alg_values_supported: ['ES256'], tls_client_certificate_bound_access_tokens: true }

/** A server with discovery, its metadata and key set changed as told. */
async function discoverable(metadata: object, keys: readonly object[], date?: () => Date) {
  const server = await stub((request, response) => {
    const document =
      request.url === '/jwks' ? { keys } : { issuer: server.origin, jwks_uri: `${server.origin}/jwks`, ...metadata }
    if (date) response.setHeader('date', date().toUTCString())
    json(() => document)(request, response)
  })
  return { authorizationServers: [{ name: 'bank', issuer: server.origin, algorithms: ['ES256'] }] }
}

describe('key sources', () => {
  test('one that does everything right', async () => {
    const { code, told, findings } = await examine(await discoverable(honest, [key.jwk]))
    expect([code, about(told)]).toEqual([undefined, []])
    expect(findings.find(({ tried }) => tried === 'keys of bank')?.found).toMatch(/^1 usable key in \d+ ms$/)
  })
  test.each<readonly [string, object, readonly object[], readonly string[], number | undefined]>([
    ['another issuer', { issuer: 'https://other.example' }, [key.jwk], ['DR-02'], 1],
    ['no jwks_uri', { jwks_uri: undefined }, [key.jwk], ['DR-02'], 1],
    ['no usable key', {}, [{ kty: 'oct' }], ['DR-02'], 1],
    ['keys for other algorithms', {}, [newServerKey('EdDSA').jwk], ['DR-03'], 1],
    ['one kid for two keys', {}, [key.jwk, newServerKey('ES256', { kid: 'a' }).jwk], ['DR-04'], undefined],
    ['the same key twice', {}, [key.jwk, key.jwk], [], undefined],
    ['a private key', {}, [key.privateJwk], ['DR-05'], 1],
    ['a key that is too weak', {}, [key.jwk, newServerKey('RSA1024').jwk], ['DR-06'], undefined],
    ['nothing about DPoP', { dpop_signing_alg_values_supported: [] }, [key.jwk], ['DR-08'], undefined],
    ['certificates denied', { tls_client_certificate_bound_access_tokens: false }, [key.jwk], ['DR-08'], undefined],
  ])('%s', async (_, metadata, keys, ids, exit) => {
    const { code, told } = await examine(await discoverable({ ...honest, ...metadata }, keys))
    expect([code, about(told).map((one) => one.slice(0, 5))]).toEqual([exit, ids])
  })
  test.each<readonly [string, number, readonly string[], number | undefined]>([
    ['three seconds ahead', 3000, [], undefined],
    ['twelve seconds ahead', 12_000, ['DR-09'], undefined],
    ['twelve seconds behind', -12_000, ['DR-09'], undefined],
    ['a minute ahead', 60_000, ['DR-10'], 1],
    ['a minute behind', -60_000, ['DR-10'], 1],
  ])('a clock that is %s', async (_, skew, ids, exit) => {
    const { code, told } = await examine(await discoverable(honest, [key.jwk], () => new Date(Date.now() + skew)))
    expect([code, about(told).map((one) => one.slice(0, 5))]).toEqual([exit, ids])
  })
  test.each<readonly [string, Parameters<typeof startStub>[0], Parameters<typeof startStub>[1], RegExp]>([
    ['a redirect', (_, response) => response.writeHead(302, { location: '/x' }).end(), undefined, /redirects \(302\)/],
    [
      'garbage',
      (_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('\x1b[31m{'),
      undefined,
      /DR-02/,
    ],
    ['a hang', () => undefined, undefined, /no whole answer in time/],
    [
      'an expired certificate',
      json(() => ({ keys: [key.jwk] })),
      serverIdentity({ notAfter: new Date(Date.now() - 1000) }),
      /CERT_HAS_EXPIRED/,
    ],
    [
      'another name',
      json(() => ({ keys: [key.jwk] })),
      serverIdentity({ dns: ['other.example'], ips: [] }),
      /not for this host/,
    ],
  ])('%s', async (_, handler, identity, problem) => {
    const { origin } = await stub(handler, identity)
    const { code, told } = await examine({
      authorizationServers: [{ issuer: 'https://as.bank.example', keys: { uri: `${origin}/jwks` } }],
    })
    expect(code).toBe(1)
    expect(about(told).filter((one) => one.startsWith('DR-02'))).toEqual([expect.stringMatching(problem)])
  })
})

test('what a server calls its keys cannot steer the terminal', async () => {
  const kid = 'a\u001b[2J\u009b31m\nproblem'
  const { authorizationServers } = await discoverable(honest, [
    newServerKey('ES256', { kid }).jwk,
    newServerKey('ES256', { kid }).jwk,
  ])
  const document = smallest({ authorizationServers, outbound: { ca: 'ca.pem' } })
  const directory = directoryWith({ 'a.yaml': JSON.stringify(document), 'ca.pem': authority.certificate })
  const { out } = await commandLine(['doctor', '--config', join(directory, 'a.yaml')])
  expect(out).toContain('a\\u001b[2J\\u009b31m\\u000aproblem')
  expect(out).not.toMatch(/[^\n\x20-\x7e]/)
})

const offline = { authorizationServers: [{ issuer: 'https://as.bank.example', keys: { file: 'keys.json' } }] }
const keysFile = { 'keys.json': JSON.stringify({ keys: [key.jwk] }) }

describe('addresses and files', () => {
  const until = (days: number, from = -1) =>
    issue(authority, {
      name: 'service',
      notBefore: new Date(Date.now() + from * 86_400_000),
      notAfter: new Date(Date.now() + days * 86_400_000),
    })
  const certified = async (identity: ReturnType<typeof until>, mode = 0o600, other = identity) => {
    const { check, metrics } = await freePorts()
    const tls = { certificate: 'cert.pem', key: 'key.pem', clientCa: 'ca.pem', peers: ['envoy.example'] }
    const listen = { check: `127.0.0.1:${check}`, admin: `127.0.0.1:${metrics}`, tls }
    const files = { ...keysFile, 'cert.pem': identity.certificate, 'key.pem': other.key }
    const { code, findings } = await examine({ ...offline, outbound: {}, listen }, files, { 'key.pem': mode })
    const told = findings.filter(({ id, tried }) => id !== undefined && !tried.includes('ca.pem'))
    return { code, told: told.map(({ id }) => id) }
  }
  test('a certificate that lasts', async () =>
    expect(await certified(until(90))).toEqual({ code: undefined, told: [] }))
  test('one that ends soon', async () =>
    expect(await certified(until(20))).toEqual({ code: undefined, told: ['DR-11'] }))
  test('one that has ended', async () => expect(await certified(until(-0.5))).toEqual({ code: 1, told: ['DR-12'] }))
  test('one that has not begun', async () =>
    expect(await certified(until(90, 1))).toEqual({ code: 1, told: ['DR-12'] }))
  test('a key for everybody', async () =>
    expect(await certified(until(90), 0o644)).toEqual({ code: undefined, told: ['DR-14'] }))
  test('a key for the group', async () =>
    expect(await certified(until(90), 0o640)).toEqual({ code: undefined, told: [] }))
  test('a key of another certificate', async () =>
    expect(await certified(until(90), 0o600, until(90))).toEqual({ code: 1, told: ['DR-13'] }))
  test('an address that somebody else listens on', async () => {
    const other = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
    onTestFinished(() => void other.close())
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { admin } = { admin: `127.0.0.1:${(await freePorts()).metrics}` }
    const { code, told } = await examine({ ...offline, listen: { check: `127.0.0.1:${port}`, admin } }, keysFile)
    expect([code, about(told)]).toEqual([1, [expect.stringContaining('is in use by another process')]])
  })
  test('a Redis that is away, whose key everybody may read', async () => {
    const { certificate, key: pem } = until(90)
    const files = { ...keysFile, 'cert.pem': certificate, 'redis.pem': pem }
    const [port = 0] = await findFree(1)
    const replay = { url: `rediss://127.0.0.1:${port}`, tls: { certificate: 'cert.pem', key: 'redis.pem' } }
    const { code, told } = await examine({ ...offline, stores: { replay } }, files, { 'redis.pem': 0o644 })
    expect([code, about(told)]).toEqual([
      1,
      ['DR-14 mode 0644', 'DR-16 connection: there is no connection to Redis (ECONNREFUSED)'],
    ])
  })
  test('choices that protect less', async () => {
    const { code, told } = await examine({ ...offline, stores: { afterRestart: 'accept' } }, keysFile)
    expect([code, about(told)]).toEqual([undefined, ['DR-15 a proof used before a restart may pass again']])
  })
})

test.each([[], ['--json']])('a configuration that cannot be used: 2, with the place %j', async (...words) => {
  const file = join(directoryWith({ 'a.yaml': JSON.stringify(smallest({ replicas: 2 })) }), 'a.yaml')
  const { out, err, code } = await commandLine(['doctor', '--config', file, ...words])
  expect(code).toBe(2)
  if (words.length === 0) expect(err).toMatch(/a\.yaml:1:\d+: replicas: /)
  else expect(JSON.parse(out)).toMatchObject({ ok: false, problems: [{ key: 'replicas', line: 1 }] })
})

describe('usage', () => {
  const file = () => join(directoryWith({ ...keysFile, 'a.yaml': JSON.stringify(smallest(offline)) }), 'a.yaml')
  test.each([
    [['--through', 'http://api.bank.example'], 'is not an https URL'],
    [['--through', 'https://user:word@api.bank.example'], 'holds a user'],
    [['--through', 'https://api.bank.example', '--connect', 'nowhere'], 'is not host:port'],
    [['--through', 'https://api.bank.example', '--connect', 'a:70000'], 'is not host:port'],
    [['--through', 'https://api.bank.example', '--cacert', '/nowhere.pem'], 'ENOENT'],
    [['--connect', 'a:1'], 'go with --through'],
    [['--insecure'], 'unknown option'],
  ])('%j', async (words, message) => {
    const { err, code } = await commandLine(['doctor', '--config', file(), ...words])
    expect(code).toBe(2)
    expect(err).toContain(message)
  })
})
