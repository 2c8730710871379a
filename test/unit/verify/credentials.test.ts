import { describe, expect, test } from 'vitest'
import type { Body } from '../../../src/attributes.ts'
import { type Credentials, readCredentials } from '../../../src/verify/credentials.ts'

const LIMIT = 8192

interface Sent {
  readonly lines?: readonly string[]
  readonly query?: string
  readonly body?: Body
  readonly type?: string | readonly string[]
  readonly maxBytes?: number
}

function read({ lines, query, body = { kind: 'absent' }, type, maxBytes = LIMIT }: Sent): Credentials | string {
  const headers = new Map<string, readonly string[]>()
  if (lines) headers.set('authorization', lines)
  if (type !== undefined) headers.set('content-type', typeof type === 'string' ? [type] : type)
  const result = readCredentials(headers, query, body, maxBytes)
  return result.ok ? result.value : result.reason
}

const line = (text: string): Credentials | string => read({ lines: [text] })
const complete = (text: string): Body => ({ kind: 'complete', bytes: Buffer.from(text, 'latin1') })
const FORM = 'application/x-www-form-urlencoded'

describe('HDR-04 the scheme has no case', () => {
  test.each([
    ['DPoP abc', 'DPoP'],
    ['dPoP abc', 'DPoP'],
    ['DPOP abc', 'DPoP'],
    ['Bearer abc', 'Bearer'],
    ['bEARER abc', 'Bearer'],
  ])('%s', (text, scheme) => expect(line(text)).toEqual({ scheme, token: 'abc' }))
  test.each([
    'DPoPX abc',
    'XDPoP abc',
    'DPo abc',
    'Bear abc',
    'BearerX abc',
    'ⅮPoP abc',
    'dpop\u0130 abc',
    '',
    ' ',
    ' DPoP abc',
    'abc',
    'abc.def.ghi',
  ])('%j is no scheme of ours', (text) => expect(line(text)).toBe('credentials_missing'))
})

describe('HDR-05 scheme, blanks, one token68, nothing else', () => {
  test.each([
    ['DPoP  abc', 'abc'],
    ['DPoP      abc', 'abc'],
    ['DPoP a-z.0_9~A+B/C', 'a-z.0_9~A+B/C'],
    ['DPoP abc=', 'abc='],
    ['DPoP abc==', 'abc=='],
    ['Bearer eyJ.eyJ.sig', 'eyJ.eyJ.sig'],
  ])('%j is taken', (text, token) => expect(line(text)).toMatchObject({ token }))
  test.each([
    'DPoP\tabc',
    'DPoP \tabc',
    'DPoP abc x',
    'DPoP abc ',
    'DPoP abc\t',
    'DPoP "abc"',
    'DPoP abc;',
    'DPoP; abc',
    'DPoP: abc',
    'DPoP=abc',
    'DPoP"abc"',
    'DPoP token="abc"',
    'DPoP abc=x',
    'DPoP =abc',
    'DPoP a\u0000bc',
    'DPoP abc\r\nx: y',
    'DPoP abc\n',
    'DPoP a\u00e9c',
    'DPoP %61bc',
    'DPoP a\\bc',
    'DPoP DPoP abc',
    'Bearer a@b',
  ])('%j is malformed', (text) => expect(line(text)).toBe('credentials_malformed'))
  test.each(['DPoP', 'DPoP ', 'DPoP    ', 'bearer', 'Bearer ', 'DPoP ='])('HDR-07 %j holds no credentials', (text) =>
    expect(line(text)).toBe('credentials_malformed'),
  )
})

describe('HDR-06 exactly one Authorization field', () => {
  test.each([
    [['DPoP abc', 'Bearer def']],
    [['DPoP abc', 'DPoP abc']],
    [['DPoP abc', '']],
    [['', 'DPoP abc']],
    [['DPoP a,Bearer b']],
    [['DPoP abc,']],
    [[',DPoP abc']],
    [['Basic x,DPoP abc']],
  ])('%j', (lines) => expect(read({ lines })).toBe('credentials_repeated'))
})

test('HDR-08 an unknown scheme or nothing is no credentials', () => {
  for (const text of ['Basic dTpw', 'GNAP abc', 'Negotiate abc', 'Digest a="b"', 'Token abc'])
    expect(line(text)).toBe('credentials_missing')
  expect(read({})).toBe('credentials_missing')
  expect(read({ lines: [] })).toBe('credentials_missing')
})

test('HDR-15 the whole field counts, at any place, before anything is read', () => {
  expect(read({ lines: [`DPoP ${'a'.repeat(LIMIT - 5)}`] })).toMatchObject({ scheme: 'DPoP' })
  expect(read({ lines: [`DPoP ${'a'.repeat(LIMIT - 4)}`] })).toBe('header_too_large')
  expect(read({ lines: ['DPoP abc', 'a'.repeat(LIMIT + 1)] })).toBe('header_too_large')
  expect(read({ lines: ['a'.repeat(1025)], maxBytes: 1024, query: 'access_token=x' })).toBe('header_too_large')
})

describe('HDR-02 the query never carries a token, not even beside a good header', () => {
  test.each([
    'access_token=x',
    'access_token',
    'access_token=',
    'a=b&access_token=x',
    'a=b;access_token=x',
    '&&access_token=x',
    'access%5Ftoken=x',
    'access%5ftoken=x',
    '%61ccess_token=x',
    '%61%63%63%65%73%73%5f%74%6f%6b%65%6e=x',
    'access_token=a=b',
  ])('%s', (query) => {
    expect(read({ query })).toBe('token_in_query')
    expect(read({ query, lines: ['DPoP abc'] })).toBe('token_in_query')
    expect(read({ query, lines: ['DPoP abc', 'x'] })).toBe('token_in_query')
  })
  test.each([
    '',
    'access_tokenx=1',
    'xaccess_token=1',
    'ACCESS_TOKEN=1',
    'Access_Token=1',
    'x=access_token',
    'x=access_token=1',
    'access%255Ftoken=1',
    'access%5=1',
    '%=1',
    'a=%zz',
    'access-token=1',
  ])('%j names no token', (query) => expect(read({ query, lines: ['DPoP abc'] })).toMatchObject({ token: 'abc' }))
})

describe('HDR-03 a form body is no way to send a token', () => {
  const beside = { lines: ['DPoP abc'] }
  test.each([FORM, `${FORM};charset=UTF-8`, FORM.toUpperCase(), ` ${FORM}`, `text/plain,${FORM}`])('%s', (type) => {
    expect(read({ type, body: complete('access_token=x') })).toBe('token_in_body')
    expect(read({ ...beside, type, body: complete('access_token=x') })).toBe('credentials_repeated')
    expect(read({ ...beside, type, body: { kind: 'truncated' } })).toBe('body_truncated')
    expect(read({ ...beside, type, body: complete('a=b') })).toMatchObject({ token: 'abc' })
    expect(read({ ...beside, type, body: { kind: 'absent' } })).toMatchObject({ token: 'abc' })
  })
  test('a second Content-Type line is looked at too', () =>
    expect(read({ ...beside, type: ['text/plain', FORM], body: complete('access_token=x') })).toBe(
      'credentials_repeated',
    ))
  test('any encoding of the name, anywhere in the body', () => {
    for (const body of ['a=b&access%5ftoken=x', '%61ccess_token', `${'a=b&'.repeat(9000)}access_token=x`])
      expect(read({ type: FORM, body: complete(body) })).toBe('token_in_body')
  })
  test('another media type may use the name', () => {
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', ''])
      expect(read({ ...beside, type, body: complete('access_token=x') })).toMatchObject({ token: 'abc' })
    expect(read({ ...beside, body: complete('{"access_token":"x"}') })).toMatchObject({ token: 'abc' })
    expect(read({ ...beside, type: 'application/json', body: { kind: 'truncated' } })).toMatchObject({ token: 'abc' })
  })
})

test('HDR-01 no other header is a source', () => {
  const headers = new Map(
    ['cookie', 'x-access-token', 'proxy-authorization', 'x-authorization', 'authentication', '__proto__'].map(
      (name) => [name, ['DPoP abc']] as const,
    ),
  )
  expect(readCredentials(headers, undefined, { kind: 'absent' }, LIMIT)).toMatchObject({
    reason: 'credentials_missing',
  })
})
