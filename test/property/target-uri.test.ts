import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalPath, normalizeOrigin, normalizeTarget } from '../../src/verify/target-uri.ts'

const ORIGIN = 'https://api.example.com'

const piece = fc.constantFrom(
  ...[
    'a',
    'B',
    '0',
    '-',
    '_',
    '~',
    '.',
    '..',
    '...',
    '/',
    '//',
    '%2e',
    '%2E%2e',
    '%2f',
    '%2F',
    '%5c',
    '\\',
    ';',
    '%3b',
  ],
  ...[
    '%25',
    '%252e',
    '%61',
    '%C3%BC',
    '%c3%bc',
    '%C3',
    '%FF',
    '%c0%af',
    '%00',
    '%0a',
    '%7f',
    '%',
    '%g0',
    ':',
    '@',
    '&',
  ],
  ...[
    '=',
    '+',
    ',',
    "'",
    '(',
    '!',
    '*',
    '$',
    ' ',
    '"',
    '<',
    '{',
    '|',
    '^',
    '`',
    'ü',
    '\t',
    '\u0000',
    '?',
    '#',
    '%20',
    '[',
    ']',
  ],
)
const messy = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
const anything = fc.oneof(
  messy,
  messy.map((text) => `/${text}`),
  fc.string(),
  fc.string({ unit: 'binary' }),
)
const dotted = fc
  .array(fc.constantFrom('a', 'b', 'c', '.', '..', '%2e', '.%2E', '...', '%2e%2e%2e', ''), { maxLength: 8 })
  .map((segments) => segments.join('/'))
/** Paths most of which are canonical. */
const tidy = fc
  .array(fc.constantFrom('a', 'B', '0', '~x', 'a.b', '..a', '%C3%BC', 'a%20b', '@:', "!$&'()*+,=", '-_', '%E2%82%AC'), {
    maxLength: 6,
  })
  .map((texts) => `/${texts.join('/')}`)

test('ENV-12, att-path-01, att-envoy-14 a canonical path has one reading', () => {
  fc.assert(
    fc.property(anything, (path) => {
      const read = canonicalPath(path)
      if (!read.ok) return
      const { value } = read
      // Nothing but the case of hex digits has changed, and doing it again changes nothing.
      expect(value.toUpperCase()).toBe(path.toUpperCase())
      expect(value.replaceAll(/%../g, '')).toBe(path.replaceAll(/%../g, ''))
      expect(canonicalPath(value)).toEqual(read)
      // Decoded once or not at all, by us or by whoever comes after us, it has the same segments.
      const decoded = decodeURIComponent(value)
      expect(decoded.split('/').length).toBe(value.split('/').length)
      expect(decoded).not.toMatch(/[\\%;]|\/\//)
      expect([...decoded].filter((character) => character < ' ' || character === '\u007f')).toEqual([])
      expect(decoded.split('/').filter((segment) => segment === '.' || segment === '..')).toEqual([])
      expect(value.startsWith('/')).toBe(true)
      // A URL parser has nothing to tidy up either.
      expect(new URL(ORIGIN + value).href).toBe(ORIGIN + value)
    }),
    { numRuns: 10_000 },
  )
})

test('ENV-12 what everybody reads alike is accepted', () => {
  fc.assert(
    fc.property(tidy, (path) => {
      expect(canonicalPath(path)).toEqual({ ok: true, value: path })
    }),
  )
})

test('T-07, T-08 a target is an https URL without user, query and fragment, and its own normal form', () => {
  const authority = fc.constantFrom(
    ...['api.example.com', 'API.Example.COM', 'api.example.com:443', 'api.example.com:', 'api.example.com:8443'],
    ...[
      'u@api.example.com',
      'api.example.com:99999',
      'a,b',
      '',
      '[::1]',
      '[::1',
      'a%2eb',
      'bücher.example',
      'a b',
      'a\\b',
    ],
  )
  const scheme = fc.constantFrom('https://', 'HTTPS://', 'http://', 'https:/', 'https:', '//', ' https://', '')
  const uri = fc.oneof(
    fc.tuple(scheme, authority, fc.constantFrom('', '/'), messy).map((parts) => parts.join('')),
    messy.map((text) => `${ORIGIN}/${text}`),
    dotted.map((text) => `${ORIGIN}/${text}`),
    fc.string(),
    fc.string({ unit: 'binary' }),
  )
  fc.assert(
    fc.property(uri, (written) => {
      const read = normalizeTarget(written)
      if (!read.ok) return
      const { value } = read
      expect(normalizeTarget(value)).toEqual(read)
      expect(value).toMatch(/^https:\/\/[^/?#@\\]+\/[!-~]*$/)
      const path = value.slice(value.indexOf('/', 'https://'.length))
      expect(path).not.toMatch(/[?#\\]|%[0-9A-F]?[a-f]|\/\.\.?(?:\/|$)/)
      expect(value).not.toContain(':443/')
      // Names such as `1.2` are addresses to URL parsers and names to us; no origin is called so.
      if (!URL.canParse(value) || !URL.canParse(written)) return
      const [ours, theirs] = [new URL(value), new URL(written)]
      expect([ours.host, ours.username, ours.password]).toEqual([theirs.host, '', ''])
      // What another implementation makes of it, once it has decoded what need not be encoded.
      expect(path).toBe(unreserved(theirs.pathname))
    }),
    { numRuns: 10_000 },
  )
})

/** RFC 3986 section 6.2.2.1 and 6.2.2.2, on triplets of one byte. */
const unreserved = (path: string): string =>
  path.replaceAll(/%[0-9A-Fa-f]{2}/g, (triplet) => {
    const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
    return /^[\w\-.~]$/.test(character) ? character : triplet.toUpperCase()
  })

test('a client that writes the URL it asked for is always understood', () => {
  const spelling = fc.record({
    upper: fc.boolean(),
    port: fc.constantFrom('', ':443', ':', ':0443'),
    query: fc.constantFrom('', '?', '?a=b', '?a#b', '#', '#/x'),
    encoded: fc.boolean(),
  })
  fc.assert(
    fc.property(tidy, spelling, (path, { upper, port, query, encoded }) => {
      const host = upper ? 'HTTPS://API.EXAMPLE.COM' : ORIGIN
      const written = encoded ? path.replaceAll(/(?<!%.?)[a~.](?![^/]*%)/g, encodeByte) : path
      expect(normalizeTarget(host + port + written + query)).toEqual({ ok: true, value: ORIGIN + path })
    }),
    { numRuns: 2000 },
  )
})

const encodeByte = (character: string): string => `%${character.charCodeAt(0).toString(16)}`

test('two paths that differ are two targets', () => {
  fc.assert(
    fc.property(tidy, tidy, (one, two) => {
      const [first, second] = [normalizeTarget(ORIGIN + one), normalizeTarget(ORIGIN + two)]
      expect(first.ok && second.ok && first.value === second.value).toBe(one === two)
    }),
    { numRuns: 2000 },
  )
})

test('a public origin is https, a host and a port, and nothing else', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        anything,
        messy.map((text) => ORIGIN + text),
        messy.map((text) => `https://${text}`),
      ),
      (written) => {
        const read = normalizeOrigin(written)
        if (!read.ok) return
        expect(read.value).toMatch(/^https:\/\/(?:[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]*|:0)?$/)
        expect(normalizeOrigin(read.value)).toEqual(read)
      },
    ),
    { numRuns: 5000 },
  )
})
