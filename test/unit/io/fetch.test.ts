import { once } from 'node:events'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { type FetchOptions, fetchJson } from '../../../src/io/fetch.ts'
import { authority, json, type Stub, startStub } from '../../support/stub-servers.ts'

const trust = { ca: [authority.certificate] }
const open: Stub[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((stub) => stub.close()))
})

async function stub(...order: Parameters<typeof startStub>): Promise<Stub> {
  const started = await startStub(...order)
  open.push(started)
  return started
}
const get = (url: string, options: FetchOptions = {}) => fetchJson(url, { ...trust, ...options })

/** The problem a server's answer is, without the address in front. */
async function problemOf(handler: Parameters<typeof startStub>[0], options: FetchOptions = {}): Promise<string> {
  const { origin } = await stub(handler)
  const outcome = await get(`${origin}/x?secret=1`, options)
  if (outcome.ok) return 'none'
  expect(outcome.problem.startsWith(`${origin}/x: `)).toBe(true)
  return outcome.problem.slice(`${origin}/x: `.length)
}
const answer =
  (headers: Record<string, string | string[]>, body: string | Buffer, status = 200): Parameters<typeof startStub>[0] =>
  (_, response) => {
    response.writeHead(status, headers)
    response.end(body)
  }
const jsonType = { 'content-type': 'application/json' }

describe('what is taken', () => {
  test.each([
    'application/json',
    'application/jwk-set+json',
    'Application/JSON; charset=utf-8',
    'application/vnd.x.y+json',
  ])('%s', async (type) => {
    const { origin } = await stub(json(() => ({ keys: [1] }), type))
    expect(await get(`${origin}/x`)).toEqual({ ok: true, value: { keys: [1] } })
  })
  test('an identity encoding that was named', async () =>
    expect(await problemOf(answer({ ...jsonType, 'content-encoding': 'identity' }, '{}'))).toBe('none'))
  test('an address of the certificate', async () => {
    const { port } = await stub(json(() => ({})))
    expect((await get(`https://127.0.0.1:${port}/x`)).ok).toBe(true)
  })
  test('as many bytes as are allowed', async () => {
    const body = JSON.stringify({ a: 'x'.repeat(100) })
    expect(await problemOf(answer(jsonType, body), { maxBytes: body.length })).toBe('none')
  })
  test('nothing of ours goes along but what is needed', async () => {
    const asked = await stub(json(() => ({})))
    await get(`${asked.origin}/x?y=1`)
    expect(asked.hits).toEqual(['/x?y=1'])
    const { host, ...headers } = asked.last()
    expect(host).toBe(asked.origin.slice('https://'.length))
    expect(headers).toEqual({
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'envoy-fapi',
      connection: 'close',
    })
  })
})

describe('JWK-01, FAPI-NET-01 only https', () => {
  test.each([
    ['http', (port: number) => `http://localhost:${port}/x`],
    ['a user', (port: number) => `https://user@localhost:${port}/x`],
    ['a password', (port: number) => `https://:password@localhost:${port}/x`],
    ['another scheme', () => 'file:///etc/passwd'],
    ['no URL', () => 'jwks'],
    ['nothing', () => ''],
    ['an unreadable port', () => 'https://localhost:99999/x'],
    ['a very long URL', (port: number) => `https://localhost:${port}/${'x'.repeat(3000)}`],
  ])('%s is not even asked for', async (_, url) => {
    const { port, hits } = await stub(json(() => ({})))
    const outcome = await get(url(port))
    expect(outcome).toMatchObject({ ok: false, cause: 'url' })
    expect(JSON.stringify(outcome)).not.toMatch(/password|user@/)
    expect(JSON.stringify(outcome).length).toBeLessThan(300)
    expect(hits).toEqual([])
  })
  test.each([
    ['a backslash before the host', (port: number) => `https://other.invalid\\@localhost:${port}/x`],
    ['escaped slashes in the host', (port: number) => `https://localhost%2f%2f:${port}/x`],
    ['a broken IPv6 address', (port: number) => `https://[::1:${port}/x`],
  ])('att-mtls-05 %s does not lead to another server', async (_, url) => {
    const { port, hits } = await stub(json(() => ({})))
    expect((await get(url(port))).ok).toBe(false)
    expect(hits).toEqual([])
  })
})

describe('JWK-01, att-jose-16 redirects are not followed', () => {
  test.each([300, 301, 302, 303, 304, 307, 308])('%i', async (status) => {
    const target = await stub(json(() => ({ keys: [] })))
    const problem = await problemOf(answer({ ...jsonType, location: `${target.origin}/y` }, '{"keys":[]}', status))
    expect(problem).toContain('redirects')
    expect(target.hits).toEqual([])
  })
})

describe('JWK-04 only 200, only JSON, only what was asked for', () => {
  test.each([201, 202, 204, 206, 400, 404, 429, 500, 503])('status %i', async (status) =>
    expect(await problemOf(answer(jsonType, status === 204 ? '' : '{}', status))).toBe(`it answered ${status}`),
  )
  test.each([
    'text/html',
    'text/html; charset=application/json',
    'application/jsonx',
    'text/json',
    'json',
    '',
    'a,application/json',
  ])('att-jose-16 content type "%s"', async (type) =>
    expect(await problemOf(answer({ 'content-type': type }, '{}'))).toMatch(/is not JSON/),
  )
  test('no content type', async () => expect(await problemOf(answer({}, '{}'))).toMatch(/is not JSON \(no type\)/))
  test.each([
    ['gzip', 'gzip', gzipSync('{}')],
    ['an unknown one', 'x', Buffer.from('{}')],
    ['a thousand in one field', Array.from({ length: 1000 }, () => 'gzip').join(), gzipSync('{}')],
    ['a thousand fields', Array.from({ length: 1000 }, () => 'br'), Buffer.from('{}')],
  ])('att-dos-05 content encoding: %s', async (_, encoding, body) =>
    expect(await problemOf(answer({ ...jsonType, 'content-encoding': encoding }, body))).toMatch(/compressed|HPE_/),
  )
  test.each([
    ['HTML', '<!doctype html>'],
    ['truncated JSON', '{"keys":['],
    ['a list', '[]'],
    ['nothing', ''],
    ['a repeated member', '{"keys":[],"keys":[]}'],
    ['a byte-order mark', '\ufeff{}'],
    ['a text that is not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['deep nesting', `{"a":${'['.repeat(20)}${']'.repeat(20)}}`],
  ])('a body that is %s', async (_, body) => expect(await problemOf(answer(jsonType, body))).not.toBe('none'))
})

describe('JWK-04, att-jose-17 limits', () => {
  test('one byte too many', async () => {
    const body = JSON.stringify({ a: 'x'.repeat(100) })
    const problem = await problemOf(answer(jsonType, body), { maxBytes: body.length - 1 })
    expect(problem).toBe(`the answer is larger than ${body.length - 1} bytes`)
  })
  test('a body of 10 MB is not read to its end', async () => {
    const { origin } = await stub((_, response) => {
      response.writeHead(200, jsonType)
      void once(response, 'close').then(() => finished(response.writableFinished))
      response.end(Buffer.alloc(10_000_000, 'x'))
    })
    const { promise, resolve: finished } = Promise.withResolvers<boolean>()
    const outcome = await get(`${origin}/x`)
    expect(outcome).toEqual({
      ok: false,
      cause: 'size',
      status: 200,
      problem: `${origin}/x: the answer is larger than 524288 bytes`,
    })
    expect(await promise).toBe(false)
  })
  test('a server that accepts and never answers', async () =>
    expect(await problemOf(() => undefined, { timeout: 100 })).toBe('no whole answer in time'))
  test('a body that trickles', async () => {
    const problem = await problemOf(
      (_, response) => {
        response.writeHead(200, jsonType)
        const drip = setInterval(() => response.write(' '), 10)
        response.on('close', () => clearInterval(drip))
      },
      { timeout: 200 },
    )
    expect(problem).toBe('no whole answer in time')
  })
  test('headers that trickle', async () => {
    const problem = await problemOf(
      ({ socket }, response) => {
        socket.write('HTTP/1.1 200 OK\r\n')
        const drip = setInterval(() => socket.write('x: y\r\n'), 10)
        response.on('close', () => clearInterval(drip))
        socket.on('close', () => clearInterval(drip))
      },
      { timeout: 200 },
    )
    expect(problem).toBe('no whole answer in time')
  })
  test('headers of more than 16 KiB', async () =>
    expect(await problemOf(answer({ ...jsonType, x: 'y'.repeat(17_000) }, '{}'))).toBe('HPE_HEADER_OVERFLOW'))
  test('a body that breaks off', async () => {
    const problem = await problemOf((_, response) => {
      response.writeHead(200, { ...jsonType, 'content-length': '10' })
      response.write('{}')
      response.socket?.end()
    })
    expect(problem).not.toBe('none')
  })
  test('a connection that is reset', async () =>
    expect(await problemOf(({ socket }) => void socket.destroy())).toBe('ECONNRESET'))
  test('nobody listens', async () => {
    const { origin, close } = await startStub(json(() => ({})))
    await close()
    expect(await get(`${origin}/x`)).toEqual({
      ok: false,
      cause: 'connect',
      problem: expect.stringContaining('ECONNREFUSED'),
    })
  })
  test('a name that does not exist', async () => expect((await get('https://name.invalid/x')).ok).toBe(false))
})
