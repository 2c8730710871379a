import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { findFree } from '../../demo/ports.ts'
import { createAuthority, type Identity, issue, type Subject } from '../../tools/pki.ts'
import { sawLines, startTestEdge, type TestEdge } from '../support/edge.ts'
import {
  API_NAME,
  ENVOY_NAME,
  type GuardedApi,
  mount,
  serialOf,
  startGuardedApi,
  withUpstreamMtls,
} from '../support/edge-upstream.ts'

const servers = createAuthority('Authority of the API')
const laterServers = createAuthority('Authority of the API, later')
const envoys = createAuthority('Authority of Envoys')
const apiBy = (authority: Identity, subject: Partial<Subject> = {}): Identity =>
  issue(authority, { name: 'api', dns: [API_NAME], usage: 'server', ...subject })
const envoyBy = (authority: Identity, uri = ENVOY_NAME): Identity =>
  issue(authority, { name: 'envoy', uris: [uri], usage: 'client' })

const own = apiBy(servers)
const envoy = envoyBy(envoys)
const mounted = { identity: envoy, authority: servers.certificate }
const place = mkdtempSync(join(tmpdir(), 'envoy-fapi-upstream-'))
const directory = join(place, 'upstream')
let edge: TestEdge
let api: GuardedApi
let port: number

beforeAll(async () => {
  ;[port = 0] = await findFree(1)
  api = await startGuardedApi(port, own, envoys.certificate)
  mount(directory, mounted)
  edge = await startTestEdge({ adapt: (bootstrap) => withUpstreamMtls(bootstrap, directory, port) })
})
afterAll(async () => {
  await edge.stop()
  await api.stop()
  rmSync(place, { recursive: true })
})

const statusOf = async (): Promise<number> => (await edge.ask(edge.good())).status
/** Until new connections are made with the exchanged files. */
const until = (happened: () => Promise<void>): Promise<void> => vi.waitFor(happened, { timeout: 8000, interval: 50 })
/** How many exchanged certificates Envoy did not take. */
const refused = async (): Promise<number> => {
  const filter = 'filter=^sds.upstream_identity.key_rotation_failed$'
  const page = await fetch(`http://127.0.0.1:${edge.setting.ports.admin}/stats?${filter}`)
  return Number((await page.text()).split(': ')[1])
}
const last = () => api.calls().at(-1)

test('Envoy shows its certificate to the API, anew for each connection, and tells it who the client is', async () => {
  for (const _ of [1, 2, 3]) {
    const { status, seen } = await edge.ask(edge.good())
    expect([status, sawLines(seen, 'x-authz-subject')]).toEqual([200, ['user-1']])
    expect(last()).toEqual({ serial: serialOf(envoy), resumed: false })
  }
})

describe('Envoy believes no other API', () => {
  test.each<readonly [string, () => Identity]>([
    ['another name by the same authority', () => apiBy(servers, { dns: ['payments.internal'] })],
    ['a name that goes on', () => apiBy(servers, { dns: [`${API_NAME}.example`] })],
    ['the name in the subject alone', () => apiBy(servers, { name: API_NAME, dns: [] })],
    ['the name as a URI', () => apiBy(servers, { dns: [], uris: [API_NAME] })],
    ['the right name by another authority', () => apiBy(laterServers)],
    ['the right name by itself', () => issue(undefined, { name: API_NAME, dns: [API_NAME] })],
    ['a certificate for clients', () => apiBy(servers, { usage: 'client' })],
    ['one that has expired', () => apiBy(servers, { notAfter: new Date(Date.now() - 60_000) })],
  ])('%s', async (_, make) => {
    const before = api.calls().length
    api.show(make())
    expect(await statusOf()).toBe(503)
    expect(api.calls().length).toBe(before)
    api.show(own)
    expect(await statusOf()).toBe(200)
  })
})

test('a wildcard by the same authority counts as the name, as everywhere in TLS', async () => {
  api.show(apiBy(servers, { dns: ['*.internal'] }))
  expect(await statusOf()).toBe(200)
  api.show(own)
})

describe('the API answers nobody but this Envoy', () => {
  const call = (identity?: Identity): Promise<number | string | undefined> => {
    const { promise, resolve } = Promise.withResolvers<number | string | undefined>()
    const tls = { ca: servers.certificate, servername: API_NAME, cert: identity?.certificate, key: identity?.key }
    request({ host: '127.0.0.1', port, agent: false, timeout: 10_000, ...tls }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', ({ code, message }: NodeJS.ErrnoException) => resolve(code ?? message))
      .end()
    return promise
  }
  test('a caller without a certificate, or with one of a client of the bank, gets no connection', async () => {
    const before = api.calls().length
    expect(await call()).toBe('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')
    expect(typeof (await call(edge.certify({ uris: [ENVOY_NAME] })))).toBe('string')
    expect(api.calls().length).toBe(before)
  })
  test('another name by the authority of Envoys is refused', async () => {
    expect(await call(envoyBy(envoys, `${ENVOY_NAME}-2`))).toBe(403)
    expect(await call(envoy)).toBe(200)
  })
})

describe('files that are exchanged as Kubernetes exchanges them count without a restart', () => {
  test('the certificate of Envoy: new connections show the new one, and the old one never again', async () => {
    const renewed = envoyBy(envoys)
    mount(directory, { ...mounted, identity: renewed })
    await until(async () => {
      expect(await statusOf()).toBe(200)
      expect(last()?.serial).toBe(serialOf(renewed))
    })
    const before = api.calls().length
    for (const _ of [1, 2, 3, 4, 5]) expect(await statusOf()).toBe(200)
    expect(api.calls().slice(before)).toEqual(Array(5).fill({ serial: serialOf(renewed), resumed: false }))
  })

  test('a certificate with the key of another is not taken, and the last good one stays', async () => {
    const next = envoyBy(envoys)
    const [kept, before] = [last()?.serial, await refused()]
    mount(directory, { ...mounted, identity: { ...next, key: envoyBy(envoys).key } })
    await until(async () => expect(await refused()).toBe(before + 1))
    for (const _ of [1, 2, 3]) expect([await statusOf(), last()?.serial]).toEqual([200, kept])
    mount(directory, { ...mounted, identity: next })
    await until(async () => {
      expect(await statusOf()).toBe(200)
      expect(last()?.serial).toBe(serialOf(next))
    })
  })

  test('the authority of the API: both, then the new one alone', async () => {
    const renewed = apiBy(laterServers)
    api.show(renewed)
    expect(await statusOf()).toBe(503)
    mount(directory, { ...mounted, authority: servers.certificate + laterServers.certificate })
    await until(async () => expect(await statusOf()).toBe(200))
    api.show(own)
    expect(await statusOf()).toBe(200)
    mount(directory, { ...mounted, authority: laterServers.certificate })
    await until(async () => expect(await statusOf()).toBe(503))
    api.show(renewed)
    expect(await statusOf()).toBe(200)
  })
})
