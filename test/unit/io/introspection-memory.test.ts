import { describe, expect, test } from 'vitest'
import {
  type Answering,
  type Asked,
  active,
  activeAnswer,
  inactive,
  meet,
  OPAQUE,
  say,
  status,
} from '../../support/introspection.ts'
import { PROOF_TIME } from '../../support/proofs.ts'
import { keySource, serverJwks } from '../../support/spine.ts'

describe('introspect-slow, INT-07 what is remembered', () => {
  test('active for as long as configured, and a revoked token no longer', async () => {
    const { ask, asked, pass, change } = await meet(active)
    expect(await ask()).toBe('active')
    change(inactive)
    pass(9.9)
    expect([await ask(), asked.length]).toEqual(['active', 1])
    pass(0.2)
    expect([await ask(), asked.length]).toEqual(['inactive', 2])
  })
  test('never beyond exp', async () => {
    const { ask, asked, pass } = await meet(say(() => activeAnswer({ exp: PROOF_TIME + 3 })))
    await ask()
    pass(2.9)
    await ask()
    expect(asked.length).toBe(1)
    pass(0.2)
    await ask()
    expect(asked.length).toBe(2)
  })
  test.each<readonly [string, object]>([
    ['that has expired', { exp: PROOF_TIME }],
    ['without exp', { exp: undefined }],
    ['with exp as text', { exp: '99999999999' }],
  ])('not one %s', async (_, difference) => {
    const { ask, asked } = await meet(say(() => activeAnswer(difference)))
    await ask()
    await ask()
    expect(asked.length).toBe(2)
  })
  test('inactive for as long as configured', async () => {
    const { ask, asked, pass, change } = await meet(inactive)
    await ask()
    change(active)
    pass(4.9)
    expect([await ask(), asked.length]).toEqual(['inactive', 1])
    pass(0.2)
    expect(await ask()).toBe('active')
  })
  test('nothing with 0s', async () => {
    const { ask, asked, change } = await meet(active, { options: { cache: 0, negativeCache: 0 } })
    await ask()
    change(inactive)
    expect(await ask()).toBe('inactive')
    await ask()
    expect(asked.length).toBe(3)
  })
  test('each token for itself', async () => {
    const { ask } = await meet(({ form }, response) =>
      (form.get('token') === 'good' ? active : inactive)({ form } as Asked, response),
    )
    expect([await ask('good'), await ask('bad'), await ask('good')]).toEqual(['active', 'inactive', 'active'])
  })
  test('not what was said under other keys', async () => {
    const source = keySource(serverJwks)
    let generation = 1
    const keys = {
      find: source.find,
      get generation() {
        return generation
      },
    }
    const { ask, asked } = await meet(active, { keys })
    await ask()
    generation = 2
    await ask()
    expect(asked.length).toBe(2)
  })
  test('at once, without waiting', async () => {
    const { introspector, events } = await meet(active)
    await introspector.ask(OPAQUE, '')
    expect(introspector.ask(OPAQUE, '')).toMatchObject({ kind: 'active' })
    expect(events.at(-1)).toEqual({ kind: 'remembered', server: 'bank' })
  })
})

describe('introspect-slow, a server is spared', () => {
  /** Answers nobody until told. */
  const gate = () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const answering: Answering = (asked, response) => void promise.then(() => active(asked, response))
    return { answering, open: resolve }
  }
  test('many requests with one token are one question', async () => {
    const { answering, open } = gate()
    const { ask, asked } = await meet(answering)
    const many = Array.from({ length: 50 }, () => ask())
    open()
    expect(new Set(await Promise.all(many))).toEqual(new Set(['active']))
    expect(asked.length).toBe(1)
  })
  test('64 tokens at a time, others are told to come again', async () => {
    const { answering, open } = gate()
    const { ask, events } = await meet(answering, { options: { timeout: 1 } })
    const many = Array.from({ length: 64 }, (_, index) => ask(`token-${index}`, `10.0.${index}.1`))
    expect(await ask('one-more')).toBe('unavailable')
    expect(events).toEqual([{ kind: 'refused', server: 'bank' }])
    open()
    expect(new Set(await Promise.all(many))).toEqual(new Set(['active']))
    expect(await ask('one-more')).toBe('active')
  })
  test('a token that is remembered passes while all places are taken', async () => {
    const { ask, change } = await meet(active, { options: { timeout: 1 } })
    await ask('good')
    const { answering, open } = gate()
    change(answering)
    const many = Array.from({ length: 64 }, (_, index) => ask(`made-up-${index}`, `10.0.${index}.1`))
    expect([await ask('new'), await ask('good')]).toEqual(['unavailable', 'active'])
    open()
    await Promise.all(many)
  })
  test.each([
    ['one address', () => '203.0.113.9'],
    ['one network', (index: number) => `203.0.113.${index}`],
    ['one network of IPv6', (index: number) => `2001:db8:7:${index}::1`],
  ])('a flood from %s leaves places for others', async (_, address) => {
    const { answering, open } = gate()
    const { ask, asked } = await meet(answering, { options: { timeout: 1 } })
    const flood = Array.from({ length: 200 }, (_, index) => ask(`made-up-${index}`, address(index)))
    const honest = Array.from({ length: 8 }, (_, index) => ask(`good-${index}`, '198.51.100.1'))
    open()
    expect(new Set(await Promise.all(honest))).toEqual(new Set(['active']))
    await Promise.all(flood)
    expect(asked.length).toBe(40)
    const next = Array.from({ length: 32 }, (_, index) => ask(`next-${index}`, address(index)))
    expect(new Set(await Promise.all(next))).toEqual(new Set(['active']))
  })
  const failing = async (answering: Answering, times: number) => {
    const met = await meet(answering)
    for (let time = 0; time < times; time += 1) await met.ask(`token-${time}`)
    return met
  }
  test('after five failures in a row it is left alone for a second, then asked once', async () => {
    const { ask, asked, pass, change, introspector } = await failing(status(500), 4)
    expect(introspector.available).toBe(true)
    await ask('fifth')
    expect(introspector.available).toBe(false)
    change(active)
    expect([await ask('sixth'), asked.length]).toEqual(['unavailable', 5])
    pass(1.1)
    expect([await ask('seventh'), asked.length, introspector.available]).toEqual(['active', 6, true])
  })
  test('what it said before counts meanwhile', async () => {
    const { ask, change, introspector } = await meet(active)
    await ask()
    change(status(500))
    for (let time = 0; time < 5; time += 1) await ask(`token-${time}`)
    expect([introspector.available, await ask()]).toEqual([false, 'active'])
  })
  test.each<readonly [string, Answering]>([
    ['400', status(400)],
    ['403', status(403)],
    ['answers at length', say(() => activeAnswer({ more: 'x'.repeat(20_000) }))],
    ['answers with something else', say(() => 'x', 'text/html')],
  ])('a token that it answers with %s does not keep others from being asked about', async (_, answering) => {
    const { ask, change, introspector } = await failing(answering, 20)
    expect(introspector.available).toBe(true)
    change(active)
    expect(await ask()).toBe('active')
  })
  test.each<readonly [string, Answering]>([
    ['429', status(429)],
    ['401', status(401)],
    ['a broken connection', ({ request }) => request.socket.destroy()],
  ])('%s counts as a failure', async (_, answering) => {
    const { introspector } = await failing(answering, 5)
    expect(introspector.available).toBe(false)
  })
})
