import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Fetched, failed } from '../../../src/io/fetch-outcome.ts'
import type { JsonObject } from '../../../src/verify/strict-json.ts'
import { newServerKey } from '../../support/jwks.ts'
import { buildTestSource, down, KEYS_URI, serverWith } from '../../support/key-sources.ts'

const first = { ...newServerKey('ES256').jwk, kid: 'first' }
const second = { ...newServerKey('ES256').jwk, kid: 'second' }
const setOf = (...keys: readonly unknown[]): Fetched<JsonObject> => ({ ok: true, value: { keys } })

/** A network whose answers come when told, one after the other. */
function buildLine() {
  const asked: ((outcome: Fetched<JsonObject>) => void)[] = []
  return {
    answer: () => {
      const { promise, resolve } = Promise.withResolvers<Fetched<JsonObject>>()
      asked.push(resolve)
      return promise
    },
    /** Answers the call of that number and lets everything happen that follows from it. */
    give: async (index: number, outcome: Fetched<JsonObject>) => {
      asked[index]?.(outcome)
      await turn()
    },
    asked,
  }
}

type Built = ReturnType<typeof buildTestSource>
const ask = async ({ source }: Built, kid: string): Promise<string> => (await source.find(kid, 'ES256')).kind
const askNow = ({ source }: Built, kid: string): string => {
  const search = source.find(kid, 'ES256')
  return search instanceof Promise ? 'waits' : search.kind
}

describe('as-withdraw a flush', () => {
  test('att-ops-02 forgets every key at once and has the new ones when it is done', async () => {
    let answer = setOf(first, second)
    const built = buildTestSource(() => answer)
    await built.source.load()
    answer = setOf(second)
    const { generation } = built.source
    const flushing = built.source.flush()
    expect([built.source.size, built.source.generation > generation, askNow(built, 'second')]).toEqual([
      0,
      true,
      'waits',
    ])
    expect(await flushing).toBe(true)
    expect([await ask(built, 'first'), askNow(built, 'second')]).toEqual(['unknown', 'found'])
    expect(built.events.map(({ kind }) => kind)).toEqual(['loaded', 'flushed', 'loaded', 'loaded'])
  })
  test('leaves nothing to fall back on: until keys come there are none', async () => {
    let answer = setOf(first)
    const built = buildTestSource(() => answer)
    await built.source.load()
    answer = down
    expect(await built.source.flush()).toBe(false)
    expect([askNow(built, 'first'), built.source.size, built.bell.waiting()]).toEqual(['unavailable', 0, [2]])
    answer = setOf(first)
    built.pass(2)
    expect(await ask(built, 'first')).toBe('found')
  })
  test('makes the same keys a new generation, so that what was verified is verified again', async () => {
    const built = buildTestSource(() => setOf(first))
    await built.source.load()
    const before = built.source.generation
    await built.source.flush()
    expect(built.source.generation).toBeGreaterThan(before)
  })
  test('takes no answer to a question from before it', async () => {
    const line = buildLine()
    const built = buildTestSource(line.answer)
    const loading = built.source.load()
    const flushing = built.source.flush()
    await turn()
    await line.give(0, setOf(first))
    expect([await loading, built.source.size]).toEqual([false, 0])
    // Nor is the newer question forgotten, or asked twice.
    void built.source.load()
    expect([line.asked.length, built.bell.waiting()]).toEqual([2, []])
    await line.give(1, setOf(second))
    expect([await flushing, await ask(built, 'second')]).toEqual([true, 'found'])
    expect(built.bell.waiting()).toEqual([600])
  })
  test('asks once a second at most, however often it is called, and still asks after the last call', async () => {
    const line = buildLine()
    const built = buildTestSource(line.answer)
    const flushes = [built.source.flush()]
    await turn()
    await line.give(0, setOf(first))
    for (let each = 0; each < 100; each += 1) flushes.push(built.source.flush())
    await turn()
    expect([line.asked.length, built.source.size, new Set(built.patience.pending())]).toEqual([1, 0, new Set([1000])])
    built.patience.end()
    await turn()
    expect(line.asked).toHaveLength(2)
    await line.give(1, setOf(second))
    expect([new Set(await Promise.all(flushes)), askNow(built, 'second')]).toEqual([new Set([true]), 'found'])
  })
  test('a token that comes meanwhile waits for the same answer', async () => {
    const line = buildLine()
    const built = buildTestSource(line.answer)
    const flushing = built.source.flush()
    const search = built.source.find('first', 'ES256')
    await turn()
    await line.give(0, setOf(first))
    expect([(await search).kind, await flushing, line.asked.length]).toEqual(['found', true, 1])
  })
})

describe('jwks-hang a request waits for a moment only', () => {
  test('150 ms for an unknown kid, then the keys are unavailable, and the fetch goes on', async () => {
    const line = buildLine()
    const built = buildTestSource(line.answer)
    const loading = built.source.load()
    await line.give(0, setOf(first))
    await loading
    const search = built.source.find('second', 'ES256')
    expect(built.patience.pending()).toEqual([150])
    built.patience.end()
    expect((await search).kind).toBe('unavailable')
    await line.give(1, setOf(first, second))
    expect(askNow(built, 'second')).toBe('found')
  })
  test('whoever comes later waits for the rest of that time, and then not at all', async () => {
    const line = buildLine()
    const built = buildTestSource(line.answer)
    void built.source.load()
    built.pass(0.125)
    expect([askNow(built, 'first'), built.patience.pending()]).toEqual(['waits', [25]])
    built.pass(0.03125)
    expect([askNow(built, 'first'), built.patience.pending().length]).toEqual(['unavailable', 1])
  })
  test('waiting ends for the others as well when some gave up', async () => {
    const line = buildLine()
    const built = buildTestSource(line.answer)
    void built.source.load()
    const searches = Array.from({ length: 64 }, () => built.source.find('first', 'ES256'))
    expect(askNow(built, 'first')).toBe('unavailable')
    built.patience.end()
    await Promise.all(searches)
    expect([askNow(built, 'first'), built.patience.pending().length]).toEqual(['waits', 1])
  })
})

describe('what is said of an unknown kid', () => {
  test('JWK-03 unknown only after a look that succeeded, otherwise nothing', async () => {
    let answer = setOf(first)
    const built = buildTestSource(() => answer)
    await built.source.load()
    answer = failed('status', 'it answered 500')
    expect([await ask(built, 'second'), askNow(built, 'second'), askNow(built, 'first')]).toEqual([
      'unavailable',
      'unavailable',
      'found',
    ])
    answer = setOf(first)
    built.pass(30)
    expect([await ask(built, 'second'), askNow(built, 'second')]).toEqual(['unknown', 'unknown'])
  })
  test('as-rotate a look that was under way before the token came is not enough', async () => {
    const line = buildLine()
    const built = buildTestSource(line.answer)
    void built.source.load()
    await line.give(0, setOf(first))
    built.bell.ring()
    const search = built.source.find('second', 'ES256')
    await line.give(1, setOf(first))
    await line.give(2, setOf(first, second))
    expect([(await search).kind, line.asked.length]).toEqual(['found', 3])
  })
  test('as-rotate a regular look just before does not keep a new key waiting', async () => {
    let answer = setOf(first)
    const built = buildTestSource(() => answer)
    await built.source.load()
    answer = setOf(first, second)
    expect(await ask(built, 'second')).toBe('found')
  })
  test('jwks-500 a failing server is asked once per cooldown, by timer or by request', async () => {
    let answer = setOf(first)
    const built = buildTestSource(() => answer)
    await built.source.load()
    answer = down
    built.bell.ring()
    await turn()
    expect([built.bell.waiting(), built.fetched.length]).toEqual([[30], 2])
    for (let second = 0; second < 600; second += 1) {
      built.pass(1)
      if (second % 30 === 29) built.bell.ring()
      await ask(built, 'second')
    }
    expect(built.fetched.length).toBe(22)
  })
})

test.each<[object, number, number, number]>([
  [{}, 600, 30, 86_400],
  [{ refresh: '1m', cooldown: '5s', maxStale: '2m' }, 60, 5, 120],
])('JWK-03, JWK-05 the numbers of the configuration are used: %j', async (numbers, refresh, cooldown, maxStale) => {
  let answer = setOf(first)
  const built = buildTestSource(() => answer, serverWith({ uri: KEYS_URI, ...numbers }))
  await built.source.load()
  expect(built.bell.waiting()).toEqual([refresh])
  expect(await ask(built, 'second')).toBe('unknown')
  built.pass(cooldown - 0.5)
  expect(askNow(built, 'second')).toBe('unknown')
  built.pass(0.5)
  expect([askNow(built, 'second'), await ask(built, 'second')]).toEqual(['waits', 'unknown'])
  answer = down
  built.pass(maxStale)
  await built.source.load()
  expect(askNow(built, 'first')).toBe('found')
  built.pass(0.5)
  expect(built.source.size).toBe(0)
})
