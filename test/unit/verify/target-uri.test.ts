import { describe, expect, test } from 'vitest'
import { canonicalPath, normalizeOrigin, normalizeTarget } from '../../../src/verify/target-uri.ts'

const normal = (uri: string): string | undefined => {
  const reading = normalizeTarget(uri)
  return reading.ok ? reading.value : undefined
}
const path = (text: string): string | undefined => {
  const reading = canonicalPath(text)
  return reading.ok ? reading.value : undefined
}

const ORIGIN = 'https://api.example.com'
/** Rows of the comparison table: htu, path of the request, whether they match. */
const table: readonly (readonly [htu: string, requested: string, match: boolean])[] = [
  [`${ORIGIN}/a`, '/a', true],
  ['HTTPS://API.Example.COM/a', '/a', true],
  [`${ORIGIN}:443/a`, '/a', true],
  [`${ORIGIN}:/a`, '/a', true],
  [`${ORIGIN}:0443/a`, '/a', true],
  [`${ORIGIN}:8443/a`, '/a', false],
  [`${ORIGIN}/a?x=1`, '/a', true],
  [`${ORIGIN}/a#f`, '/a', true],
  [`${ORIGIN}/a?x#f`, '/a', true],
  [ORIGIN, '/', true],
  [`${ORIGIN}?x`, '/', true],
  [`${ORIGIN}/a/`, '/a', false],
  [`${ORIGIN}/A`, '/a', false],
  [`${ORIGIN}/%61`, '/a', true],
  [`${ORIGIN}/%7Eu`, '/~u', true],
  [`${ORIGIN}/x%2fy`, '/x%2Fy', true],
  [`${ORIGIN}/x%2Fy`, '/x/y', false],
  [`${ORIGIN}/a/./b/../c`, '/a/c', true],
  [`${ORIGIN}/a/b/%2e%2e/c`, '/a/c', true],
  [`${ORIGIN}//a`, '/a', false],
  [`${ORIGIN}/a;v=1`, '/a%3Bv=1', false],
  ['http://api.example.com/a', '/a', false],
  ['https://user@api.example.com/a', '/a', false],
  ['https://user:x@api.example.com/a', '/a', false],
  ['https://api.example.com\\a', '/a', false],
  [`${ORIGIN}/a b`, '/a', false],
  [`${ORIGIN}/a%zz`, '/a', false],
  [`${ORIGIN}/a?%zz`, '/a', false],
  [`${ORIGIN}/a%`, '/a', false],
  ['https://bücher.example/a', '/a', false],
  ['//api.example.com/a', '/a', false],
  ['/a', '/a', false],
  ['https:///a', '/a', false],
  ['https:/api.example.com/a', '/a', false],
  ['https://api.example.com,evil/a', '/a', false],
  [`${ORIGIN}./a`, '/a', false],
  [`${ORIGIN}/a `, '/a', false],
  [` ${ORIGIN}/a`, '/a', false],
  [`${ORIGIN}/a\n`, '/a', false],
  [`${ORIGIN}/a\u0000`, '/a', false],
  ['https://api.example.com%2fa/a', '/a', false],
  ['https://api.example.com:443:443/a', '/a', false],
  ['https://api.example.com:x/a', '/a', false],
  ['https://api.example.com:65979/a', '/a', false],
]

describe('RFC 9449 section 4.3 (9): the comparison of htu', () => {
  test.each(table)('%s is for %s: %s', (htu, requested, match) => {
    expect(normal(htu) === normal(ORIGIN + requested)).toBe(match)
  })
  test('a port of the origin has to be there', () => {
    expect(normal(`${ORIGIN}:8443/a`)).toBe(`${ORIGIN}:8443/a`)
    expect(normal(`${ORIGIN}:08443/a`)).toBe(`${ORIGIN}:8443/a`)
  })
  test('IPv6 literals', () => {
    expect(normal('https://[2001:DB8::1]:443/a')).toBe('https://[2001:db8::1]/a')
    for (const uri of ['https://[2001:db8::1/a', 'https://2001:db8::1/a', 'https://[fe80::1%25eth0]/a', 'https://[]/a'])
      expect(normal(uri)).toBeUndefined()
  })
  test('at most 2048 characters', () => {
    const rest = 2048 - ORIGIN.length - 1
    expect(normal(`${ORIGIN}/${'a'.repeat(rest)}`)).toHaveLength(2048)
    expect(normal(`${ORIGIN}/${'a'.repeat(rest + 1)}`)).toBeUndefined()
  })
  test.each([
    ['/../../a', '/a'],
    ['/a/..', '/'],
    ['/a/.', '/a/'],
    ['/a//../b', '/a/b'],
    ['/..//a', '//a'],
    ['/.hidden', '/.hidden'],
    ['/a/...', '/a/...'],
    ['/%2E%2e/%2F', '/%2F'],
    ['/%c3%bc', '/%C3%BC'],
    ['/%2561', '/%2561'],
  ])('RFC 3986 section 6.2.2: the path %s becomes %s', (from, to) => expect(normal(ORIGIN + from)).toBe(ORIGIN + to))
})

describe('ENV-12: request paths are taken in canonical form only', () => {
  test.each([
    ['/', '/'],
    ['/a/b.c', '/a/b.c'],
    ['/a/', '/a/'],
    ['/.well-known/x', '/.well-known/x'],
    ['/a,b:c@d=e+f$g&h!i(j)*k~l', '/a,b:c@d=e+f$g&h!i(j)*k~l'],
    ['/%C3%BC', '/%C3%BC'],
    ['/%c3%bc', '/%C3%BC'],
    ['/a%20b', '/a%20b'],
  ])('%s is taken as %s', (from, to) => expect(path(from)).toBe(to))
  test.each([
    ['path-01 dot segments', ['/public/../accounts', '/.', '/..', '/a/.', '/a/..', '/./a']],
    ['path-01 encoded dots', ['/%2e%2e/a', '/%2E/a', '/public/%2e%2e/accounts', '/a%2e']],
    ['path-01 encoded slashes and backslashes', ['/..%2fa', '/a%2Fb', '/a%5Cb', '/a%5cb', '/a\\b']],
    ['path-01 double encoding', ['/%252e%252e/a', '/a%25']],
    ['path-02 empty segments', ['//a', '/a//b', '/a//', '//', '///x', '/\\admin', '//user@host/x']],
    ['path-04 no leading slash', ['', 'a', '*', 'a/b']],
    ['T-55 matrix parameters', ['/accounts;x', '/a;v=1/b', '/a%3Bv', '/a%3bv']],
    ['control characters', ['/a%00', '/a%0a', '/a%1F', '/a%7f', '/a\u0000', '/a\t', '/a\u007f']],
    ['broken triplets', ['/a%', '/a%2', '/a%zz', '/%%20']],
    ['encoded unreserved characters', ['/%61', '/a%7Eb', '/%2D']],
    [
      'bytes that are not UTF-8',
      ['/%C0%AF', '/%c0%ae%c0%ae/', '/%E0%80%AF', '/%FF', '/%C3', '/%ED%A0%80', '/%F5%80%80%80'],
    ],
    [
      'characters no URI path has',
      ['/a b', '/a?b', '/a#b', '/ü', '/a"b', '/a<b', '/a{b}', '/a|b', '/a^b', '/a`b', '/[a]'],
    ],
    ['overlong paths', [`/${'a'.repeat(2048)}`]],
  ])('%s are refused', (_name, paths) => {
    for (const each of paths) expect(path(each), each).toBeUndefined()
  })
})

describe('public origins', () => {
  test.each([
    ['https://api.example.com', 'https://api.example.com'],
    ['HTTPS://API.example.com:443', 'https://api.example.com'],
    ['https://api.example.com:8443', 'https://api.example.com:8443'],
    ['https://[2001:DB8::1]', 'https://[2001:db8::1]'],
  ])('%s is %s', (from, to) => expect(normalizeOrigin(from)).toEqual({ ok: true, value: to }))
  test.each([
    'http://api.example.com',
    'https://api.example.com/',
    'https://api.example.com/a',
    'https://a.example?x',
    'https://a.example#x',
    'https://user@a.example',
    'api.example.com',
    'https://',
    '',
  ])('%s is none', (origin) => expect(normalizeOrigin(origin).ok).toBe(false))
})
