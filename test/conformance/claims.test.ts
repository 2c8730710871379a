import { describe, expect, test } from 'vitest'
import { answered, flaws, verdict } from '../support/answers.ts'
import { overTheWire } from '../support/recordings.ts'
import { buildTestCheck, compatDocument, document, goodRequest, mintToken } from '../support/spine.ts'

type Claims = Readonly<Record<string, unknown>>

const requiring = (require: object) => ({ ...document, routes: [{ path: '/accounts', claims: { require } }] })

async function decided(changed: object, claims: Claims) {
  const { ask, records } = buildTestCheck({ document: changed })
  const response = overTheWire(await ask(goodRequest({ token: mintToken({ claims }) })))
  expect(flaws(response)).toEqual([])
  return { response, entries: records[0]?.trace.entries ?? [] }
}
const reason = async (require: object, claims: Claims): Promise<string> =>
  verdict((await decided(requiring(require), claims)).response)

const REFUSED = 'claims_insufficient'

describe('AZ-03 a claim is what the route asks for', () => {
  test.each<readonly [rule: unknown, good: readonly unknown[], bad: readonly unknown[]]>([
    ['gold', ['gold'], ['silver', 'Gold', 'gold ', '', ['gold'], { gold: 'gold' }, null, undefined, true, 0]],
    [1, [1], ['1', 2, 1.5, true, [1], null, undefined]],
    [true, [true], ['true', 1, false, [true], null, undefined]],
    [
      ['gold', 'silver'],
      ['gold', 'silver'],
      ['bronze', ['gold'], 'gold,silver', 'gold silver', undefined],
    ],
    [{ oneOf: ['gold', 7] }, ['gold', 7], ['7', 'go', undefined]],
    [
      { allOf: ['a', 'b'] },
      [
        ['a', 'b'],
        ['c', 'b', 'a'],
      ],
      [['a'], ['ab'], 'a b', 'ab', [['a', 'b']], { 0: 'a', 1: 'b' }, ['a', 'b', {}], [], undefined],
    ],
    [{ anyOf: ['a', 'b'] }, [['a'], ['x', 'b']], [['x'], 'a', [], [['a']], { a: 1 }, ['a', null], undefined]],
    [{ min: 1, max: 500 }, [1, 500, 2.5], [0, 501, 0.999, '5', [5], true, null, undefined, 2 ** 53, -1]],
    [{ min: 0 }, [0, 7], [-1, 2 ** 53, 1e300, '0']],
    [{ allOf: ['a'], anyOf: ['b', 'c'] }, [['a', 'c']], [['a'], ['c']]],
  ])('%j', async (rule, good, bad) => {
    for (const value of good) expect([value, await reason({ '/x': rule }, { x: value })]).toEqual([value, 'allow'])
    for (const value of bad) expect([value, await reason({ '/x': rule }, { x: value })]).toEqual([value, REFUSED])
  })
  test('all of several', async () => {
    const both = { '/tenant': 'gold', '/level': { min: 2 } }
    expect(await reason(both, { tenant: 'gold', level: 2 })).toBe('allow')
    expect(await reason(both, { tenant: 'gold', level: 1 })).toBe(REFUSED)
    expect(await reason(both, { tenant: 'silver', level: 2 })).toBe(REFUSED)
  })
  test('the answer is 403 without challenge, and says nothing of claims', async () => {
    const { response } = await decided(requiring({ '/tenant': 'gold' }), { tenant: 'sil"ver' })
    expect(response).toMatchObject({ status: { code: 7 }, deniedResponse: { status: { code: 403 } } })
    expect(answered(response, 'www-authenticate')).toEqual([])
    expect(JSON.stringify(response)).not.toMatch(/tenant|gold|ver"/)
  })
  test('every comparison stands in the trace, with what was found and what was expected', async () => {
    const { entries } = await decided(requiring({ '/tenant': ['gold'], '/level': { min: 2, max: 4 } }), { level: 3 })
    expect(entries.filter(({ check }) => check === 'token claim')).toMatchObject([
      { result: 'pass', found: '/level is 3', expected: 'at least 2 and at most 4' },
      { result: 'fail', found: '/tenant is absent', expected: '"gold"' },
    ])
  })
})

describe('AZ-03 JSON pointers (RFC 6901)', () => {
  const claims = {
    a: { b: { c: 'deep' }, list: ['zero', { name: 'one' }] },
    'https://bank/tenant': 'gold',
    '~': { '/': 'odd' },
    '': 'empty',
  }
  test.each([
    ['/a/b/c', 'deep'],
    ['/a/list/0', 'zero'],
    ['/a/list/1/name', 'one'],
    ['/https:~1~1bank~1tenant', 'gold'],
    ['/~0/~1', 'odd'],
    ['/', 'empty'],
  ])('%s', async (pointer, value) => {
    expect(await reason({ [pointer]: value }, claims)).toBe('allow')
    expect(await reason({ [pointer]: `${value}x` }, claims)).toBe(REFUSED)
  })
  test.each(['/a/list/00', '/a/list/-', '/a/list/2', '/a/list/length', '/a/b/c/length', '/a/b/c/0', '/a/b', '/a/list'])(
    '%s leads to nothing that could be compared',
    async (pointer) => {
      for (const value of ['zero', 'deep', 'd', 4, 2, 'one'])
        expect(await reason({ [pointer]: value }, claims)).toBe(REFUSED)
    },
  )
})

test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
  'T-37, att-claims-01 %s is a claim like any other',
  async (name) => {
    for (const rule of ['x', { anyOf: ['x'] }, true]) {
      expect(await reason({ [`/${name}`]: rule }, {})).toBe(REFUSED)
      expect(await reason({ [`/${name}/name`]: rule }, { tenant: 'x' })).toBe(REFUSED)
    }
    expect(await reason({ [`/a/${name}`]: 'x' }, { a: JSON.parse(`{"${name}":"x"}`) })).toBe('allow')
  },
)

describe('AZ-03 claims that a server has elsewhere', () => {
  const claims = { require: { '/tenant': 'gold' }, mapping: { as: { '/tenant': '/org/level' } } }
  const mapped = { ...compatDocument, routes: [{ path: '/accounts', exceptions: ['claimMapping'], claims }] }
  const of = async (changed: object, token: Claims) => verdict((await decided(changed, token)).response)
  test('are read there, and only there', async () => {
    expect(await of(mapped, { org: { level: 'gold' } })).toBe('allow')
    expect(await of(mapped, { org: { level: 'silver' } })).toBe(REFUSED)
    expect(await of(mapped, { tenant: 'gold' })).toBe(REFUSED)
    expect(await of(mapped, { tenant: 'gold', org: { level: 'silver' } })).toBe(REFUSED)
  })
  test('of another server they stay where they are', async () => {
    const other = { require: { '/tenant': 'gold' }, mapping: { other: { '/tenant': '/org/level' } } }
    const two = {
      ...compatDocument,
      authorizationServers: [
        ...compatDocument.authorizationServers,
        { name: 'other', issuer: 'https://other.example', keys: { file: 'unread.json' } },
      ],
      routes: [{ path: '/accounts', exceptions: ['claimMapping'], claims: other }],
    }
    expect(await of(two, { tenant: 'gold' })).toBe('allow')
    expect(await of(two, { org: { level: 'gold' } })).toBe(REFUSED)
  })
})

test('AZ-03 whoever has not shown possession is not told that claims are missing', async () => {
  const { ask } = buildTestCheck({ document: requiring({ '/tenant': 'gold' }) })
  expect(verdict(await ask(goodRequest({ proof: null })))).toBe('proof_missing')
})
