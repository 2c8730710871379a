import { describe, expect, test } from 'vitest'
import { buildReplays, TTL, ttlOf } from '../../support/replays.ts'

const LONG = ttlOf(300, 10)

describe('DPOP-49, T-19 an entry outlives every moment in which its proof is acceptable', () => {
  const windows = [
    { maxAge: 10, futureTolerance: 10 },
    { maxAge: 60, futureTolerance: 10 },
    { maxAge: 60, futureTolerance: 60 },
    { maxAge: 300, futureTolerance: 60 },
  ]
  test.each(windows)('att-dpop-06 $maxAge s and $futureTolerance s ahead', ({ maxAge, futureTolerance }) => {
    const ttl = ttlOf(maxAge, futureTolerance)
    // Wherever in the ten seconds of a bucket the clock stands.
    for (let phase = 0; phase < 10; phase++) {
      const { claim, pass, now } = buildReplays()
      pass(phase)
      const issuedAt = now() + futureTolerance
      const answers: string[] = []
      for (; now() <= issuedAt + maxAge; pass(1)) answers.push(claim({ issuedAt, ttl }))
      expect(answers.filter((answer) => answer !== 'used')).toEqual(['fresh'])
    }
  })
  test('it has the whole lifetime on the monotonic clock, to the last moment', () => {
    for (const start of [0, 0.25, 3, 9.999, 5]) {
      const { claim, pass } = buildReplays()
      pass(start)
      claim()
      pass(TTL - 0.001)
      expect(claim()).toBe('used')
    }
  })
  test('it does not live for ever: memory comes back within ten seconds', () => {
    const { claim, pass, size } = buildReplays()
    claim()
    pass(TTL)
    expect(size()).toBe(1)
    pass(10)
    expect(size()).toBe(0)
    expect(claim()).toBe('fresh')
  })
  test('T-79 fractions of a second are never cut from a life', () => {
    const { claim, pass } = buildReplays()
    pass(0.9)
    claim({ ttl: 10.2 })
    pass(10.19)
    expect(claim({ ttl: 10.2 })).toBe('used')
  })
})

describe('DPOP-49 routes with different windows', () => {
  test('a window that grows keeps what is alive as much longer', () => {
    const { claim, pass, now } = buildReplays()
    const issuedAt = now() + 10
    expect(claim({ issuedAt, ttl: ttlOf(10, 10) })).toBe('fresh')
    pass(5)
    expect(claim({ digest: 'another', ttl: LONG })).toBe('fresh')
    for (; now() <= issuedAt + 300; pass(1)) expect(claim({ issuedAt, ttl: LONG })).toBe('used')
  })
  test('a proof claimed on the short route is remembered for the long one', () => {
    const { claim, pass, now } = buildReplays()
    expect(claim({ digest: 'another', ttl: LONG })).toBe('fresh')
    const issuedAt = now() + 10
    expect(claim({ issuedAt, ttl: ttlOf(10, 10) })).toBe('fresh')
    for (; now() <= issuedAt + 300; pass(1)) expect(claim({ issuedAt, ttl: LONG })).toBe('used')
  })
  test('one route takes proofs dated farther ahead, the other older ones', () => {
    for (let phase = 0; phase < 10; phase++) {
      const { claim, pass, now } = buildReplays({ maxFuture: 60 })
      pass(phase)
      claim({ digest: 'another', ttl: LONG })
      const issuedAt = now() + 60
      expect(claim({ issuedAt, ttl: ttlOf(10, 60) })).toBe('fresh')
      for (; now() <= issuedAt + 300; pass(1)) expect(claim({ issuedAt, ttl: LONG })).toBe('used')
    }
  })
  test('what was forgotten before anyone knew of the longer window is unknown', () => {
    const { claim, pass, now } = buildReplays()
    const issuedAt = now() + 10
    expect(claim({ issuedAt, ttl: ttlOf(10, 10) })).toBe('fresh')
    pass(40)
    expect(claim({ issuedAt, ttl: LONG })).toBe('unknown')
    expect(claim({ digest: 'younger', issuedAt: issuedAt + 1, ttl: LONG })).toBe('fresh')
    expect(claim({ digest: 'of the same second', issuedAt, ttl: LONG })).toBe('unknown')
  })
  test('windows that shrink make nothing unknown', () => {
    const { claim, pass, now } = buildReplays()
    for (let step = 0; step < 50; step++, pass(7))
      for (const [name, maxAge] of [
        ['long', 300],
        ['short', 10],
      ] as const)
        expect(claim({ digest: `${name} ${step}`, issuedAt: now() - maxAge, ttl: ttlOf(maxAge, 10) })).toBe('fresh')
  })
})
