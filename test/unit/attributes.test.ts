import { describe, expect, test } from 'vitest'
import { type Attributes, first, readAttributes, readHeaders } from '../../src/attributes.ts'
import type { CheckRequest } from '../../src/wire.ts'
import { recordedCheck } from '../support/recordings.ts'
import { type ClientRequest, checkRequest, forms } from '../support/requests.ts'

const read = (wire: CheckRequest) => readAttributes(wire, readHeaders(wire))

function attributesOf(wire: CheckRequest): Attributes {
  const reading = read(wire)
  if (!reading.ok) throw new Error(reading.detail)
  return reading.value
}

const reason = (client: ClientRequest): string => {
  const reading = read(checkRequest(client))
  return reading.ok ? 'ok' : reading.reason
}

describe('what Envoy 1.40 sent', () => {
  test('a joined map over TLS', () => {
    const attributes = attributesOf(recordedCheck('h1-tls-nocert'))
    expect(attributes).toMatchObject({
      method: 'GET',
      authority: 'api.example.test',
      path: '/accounts',
      query: 'from=2026-01-01',
      mode: 'joined',
      body: { kind: 'absent' },
      certificate: undefined,
      principal: '',
      clientAddress: '127.0.0.1',
    })
    expect(attributes.id).toMatch(/^[0-9]+$/)
  })
  test('ENV-01 repeated fields arrive in one value', () => {
    const headers = readHeaders(recordedCheck('h1-map-duplicates'))
    expect(headers.get('dpop')).toEqual(['p1,p2'])
    expect(headers.get('authorization')).toEqual(['DPoP aaa,Bearer bbb'])
  })
  test('ENV-02 raw lines stay apart, except Authorization; ENV-15 bytes are one character each', () => {
    const headers = readHeaders(recordedCheck('h1-raw-duplicates'))
    expect(headers.get('dpop')).toEqual(['p1', 'p2'])
    expect(headers.get('authorization')).toEqual(['DPoP aaa,Bearer bbb'])
    expect(headers.get('x-empty')).toEqual([''])
    expect(attributesOf(recordedCheck('h1-raw-duplicates')).mode).toBe('raw')
  })
  test('ENV-11 the certificate of the connection', () => {
    for (const name of ['h1-mtls-uri-san', 'h2-mtls', 'h3-mtls'])
      expect(attributesOf(recordedCheck(name))).toMatchObject({
        certificate: { kind: 'pem', text: expect.stringMatching(/^-----BEGIN%20CERTIFICATE/) },
        principal: 'https://tpp-one.example.test/id',
      })
  })
  test('ENV-13 whole, truncated and absent bodies', () => {
    expect(attributesOf(recordedCheck('h1-body-raw')).body.kind).toBe('complete')
    expect(attributesOf(recordedCheck('h1-body-string')).body.kind).toBe('complete')
    expect(attributesOf(recordedCheck('h1-body-raw-partial')).body).toEqual({ kind: 'truncated' })
    expect(attributesOf(recordedCheck('h1-body-empty-post')).body).toEqual({ kind: 'absent' })
    expect(attributesOf(recordedCheck('h1-websocket-with-body')).body).toEqual({ kind: 'absent' })
  })
  test('context extensions of the route', () => {
    expect([...attributesOf(recordedCheck('h1-context-extensions')).contextExtensions]).toContainEqual([
      'route',
      'r-ctx',
    ])
  })
  test.each(['h1-connect', 'h1-host-empty', 'h1-host-userinfo', 'h1-map-duplicates'])('%s cannot be judged', (name) => {
    expect(read(recordedCheck(name))).toMatchObject({ ok: false, reason: 'request_malformed' })
  })
  test('claims-01 header names of the object prototype are plain names', () => {
    const headers = readHeaders(recordedCheck('h1-proto-pollution-names'))
    expect(headers.get('constructor')).toEqual(['c'])
    expect(headers.get('tostring')).toEqual(['t'])
    expect(headers.get('valueof')).toBeUndefined()
  })
})

describe('header lines', () => {
  test.each(forms)('%s: names are lower case, pseudo headers are there, absent is undefined', (form) => {
    const headers = readHeaders(checkRequest({ headers: [['X-A', 'v']] }, form))
    expect([first(headers, 'x-a'), first(headers, ':method'), first(headers, 'x-b')]).toEqual(['v', 'GET', undefined])
  })
  test('no line takes the place of another, whatever its spelling', () => {
    const http = { headers: { Authorization: 'DPoP a', authorization: 'DPoP b', AUTHORIZATION: 'DPoP c' } }
    expect(readHeaders({ attributes: { request: { http } } }).get('authorization')).toHaveLength(3)
    const headerMap = {
      headers: [
        { key: 'DPoP', value: 'a' },
        { key: 'dpop', rawValue: Buffer.from('b') },
      ],
    }
    expect(readHeaders({ attributes: { request: { http: { headerMap } } } }).get('dpop')).toEqual(['a', 'b'])
  })
  test('the map is not looked at beside header_map', () => {
    const http = { headerMap: { headers: [{ key: 'a', value: '1' }] }, headers: { authorization: 'DPoP x' } }
    expect([...readHeaders({ attributes: { request: { http } } })]).toEqual([['a', ['1']]])
  })
  test('nothing can be changed afterwards', () => {
    const headers = readHeaders(checkRequest({ headers: [['a', '1']] })) as Map<string, string[]>
    expect(() => headers.set('a', [])).toThrow()
    expect(() => Map.prototype.set.call(headers, 'a', [])).toThrow()
    expect(() => headers.get('a')?.push('2')).toThrow()
    expect([headers.has('a'), headers.size, [...headers.keys()].includes('a')]).toEqual([true, 5, true])
    const seen: string[] = []
    headers.forEach((lines, name, map) => {
      seen.push(name, ...lines, String(map === headers))
    })
    expect(seen.slice(-3)).toEqual(['a', '1', 'true'])
    expect([...headers.values()].at(-1)).toEqual([...headers.entries()].at(-1)?.[1])
  })
})

describe('a request that cannot be judged', () => {
  test('nothing in it', () => {
    for (const wire of [{}, { attributes: {} }, { attributes: { request: {} } }])
      expect(read(wire)).toMatchObject({ reason: 'request_malformed' })
  })
  test.each(['', 'GET ', 'G\u0000T', 'a'.repeat(33), 'GET/x', 'ГET'])('envoy-07 method %j', (method) =>
    expect(reason({ method })).toBe('request_malformed'),
  )
  test.each(['GET', 'PATCH', 'x-custom'])('method %j is a token', (method) => expect(reason({ method })).toBe('ok'))
  test.each(
    [
      ['', 'a.example,b.example', 'user@api.example.com', 'api.example.com/', 'a b', 'api:1:2', 'api:', 'api:123456'],
      ['[::1', '::1', 'ü.example', 'a\\b', 'a#b', 'a?b', '%61pi', 'a;b', "a'b", 'x'.repeat(256)],
    ].flat(),
  )('ENV-07 authority %j', (host) => expect(reason({ host })).toBe('request_malformed'))
  test.each(['api.example.com', 'API.Example.com:443', '[::1]:8443', '127.0.0.1', 'a_b'])('authority %j', (host) =>
    expect(attributesOf(checkRequest({ host })).authority).toBe(host.toLowerCase()),
  )
  test.each(['', '*', 'accounts', 'https://api/', '/a b', '/a#b', '/ü', '/a\u0000', '/a\u007f', '/a\tb', '?x'])(
    'ENV-05, envoy-03, path-04 path %j',
    (path) => expect(reason({ path })).toBe('request_malformed'),
  )
})

test.each([
  ['/a', '/a', undefined],
  ['/a?', '/a', ''],
  ['/a?b?c', '/a', 'b?c'],
  ['/?/../x', '/', '/../x'],
])('ENV-04 %s is split at the first question mark', (path, bare, query) => {
  expect(attributesOf(checkRequest({ path }))).toMatchObject({ path: bare, query })
})

describe('ENV-13 only what Envoy calls whole is a body', () => {
  const body = (client: ClientRequest) => attributesOf(checkRequest(client)).body.kind
  test('marked as whole', () => expect(body({ body: 'abc' })).toBe('complete'))
  test('marked as whole, of the announced length', () =>
    expect(body({ body: 'abc', headers: [['content-length', '3']] })).toBe('complete'))
  test('of another length than announced', () =>
    expect(body({ body: 'abc', headers: [['content-length', '4']] })).toBe('truncated'))
  test('marked as partial', () => expect(body({ body: 'abc', partial: 'true' })).toBe('truncated'))
  test('marked twice', () =>
    expect(body({ body: 'abc', headers: [['x-envoy-auth-partial-body', 'false']] })).toBe('truncated'))
  test('not marked', () => {
    const { attributes } = checkRequest()
    const http = { ...attributes?.request?.http, rawBody: Buffer.from('abc') }
    expect(attributesOf({ attributes: { ...attributes, request: { http } } }).body.kind).toBe('truncated')
  })
  test('none', () => expect(body({})).toBe('absent'))
  test('none, marked as partial', () => expect(body({ partial: 'true' })).toBe('truncated'))
})
