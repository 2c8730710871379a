import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  buildDenyList,
  type RevocableToken,
  type Revocation,
  readRevocation,
  readRevocationLines,
} from '../../../src/verify/deny-list.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url')
const NOW = 1_800_000_000
const THUMBPRINT = sha256('a key')
const CERTIFICATE = sha256('a certificate')
const JWT = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl'

const token = (more: Partial<RevocableToken> = {}): RevocableToken => ({
  raw: JWT,
  tokenId: 'token-1',
  subject: 'user-1',
  clientId: 'client-1',
  issuedAt: NOW - 100,
  cnf: { jkt: THUMBPRINT, 'x5t#S256': CERTIFICATE },
  claims: { iat: NOW - 100, sid: 'session-1' },
  ...more,
})

function entry(object: object, defaults = { before: 0, until: 0 }): Revocation {
  const read = readRevocation(object as Record<string, unknown>, defaults)
  if (!read.ok) throw new Error(read.problem)
  return read.value
}

function listOf(...objects: readonly object[]) {
  const list = buildDenyList(100)
  for (const object of objects) expect(list.add(entry(object))).toBe(true)
  return list
}

describe('JWT-29 a token is found by what it is revoked by', () => {
  test.each<readonly [kind: string, right: string, wrong: string]>([
    ['jti', 'token-1', 'token-2'],
    ['sub', 'user-1', 'user-10'],
    ['client_id', 'client-1', 'CLIENT-1'],
    ['sid', 'session-1', 'session-2'],
    ['jkt', THUMBPRINT, CERTIFICATE],
    ['x5t#S256', CERTIFICATE, THUMBPRINT],
    ['token', sha256(JWT), sha256(JWT.slice(0, JWT.indexOf('.')))],
  ])('%s', (kind, right, wrong) => {
    expect(listOf({ [kind]: right }).find(token(), NOW)).toBe(kind)
    expect(listOf({ [kind]: wrong }).find(token(), NOW)).toBeUndefined()
  })
  test('the value of one kind is not taken for that of another', () => {
    const list = listOf({ sub: 'client-1' }, { client_id: 'user-1' }, { jti: 'session-1' }, { sid: 'token-1' })
    expect(list.find(token(), NOW)).toBeUndefined()
  })
  test.each(['opaque', 'opaque.with.dots', '.'])('the opaque token %s by its whole digest', (raw) => {
    expect(listOf({ token: sha256(raw) }).find(token({ raw }), NOW)).toBe('token')
    for (const other of [`${raw}x`, ''])
      expect(listOf({ token: sha256(other) }).find(token({ raw }), NOW)).toBeUndefined()
  })
  test('a JWT also when its signature is written in another way', () => {
    const list = listOf({ token: sha256(JWT.slice(0, JWT.lastIndexOf('.'))) })
    for (const raw of [JWT, `${JWT.slice(0, -8)}AAAAAAAA`]) expect(list.find(token({ raw }), NOW)).toBe('token')
  })
  test.each<readonly [string, Partial<RevocableToken>]>([
    ['no confirmation', { cnf: undefined }],
    ['a confirmation that is none', { cnf: 'x' }],
    ['a thumbprint that is no text', { cnf: { jkt: 5 } }],
    ['an inherited member', { cnf: Object.create({ jkt: THUMBPRINT }), claims: Object.create({ sid: 'session-1' }) }],
  ])('%s matches nothing', (_, more) => {
    expect(listOf({ jkt: THUMBPRINT }, { sid: 'session-2' }).find(token(more), NOW)).toBeUndefined()
  })
})

describe('only tokens issued up to a time', () => {
  test.each([
    ['issued before it', NOW - 1, 'sub'],
    ['issued in the same second', NOW, 'sub'],
    ['issued after it', NOW + 1, undefined],
  ])('a token %s', (_, iat, by) => {
    const list = listOf({ sub: 'user-1', before: NOW })
    expect(list.find(token({ issuedAt: iat, claims: { iat } }), NOW + 5)).toBe(by)
  })
  test('a token that does not say when it was issued may be as old as any', () => {
    const list = listOf({ sub: 'user-1', before: NOW })
    expect(list.find(token({ issuedAt: NOW + 1, claims: {} }), NOW + 5)).toBe('sub')
  })
})

describe('an entry ends a minute after its time', () => {
  test.each([
    [NOW + 60, 'jti'],
    [NOW + 61, undefined],
  ])('at %i', (now, by) => {
    const list = listOf({ jti: 'token-1', until: NOW })
    expect(list.find(token(), now)).toBe(by)
    list.prune(now)
    expect(list.size).toBe(by === undefined ? 0 : 1)
  })
  test('one without an end stays', () => {
    const list = listOf({ jti: 'token-1' })
    list.prune(2 ** 40)
    expect(list.find(token(), 2 ** 40)).toBe('jti')
  })
})

describe('what is known only gets stronger', () => {
  test.each<readonly [string, object, object, Pick<Revocation, 'before' | 'until'>]>([
    ['later times count', { before: 10, until: 90 }, { before: 20, until: 80 }, { before: 20, until: 90 }],
    ['whenever is later than any', { before: 10, until: 90 }, {}, { before: 0, until: 0 }],
  ])('%s, in either order', (_, one, other, result) => {
    for (const pair of [
      [one, other],
      [other, one],
    ]) {
      const list = listOf(...pair.map((times) => ({ sub: 'a', ...times })))
      expect([...list.entries()]).toEqual([{ key: `s${sha256('a')}`, ...result }])
    }
  })
  test('a full list takes nothing new, keeps what it has, and still makes it stronger', () => {
    const list = buildDenyList(1)
    expect(list.add(entry({ jti: 'token-1', until: NOW }))).toBe(true)
    expect(list.add(entry({ jti: 'token-2' }))).toBe(false)
    expect(list.add(entry({ jti: 'token-1' }))).toBe(true)
    expect(list.find(token(), NOW + 1000)).toBe('jti')
    expect(list.find(token({ tokenId: 'token-2' }), NOW)).toBeUndefined()
    expect(list.size).toBe(1)
  })
  test('what was let go is not looked up, and may come back', () => {
    const list = listOf({ jti: 'token-1', until: NOW })
    list.prune(NOW + 100)
    expect(list.find(token(), NOW)).toBeUndefined()
    expect(list.add(entry({ jti: 'token-1' }))).toBe(true)
    expect(list.find(token(), NOW)).toBe('jti')
  })
})

test('what an entry does not say: a subject has the time it was told, one token needs none', () => {
  const defaults = { before: 500, until: 900 }
  expect(entry({ sub: 'a' }, defaults)).toMatchObject({ before: 500, until: 900 })
  expect(entry({ sid: 'a' }, defaults)).toMatchObject({ before: 500, until: 900 })
  expect(entry({ jti: 'a' }, defaults)).toMatchObject({ before: 0, until: 900 })
  expect(entry({ token: THUMBPRINT }, defaults)).toMatchObject({ before: 0, until: 900 })
  expect(entry({ sub: 'a', before: 7, until: 8 }, defaults)).toMatchObject({ before: 7, until: 8 })
})

describe('a line that is wrong spoils the file, and its number is told', () => {
  test.each<readonly [string, string, RegExp]>([
    ['nothing that is revoked', '{"until":5}', /exactly one of jti, sub/],
    ['two things', '{"jti":"a","sub":"b"}', /exactly one of/],
    ['a misspelled member', '{"jti":"a","til":5}', /a member that is none of ours/],
    ['a member named __proto__', '{"jti":"a","__proto__":1}', /none of ours/],
    ['a number', '{"jti":5}', /jti is a text/],
    ['an empty text', '{"jti":""}', /jti is a text/],
    ['a text that is too long', `{"jti":"${'x'.repeat(1025)}"}`, /1 to 1024 characters/],
    ['a thumbprint that is none', '{"jkt":"abc"}', /jkt is a SHA-256/],
    ['a token itself', '{"token":"abc.def.ghi"}', /token is a SHA-256/],
    ['a time as text', '{"jti":"a","until":"2026-01-01"}', /until is a time/],
    ['a time in milliseconds', '{"jti":"a","until":1800000000000}', /until is a time/],
    ['a time before time', '{"sub":"a","before":-5}', /before is a time/],
    ['the time that stands for none', '{"sub":"a","before":0}', /before is a time/],
    ['a part of a second', '{"sub":"a","before":5.5}', /before is a time/],
    ['null', '{"jti":"a","until":null}', /until is a time/],
    ['a member twice', '{"jti":"a","jti":"b"}', /repeated/],
    ['no JSON', 'token-1', /not JSON|not a JSON/],
    ['a list', '["a"]', /not a JSON object/],
    ['a long line', `{"jti":"a"${' '.repeat(4096)},"until":5}`, /longer than 4096 bytes/],
  ])('%s', (_, line, problem) => {
    const read = readRevocationLines(`{"jti":"good"}\n\n${line}\n`, 100)
    expect(read.ok ? 'read' : read.problem).toMatch(/^line 3: /)
    expect(read.ok ? 'read' : read.problem).toMatch(problem)
  })
  test('more entries than there may be', () => {
    expect(readRevocationLines('{"jti":"a"}\n{"jti":"b"}', 1)).toEqual({
      ok: false,
      problem: 'it has more than 1 entries (maxEntries)',
    })
  })
  test.each([
    ['lines end as they like', '{"jti":"a"}\r\n{"sub":"b","before":5}'],
    ['blank lines do not count', '\n{"jti":"a"}\n\n{"sub":"b","before":5}\n\n'],
  ])('%s', (_, text) => {
    const read = readRevocationLines(text, 2)
    expect(read).toEqual({
      ok: true,
      value: [
        { key: `j${sha256('a')}`, before: 0, until: 0 },
        { key: `s${sha256('b')}`, before: 5, until: 0 },
      ],
    })
  })
  test('an empty file revokes nothing', () => expect(readRevocationLines('', 1)).toEqual({ ok: true, value: [] }))
})
