import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type AdminAction, type AdminEvent, type AdminOptions, buildAdmin } from '../../../src/io/admin.ts'
import { type HttpPort, serveHttp } from '../../../src/io/http.ts'
import { buildMetrics } from '../../../src/metrics.ts'
import { throwBytes } from '../../support/lifecycle-bytes.ts'

const TOKEN = 'operator-token-of-the-first-kind-0123456789'
const SECOND = 'operator-token-of-the-other-kind-9876543210'

interface Asking {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: string
}

/** An admin port with one action that tells what it was given. */
async function startPort(more: Partial<AdminOptions> = {}, actions: readonly AdminAction[] = []) {
  const clock = { now: 0 }
  const events: AdminEvent[] = []
  const given: unknown[] = []
  const echo: AdminAction = {
    method: 'POST',
    path: '/echo',
    handle: (body, query) => {
      given.push(body, [...query])
      return { status: 200, body: { done: true } }
    },
  }
  const admin = buildAdmin({
    actions: [echo, { ...echo, method: 'GET' }, ...actions],
    tokens: () => [TOKEN, SECOND],
    host: 'admin.internal',
    monotonic: () => clock.now,
    observe: (event) => void events.push(event),
    ...more,
  })
  const port = await serve('127.0.0.1:0', admin)
  const [, number = ''] = port.address.split(':')
  const ask = (asking: Asking = {}) => send({ port: Number(number) }, asking)
  return { ask, events, given, clock, address: port.address }
}

async function serve(address: string, admin: ReturnType<typeof buildAdmin>): Promise<HttpPort> {
  const status = () => ({ ready: true, body: {} })
  const contents = { registry: buildMetrics().registry, status, beforeScrape: () => undefined, admin }
  const opened = await serveHttp({ address, key: 'listen.admin' }, contents)
  if (!opened.ok) throw new Error(opened.problem)
  onTestFinished(() => opened.value.close())
  return opened.value
}

/** Sends exactly these headers; `fetch` would choose Host, Origin and Sec-Fetch-Site itself. */
function send(
  place: { readonly port: number } | { readonly socketPath: string },
  { method = 'POST', path = '/echo', headers = {}, body = '' }: Asking,
) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    readonly status: number
    readonly headers: NodeJS.Dict<string | string[]>
    readonly body: string
  }>()
  const all = {
    host: 'localhost',
    authorization: `Bearer ${TOKEN}`,
    ...(body && { 'content-type': 'application/json' }),
  }
  const sent = Object.entries({ ...all, ...headers }).filter(([, value]) => value !== undefined)
  const request = httpRequest({ host: '127.0.0.1', ...place, method, path, headers: Object.fromEntries(sent) })
  request.on('error', reject)
  request.on('response', (response) => {
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => void chunks.push(chunk))
    response.on('error', reject)
    response.on('end', () =>
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: Buffer.concat(chunks).toString(),
      }),
    )
  })
  request.end(body)
  return promise
}

test('an action gets body and query, and its answer goes back as JSON', async () => {
  const { ask, given, events } = await startPort()
  const answer = await ask({ path: '/echo?a=1&a=2', body: '{"jti":"one"}' })
  expect([answer.status, answer.body]).toEqual([200, '{"done":true}\n'])
  expect(answer.headers).toMatchObject({
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  expect(given).toEqual([
    { jti: 'one' },
    [
      ['a', '1'],
      ['a', '2'],
    ],
  ])
  expect(events).toEqual([{ action: 'POST /echo', result: 'done', status: 200, token: 0, error: undefined }])
})

test('each token counts, and the log learns which it was', async () => {
  const { ask, events } = await startPort()
  expect(await ask({ headers: { authorization: `bearer ${SECOND}` } })).toMatchObject({ status: 200 })
  expect(events).toMatchObject([{ token: 1 }])
})

describe('att-claims-06 who has no token does nothing', () => {
  test.each<readonly [string, string | undefined]>([
    ['none', undefined],
    ['another token', `Bearer ${TOKEN}0`],
    ['the beginning of a token', `Bearer ${TOKEN.slice(0, -1)}`],
    ['another case', `Bearer ${TOKEN.toUpperCase()}`],
    ['no scheme', TOKEN],
    ['another scheme', `Basic ${TOKEN}`],
    ['both tokens', `Bearer ${TOKEN} ${SECOND}`],
    ['an empty token', 'Bearer '],
    ['an access token', 'Bearer eyJ0eXAiOiJhdCtqd3QifQ.eyJzdWIiOiJhIn0.c2lnbmF0dXJl'],
    ['an access token bound to a key', 'DPoP eyJ0eXAiOiJhdCtqd3QifQ.eyJzdWIiOiJhIn0.c2lnbmF0dXJl'],
    ['a blank more', `Bearer ${TOKEN} x`],
  ])('%s', async (_, authorization) => {
    const { ask, given, events } = await startPort()
    const answer = await ask({ headers: { authorization } })
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer'])
    expect(answer.body).not.toContain(TOKEN.slice(0, 8))
    expect(given).toEqual([])
    expect(events).toEqual([{ action: 'POST /echo', result: 'unauthenticated', status: 401 }])
  })
  test('without listen.adminAccess there are no actions, not even with a token', async () => {
    const { ask, given } = await startPort({ tokens: () => undefined })
    const answer = await ask()
    expect([answer.status, answer.body]).toEqual([404, expect.stringContaining('listen.adminAccess')])
    expect(given).toEqual([])
  })
  test('with an empty list nobody is let in', async () => {
    const { ask } = await startPort({ tokens: () => [] })
    expect(await ask()).toMatchObject({ status: 401 })
  })
  test('many wrong tokens are put off, the right one still counts, and after a minute it begins anew', async () => {
    const { ask, clock } = await startPort()
    const guess = () => ask({ headers: { authorization: 'Bearer guess' } })
    for (let count = 0; count < 10; count += 1) expect(await guess()).toMatchObject({ status: 401 })
    expect(await guess()).toMatchObject({ status: 429, headers: { 'retry-after': '60' } })
    expect(await ask()).toMatchObject({ status: 200 })
    clock.now = 59
    expect(await guess()).toMatchObject({ status: 429 })
    clock.now = 60
    expect(await guess()).toMatchObject({ status: 401 })
  })
})

describe('a page in the browser of an operator does nothing, with the right token either', () => {
  test.each<readonly [string, Readonly<Record<string, string>>]>([
    ['an Origin', { origin: 'https://evil.example' }],
    ['an Origin without a name', { origin: 'null' }],
    ['an Origin of this very port', { origin: 'http://localhost' }],
    ['a request of another site', { 'sec-fetch-site': 'cross-site' }],
    ['a request of a neighbour', { 'sec-fetch-site': 'same-site' }],
    ['a rebound name', { host: 'evil.example' }],
    ['a rebound name and our port', { host: 'evil.example:9192' }],
    ['a name that begins like ours', { host: 'localhost.evil.example' }],
    ['a name that begins like our address', { host: '127.0.0.1.evil.example' }],
    ['a name that ends like ours', { host: 'evil-localhost' }],
  ])('%s', async (_, headers) => {
    const { ask, given, events } = await startPort()
    const answer = await ask({ headers })
    expect(answer.status).toBe(403)
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    expect(given).toEqual([])
    expect(events).toEqual([{ action: 'POST /echo', result: 'refused', status: 403 }])
  })
  test.each(['localhost', 'LOCALHOST:1234', '127.0.0.1:9192', '127.8.9.1', '[::1]:9192', 'admin.internal:1'])(
    'the host name %s is ours',
    async (host) => {
      const { ask } = await startPort()
      expect(await ask({ headers: { host } })).toMatchObject({ status: 200 })
    },
  )
  test.each(['none', 'same-origin'])('Sec-Fetch-Site: %s is no page of somebody else', async (site) => {
    const { ask } = await startPort()
    expect(await ask({ headers: { 'sec-fetch-site': site } })).toMatchObject({ status: 200 })
  })
})

describe('what is no request for an action gets a clear answer', () => {
  test.each<readonly [string, Asking, number]>([
    ['another method', { method: 'DELETE' }, 405],
    ['a preflight', { method: 'OPTIONS' }, 405],
    ['HEAD', { method: 'HEAD' }, 405],
    ['another path', { path: '/echo/' }, 404],
    ['an encoded path', { path: '/%65cho' }, 404],
    ['a form', { body: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415],
    ['a text', { body: '{}', headers: { 'content-type': 'text/plain' } }, 415],
    ['a body without a type', { body: '{}', headers: { 'content-type': undefined } }, 415],
    ['a type that begins like JSON', { body: '{}', headers: { 'content-type': 'application/jsonp' } }, 415],
    ['no JSON', { body: '{' }, 400],
    ['a list', { body: '[]' }, 400],
    ['a member twice', { body: '{"jti":"a","jti":"b"}' }, 400],
    ['a deep body', { body: `${'{"a":'.repeat(9)}1${'}'.repeat(9)}` }, 400],
    ['more than 64 KiB', { body: JSON.stringify({ a: 'x'.repeat(65_536) }) }, 413],
  ])('%s', async (_, asking, status) => {
    const { ask, given } = await startPort()
    const answer = await ask(asking)
    expect(answer.status).toBe(status)
    if (status === 405) expect(answer.headers.allow).toBe('POST, GET')
    expect(given).toEqual([])
  })
  test('64 KiB are not too much, and a type may name its characters', async () => {
    const { ask } = await startPort()
    const body = JSON.stringify({ a: 'x'.repeat(65_536 - 8) })
    expect(body).toHaveLength(65_536)
    expect(await ask({ body, headers: { 'content-type': 'Application/JSON; charset=utf-8' } })).toMatchObject({
      status: 200,
    })
  })
  test('a body that ends early', async () => {
    const { address, given } = await startPort()
    const head = `POST /echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n`
    await throwBytes(address, Buffer.from(`${head}Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{"a":`))
    expect(given).toEqual([])
  })
})

test('an action that throws is a 500 without its words, which go to the log alone', async () => {
  const broken: AdminAction = {
    method: 'POST',
    path: '/broken',
    handle: () => {
      throw new Error('the secret inside')
    },
  }
  const { ask, events } = await startPort({}, [broken])
  const answer = await ask({ path: '/broken' })
  expect(answer.status).toBe(500)
  expect(answer.body).not.toContain('secret')
  expect(events).toEqual([
    { action: 'POST /broken', result: 'failed', status: 500, token: 0, error: new Error('the secret inside') },
  ])
})

test('no more than eight actions at once', async () => {
  const held = Promise.withResolvers<void>()
  const slow: AdminAction = {
    method: 'POST',
    path: '/slow',
    handle: async () => {
      await held.promise
      return { status: 200, body: {} }
    },
  }
  const { ask } = await startPort({}, [slow])
  const asked = Array.from({ length: 9 }, () => ask({ path: '/slow' }))
  const first = await Promise.race(asked)
  expect(first.status).toBe(503)
  held.resolve()
  const statuses = (await Promise.all(asked)).map(({ status }) => status)
  expect(statuses.sort()).toEqual([...Array(8).fill(200), 503])
})

test('a Unix socket is for its owner alone', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-admin-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const socketPath = join(directory, 'admin.sock')
  const echo: AdminAction = { method: 'GET', path: '/echo', handle: () => ({ status: 200, body: {} }) }
  const options = { actions: [echo], tokens: () => [TOKEN], monotonic: () => 0, observe: () => undefined }
  const port = await serve(`unix:${socketPath}`, buildAdmin({ ...options, host: `unix:${socketPath}` }))
  expect(port.address).toBe(`unix:${socketPath}`)
  expect(statSync(socketPath).mode & 0o777).toBe(0o600)
  expect(await send({ socketPath }, { method: 'GET' })).toMatchObject({ status: 200 })
})
