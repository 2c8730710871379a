import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { LiveKeySource } from '../../../src/io/keys.ts'
import { type Reading, read } from '../../../src/verify/reading.ts'
import type { JsonObject } from '../../../src/verify/strict-json.ts'
import { newServerKey } from '../../support/jwks.ts'
import { buildTestSource, down } from '../../support/key-sources.ts'

const first = { ...newServerKey('ES256').jwk, kid: 'first' }
const second = { ...newServerKey('ES256').jwk, kid: 'second' }
const setOf = (...keys: readonly unknown[]): Reading<JsonObject> => read({ keys })

/** What the source answers for an ES256 token, now or later. */
const ask = async (source: LiveKeySource, kid?: string): Promise<string> => (await source.find(kid, 'ES256')).kind
/** What it answers without waiting, or that it waits. */
function askNow(source: LiveKeySource, kid?: string): string {
  const search = source.find(kid, 'ES256')
  return search instanceof Promise ? 'waits' : search.kind
}

describe('JWK-03 an unknown kid', () => {
  test('a known kid is answered without waiting and without a fetch', async () => {
    const { source, fetched, pass } = buildTestSource(() => setOf(first))
    await source.load()
    pass(10_000)
    expect([askNow(source, 'first'), askNow(source), fetched.length]).toEqual(['found', 'found', 1])
  })
  test('a rotated key is found by the first token that names it', async () => {
    let keys = [first]
    const { source, pass } = buildTestSource(() => setOf(...keys))
    await source.load()
    keys = [first, second]
    pass(31)
    expect(await ask(source, 'second')).toBe('found')
    expect(await ask(source, 'first')).toBe('found')
  })
  test('att-jose-17, T-72 a flood of them causes one fetch in 30 s', async () => {
    const { source, fetched, pass } = buildTestSource(() => setOf(first))
    await source.load()
    for (let second = 0; second <= 60; second += 1) {
      for (let each = 0; each < 20; each += 1) await ask(source, `random-${second}-${each}`)
      pass(1)
    }
    // The first set, and what unknown kids caused at 0, 30 and 60 s.
    expect(fetched).toHaveLength(4)
  })
  test('within the cooldown it is answered at once', async () => {
    const { source, pass } = buildTestSource(() => setOf(first))
    await source.load()
    expect(await ask(source, 'second')).toBe('unknown')
    pass(29)
    expect(askNow(source, 'second')).toBe('unknown')
    pass(1)
    expect(askNow(source, 'second')).toBe('waits')
  })
  test('att-envoy-16 a thousand at once share one fetch, few wait for it, and those then have room again', async () => {
    const { source, fetched, pass } = buildTestSource(() => setOf(first))
    await source.load()
    pass(31)
    const flood = Array.from({ length: 1000 }, (_, each) => askNow(source, `random-${each}`))
    expect([flood.filter((one) => one === 'waits').length, new Set(flood)]).toEqual([
      64,
      new Set(['waits', 'unavailable']),
    ])
    expect(askNow(source, 'first')).toBe('found')
    await source.load()
    await turn()
    expect(fetched).toHaveLength(2)
    pass(31)
    expect(askNow(source, 'second')).toBe('waits')
  })
  test('a known kid does not wait for a fetch under way', async () => {
    const { promise, resolve } = Promise.withResolvers<Reading<JsonObject>>()
    let answer: Reading<JsonObject> | Promise<Reading<JsonObject>> = setOf(first)
    const { source, pass } = buildTestSource(() => answer)
    await source.load()
    pass(31)
    answer = promise
    const unknown = source.find('second', 'ES256')
    expect([unknown instanceof Promise, askNow(source, 'first')]).toEqual([true, 'found'])
    resolve(setOf(first, second))
    expect((await unknown).kind).toBe('found')
  })
})

describe('JWK-05 a source that fails', () => {
  test('before any set it is unavailable, and asked again every 2 s at most', async () => {
    const { source, fetched, pass } = buildTestSource(() => down)
    expect(await ask(source, 'first')).toBe('unavailable')
    for (let each = 0; each < 100; each += 1) expect(askNow(source, 'first')).toBe('unavailable')
    expect(fetched).toHaveLength(1)
    pass(2)
    expect(askNow(source, 'first')).toBe('waits')
    expect([source.size, source.generation]).toEqual([0, 0])
  })
  test('the last good set serves for 24 h and no longer', async () => {
    let answer = setOf(first)
    const { source, pass } = buildTestSource(() => answer)
    await source.load()
    answer = down
    pass(86_400)
    expect(await source.load()).toBe(false)
    expect([askNow(source, 'first'), source.size]).toEqual(['found', 1])
    pass(1)
    expect([await ask(source, 'first'), source.size]).toEqual(['unavailable', 0])
  })
  test('and serves again when it comes back', async () => {
    let answer = setOf(first)
    const { source, pass } = buildTestSource(() => answer)
    await source.load()
    answer = down
    pass(90_000)
    expect(await ask(source, 'first')).toBe('unavailable')
    answer = setOf(first)
    pass(30)
    expect(await ask(source, 'first')).toBe('found')
  })
  test('a success makes the set young, even when nothing changed', async () => {
    const { source, pass } = buildTestSource(() => setOf(first))
    await source.load()
    pass(80_000)
    await source.load()
    pass(80_000)
    expect([askNow(source, 'first'), source.generation]).toEqual(['found', 1])
  })
  test.each<[string, Reading<JsonObject>]>([
    ['nothing', down],
    ['{}', read({})],
    ['keys: []', setOf()],
    ['keys: null', read({ keys: null })],
    ['only broken keys', setOf({ kty: 'EC' })],
    ['101 keys', setOf(...Array.from({ length: 101 }, () => second))],
  ])('a refresh that brings %s changes nothing', async (_, bad) => {
    let answer = setOf(first)
    const { source, events } = buildTestSource(() => answer)
    await source.load()
    answer = bad
    expect(await source.load()).toBe(false)
    expect([askNow(source, 'first'), source.size, source.generation]).toEqual(['found', 1, 1])
    expect(events.map(({ kind }) => kind)).toEqual(['loaded', 'failed'])
  })
})

describe('what changes, changes whole', () => {
  test('att-ops-02 a withdrawn key is gone after the next refresh', async () => {
    let answer = setOf(first, second)
    const { source, bell } = buildTestSource(() => answer)
    await source.load()
    answer = setOf(second)
    bell.ring()
    await source.load()
    expect([await ask(source, 'first'), askNow(source, 'second')]).toEqual(['unknown', 'found'])
  })
  test('the generation grows with the content and not with time', async () => {
    let answer = setOf(first)
    const { source } = buildTestSource(() => answer)
    const generations: number[] = []
    for (const next of [setOf(first), setOf(first), setOf(first, second), down, setOf(first, second), setOf(first)]) {
      answer = next
      await source.load()
      generations.push(source.generation)
    }
    expect(generations).toEqual([1, 1, 2, 2, 2, 3])
  })
  test('JWK-06, JWK-08 what was wrong with a set is told, and no key material with it', async () => {
    const leaked = newServerKey('ES256').privateJwk
    const { source, events } = buildTestSource(() =>
      setOf(first, { ...leaked, kid: 'leaked' }, { kty: 'oct', k: 'AAAA' }),
    )
    await source.load()
    const skipped = ['key 2: kty is not EC, OKP or RSA']
    expect(events).toEqual([{ kind: 'loaded', server: 'bank', keys: 2, skipped, leaked: true }])
  })
})

describe('the timers', () => {
  test('a set is looked at again after 600 s, and there is never more than one timer', async () => {
    const { source, bell, fetched } = buildTestSource(() => setOf(first))
    expect(bell.waiting()).toEqual([])
    await source.load()
    await source.load()
    expect(bell.waiting()).toEqual([600])
    bell.ring()
    await source.load()
    expect([bell.waiting(), fetched.length]).toEqual([[600], 3])
  })
  test('without a set a try follows every 2 s, however many requests come', async () => {
    const { source, bell, pass } = buildTestSource(() => down)
    for (let each = 0; each < 20; each += 1) {
      await ask(source, 'first')
      pass(3)
    }
    expect(bell.waiting()).toEqual([2])
  })
  test('att-ops-04 after closing nothing follows and nothing is told; who still waits gets its keys', async () => {
    const { promise, resolve } = Promise.withResolvers<Reading<JsonObject>>()
    const { source, bell, events } = buildTestSource(() => promise)
    const loading = source.load()
    const waiting = source.find('first', 'ES256')
    void source.close()
    resolve(setOf(first))
    expect([await loading, (await waiting).kind, bell.waiting(), events]).toEqual([true, 'found', [], []])
  })
  test('closing calls off the next look', async () => {
    const { source, bell } = buildTestSource(() => setOf(first))
    await source.load()
    void source.close()
    expect(bell.waiting()).toEqual([])
  })
})
