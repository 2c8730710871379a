import { describe, expect, test } from 'vitest'
import { spend } from '../support/redis-replays.ts'
import { buildMemoryStore, buildRedisStore, FOREVER } from '../support/replay-stores.ts'
import { TTL } from '../support/replays.ts'

const owner = 'the-same-request-0123456789abcdefghijklmnop'

describe.each([
  ['memory', buildMemoryStore],
  ['Redis', buildRedisStore],
])('a replay store: %s', (_name, build) => {
  test('DPOP-43 a proof is fresh once', async () => {
    const { claim } = await build()
    expect(await claim()).toBe('fresh')
    expect(await claim()).toBe('used')
    expect(await claim()).toBe('used')
  })

  test('DPOP-45, T-20 of 50 copies at once exactly one is fresh', async () => {
    const { claim } = await build()
    for (let round = 0; round < 20; round++) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => claim({ digest: `round ${round}` })))
      expect(answers.filter((answer) => answer === 'fresh')).toHaveLength(1)
      expect(answers.filter((answer) => answer === 'used')).toHaveLength(49)
    }
  })

  test('DPOP-44, T-21 another proof and another key are not affected', async () => {
    const { claim } = await build()
    expect(await claim({ digest: 'a', thumbprint: 'a' })).toBe('fresh')
    expect(await claim({ digest: 'b', thumbprint: 'a' })).toBe('fresh')
    expect(await claim({ digest: 'c', thumbprint: 'b' })).toBe('fresh')
    expect(await claim({ digest: 'a', thumbprint: 'a' })).toBe('used')
  })

  describe('an owner', () => {
    test('may claim again for two seconds', async () => {
      const { claim, pass } = await build()
      expect(await claim({ owner })).toBe('fresh')
      expect(await claim({ owner })).toBe('mine')
      await pass(1)
      expect(await claim({ owner })).toBe('mine')
      await pass(1.5)
      expect(await claim({ owner })).toBe('used')
    })
    test('is that owner alone', async () => {
      const { claim } = await build()
      expect(await claim({ owner })).toBe('fresh')
      expect(await claim({ owner: `another${owner}` })).toBe('used')
      expect(await claim({ owner: '' })).toBe('used')
    })
    test('that is empty never matches', async () => {
      const { claim } = await build()
      expect(await claim({ owner: '' })).toBe('fresh')
      expect(await claim({ owner: '' })).toBe('used')
      expect(await claim({ owner: '-' })).toBe('used')
      expect(await claim({ owner })).toBe('used')
    })
  })

  test('DPOP-49, T-19, att-dpop-06 an entry outlives the window, also of a proof dated ahead', async () => {
    const { claim, pass, now } = await build()
    const issuedAt = Math.floor(now()) + 10
    expect(await claim({ issuedAt })).toBe('fresh')
    await pass(TTL - 5)
    expect(await claim({ issuedAt })).toBe('used')
    await pass(4)
    expect(await claim({ issuedAt })).toBe('used')
    await pass(9)
    expect(await claim({ issuedAt })).toBe('used')
  })

  test('an entry ends', async () => {
    const { claim, pass, now } = await build()
    expect(await claim()).toBe('fresh')
    await pass(FOREVER)
    expect(await claim({ issuedAt: Math.floor(now()) + 1 })).toBe('fresh')
  })

  test('DPOP-46, att-dpop-02 one key gets a thousand proofs, the others theirs', async () => {
    const { claim } = await build()
    expect(await spend(claim, 1000)).toHaveLength(1000)
    expect(await claim({ digest: 'one more' })).toBe('quota')
    expect(await claim({ digest: 'spent 0' })).toBe('used')
    expect(await claim({ digest: 'one more', thumbprint: 'another' })).toBe('fresh')
  })

  test('DPOP-46, T-18 a full store takes nothing new and forgets nothing', async () => {
    const { claim, fill } = await build()
    expect(await claim({ digest: 'old', thumbprint: 'x' })).toBe('fresh')
    const release = await fill()
    expect(await claim({ digest: 'new', thumbprint: 'new' })).toBe('full')
    expect(await claim({ digest: 'new', thumbprint: 'new' })).toBe('full')
    expect(await claim({ digest: 'old', thumbprint: 'x' })).toBe('used')
    await release()
    expect(await claim({ digest: 'new', thumbprint: 'new' })).toBe('fresh')
    expect(await claim({ digest: 'new', thumbprint: 'new' })).toBe('used')
  })
})
