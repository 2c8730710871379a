import { afterEach, describe, expect, test, vi } from 'vitest'
import { type FetchOptions, fetchJson, postForm } from '../../../src/io/fetch.ts'
import { createAuthority } from '../../../tools/pki.ts'
import { type StubProxy, startProxy } from '../../support/proxies.ts'
import { authority, json, type Stub, serverIdentity, startStub } from '../../support/stub-servers.ts'

const open: { readonly close: () => Promise<void> }[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  await Promise.all(open.splice(0).map((one) => one.close()))
})

async function server(...order: Parameters<typeof startStub>): Promise<Stub> {
  const started = await startStub(...order)
  open.push(started)
  return started
}
async function proxyOf(...order: Parameters<typeof startProxy>): Promise<StubProxy> {
  const started = await startProxy(...order)
  open.push(started)
  return started
}
const keys = json(() => ({ keys: [1] }))
const ca = [authority.certificate]
const get = (port: number, proxy: StubProxy, more: FetchOptions = {}) =>
  fetchJson(`https://as.example.com:${port}/jwks?secret=1`, { ca, proxy: proxy.settings, ...more })
const forAs = () => serverIdentity({ dns: ['as.example.com'], ips: [] })

describe('a call through a proxy', () => {
  test.each([
    ['http', false],
    ['https', true],
  ])('over %s reaches the server, and the proxy reads nothing of it', async (_, secure) => {
    const [as, proxy] = [await server(keys, forAs()), await proxyOf({ secure })]
    expect(await get(as.port, proxy)).toEqual({ ok: true, value: { keys: [1] } })
    expect([proxy.tunnels, as.hits]).toEqual([[`as.example.com:${as.port}`], ['/jwks?secret=1']])
    expect(proxy.last()).toEqual({ host: `as.example.com:${as.port}`, connection: expect.any(String) })
    expect(proxy.seen()).not.toContain('jwks')
  })
  test('shows the credentials to the proxy and to nobody else', async () => {
    const [as, proxy] = [
      await server(keys, forAs()),
      await proxyOf({ credentials: { username: 'api', password: 'pä:ss' } }),
    ]
    expect(await get(as.port, proxy)).toMatchObject({ ok: true })
    const { 'proxy-authorization': shown = '' } = proxy.last()
    expect(Buffer.from(shown.replace('Basic ', ''), 'base64').toString()).toBe('api:pä:ss')
    expect(JSON.stringify(as.last())).not.toMatch(/proxy|Basic/)
  })
  test('posts forms as well', async () => {
    const [as, proxy] = [await server(keys, forAs()), await proxyOf()]
    const form = new URLSearchParams({ token: 'marker' })
    const url = `https://as.example.com:${as.port}/introspect`
    expect(await postForm(url, { ca, proxy: proxy.settings, form, accept: 'json' })).toMatchObject({ ok: true })
    expect(proxy.seen()).not.toContain('marker')
  })
  test.each([
    ['of an unknown authority', () => serverIdentity({ dns: ['as.example.com'] }, createAuthority('other'))],
    ['for another name', () => serverIdentity({ dns: ['localhost'] })],
    ['expired', () => serverIdentity({ dns: ['as.example.com'], notBefore: new Date(0), notAfter: new Date(1e12) })],
  ])('as-tls-bad still verifies the server: a certificate %s is refused', async (_, identity) => {
    const [as, proxy] = [await server(keys, identity()), await proxyOf()]
    expect(await get(as.port, proxy)).toMatchObject({ ok: false, cause: 'tls' })
    expect(as.hits).toEqual([])
  })
  test('as-tls-bad verifies an https proxy, and shows it nothing before that', async () => {
    const identity = serverIdentity({}, createAuthority('other'))
    const proxy = await proxyOf({ secure: true, identity, credentials: { username: 'api', password: 'secret' } })
    expect(await get(1, proxy)).toMatchObject({ ok: false, cause: 'proxy' })
    expect(proxy.tunnels).toEqual([])
  })
  test.each<[string, string | undefined]>([
    ['407', 'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'],
    ['a redirect', 'HTTP/1.1 302 Found\r\nlocation: https://other.example\r\n\r\n'],
    ['201', 'HTTP/1.1 201 Created\r\n\r\n'],
    ['something before the server does', 'HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}'],
    ['no HTTP', 'hello\r\n\r\n'],
    ['nothing and hangs up', undefined],
  ])('fails when the proxy answers %s', async (_, text) => {
    const as = await server(keys, forAs())
    const proxy = await proxyOf({ answer: (socket) => void (text === undefined ? socket.destroy() : socket.end(text)) })
    expect(await get(as.port, proxy)).toMatchObject({ ok: false, cause: 'proxy' })
    expect(as.hits).toEqual([])
  })
  test('fails when nobody listens, and says nothing of credentials', async () => {
    const proxy = await startProxy({ credentials: { username: 'api', password: 'correct-horse' } })
    await proxy.close()
    const outcome = await get(1, proxy)
    expect(outcome).toMatchObject({ ok: false, cause: 'proxy' })
    expect(JSON.stringify(outcome)).not.toMatch(/correct-horse|secret=1/)
  })
  test.each<[string, Parameters<typeof startProxy>[0]]>([
    ['before the tunnel', { answer: () => undefined }],
    ['inside the tunnel', { answer: (socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\n') }],
  ])('jwks-hang a proxy that hangs %s takes as much time as a server may', async (_, options) => {
    const proxy = await proxyOf(options)
    expect(await get(1, proxy, { timeout: 100 })).toMatchObject({ ok: false, cause: 'timeout' })
  })
  test('is never made because of the environment', async () => {
    const [as, proxy] = [await server(keys), await proxyOf()]
    for (const name of ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'])
      vi.stubEnv(name, name === 'NODE_USE_ENV_PROXY' ? '1' : proxy.settings.url.href)
    expect(await fetchJson(`${as.origin}/jwks`, { ca })).toMatchObject({ ok: true })
    expect(proxy.tunnels).toEqual([])
  })
})
