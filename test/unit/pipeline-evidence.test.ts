import { describe, expect, test } from 'vitest'
import { admit } from '../../src/admission.ts'
import { ok } from '../../src/denial.ts'
import type { VerifiedToken } from '../../src/verify/access-token.ts'
import type { VerifiedBinding } from '../../src/verify/binding.ts'
import { custom, ending, evidence, genuine } from '../support/modules.ts'

describe('answers that change when they are looked at twice', () => {
  const alternating = (...answers: readonly unknown[]) => {
    let looks = 0
    return () => answers[Math.min(looks++, answers.length - 1)]
  }
  test('ok as a getter', async () => {
    const turning = () =>
      Object.defineProperty({ value: {} }, 'ok', { get: alternating(undefined, true), enumerable: true })
    expect(await ending(...genuine(), custom(turning))).toBe('internal_error')
  })
  test('value as a getter', async () => {
    const { token } = evidence()
    const turning = () => Object.defineProperty({ ok: true }, 'value', { get: alternating({ token }, { token: {} }) })
    expect(await ending(custom(turning, { yields: ['token'] }))).toBe('internal_error')
  })
  test('a fact as a getter', async () => {
    const { token, binding } = evidence()
    const value = Object.defineProperty({ binding }, 'token', { get: alternating(token, {}), enumerable: true })
    expect(await ending(custom(() => ok(value), { yields: ['token', 'binding'] }))).toBe('internal_error')
  })
  test('a getter that throws is never asked', async () => {
    const throwing = () =>
      Object.defineProperty({ value: {} }, 'ok', {
        get() {
          throw new Error('boom')
        },
      })
    expect(await ending(...genuine(), custom(throwing))).toBe('internal_error')
  })
  test('a Proxy around forged facts', async () => {
    const { token, binding } = evidence()
    const forged = { ...token }
    const value = new Proxy(
      { token: forged, binding },
      {
        get: (target, name) => (name === 'token' ? token : Reflect.get(target, name)),
      },
    )
    expect(await ending(custom(() => ok(value), { yields: ['token', 'binding'] }))).toBe('internal_error')
  })
  test('a Proxy that says something else each time', async () => {
    const outcome = new Proxy(
      {},
      {
        getOwnPropertyDescriptor: (_, name) => ({
          configurable: true,
          enumerable: true,
          writable: true,
          value: name === 'ok' ? alternating(true, false)() : {},
        }),
        ownKeys: () => ['ok', 'value', 'token'],
      },
    )
    expect(
      await ending(
        ...genuine(),
        custom(() => outcome),
      ),
    ).toBe('internal_error')
  })
  test('a Proxy whose traps throw', async () => {
    const refuse = () => {
      throw new Error('boom')
    }
    const outcome = new Proxy({}, { getOwnPropertyDescriptor: refuse, ownKeys: refuse, get: refuse, has: refuse })
    expect(
      await ending(
        ...genuine(),
        custom(() => outcome),
      ),
    ).toBe('exception')
  })
})

describe('evidence that no verifier of ours has made for this request', () => {
  const copies: readonly (readonly [string, (fact: object) => unknown])[] = [
    ['made by hand', () => ({ subject: 'admin', cnf: undefined })],
    ['a spread copy', (fact) => ({ ...fact })],
    ['a JSON copy', (fact) => JSON.parse(JSON.stringify(fact))],
    ['a structured clone', (fact) => structuredClone({ ...fact, proof: undefined })],
    ['an heir', (fact) => Object.create(fact)],
    ['a Proxy', (fact) => new Proxy(fact, {})],
    [
      'a copy with its prototype and descriptors',
      (fact) => Object.defineProperties({}, Object.getOwnPropertyDescriptors(fact)),
    ],
    ['a list of it', (fact) => [fact]],
    ['undefined', () => undefined],
    ['null', () => null],
    ['true', () => true],
  ]
  test.each(copies)('a token: %s', async (_, copy) => {
    const { token, binding } = evidence()
    const returned = () => ok({ token: copy(token), binding })
    expect(await ending(custom(returned, { yields: ['token', 'binding'] }))).toBe('internal_error')
    expect(admit('resource', { token: copy(token) as VerifiedToken, binding })).toMatchObject({
      reason: 'internal_error',
    })
    expect(admit('bearer', { token: copy(token) as VerifiedToken })).toMatchObject({ ok: false })
  })
  test.each(copies)('a binding: %s', async (_, copy) => {
    const { token, binding } = evidence()
    const returned = () => ok({ token, binding: copy(binding) })
    expect(await ending(custom(returned, { yields: ['token', 'binding'] }))).toBe('internal_error')
    expect(admit('resource', { token, binding: copy(binding) as VerifiedBinding })).toMatchObject({
      reason: 'internal_error',
    })
  })
  test('an inherited fact', async () => {
    const inherited = () => ok(Object.create(evidence()))
    expect(await ending(custom(inherited, { yields: ['token', 'binding'] }))).toBe('internal_error')
  })
  test('a fact of another kind', async () => {
    const { token, binding } = evidence()
    const swapped = () => ok({ token: binding, binding: token })
    expect(await ending(custom(swapped, { yields: ['token', 'binding'] }))).toBe('internal_error')
  })
  test('the binding of another token', async () => {
    const { token } = evidence()
    const { binding } = evidence()
    expect(await ending(custom(() => ok({ token, binding }), { yields: ['token', 'binding'] }))).toBe('internal_error')
  })
  test('T-73 evidence kept from an earlier request', async () => {
    const kept = evidence()
    const cached = custom(() => ok({ ...kept }), { yields: ['token', 'binding'] })
    expect(await ending(cached)).toBe('allow')
    expect(await ending(cached)).toBe('internal_error')
    const { token, binding } = evidence()
    expect(await ending(custom(() => ok({ token }), { yields: ['token'] }))).toBe('internal_error')
    const rest = custom(() => ok({ binding }), { needs: ['token'], yields: ['binding'] })
    expect(
      await ending(
        custom(() => ok({ token }), { yields: ['token'] }),
        rest,
      ),
    ).toBe('internal_error')
  })
  test('one that takes the place of another', async () => {
    const again = custom(() => ok({ token: evidence().token }), { yields: ['token'] })
    expect(await ending(...genuine(), again)).toBe('internal_error')
    const same = custom((_, proven) => ok({ token: (proven as { token: unknown }).token }), {
      needs: ['token'],
      yields: ['token'],
    })
    expect(await ending(...genuine(), same)).toBe('internal_error')
  })
  test('a whole new set of genuine evidence in place of the first', async () => {
    const anew = custom(() => ok({ ...evidence() }), { yields: ['token', 'binding'] })
    expect(await ending(anew)).toBe('allow')
    expect(await ending(...genuine(), anew)).toBe('internal_error')
  })
  test('goes no further: no later policy sees it', async () => {
    const seen: unknown[] = []
    const watching = custom(
      (_, proven) => {
        seen.push(proven)
        return ok({})
      },
      { needs: ['token'] },
    )
    await ending(
      custom(() => ok({ token: { ...evidence().token } }), { yields: ['token'] }),
      watching,
    )
    expect(seen).toEqual([])
  })
  test('a declared fact that is missing', async () => {
    expect(
      await ending(
        ...genuine().slice(0, 1),
        custom(() => ok({}), { yields: ['binding'] }),
      ),
    ).toBe('internal_error')
  })
  test('nothing at all', async () => {
    expect(await ending()).toBe('internal_error')
    expect(await ending(...genuine().slice(0, 1))).toBe('internal_error')
  })
  test('a fact that is needed before it is proven is a fault of the pipeline', async () => {
    expect(await ending(custom(() => ok({}), { needs: ['token'] }))).toBe('exception')
  })
})
