import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { buildReplays, flood, TTL } from '../../support/replays.ts'

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')

/** Megabytes in use once everything that nobody holds is gone. */
function held(): number {
  if (typeof collect !== 'function') throw new Error('the runtime offers no way to collect garbage')
  collect()
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 1e6
}

test('replay-flood, att-dpop-02 a million proofs of one key take its share and no more; others pass, and nothing is forgotten', () => {
  const replays = buildReplays({ capacity: 100_000 })
  const greedy = { thumbprint: 'greedy' }
  expect(replays.claim({ ...greedy, digest: 'first' })).toBe('fresh')
  expect(flood(replays.claim, 4999, { ...greedy, prefix: 'share' })).toEqual(new Set(['fresh']))
  const before = held()
  expect(flood(replays.claim, 1_000_000, greedy)).toEqual(new Set(['quota']))
  expect(replays.size()).toBe(5000)
  expect(held() - before).toBeLessThan(5)
  expect(replays.claim({ thumbprint: 'another', digest: 'of another key' })).toBe('fresh')
  expect(replays.claim({ ...greedy, digest: 'first' })).toBe('used')
})

const KEYS = 20

/** Claims that all differ: other digests, other keys, other owners. */
function besiege({ claim }: ReturnType<typeof buildReplays>, prefix: string, count: number): Set<string> {
  const answers = Array.from({ length: KEYS }, (_, index) => {
    const name = `${prefix} ${index}`
    return flood(claim, count / KEYS, { prefix: name, thumbprint: `key ${name}`, owner: `owner ${name}` })
  })
  return new Set(answers.flatMap((set) => [...set]))
}

test('unauth-flood, att-dpop-02 refused claims cost no memory, however many there are', () => {
  const replays = buildReplays({ capacity: 1000 })
  expect(besiege(replays, 'fill', 1000)).toEqual(new Set(['fresh']))
  const before = held()
  expect(besiege(replays, 'flood', 300_000)).toEqual(new Set(['full']))
  expect(held() - before).toBeLessThan(5)
  expect(replays.size()).toBe(1000)
})

test('att-dpop-02 entries and their owners take little and give it back', () => {
  const replays = buildReplays({ capacity: 50_000 })
  const before = held()
  expect(besiege(replays, 'fill', 50_000)).toEqual(new Set(['fresh']))
  expect(held() - before).toBeLessThan(12)
  replays.pass(TTL + 10)
  // Owners go in two steps, each with a claim that comes later.
  for (const digest of ['one', 'another']) {
    expect(replays.claim({ digest, owner: 'owner' })).toBe('fresh')
    replays.pass(3)
  }
  expect(held() - before).toBeLessThan(5)
})

test('att-dpop-02 steady traffic holds what is alive and no more', () => {
  const replays = buildReplays({ capacity: 100_000 })
  const second = (index: number): void => {
    expect(
      flood(replays.claim, 100, { prefix: `second ${index}`, thumbprint: `key ${index % 10}`, owner: `${index}` }),
    ).toEqual(new Set(['fresh']))
    replays.pass(1)
  }
  for (let index = 0; index < 200; index++) second(index)
  const before = held()
  for (let index = 200; index < 2200; index++) second(index)
  expect(replays.size()).toBeLessThanOrEqual(100 * (TTL + 10))
  expect(held() - before).toBeLessThan(5)
})
