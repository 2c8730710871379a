import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestEdge, type TestEdge, type Told } from '../support/edge.ts'
import { countHits, headerLines, sendBytes, sendHttp2 } from '../support/edge-raw.ts'

const HOST = 'api.bank.example'

let edge: TestEdge

beforeAll(async () => {
  edge = await startTestEdge()
})
afterAll(() => edge.stop())

type Sent = Omit<Told, 'id'>
type Send = (path: string, headers?: Readonly<Record<string, string>>) => Promise<Sent>

/** The path as it is, over both protocols. A stream that Envoy resets has status 0. */
const protocols: readonly (readonly [string, Send])[] = [
  [
    'HTTP/1.1',
    (path, headers = {}) =>
      countHits(edge, () =>
        sendBytes(edge, `GET ${path} HTTP/1.1\r\nhost: ${HOST}\r\n${headerLines(headers)}connection: close\r\n\r\n`),
      ),
  ],
  [
    'HTTP/2',
    (path, headers = {}) =>
      countHits(edge, () =>
        sendHttp2(edge, { ':method': 'GET', ':path': path, ':authority': HOST, ':scheme': 'https', ...headers }),
      ),
  ],
]

describe.each(protocols)('att-path-01 … att-path-06, ENV-12, T-55: paths over %s', (_, send) => {
  test.each([
    ['dot segments', '/public/../accounts'],
    ['encoded dots', '/public/%2e%2e/accounts'],
    ['half encoded dots', '/public/.%2E/accounts'],
    ['backslashes', String.raw`/public\..\accounts`],
    ['an empty segment in front', '//accounts'],
    ['two of them', '///accounts'],
    ['a backslash in front', String.raw`/\accounts`],
    ['att-envoy-14: dots behind a parameter', '/public;/../accounts'],
    ['a slash at the end', '/accounts/'],
  ])('%s: judged as the protected path that the upstream would see', async (__, path) => {
    expect(await send(path)).toMatchObject({ status: 401, hits: 0 })
  })
  test.each([
    ['an encoded slash', '/public/..%2faccounts'],
    ['an encoded backslash', '/public/..%5caccounts'],
    ['double encoding', '/public/%252e%252e/accounts'],
    ['a doubly encoded slash', '/public/..%252faccounts'],
    ['overlong UTF-8', '/public/%c0%ae%c0%ae/accounts'],
    ['bytes that are no UTF-8', '/public/%ff'],
    ['NUL', '/public/%00'],
    ['a line break', '/public/x%0d%0a'],
    ['a broken triplet', '/public/a%zz'],
    ['att-envoy-14: a parameter', '/accounts;x=1/1'],
    ['att-envoy-14: an encoded one', '/public%3b/x'],
    ['att-envoy-03, ENV-05: a fragment', '/public#/../admin'],
  ])('%s: 400', async (__, path) => {
    expect(await send(path)).toMatchObject({ status: 400, hits: 0 })
  })
  test.each([
    ['att-path-02: user and host in front', '//user@host/public/x'],
    ['att-path-05: another case', '/PUBLIC/x'],
    ['att-path-06: a longer first segment', '/publicx'],
  ])('%s: no route', async (__, path) => {
    expect(await send(path)).toMatchObject({ status: 403, hits: 0 })
  })
  test('att-path-04: a target that is no path never gets anywhere', async () => {
    const told = await Promise.all(['accounts', 'envoy.service/Method', '*', '/public/a b'].map((path) => send(path)))
    for (const { status, hits } of told) expect([[0, 400].includes(status), hits]).toEqual([true, 0])
  })
  test.each([
    ['/public//x', '/public/x'],
    ['/public/./x', '/public/x'],
    ['/public/%61', '/public/a'],
    ['/public/%7Ex', '/public/~x'],
    ['/public/...', '/public/...'],
    ['/public/x?a=/../accounts', '/public/x?a=/../accounts'],
  ])('%s on an open route is seen as %s', async (path, seen) => {
    const told = await send(path)
    expect(told).toMatchObject({ status: 200, hits: 1, seen: { path: seen } })
  })
  test.each(['x-original-url', 'x-rewrite-url', 'x-envoy-original-path', 'x-forwarded-uri', 'x-forwarded-prefix'])(
    'att-envoy-04, att-header-02: %s changes nothing',
    async (name) => {
      expect(await send('/accounts', { [name]: '/public/x' })).toMatchObject({ status: 401, hits: 0 })
      expect(await send('/public/x', { [name]: '/accounts' })).toMatchObject({
        status: 200,
        seen: { path: '/public/x' },
      })
    },
  )
})

/** Request head without its last line break. */
const bytes = (start: string, ...fields: readonly string[]): string =>
  [`${start} HTTP/1.1`, ...fields, 'connection: close', '', ''].join('\r\n')
const sendRaw = (text: string): Promise<Sent> => countHits(edge, () => sendBytes(edge, text))

describe('hosts and targets over HTTP/1.1', () => {
  test.each([
    ['ENV-06: an absolute target of another host', bytes('GET https://evil.example/public/x', `host: ${HOST}`)],
    ['ENV-07, T-04: two hosts', bytes('GET /public/x', `host: ${HOST}`, 'host: evil.example')],
    ['the same host twice', bytes('GET /public/x', `host: ${HOST}`, `host: ${HOST}`)],
    ['an empty host', bytes('GET /public/x', 'host:')],
    ['a user before the host', bytes('GET /public/x', `host: user@${HOST}`)],
    ['att-path-05: a dot behind the host', bytes('GET /public/x', `host: ${HOST}.`)],
    ['another port', bytes('GET /public/x', `host: ${HOST}:8443`)],
    ['att-envoy-07: CONNECT', bytes(`CONNECT ${HOST}:443`, `host: ${HOST}:443`)],
    ['att-envoy-12: a WebSocket', bytes('GET /public/x', `host: ${HOST}`, 'upgrade: websocket', 'connection: upgrade')],
  ])('%s: 403', async (_, text) => {
    expect(await sendRaw(text)).toMatchObject({ status: 403, hits: 0 })
  })
  test.each([
    ['no host', bytes('GET /public/x')],
    ['a method in lower case', bytes('get /public/x', `host: ${HOST}`)],
    ['a method of its own', bytes('BREW /public/x', `host: ${HOST}`)],
    ['two lengths', `${bytes('POST /public/x', `host: ${HOST}`, 'content-length: 3', 'content-length: 4')}abcd`],
    [
      'length and chunks',
      `${bytes('POST /public/x', `host: ${HOST}`, 'content-length: 3', 'transfer-encoding: chunked')}0\r\n\r\n`,
    ],
    ['a blank before the colon', bytes('GET /public/x', `host: ${HOST}`, 'x-authz-subject : admin')],
    ['NUL in a value', bytes('GET /public/x', `host: ${HOST}`, 'x-a: b\0c')],
  ])('%s: 400', async (_, text) => {
    expect(await sendRaw(text)).toMatchObject({ status: 400, hits: 0 })
  })
  test.each([
    [
      'ENV-06: an absolute target of ours, whatever Host says',
      bytes(`GET https://${HOST}/public/x`, 'host: evil.example'),
    ],
    ['the host in upper case', bytes('GET /public/x', 'host: API.BANK.EXAMPLE')],
    ['T-06: the default port', bytes('GET /public/x', `host: ${HOST}:443`)],
    [
      'an upgrade to h2c, which nobody takes up',
      bytes('GET /public/x', `host: ${HOST}`, 'upgrade: h2c', 'connection: upgrade'),
    ],
  ])('%s: passes', async (_, text) => {
    expect(await sendRaw(text)).toMatchObject({ status: 200, hits: 1, seen: { path: '/public/x' } })
  })
  test('T-03, att-dpop-10: an absolute http target is judged by the configured https origin', async () => {
    const target = (scheme: string): string => `${scheme}://${HOST}/accounts`
    const send = (htu: string): Promise<Sent> => {
      const { headers } = edge.good({ proof: { claims: { htu } } })
      return sendRaw(bytes(`GET ${target('http')}`, `host: ${HOST}`, headerLines(headers).trimEnd()))
    }
    expect(await send(target('https'))).toMatchObject({ status: 200, hits: 1 })
    expect(await send(target('http'))).toMatchObject({ status: 401, hits: 0 })
  })
})

describe('pseudo-headers of HTTP/2', () => {
  const pseudo = { ':method': 'GET', ':path': '/public/x', ':authority': HOST, ':scheme': 'https' }
  const sendPseudo = (headers: object): Promise<Sent> =>
    countHits(edge, () => sendHttp2(edge, { ...pseudo, ...headers }))

  test.each(['http', 'HTTPS', 'hTTp', 'ftp', 'javascript'])(
    'ENV-08, att-envoy-09, T-03: the scheme %s is not believed',
    async (scheme) => {
      const headers = { ...pseudo, ':scheme': scheme, ':path': '/accounts' }
      expect(await sendPseudo({ ...headers, ...edge.good().headers })).toMatchObject({ status: 200, hits: 1 })
      const { headers: other } = edge.good({ proof: { claims: { htu: `${scheme}://${HOST}/payments` } } })
      expect(await sendPseudo({ ...headers, ...other })).toMatchObject({ status: 401, hits: 0 })
    },
  )
  test('ENV-09: of :authority and host the first counts', async () => {
    expect(await sendPseudo({ host: 'evil.example' })).toMatchObject({ status: 200, hits: 1 })
    expect(await sendPseudo({ ':authority': 'evil.example', host: HOST })).toMatchObject({ status: 403, hits: 0 })
  })
  test.each([
    ['att-envoy-12: CONNECT', { ':method': 'CONNECT', ':path': undefined, ':scheme': undefined }],
    ['att-envoy-12: extended CONNECT', { ':method': 'CONNECT', ':protocol': 'websocket' }],
    ['att-envoy-12: CONNECT-UDP', { ':method': 'CONNECT', ':protocol': 'connect-udp' }],
  ])('%s never gets anywhere', async (_, headers) => {
    const sent = { ...pseudo, ...headers }
    const { status, hits } = await countHits(edge, () =>
      sendHttp2(edge, Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== undefined))),
    )
    expect([[0, 400, 403].includes(status), hits]).toEqual([true, 0])
  })
})

test.each(['TRACE', 'OPTIONS', 'PATCH', 'DELETE'])(
  'T-54: %s on an open route that does not list it',
  async (method) => {
    const told = await edge.ask({ method, path: '/public/x' })
    expect(told).toMatchObject({ status: 405, hits: 0 })
    expect(told.headers.get('allow')).toEqual(['GET, HEAD, POST'])
  },
)
