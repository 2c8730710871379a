import { describe, expect, test, vi } from 'vitest'
import { freshRedis, MARKER, openStore, resend, settledStore, spend } from '../../support/redis-replays.ts'

describe('redis-full: no memory left', () => {
  test('noeviction: nothing is accepted that is not recorded, what is used stays used, and room is used again', async () => {
    const { claim, redis, until, events } = await settledStore()
    const used = await spend(claim, 50)
    await redis.admin('config', 'set', 'maxmemory', 1)
    expect(await resend(claim, ['a', 'b'])).toEqual(new Set(['full']))
    await until('full')
    expect(await resend(claim, used)).toEqual(new Set(['used']))
    expect(events.filter(({ kind }) => kind === 'down')).toEqual([
      { kind: 'down', failure: { cause: 'full', code: 'OOM' } },
    ])
    await redis.admin('config', 'set', 'maxmemory', 0)
    await until(undefined)
    expect(await resend(claim, ['a', 'b'])).toEqual(new Set(['fresh']))
  })

  test('what is used stays used also when the marker can no longer be written', async () => {
    const { claim, redis, until } = await settledStore()
    const used = await spend(claim, 5)
    await redis.admin('config', 'set', 'maxmemory', 1)
    await until('full')
    const seen = async (): Promise<number> => Number(await redis.admin('hget', MARKER, 'seen'))
    await vi.waitFor(async () => expect(Date.now() - (await seen())).toBeGreaterThan(1500), 10_000)
    expect(await resend(claim, used)).toEqual(new Set(['used']))
  })

  test.each(['allkeys-lru', 'allkeys-random', 'volatile-lru', 'volatile-ttl'])(
    '%s: no store, from the first claim on',
    async (policy) => {
      const redis = await freshRedis({ args: ['--maxmemory-policy', policy] })
      const { claim, until } = openStore({ replay: redis.url })
      await until('evicting')
      expect(await claim()).toBe('unavailable')
    },
  )

  test('a policy that was changed for a while may have cost proofs: those until then are unknown', async () => {
    const { claim, redis, until, works, now } = await settledStore()
    const used = await spend(claim, 50)
    await redis.admin('config', 'set', 'maxmemory-policy', 'allkeys-lru')
    expect(await claim({ digest: 'new' })).toBe('unavailable')
    await until('evicting')
    for (const digest of used) await redis.admin('del', `envoy-fapi:{0}p${digest}`)
    await redis.admin('config', 'set', 'maxmemory-policy', 'noeviction')
    await works()
    expect(await resend(claim, used)).toEqual(new Set(['unknown']))
    expect(await claim({ digest: 'newer', issuedAt: Math.floor(now()) + 5 })).toBe('fresh')
  })

  test('evictions that nobody saw happen are noticed afterwards', async () => {
    const { claim, redis, store } = await settledStore()
    const used = await spend(claim, 50)
    store.close()
    await redis.admin('config', 'set', 'maxmemory', 1, 'maxmemory-policy', 'volatile-random')
    // There is no room for it even when every proof is gone.
    await expect(redis.admin('set', 'other', 'x')).rejects.toThrow('OOM')
    await redis.admin('config', 'set', 'maxmemory', 0, 'maxmemory-policy', 'noeviction')
    expect(await redis.admin('exists', ...used.map((digest) => `envoy-fapi:{0}p${digest}`))).toBe(0)
    const later = openStore({ replay: redis.url })
    await later.until(undefined)
    expect(await resend(later.claim, used)).toEqual(new Set(['unknown']))
    expect(later.events).toContainEqual(expect.objectContaining({ kind: 'lost', loss: 'evicted' }))
  })
})

describe('clocks', () => {
  test('clock-skew: a replica half a minute off takes no proof twice and works', async () => {
    const one = await settledStore()
    const [ahead, behind] = [openStore({ replay: one.redis.url }), openStore({ replay: one.redis.url })]
    ahead.step(29)
    behind.step(-29)
    for (const { until } of [ahead, behind]) await until(undefined)
    const issuedAt = Math.floor(one.now())
    expect(await ahead.claim({ digest: 'a', issuedAt })).toBe('fresh')
    expect(await behind.claim({ digest: 'a', issuedAt })).toBe('used')
    // The one that is behind accepts the proof for 58 s more.
    const left = Number(await one.redis.admin('pttl', 'envoy-fapi:{0}pa'))
    expect(left).toBeGreaterThan((60 + 29) * 1000)
  })

  test.each([31, -31, 3600, -3600])(
    'clock-forward, clock-back: a clock %d s off Redis takes nothing',
    async (seconds) => {
      const { claim, step, until, works, redis, now } = await settledStore()
      const used = await spend(claim, 20)
      step(seconds)
      expect(await claim({ digest: 'new' })).toBe('unavailable')
      await until('clock')
      for (const digest of used) await redis.admin('del', `envoy-fapi:{0}p${digest}`)
      step(-seconds)
      await works()
      // Entries may have ended before their time.
      expect(await resend(claim, used)).toEqual(new Set(['unknown']))
      expect(await claim({ digest: 'newer', issuedAt: Math.floor(now()) + 5 })).toBe('fresh')
    },
  )

  test('clock-back: when the clock of Redis falls back, what had ended is unknown', async () => {
    const { claim, redis } = await settledStore()
    const used = await spend(claim, 20)
    for (const digest of used) await redis.admin('del', `envoy-fapi:{0}p${digest}`)
    await redis.admin('hset', MARKER, 'seen', Date.now() + 6000)
    expect(await resend(claim, used)).toEqual(new Set(['unknown']))
  })

  test('a route that takes proofs for longer does not take those that were kept for less', async () => {
    const { claim, redis } = await settledStore()
    const used = await spend(claim, 20)
    for (const digest of used) await redis.admin('del', `envoy-fapi:{0}p${digest}`)
    expect(await claim({ digest: used[0] ?? '', ttl: 300 })).toBe('unknown')
    expect(await redis.admin('hget', MARKER, 'window')).toBe('300000')
  })
})

test('replay-flood: one key gets its share, others are served, and its first proof stays used', async () => {
  const { claim } = await settledStore({ quota: 100 })
  const fresh = await spend(claim, 300)
  expect(fresh).toHaveLength(100)
  expect(await resend(claim, ['one more', 'another'])).toEqual(new Set(['quota']))
  expect(await claim({ digest: 'of another', thumbprint: 'another' })).toBe('fresh')
  expect(await resend(claim, fresh)).toEqual(new Set(['used']))
})

test('what was counted before the window grew does not count for ever', async () => {
  const { claim, now } = await settledStore({ quota: 20 })
  expect(await spend(claim, 15)).toHaveLength(15)
  const issuedAt = Math.floor(now()) + 5
  expect(await claim({ digest: 'kept for longer', ttl: 300, issuedAt })).toBe('fresh')
  expect(await spend(claim, 30, { prefix: 'more', issuedAt })).toHaveLength(19)
})

describe('redis-garbage: data of another kind', () => {
  test('where the proof should lie', async () => {
    const { claim, redis } = await settledStore()
    await redis.admin('rpush', 'envoy-fapi:{0}pdigest', 'x')
    expect(await claim()).toBe('unavailable')
    expect(await claim({ digest: 'another' })).toBe('fresh')
  })
  test.each(['', 'x', '1 ', 'fresh'])('"%s" as the entry of a proof', async (value) => {
    const { claim, redis } = await settledStore()
    await redis.admin('set', 'envoy-fapi:{0}pdigest', value)
    expect(await claim({ owner: 'owner' })).toBe('used')
  })
  test.each(['horizon', 'newest', 'seen', 'window'])('as the marker’s %s', async (field) => {
    const { claim, redis } = await settledStore()
    await redis.admin('hset', MARKER, field, 'x')
    expect(await claim()).toBe('unavailable')
  })
  test('where the marker should lie', async () => {
    const { claim, redis } = await settledStore()
    await redis.admin('del', MARKER)
    await redis.admin('set', MARKER, 'x')
    expect(await claim()).toBe('unavailable')
  })
})
