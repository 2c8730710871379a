import { describe, expect, test } from 'vitest'
import { buildReplays, flood, TTL } from '../../support/replays.ts'

describe('DPOP-43 a proof passes once', () => {
  test('the first is fresh, every other is used, to the end of its life', () => {
    const { claim, pass } = buildReplays()
    expect(claim()).toBe('fresh')
    for (let second = 0; second < TTL; second++, pass(1)) expect(claim()).toBe('used')
  })
  test('DPOP-44 the digest alone tells proofs apart, not the thumbprint or the date', () => {
    const { claim, now } = buildReplays()
    expect(claim({ digest: 'a' })).toBe('fresh')
    expect(claim({ digest: 'b' })).toBe('fresh')
    expect(claim({ digest: 'a', thumbprint: 'another' })).toBe('used')
    expect(claim({ digest: 'a', issuedAt: now() + 9 })).toBe('used')
  })
  test.each(['', '__proto__', 'constructor', 'toString', '\0', 'ä'])(
    'the digest %j is one like any other',
    (digest) => {
      const { claim } = buildReplays()
      expect(claim({ digest, thumbprint: digest })).toBe('fresh')
      expect(claim({ digest, thumbprint: digest })).toBe('used')
    },
  )
  test('DPOP-45, T-20 of two hundred claims in one turn one is fresh', async () => {
    const { claim } = buildReplays()
    const answers = await Promise.all(Array.from({ length: 200 }, async () => await Promise.resolve(claim())))
    expect(answers.filter((answer) => answer === 'fresh')).toHaveLength(1)
    expect(answers.filter((answer) => answer === 'used')).toHaveLength(199)
  })
})

describe('the same request again', () => {
  const owner = 'owner'
  test('is mine for two seconds, however often, and used from then on', () => {
    const { claim, pass } = buildReplays()
    expect(claim({ owner })).toBe('fresh')
    for (const seconds of [0, 0.5, 0.5, 0.5, 0.5]) {
      pass(seconds)
      expect(claim({ owner })).toBe('mine')
    }
    pass(0.001)
    expect(claim({ owner })).toBe('used')
  })
  test('does not become the owner by asking', () => {
    const { claim } = buildReplays()
    expect(claim({ owner })).toBe('fresh')
    expect(claim({ owner: 'another' })).toBe('used')
    expect(claim({ owner: 'another' })).toBe('used')
    expect(claim({ owner })).toBe('mine')
  })
  test('is not prolonged by asking', () => {
    const { claim, pass } = buildReplays()
    claim({ owner })
    pass(1.5)
    expect(claim({ owner })).toBe('mine')
    pass(1)
    expect(claim({ owner })).toBe('used')
  })
  test('an empty owner never matches, on either side', () => {
    const { claim } = buildReplays()
    expect(claim({ digest: 'a' })).toBe('fresh')
    expect(claim({ digest: 'a' })).toBe('used')
    expect(claim({ digest: 'a', owner })).toBe('used')
    expect(claim({ digest: 'b', owner })).toBe('fresh')
    expect(claim({ digest: 'b' })).toBe('used')
  })
  test('owns that proof alone', () => {
    const { claim } = buildReplays()
    expect(claim({ digest: 'a', owner })).toBe('fresh')
    expect(claim({ digest: 'b', owner: 'another' })).toBe('fresh')
    expect(claim({ digest: 'b', owner })).toBe('used')
  })
  test('is remembered for its two seconds, whatever else is claimed meanwhile', () => {
    const { claim, pass } = buildReplays()
    for (let tenth = 0; tenth < 50; tenth++, pass(0.1)) {
      expect(claim({ digest: `${tenth}`, owner: `owner of ${tenth}` })).toBe('fresh')
      for (let earlier = Math.max(0, tenth - 19); earlier <= tenth; earlier++)
        expect(claim({ digest: `${earlier}`, owner: `owner of ${earlier}` })).toBe('mine')
      if (tenth > 20) expect(claim({ digest: `${tenth - 21}`, owner: `owner of ${tenth - 21}` })).toBe('used')
    }
  })
  test('a refused claim makes nobody an owner', () => {
    const { claim, restart } = buildReplays({ afterRestart: 'refuse' })
    restart()
    expect(claim({ owner })).toBe('unknown')
    expect(claim({ owner })).toBe('unknown')
  })
})

describe('DPOP-46, T-18 no room', () => {
  test('att-dpop-02 a full store refuses what is new and forgets nothing', () => {
    const { claim, size, pass } = buildReplays({ capacity: 3000 })
    for (const thumbprint of ['a', 'b', 'c'])
      expect(flood(claim, 1000, { prefix: thumbprint, thumbprint })).toEqual(new Set(['fresh']))
    expect(claim({ digest: 'one more', thumbprint: 'd' })).toBe('full')
    expect(flood(claim, 5000, { prefix: 'd', thumbprint: 'd' })).toEqual(new Set(['full']))
    expect(size()).toBe(3000)
    for (const thumbprint of ['a', 'b', 'c'])
      expect(flood(claim, 1000, { prefix: thumbprint, thumbprint })).toEqual(new Set(['used']))
    pass(TTL - 0.001)
    for (const thumbprint of ['a', 'b', 'c'])
      expect(flood(claim, 1000, { prefix: thumbprint, thumbprint })).toEqual(new Set(['used']))
    expect(claim({ digest: 'one more', thumbprint: 'd' })).toBe('full')
  })
  test('there is room again once entries have ended by themselves', () => {
    const { claim, size, pass } = buildReplays({ capacity: 1000 })
    flood(claim, 1000)
    expect(claim({ thumbprint: 'another' })).toBe('full')
    pass(TTL + 10)
    expect(size()).toBe(0)
    expect(claim({ thumbprint: 'another' })).toBe('fresh')
  })
  test('a claim that was refused for want of room may be made again', () => {
    const { claim, pass } = buildReplays({ capacity: 1 })
    expect(claim({ digest: 'a', thumbprint: 'a' })).toBe('fresh')
    expect(claim({ digest: 'b', thumbprint: 'b', owner: 'owner' })).toBe('full')
    expect(claim({ digest: 'b', thumbprint: 'b', owner: 'owner' })).toBe('full')
    pass(TTL + 10)
    expect(claim({ digest: 'b', thumbprint: 'b', owner: 'owner' })).toBe('fresh')
  })
})

describe('DPOP-46, att-dpop-02 one key may not take all the room', () => {
  test.each([
    { capacity: 500, quota: 500 },
    { capacity: 2000, quota: 1000 },
    { capacity: 20_000, quota: 1000 },
    { capacity: 21_000, quota: 1050 },
    { capacity: 40_000, quota: 2000 },
  ])('of $capacity entries one key gets $quota', ({ capacity, quota }) => {
    const { claim, size } = buildReplays({ capacity })
    expect(flood(claim, quota)).toEqual(new Set(['fresh']))
    expect(claim({ digest: 'one more' })).toBe('quota')
    expect(flood(claim, quota)).toEqual(new Set(['used']))
    expect(size()).toBe(quota)
    expect(claim({ digest: 'one more', thumbprint: 'another' })).toBe(quota === capacity ? 'full' : 'fresh')
  })
  test('it is counted over all that is alive, whenever it was claimed', () => {
    const { claim, pass } = buildReplays({ capacity: 20_000 })
    for (const prefix of ['a', 'b', 'c', 'd', 'e']) {
      expect(flood(claim, 200, { prefix })).toEqual(new Set(['fresh']))
      pass(10)
    }
    expect(claim({ digest: 'one more' })).toBe('quota')
    pass(TTL - 50 + 10)
    expect(flood(claim, 200, { prefix: 'f' })).toEqual(new Set(['fresh']))
    expect(claim({ digest: 'one more' })).toBe('quota')
  })
})

test('ERR-12 a claim that is not fresh leaves the store as it was', () => {
  const { claim, size, restart, now } = buildReplays({ capacity: 1000, afterRestart: 'refuse' })
  expect(claim({ digest: 'unknown' })).toBe('unknown')
  expect(size()).toBe(0)
  flood(claim, 1000, { issuedAt: now() + 11 })
  expect(size()).toBe(1000)
  for (const [wanted, answer] of [
    [{ digest: 'flood 0', issuedAt: now() + 11 }, 'used'],
    [{ digest: 'new', issuedAt: now() + 11 }, 'quota'],
    [{ digest: 'new', issuedAt: now() + 11, thumbprint: 'another' }, 'full'],
    [{ digest: 'new', issuedAt: now() }, 'unknown'],
  ] as const) {
    expect(claim(wanted)).toBe(answer)
    expect(size()).toBe(1000)
  }
  restart()
  expect(size()).toBe(0)
})
