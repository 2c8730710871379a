import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { describeListenError, type Status, serveHttp } from '../../../src/io/http.ts'
import { buildMetrics } from '../../../src/metrics.ts'
import { throwBytes } from '../../support/lifecycle-bytes.ts'

async function startPort({
  address = '127.0.0.1:0',
  status = { ready: true, body: { status: 'ready' } } as Status,
} = {}) {
  const metrics = buildMetrics()
  const scrapes = { count: 0 }
  const opened = await serveHttp(
    { address, key: 'listen.metrics' },
    {
      registry: metrics.registry,
      status: () => status,
      beforeScrape: () => {
        scrapes.count += 1
        metrics.replayEntries.set(7)
      },
    },
  )
  if (!opened.ok) throw new Error(opened.problem)
  onTestFinished(() => opened.value.close())
  const at = opened.value.address.replace('0.0.0.0', '127.0.0.1')
  const ask = (path: string, init: RequestInit = {}): Promise<Response> => fetch(`http://${at}${path}`, init)
  return { ...opened.value, at, ask, metrics, scrapes }
}

test('/metrics: Prometheus text, brought up to date before', async () => {
  const { ask, scrapes } = await startPort()
  const answer = await ask('/metrics')
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  const text = await answer.text()
  expect(text).toContain('\nenvoy_fapi_replay_entries 7\n')
  expect(scrapes.count).toBe(1)
  for (const line of text.split('\n').filter((line) => line !== ''))
    expect(line).toMatch(/^(?:# (?:HELP|TYPE) )?envoy_fapi_[a-z_]+(?:\{.*\})? /)
})

test('/healthz: the process runs', async () => {
  const { ask } = await startPort({ status: { ready: false, body: {} } })
  const answer = await ask('/healthz')
  expect([answer.status, await answer.text()]).toEqual([200, '{"status":"alive"}\n'])
})

test.each([
  [true, 200],
  [false, 503],
])('/readyz when ready is %s: %i and the status', async (ready, code) => {
  const { ask } = await startPort({ status: { ready, body: { status: 'so' } } })
  const answer = await ask('/readyz')
  expect([answer.status, await answer.json()]).toEqual([code, { status: 'so' }])
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
})

test('a query does not matter', async () => {
  const { ask } = await startPort()
  expect((await ask('/readyz?verbose=1')).status).toBe(200)
})

describe('att-claims-06: there is nothing else', () => {
  test.each([
    '/',
    '/metrics/',
    '/Metrics',
    '/%6detrics',
    '//metrics',
    '/debug/pprof',
    '/config',
    '/jwks',
    '/admin',
    '/quitquitquit',
    '/.env',
    '/__proto__',
    '/healthz/readyz',
  ])('GET %s: 404', async (path) => {
    const { ask } = await startPort()
    const answer = await ask(path)
    expect([answer.status, await answer.text()]).toEqual([404, 'not found\n'])
  })
  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s: 405, and what is allowed', async (method) => {
    const { ask } = await startPort()
    const answer = await ask('/metrics', { method })
    expect([answer.status, answer.headers.get('allow'), await answer.text()]).toEqual([
      405,
      'GET, HEAD',
      'method not allowed\n',
    ])
  })
  test.each(['/metrics', '/healthz', '/readyz'])('HEAD %s: the same without a body', async (path) => {
    const { ask } = await startPort()
    const answer = await ask(path, { method: 'HEAD' })
    expect([answer.status, await answer.text()]).toEqual([200, ''])
  })
})

describe('att-dos-01: bytes that are no HTTP', () => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['noise', randomBytes(4096)],
    ['HTTP/2', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
    ['a header without end', Buffer.from(`GET /metrics HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(100_000)}`)],
    ['two lengths', Buffer.from('POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n')],
    ['a request that breaks off', Buffer.from('GET /metr')],
    ['an upgrade', Buffer.from('GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n')],
    ['CONNECT', Buffer.from('CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n')],
    ['an expectation', Buffer.from('POST /metrics HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: 9\r\n\r\n')],
  ])('%s', async (_, bytes) => {
    const { at, ask } = await startPort()
    await throwBytes(at, bytes)
    expect((await ask('/healthz')).status).toBe(200)
  })

  test('beyond 64 connections the next is closed, and there is room again when they are gone', async () => {
    const { at, ask } = await startPort()
    const [host = '', port] = at.split(':')
    const sockets: Socket[] = []
    for (let count = 0; count < 64; count += 1) {
      const socket = connectTcp({ host, port: Number(port) })
      sockets.push(socket)
      await once(socket, 'connect')
    }
    await expect(ask('/healthz')).rejects.toThrow()
    await Promise.all(sockets.map((socket) => once(socket.resume().end(), 'close')))
    expect((await ask('/healthz')).status).toBe(200)
  })
})

test('a connection on which nothing comes is closed, so that the 64 cannot be kept', async () => {
  const { at } = await startPort()
  const [host = '', port] = at.split(':')
  const socket = connectTcp({ host, port: Number(port) })
  await once(socket.resume(), 'close')
}, 15_000)

test('close ends connections that are kept', async () => {
  const { at, close } = await startPort()
  const [host = '', port] = at.split(':')
  const socket = connectTcp({ host, port: Number(port) })
  await once(socket, 'connect')
  const closed = once(socket.resume(), 'close')
  await close()
  await closed
})

test('the wildcard address is one to listen on', async () => {
  const { address, ask } = await startPort({ address: '0.0.0.0:0' })
  expect(address).toMatch(/^0\.0\.0\.0:[1-9]/)
  expect((await ask('/healthz')).status).toBe(200)
})

test('a port that is taken is a problem that names option, address and remedy', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as { readonly port: number }
  onTestFinished(() => void other.close())
  const { registry } = buildMetrics()
  const opened = await serveHttp(
    { address: `127.0.0.1:${port}`, key: 'listen.metrics' },
    { registry, status: () => ({ ready: true, body: {} }), beforeScrape: () => undefined },
  )
  expect(opened).toEqual({
    ok: false,
    problem: `listen.metrics: 127.0.0.1:${port} is in use by another process; stop it or choose another port`,
  })
})

test.each([
  ['EADDRINUSE', '127.0.0.1:80', /in use by another process; stop it or choose another port/],
  ['EACCES', '127.0.0.1:80', /may not listen on 127\.0\.0\.1:80; choose a port above 1023/],
  ['EACCES', 'unix:/run/x/check.sock', /may not create \/run\/x\/check\.sock; choose a directory it may write to/],
  ['EADDRNOTAVAIL', '192.0.2.1:80', /not an address of this machine/],
  ['ENOTFOUND', 'nowhere.example:80', /not an address of this machine/],
  ['EMFILE', '127.0.0.1:80', /cannot be listened on \(EMFILE\)/],
])('%s on %s in words', (code, address, words) => {
  expect(describeListenError(Object.assign(new Error('system'), { code }), address)).toMatch(words)
})
