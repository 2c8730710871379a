import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { type BytesCall, getBytes, postBytes } from '../../../src/io/fetch-bytes.ts'
import type { Fetched } from '../../../src/io/fetch-outcome.ts'
import { answer, type PlainStub, startPlainStub } from '../../support/plain-stub.ts'
import { authority } from '../../support/stub-servers.ts'

const open: PlainStub[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((stub) => stub.close()))
})

const ca = [authority.certificate]
const content = Buffer.of(0x30, 0x00, 0xff, 0x80)

async function server(...order: Parameters<typeof startPlainStub>): Promise<PlainStub> {
  const stub = await startPlainStub(...order)
  open.push(stub)
  return stub
}
const honest = (secure = false): Promise<PlainStub> =>
  server((_, response) => answer(response, 'application/ocsp-response', content), secure)
const ask = (url: string, more: BytesCall = {}): Promise<Fetched> =>
  postBytes(url, { accept: 'ocsp-response', type: 'ocsp-request', body: Buffer.of(1, 0, 0xfe), ca, ...more })
const get = (url: string, more: BytesCall = {}): Promise<Fetched> => getBytes(url, { ca, ...more })
const calls: readonly (readonly [string, typeof ask])[] = [
  ['POST', ask],
  ['GET', get],
]

describe.each(calls)('REV-18 a %s of bytes', (method, call) => {
  test.each([
    ['plain http', false],
    ['https', true],
  ])('goes over %s, and every byte arrives', async (_, secure) => {
    const stub = await honest(secure)
    expect(await call(`${stub.origin}/a?b=c`)).toEqual({ ok: true, value: content })
    expect(stub.asked).toMatchObject([{ method, path: '/a?b=c' }])
  })
  test.each([
    ['ftp://127.0.0.1/'],
    ['ldap://127.0.0.1/cn=CA?certificateRevocationList'],
    ['file:///etc/hosts'],
    ['http://user@127.0.0.1/'],
    ['http://:password@127.0.0.1/'],
    ['no URL'],
    [`http://127.0.0.1/${'a'.repeat(2048)}`],
  ])('%s is not asked for', async (url) => expect(await call(url)).toMatchObject({ ok: false, cause: 'url' }))
  test.each([
    ['169.254.169.254', 'http://169.254.169.254/latest/meta-data'],
    ['the same in decimal', 'http://2852039166/'],
    ['an address of no host', 'http://0.0.0.0/'],
    ['IPv4 in IPv6', 'http://[::ffff:169.254.169.254]/'],
  ])('att-mtls-04 %s is never called', async (_, url) =>
    expect(await call(url)).toMatchObject({ ok: false, cause: 'address' }),
  )
  test('the address that was looked at is the one that is called', async () => {
    const stub = await honest()
    const port = new URL(stub.origin).port
    const resolve = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }])
    expect(await call(`http://ocsp.example:${port}/`, { resolve })).toMatchObject({ ok: true })
    expect(stub.asked[0]?.headers.host).toBe(`ocsp.example:${port}`)
  })
  test('outbound.allow is asked', async () => {
    const stub = await honest()
    const only = { kind: 'host', host: 'other.example' } as const
    expect(await call(stub.origin, { allow: [only] })).toMatchObject({ ok: false, cause: 'address' })
    const range = { kind: 'range', address: '127.0.0.1', prefix: 32, family: 'ipv4' } as const
    expect(await call(stub.origin, { allow: [range] })).toMatchObject({ ok: true })
    expect(stub.asked).toHaveLength(1)
  })
  test.each<[string, (response: ServerResponse, origin: string) => void, object]>([
    [
      'a redirect',
      (response, origin) => response.writeHead(302, { location: `${origin}/b` }).end(),
      { cause: 'redirect', status: 302 },
    ],
    ['500', (response) => response.writeHead(500).end(content), { cause: 'status', status: 500 }],
    ['204', (response) => response.writeHead(204).end(), { cause: 'status', status: 204 }],
    [
      'a compressed answer',
      (response) =>
        response
          .writeHead(200, { 'content-type': 'application/ocsp-response', 'content-encoding': 'gzip' })
          .end(gzipSync(content)),
      { cause: 'type' },
    ],
    ['too much', (response) => answer(response, 'application/ocsp-response', Buffer.alloc(65)), { cause: 'size' }],
    ['a broken connection', (response) => response.destroy(), { cause: 'connect' }],
  ])('%s is no answer', async (_, react, failure) => {
    const stub: PlainStub = await server((_asked, response) => react(response, stub.origin))
    expect(await call(stub.origin, { maxBytes: 64 })).toMatchObject({ ok: false, ...failure })
    expect(stub.asked).toHaveLength(1)
  })
  test('the time is limited', async () => {
    const stub = await server((_, response) => response.writeHead(200).write('a'))
    expect(await call(stub.origin, { timeout: 50, accept: 'ocsp-response' })).toMatchObject({ ok: false })
    expect(await call(`${stub.origin}/a?secret`, { timeout: 50 })).toMatchObject({
      problem: expect.stringMatching(/^http:\/\/127.0.0.1:[0-9]+\/a: /),
    })
  })
  test('an https server has to show who it is', async () => {
    const stub = await honest(true)
    expect(await call(stub.origin, { ca: [] })).toMatchObject({ ok: false, cause: 'tls' })
    expect(stub.asked).toEqual([])
  })
  test('over plain http a proxy is handed the request whole, with the credentials that are for it alone', async () => {
    const proxy = await honest()
    const settings = { url: new URL(proxy.origin), username: 'api', password: 'pass' }
    expect(await call('http://ocsp.example:8080/a?b=c', { proxy: settings })).toEqual({ ok: true, value: content })
    const [{ path, headers } = {}] = proxy.asked
    expect(path).toBe('http://ocsp.example:8080/a?b=c')
    expect(headers).toMatchObject({ host: 'ocsp.example:8080', 'proxy-authorization': 'Basic YXBpOnBhc3M=' })
  })
  test('an https proxy has to show who it is before it is handed anything', async () => {
    const proxy = await honest(true)
    const settings = { url: new URL(proxy.origin), username: undefined, password: undefined }
    expect(await call('http://ocsp.example/', { proxy: settings })).toMatchObject({ ok: true })
    expect(await call('http://ocsp.example/', { proxy: settings, ca: [] })).toMatchObject({ cause: 'proxy' })
    expect(proxy.asked).toHaveLength(1)
  })
  test('outbound.allow counts for what a proxy is asked for', async () => {
    const proxy = await honest()
    const settings = { url: new URL(proxy.origin), username: undefined, password: undefined }
    const only = { kind: 'host', host: 'other.example' } as const
    expect(await call('http://ocsp.example/', { proxy: settings, allow: [only] })).toMatchObject({ cause: 'address' })
    expect(await call('http://169.254.169.254/', { proxy: settings })).toMatchObject({ cause: 'address' })
    expect(proxy.asked).toEqual([])
  })
})

test('REV-18 a question is posted as it is, with its media types', async () => {
  const stub = await honest()
  await ask(stub.origin)
  expect(stub.asked).toMatchObject([
    {
      body: Buffer.of(1, 0, 0xfe),
      headers: {
        'content-type': 'application/ocsp-request',
        accept: 'application/ocsp-response',
        'content-length': '3',
        'accept-encoding': 'identity',
      },
    },
  ])
})
test('the media type of an answer counts when one is wanted', async () => {
  const stub = await server((_, response) => answer(response, 'text/html; charset=utf-8', '<html>'))
  expect(await get(stub.origin)).toMatchObject({ ok: true })
  expect(await get(stub.origin, { accept: 'pkix-crl' })).toMatchObject({ ok: false, cause: 'type' })
  expect(await ask(stub.origin)).toMatchObject({ ok: false, cause: 'type' })
})
