import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readAttributes, readHeaders } from '../../../src/attributes.ts'
import { type Format, MAX_CAPTURE, readCapture } from '../../../src/explain/capture.ts'
import { MAX_HEADERS, withCertificate } from '../../../src/explain/client-message.ts'
import type { CheckRequest } from '../../../src/wire.ts'
import { recordedCheck } from '../../support/recordings.ts'

const readText = (text: string | Uint8Array, format?: Format, index?: number) =>
  readCapture(Buffer.from(text as string), { format, index })
const readJson = (value: unknown, format?: Format, index?: number) => readText(JSON.stringify(value), format, index)

/** What is wrong with a capture; empty when nothing is. */
const problem = (reading: ReturnType<typeof readCapture>): string => (reading.ok ? '' : reading.problem)

function wireOf(reading: ReturnType<typeof readCapture>): CheckRequest {
  if (!reading.ok) throw new Error(reading.problem)
  return reading.value.wire
}

/** What the service makes of a captured request. */
function seen(wire: CheckRequest) {
  const headers = readHeaders(wire)
  return { headers: [...headers], attributes: readAttributes(wire, headers) }
}

/** The recordings write `{ b64: … }` where the JSON form of protobuf has a text alone. */
const plain = (_: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'b64' in value ? value.b64 : value

const fixtures = globSync('test/fixtures/envoy-1.40/check-*.json').map((path) => ({
  name: basename(path, '.json').slice('check-'.length),
  path,
}))

describe('a CheckRequest as JSON is read like the one off the wire', () => {
  test('there are recordings', () => expect(fixtures.length).toBeGreaterThan(30))
  test.each(fixtures)('$name', ({ name, path }) => {
    const { check_request: json } = JSON.parse(readFileSync(path, 'utf8'), plain) as { readonly check_request: object }
    expect(seen(wireOf(readJson(json)))).toEqual(seen(recordedCheck(name)))
  })
  const http = { method: 'GET', path: '/a', host: 'api.example', headers: { 'x-a': '1', constructor: 'x' } }
  test('names in camelCase, bytes in base64url without padding, null for what is absent', () => {
    const headerMap = { headers: [{ key: 'X-A', rawValue: Buffer.from([0xff, 0xfe, 0x3e]).toString('base64url') }] }
    const wire = wireOf(readJson({ attributes: { source: null, request: { http: { ...http, headerMap, id: null } } } }))
    expect(readHeaders(wire).get('x-a')).toEqual(['\u00ff\u00fe>'])
    expect(wire.attributes).not.toHaveProperty('source')
  })
  test('header names of the client stay as they are', () => {
    const text = '{"attributes":{"request":{"http":{"headers":{"__proto__":"x","a_b":"1"}}}}}'
    expect([...readHeaders(wireOf(readText(text)))]).toEqual([
      ['__proto__', ['x']],
      ['a_b', ['1']],
    ])
  })
  test.each<readonly [string, object, string]>([
    ['no attributes', { request: {} }, 'attributes: expected object, received undefined'],
    [
      'no HTTP request',
      { attributes: { request: {} } },
      'attributes.request.http: expected object, received undefined',
    ],
    [
      'a number for a text',
      { attributes: { request: { http: { ...http, path: 7 } } } },
      'attributes.request.http.path: expected string, received number',
    ],
    [
      'bytes that are no base64',
      { attributes: { request: { http: { headerMap: { headers: [{ key: 'a', rawValue: '*' }] } } } } },
      'attributes.request.http.headerMap.headers[0].rawValue: expected base64',
    ],
    [
      'a header that is no text',
      { attributes: { request: { http: { headers: { a: 1 } } } } },
      `attributes.request.http.headers: expected an object of at most ${MAX_HEADERS} texts`,
    ],
    [
      'one member in both spellings',
      { attributes: { request: { http: { header_map: {}, headerMap: {} } } } },
      'attributes.request.http.headerMap: this member stands twice',
    ],
    [
      'levels without end',
      { attributes: { a: { b: { c: { d: { e: { f: { g: { h: { i: { j: { k: { l: {} } } } } } } } } } } } } },
      'attributes.a.b.c.d.e.f.g.h.i.j.k.l: nested too deeply',
    ],
  ])('refused: %s', (_, value, message) => expect(problem(readJson(value, 'check'))).toBe(message))
})

const request = {
  method: 'POST',
  url: 'https://api.example:8443/pay?x=1#part',
  httpVersion: 'HTTP/2',
  headers: [
    { name: ':authority', value: 'api.example:8443' },
    { name: 'Authorization', value: 'DPoP abc' },
    { name: 'DPoP', value: 'a.b.c' },
    { name: 'x-name', value: 'Zoë' },
  ],
  postData: { mimeType: 'application/json', text: '{"a":1}' },
}
const har = (...requests: readonly object[]) => ({
  log: { version: '1.2', entries: requests.map((one) => ({ request: one })) },
})

describe('HAR', () => {
  test('a request as Envoy asks about it', () => {
    const { headers, attributes } = seen(wireOf(readJson(har(request))))
    expect(headers).toEqual([
      [':authority', ['api.example:8443']],
      [':path', ['/pay?x=1']],
      [':method', ['POST']],
      [':scheme', ['https']],
      ['authorization', ['DPoP abc']],
      ['dpop', ['a.b.c']],
      ['x-name', [Buffer.from('Zoë').toString('latin1')]],
      ['x-envoy-auth-partial-body', ['false']],
    ])
    expect(attributes).toMatchObject({
      ok: true,
      value: {
        ...{ method: 'POST', authority: 'api.example:8443', path: '/pay', query: 'x=1', mode: 'raw' },
        body: { kind: 'complete', bytes: Buffer.from('{"a":1}') },
      },
    })
  })
  test('the chosen one of several, and Host before the URL', () => {
    const other = { method: 'GET', url: 'http://10.0.0.1', headers: [{ name: 'Host', value: 'api.example' }] }
    const { http } = wireOf(readJson(har(request, other), undefined, 1)).attributes?.request ?? {}
    expect([http?.host, http?.path, http?.method, http?.rawBody]).toEqual(['api.example', '/', 'GET', undefined])
  })
  test.each<readonly [string, object, number | undefined, string]>([
    ['no entries', { log: {} }, undefined, 'log.entries: expected a list of requests'],
    ['none', har(), undefined, 'it holds 0 requests; choose one with --index'],
    ['one that is not there', har(request), 1, '--index 1: it holds 1 requests, from 0 on'],
    [
      'an entry that is none',
      { log: { entries: [7] } },
      0,
      'log.entries[0].request: expected object, received undefined',
    ],
    [
      'no absolute URL',
      har({ ...request, url: '/a' }),
      0,
      'log.entries[0].request.url: expected an absolute http or https URL',
    ],
    [
      'a field that forges another',
      har({ ...request, headers: [{ name: 'a', value: 'b\r\nauthorization: DPoP x' }] }),
      0,
      'log.entries[0].request.headers[0].value: expected a value on one line',
    ],
  ])('refused: %s', (_, value, index, message) => expect(problem(readJson(value, 'har', index))).toBe(message))
  test('of several one has to be chosen, and the list shows no query', () => {
    const secret = { method: 'GET', url: 'https://api.example/a?access_token=s3cret', headers: [] }
    const told = problem(readJson(har(request, secret, ...Array<object>(10).fill(secret))))
    expect(told.split('\n')).toEqual([
      'it holds 12 requests; choose one with --index',
      '  0: POST https://api.example:8443/pay',
      ...Array.from({ length: 9 }, (_, index) => `  ${index + 1}: GET https://api.example/a`),
      '  …',
    ])
  })
  test('the list steers no terminal, has no line of its own and shows no password or token', () => {
    const token = 'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJl'
    const hostile = {
      method: 'G\u001b[31mT\u202e',
      url: `https://user:passw0rd@api.example/${token}\n  9: x`,
      headers: [],
    }
    const told = problem(readJson(har(hostile, hostile)))
    expect(told.split('\n')).toHaveLength(3)
    expect(told).not.toMatch(/[^\n -~]|passw0rd|eyJ/u)
    expect(told).toContain('  0: G\\u001b[31mT\\u202e https://api.example/sha256:')
  })
})

const text = (...lines: readonly string[]): string => lines.join('\r\n')

describe('HTTP as text', () => {
  test.each<readonly [string, string, object]>([
    ['origin form', text('GET /a?b=c HTTP/1.1', 'Host: api.example', '', ''), { host: 'api.example', path: '/a?b=c' }],
    ['bare line ends', 'GET /a HTTP/1.1\nHost: api.example\n\n\n', { host: 'api.example', path: '/a' }],
    ['no line end at all', 'GET /a HTTP/1.1\nHost: api.example', { host: 'api.example', path: '/a' }],
    [
      'absolute form',
      text('GET https://a.example HTTP/1.1', 'Host: b.example', '', ''),
      { host: 'a.example', path: '/' },
    ],
    ['as tools print HTTP/2', text('GET /a HTTP/2', 'host: api.example', ''), { host: 'api.example', path: '/a' }],
  ])('%s', (_, raw, expected) => expect(wireOf(readText(raw)).attributes?.request?.http).toMatchObject(expected))
  test('header lines stay apart, except those that Envoy joins', () => {
    const raw = text(
      'GET /a HTTP/1.1',
      'Host: h',
      'DPoP: 1',
      'dpop:\t2 ',
      'Authorization: DPoP a',
      'authorization: Bearer b',
      '',
      '',
    )
    const headers = readHeaders(wireOf(readText(raw)))
    expect([headers.get('dpop'), headers.get('authorization'), headers.get('host')]).toEqual([
      ['1', '2'],
      ['DPoP a,Bearer b'],
      undefined,
    ])
  })
  test('the body that Content-Length announces', () => {
    const raw = text('POST /a HTTP/1.1', 'Host: h', 'Content-Length: 3', '', 'a=b\n')
    expect(seen(wireOf(readText(raw))).attributes).toMatchObject({
      value: { body: { kind: 'complete', bytes: Buffer.from('a=b') } },
    })
  })
  test.each<readonly [string, string, string]>([
    ['no request line', 'hello', 'line 1: expected an HTTP request line such as GET /accounts HTTP/1.1'],
    [
      'a field without a colon',
      text('GET / HTTP/1.1', 'Host: h', 'oops', ''),
      'line 3: expected a header field, name: value',
    ],
    ['a folded field', text('GET / HTTP/1.1', 'Host: h', ' more', ''), 'line 3: expected a header field, name: value'],
    [
      'a control character',
      text('GET / HTTP/1.1', 'Host: h\u0001', ''),
      'line 2: expected a header field, name: value',
    ],
    ['no host', text('GET / HTTP/1.1', 'A: b', '', ''), 'there is no Host field, and the target is not absolute'],
    ['two hosts', text('GET / HTTP/1.1', 'Host: a', 'Host: b', '', ''), 'there is more than one Host field'],
    [
      'chunks',
      text('POST / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked', '', '0'),
      'Transfer-Encoding: write the body out and give its Content-Length',
    ],
    [
      'a body without a length',
      text('POST / HTTP/1.1', 'Host: h', '', 'x'),
      'there are bytes behind the header, but no Content-Length field',
    ],
    [
      'a body that was cut',
      text('POST / HTTP/1.1', 'Host: h', 'Content-Length: 5', '', 'abc'),
      'the body has 3 bytes, Content-Length says 5',
    ],
    [
      'a second request',
      text('POST / HTTP/1.1', 'Host: h', 'Content-Length: 1', '', 'aGET'),
      'the body has 4 bytes, Content-Length says 1',
    ],
    [
      'two lengths',
      text('POST / HTTP/1.1', 'Host: h', 'Content-Length: 1', 'Content-Length: 1', '', 'a'),
      'there is more than one Content-Length field',
    ],
    [
      'a length that is none',
      text('POST / HTTP/1.1', 'Host: h', 'Content-Length: 0x1', '', 'a'),
      'Content-Length is not a number',
    ],
    [
      'fields without end',
      text('GET / HTTP/1.1', ...Array<string>(MAX_HEADERS + 1).fill('a: b')),
      `line ${MAX_HEADERS + 2}: more than ${MAX_HEADERS} fields`,
    ],
  ])('refused: %s', (_, raw, message) => expect(problem(readText(raw, 'http'))).toBe(message))
})

describe('what the file is', () => {
  test.each<readonly [string, string | Uint8Array, string]>([
    ['text', 'GET / HTTP/1.1\nHost: h\n\n', 'http'],
    ['HAR', JSON.stringify(har(request)), 'har'],
    ['a CheckRequest behind a byte-order mark and blanks', '\ufeff \n{"attributes":{"request":{"http":{}}}}', 'check'],
  ])('%s', (_, content, format) => {
    const reading = readText(content)
    expect(reading.ok ? reading.value.format : reading.problem).toBe(format)
  })
  test.each<readonly [string, string, string]>([
    ['empty', '', 'it is empty'],
    ['JSON that ends early', '{\n "log": {', 'line 2, column 10: it is not JSON'],
    ['a comma too many', '{"a": [1, 2,],\n "b": 3}', 'line 1, column 13: it is not JSON'],
    ['a second value', '{}\n{}', 'line 2, column 1: it is not JSON'],
    ['a literal that is none', '{"a": nul}', 'line 1, column 7: it is not JSON'],
    ['a broken escape', '{"a": "\\x"}', 'line 1, column 7: it is not JSON'],
    ['a name twice', '{"a": 1, "a": 2}', 'a member name is repeated'],
    ['a list', ' [1]', 'line 1: expected one JSON object, or an HTTP request line such as GET /accounts HTTP/1.1'],
    [
      'a name that steers the terminal, twice',
      '{"x_\u009b": {"a_b": 1, "aB": 2}}',
      'x_\\u009b.aB: this member stands twice',
    ],
    ['nesting without end', `{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`, 'it is nested too deeply'],
  ])('refused: %s', (_, content, message) => expect(problem(readText(content))).toBe(message))
  test('what is wrong is told without what was read', () => {
    expect(problem(readText('{"authorization": "DPoP s3cret"'))).not.toContain('s3cret')
  })
  test('UTF-16 is named', () => {
    const written = Buffer.from('\ufeff{}', 'utf16le')
    expect(problem(readText(written))).toBe('it is UTF-16; save it as UTF-8')
  })
  test('too large', () => {
    expect(problem(readText(Buffer.alloc(MAX_CAPTURE + 1, 0x20)))).toBe('it is larger than 4 MiB')
  })
})

test('a certificate is told as Envoy tells it', () => {
  const wire = withCertificate(recordedCheck('h1-mtls-uri-san'), '-----BEGIN\n+')
  expect(wire.attributes?.source).toMatchObject({ certificate: '-----BEGIN%0A%2B', principal: expect.any(String) })
})
