import { globSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { configSchema } from '../../../src/config-schema.ts'
import { advice } from '../../../src/explain/advice.ts'
import { knownChecks, responsibleFor } from '../../../src/explain/options.ts'
import { hideSecrets } from '../../../src/explain/secrets.ts'
import { showValues } from '../../../src/explain/values.ts'
import { policies } from '../../../src/policies/registry.ts'
import { noPlace } from '../../support/explain.ts'

const NOW = 1_800_000_000
const show = (check: string, found: unknown, expected?: unknown, result: 'pass' | 'fail' = 'fail') =>
  showValues({ check, clause: '', result, found, expected }, NOW)

describe('what a comparison saw, in words', () => {
  const hash = 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg'
  test.each<readonly [string, ...Parameters<typeof show>, readonly [string | undefined, string | undefined]]>([
    [
      'a time',
      'token exp',
      NOW - 35,
      NOW - 5,
      'fail',
      ['2027-01-15T07:59:25Z (35 s ago)', 'after 2027-01-15T07:59:55Z (5 s ago)'],
    ],
    [
      'a time ahead',
      'token nbf',
      NOW + 600,
      NOW + 10,
      'fail',
      ['2027-01-15T08:10:00Z (in 10 min)', 'up to 2027-01-15T08:00:10Z (in 10 s)'],
    ],
    [
      'hours',
      'proof exp',
      NOW - 20_000,
      NOW,
      'fail',
      ['2027-01-15T02:26:40Z (6 h ago)', 'after 2027-01-15T08:00:00Z (now)'],
    ],
    ['days', 'token iat', NOW - 900_000, undefined, 'pass', ['2027-01-04T22:00:00Z (10 days ago)', undefined]],
    [
      'milliseconds for seconds',
      'token exp',
      NOW * 1_000_000,
      NOW,
      'fail',
      ['1800000000000000', 'after 2027-01-15T08:00:00Z (now)'],
    ],
    ['a claim that may be absent', 'token nbf', undefined, NOW, 'pass', [undefined, undefined]],
    [
      'a window',
      'proof iat',
      NOW - 100,
      [NOW - 60, NOW + 10],
      'fail',
      ['2027-01-15T07:58:20Z (100 s ago)', 'from 2027-01-15T07:59:00Z (60 s ago) to 2027-01-15T08:00:10Z (in 10 s)'],
    ],
    [
      'a window that a nonce opens',
      'proof iat',
      NOW + 100,
      [Number.NEGATIVE_INFINITY, NOW + 10],
      'fail',
      ['2027-01-15T08:01:40Z (in 100 s)', 'up to 2027-01-15T08:00:10Z (in 10 s)'],
    ],
    [
      'the same from a log',
      'proof iat',
      NOW + 100,
      [null, NOW + 10],
      'fail',
      ['2027-01-15T08:01:40Z (in 100 s)', 'up to 2027-01-15T08:00:10Z (in 10 s)'],
    ],
    ['seconds', 'token lifetime', 3600, 600, 'fail', ['3600 s', 'up to 600 s']],
    ['thumbprints', 'token jkt', hash, 'x', 'fail', ['sha256:9f86d081884c', 'no thumbprint']],
    ['scopes', 'token scope', ['a', 'b'], ['b', 'c'], 'fail', ['a, b', 'b, c; missing: c']],
    ['no scope claim', 'token scope', undefined, ['c'], 'fail', ['no scope', 'c; missing: c']],
    [
      'lists, cut',
      'token aud',
      Array<string>(40).fill('x'),
      [],
      'fail',
      [`${Array<string>(32).fill('x').join(', ')}, …`, 'an empty list'],
    ],
    [
      'odd values',
      'token typ',
      { a: 1 },
      [null, ['x'], '', true, 7],
      'fail',
      ['an object', 'null, a list, an empty text, true, 7'],
    ],
    ['nothing', 'proof jwk', null, undefined, 'fail', [undefined, undefined]],
  ])('%s', (_, check, found, expected, result, [left, right]) => {
    const shown = show(check, found, expected, result)
    expect([shown.found, shown.expected]).toEqual([left, right])
  })
  test.each(['a\nb', '\u001b[31m', '\u202e', '\ud800', '\u2028', '\u00ad'])('%j steers no terminal', (text) => {
    expect(show('proof htm', text).found).toMatch(/^a?\\u[0-9a-f]{4}/)
    expect(show('proof htm', text).found).toMatch(/^[\x20-\x7e]+$/)
  })
  test('long texts are cut', () => expect(show('proof htm', 'x'.repeat(1000)).found).toBe(`${'x'.repeat(400)}…`))
})

describe('where a check is set', () => {
  const made = globSync('src/{policies,verify}/*.ts')
    .flatMap((path) => [...readFileSync(path, 'utf8').matchAll(/trace\s*\.holds\(\s*'([^']+)'/g)])
    .map(([, name = '']) => name)
  test('every comparison of the source is known', () => {
    expect(made.length).toBeGreaterThan(40)
    expect(made.filter((name) => !knownChecks.has(name))).toEqual([])
  })
  test('every option of the table exists', () => {
    const heads = [...knownChecks].map((check) => responsibleFor(check, undefined, noPlace)?.option.split('.')[0] ?? '')
    const known = [...Object.keys(policies), ...Object.keys(configSchema.shape)]
    expect(heads.filter((head) => !known.includes(head))).toEqual([])
  })
  test('what nobody knows has no place, also under a name that objects have', () => {
    expect([responsibleFor('constructor', undefined, noPlace), responsibleFor('x', undefined, noPlace)]).toEqual([
      undefined,
      undefined,
    ])
  })
})

test.each(Object.entries(advice))('the advice for %s is whole sentences of printable characters', (_, entry) => {
  const { cause, client, operator, ...short } = entry
  for (const text of [cause, client, operator]) expect(text).toMatch(/^[\x20-\x7e−…]{8,300}[.:]$/)
  for (const text of Object.values(short)) expect(text).toMatch(/^[\x20-\x7e−…ë]{3,160}$/)
})

test('texts that look like a JWT are hidden wherever they come from', () => {
  expect(hideSecrets({ a: ['path /eyJhbGciOiJFUzI1NiJ9.e30.x/y'], b: 7, c: null }, [])).toEqual({
    a: [expect.stringMatching(/^path \/sha256:[0-9a-f]{12}\/y$/)],
    b: 7,
    c: null,
  })
})
