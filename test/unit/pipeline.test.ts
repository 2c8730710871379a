import { describe, expect, test } from 'vitest'
import { deny, ok } from '../../src/denial.ts'
import { custom, ending, evidence, genuine, passing, run, withThen } from '../support/modules.ts'

test('genuine evidence of this request passes, so every refusal below means something', async () => {
  expect(await ending(...genuine())).toBe('allow')
  expect(
    await ending(
      ...genuine(),
      custom(() => ok({})),
    ),
  ).toBe('allow')
  expect(
    await ending(
      ...genuine(),
      custom(async () => ok({})),
    ),
  ).toBe('allow')
  const { token, binding } = evidence()
  expect(await ending(custom(() => ok({ token, binding }), { yields: ['token', 'binding'] }))).toBe('allow')
})

describe('policy-throw: what a policy may not return instead of a result', () => {
  const results: readonly (readonly [string, () => unknown])[] = [
    ['nothing', () => undefined],
    ['null', () => null],
    ['true', () => true],
    ['a number', () => 1],
    ['a text', () => 'ok'],
    ['a function', () => () => ok({})],
    ['an array', () => []],
    ['an array dressed up as a result', () => Object.assign([], ok({}))],
    ['an empty object', () => ({})],
    ["ok: 'true'", () => ({ ok: 'true', value: {} })],
    ['ok: 1', () => ({ ok: 1, value: {} })],
    ['ok as an object', () => ({ ok: new Boolean(true), value: {} })],
    ['ok without a value', () => ({ ok: true })],
    ['ok with null', () => ({ ok: true, value: null })],
    ['ok with a text', () => ({ ok: true, value: 'yes' })],
    ['ok with an array', () => ({ ok: true, value: [] })],
    ['inherited ok', () => Object.create(ok({}))],
    ['inherited value', () => Object.assign(Object.create({ value: {} }), { ok: true })],
    [
      'a class that computes ok',
      () =>
        new (class {
          readonly value = {}
          get ok() {
            return true
          }
        })(),
    ],
    ['ok and a reason at once', () => ({ ...ok({}), reason: 'scope_insufficient' })],
    ['an undeclared fact', () => ok({ token: evidence().token })],
    ['an undeclared member', () => ok({ admin: true })],
    ['an undeclared symbol', () => ok({ [Symbol('token')]: true })],
    ['an own __proto__', () => ok(JSON.parse('{"__proto__": {"token": {}}}'))],
    ['an error', () => new Error('not thrown')],
    ['a denial without a reason', () => ({ ok: false })],
    ['a denial for an unknown reason', () => ({ ok: false, reason: 'because', detail: '' })],
    ['a denial for __proto__', () => ({ ok: false, reason: '__proto__', detail: '' })],
    ['a denial for toString', () => ({ ok: false, reason: 'toString', detail: '' })],
    ['a denial for a list', () => ({ ok: false, reason: ['draining'], detail: '' })],
    ['a denial whose reason is inherited', () => Object.assign(Object.create({ reason: 'draining' }), { ok: false })],
  ]
  test.each(results)('%s', async (_, returned) => {
    expect(await ending(...genuine(), custom(returned))).toBe('internal_error')
    expect(
      await ending(
        ...genuine(),
        custom(async () => returned()),
      ),
    ).toBe('internal_error')
  })
})

describe('promises and what looks like one', () => {
  test('a promise of a denial denies', async () => {
    expect(
      await ending(
        ...genuine(),
        custom(async () => deny('draining', '')),
      ),
    ).toBe('draining')
  })
  test('a thenable is waited for', async () => {
    const later = (value: unknown) => withThen({}, (done: (value: unknown) => void) => done(value))
    expect(
      await ending(
        ...genuine(),
        custom(() => later(ok({}))),
      ),
    ).toBe('allow')
    expect(
      await ending(
        ...genuine(),
        custom(() => later({ ok: 'yes' })),
      ),
    ).toBe('internal_error')
  })
  test('a promise with a prepared then cannot put its own passage in our place', async () => {
    const { token, binding } = evidence()
    const prepared = () =>
      withThen(Promise.resolve(ok({})), () => ({ evidence: { token, binding }, denial: undefined }))
    const never = custom(() => deny('scope_insufficient', 'this has to be asked'))
    expect(await ending(...genuine(), custom(prepared), never)).toBe('scope_insufficient')
  })
  test('a then that throws, or throws when it is looked up', async () => {
    const boom = () => {
      throw new Error('boom')
    }
    expect(
      await ending(
        ...genuine(),
        custom(() => withThen({}, boom)),
      ),
    ).toBe('exception')
    expect(
      await ending(
        ...genuine(),
        custom(() => Object.defineProperty({}, 'then', { get: boom })),
      ),
    ).toBe('exception')
  })
  test('later policies run after a wait, and in order', async () => {
    const seen: string[] = []
    const note = (name: string) => custom(async (...both) => await passing(() => seen.push(name))(...both))
    await run(note('a'), note('b'), custom(passing(() => seen.push('c'))), note('d'))
    expect(seen).toEqual(['a', 'b', 'c', 'd'])
  })
  test('nothing runs after a denial', async () => {
    const seen: string[] = []
    const last = custom(passing(() => seen.push('ran')))
    await run(
      custom(() => deny('draining', '')),
      last,
    )
    await run(
      custom(async () => deny('draining', '')),
      last,
    )
    expect(seen).toEqual([])
  })
})
