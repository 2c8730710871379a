import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import {
  afterLoss,
  forgetStart,
  freshRedis,
  MARKER,
  openStore,
  resend,
  settledStore,
  spend,
} from '../../support/redis-replays.ts'

const lossesOf = ({ events }: Pick<Awaited<ReturnType<typeof settledStore>>, 'events'>): readonly string[] =>
  events.flatMap((event) => (event.kind === 'lost' ? [event.loss] : []))

describe('att-dpop-07 Redis forgets used proofs', () => {
  test('redis-flush: none of them passes, newer ones do', async () => {
    const replica = await settledStore()
    const { claim, redis, step, store } = replica
    const used = [
      ...(await spend(claim, 500, { prefix: 'a', thumbprint: 'a' })),
      ...(await spend(claim, 500, { prefix: 'b', thumbprint: 'b' })),
    ]
    expect(used).toHaveLength(1000)
    await redis.admin('flushall')
    expect(await resend(claim, used)).toEqual(new Set(['unknown']))
    expect(lossesOf(replica)).toEqual(['emptied', 'emptied'])
    expect(await claim({ digest: 'a 0', issuedAt: afterLoss({ store, step }) })).toBe('fresh')
  })

  test('a proof dated as far ahead as is allowed does not pass either', async () => {
    const { claim, redis, now, store } = await settledStore()
    const issuedAt = Math.floor(now()) + 10
    expect(await claim({ issuedAt })).toBe('fresh')
    await redis.admin('flushall')
    // Nobody who knew of it is left.
    store.close()
    const other = openStore({ replay: redis.url })
    await other.until(undefined)
    expect(await other.claim({ issuedAt })).toBe('unknown')
  })

  test('nor further ahead than the replica allowed that noticed the loss', async () => {
    const { claim, redis, now, store } = await settledStore({ maxFuture: 60 })
    const issuedAt = Math.floor(now()) + 50
    expect(await claim({ issuedAt })).toBe('fresh')
    store.close()
    await redis.admin('flushall')
    const other = openStore({ replay: redis.url })
    await other.until(undefined)
    expect(other.store.unknownUntil()).toBeLessThan(issuedAt)
    // A reload lets it take what it did not take before.
    expect(await other.claim({ issuedAt })).toBe('unknown')
    expect(await other.claim({ digest: 'newer', issuedAt: afterLoss(other) })).toBe('fresh')
  })

  test('redis-restart-empty: none of them passes', async () => {
    const replica = await settledStore()
    const { claim, redis, works } = replica
    const used = await spend(claim, 100)
    await redis.kill()
    await redis.start()
    await works()
    expect(await resend(claim, used)).toEqual(new Set(['unknown']))
    expect(lossesOf(replica)).toEqual(['emptied', 'emptied'])
  })

  test('a restart from an older snapshot: what it lacks does not pass', async () => {
    const replica = await settledStore()
    const { claim, redis, works, step, store } = replica
    const kept = await spend(claim, 50, { prefix: 'kept' })
    await redis.admin('save')
    const lacking = await spend(claim, 50, { prefix: 'lacking' })
    await redis.kill()
    await redis.start()
    await works()
    expect(await resend(claim, kept)).toEqual(new Set(['used']))
    expect(await resend(claim, lacking)).toEqual(new Set(['unknown']))
    expect(lossesOf(replica)).toEqual(['emptied', 'restarted'])
    expect(await claim({ digest: 'newer', issuedAt: afterLoss({ store, step }) })).toBe('fresh')
    rmSync(join(redis.directory, 'dump.rdb'))
  })

  test('a replica that starts after a restart from a snapshot knows it as well', async () => {
    const { claim, redis, store } = await settledStore()
    await redis.admin('save')
    expect(await claim({ digest: 'lacking' })).toBe('fresh')
    store.close()
    await redis.kill()
    await redis.start()
    const later = openStore({ replay: redis.url })
    await later.until(undefined)
    expect(await later.claim({ digest: 'lacking' })).toBe('unknown')
  })

  test('a marker that went back in time is noticed by whoever knows a newer one', async () => {
    const { claim, redis, now } = await settledStore()
    const used = await spend(claim, 10)
    const newest = await redis.admin('hget', MARKER, 'newest')
    await redis.admin('hset', MARKER, 'newest', Math.floor(now() - 60) * 1000)
    for (const digest of used) await redis.admin('del', `envoy-fapi:{0}p${digest}`)
    expect(await resend(claim, used)).toEqual(new Set(['unknown']))
    expect(await redis.admin('hget', MARKER, 'horizon')).toBe(newest)
  })
})

describe('failover', () => {
  test('redis-readonly: a replica is no store; promoted, it takes nothing that may have been used before', async () => {
    const primary = await freshRedis()
    const replica = await settledStore()
    const { claim, redis, until } = replica
    const used = await spend(claim, 50)
    await redis.admin('replicaof', '127.0.0.1', primary.port)
    await until('readonly')
    expect(await resend(claim, used)).toEqual(new Set(['unavailable']))
    await vi.waitFor(async () => expect(await redis.admin('exists', `envoy-fapi:{0}p${used[0]}`)).toBe(0), 10_000)
    await redis.admin('replicaof', 'no', 'one')
    await until(undefined)
    expect(await resend(claim, used)).toEqual(new Set(['unknown']))
  })

  test('a replica that lags behind when it is promoted lets nothing pass twice', async () => {
    const { claim, redis, works, store } = await settledStore()
    const standby = await freshRedis()
    await standby.admin('replicaof', '127.0.0.1', redis.port)
    await vi.waitFor(async () => expect(await standby.admin('exists', MARKER)).toBe(1), 10_000)
    // The first replica gives the data a history of its own, which the store cannot tell from a loss.
    await works()
    await forgetStart(redis)
    // From here on the standby hears nothing any more.
    standby.signal('SIGSTOP')
    await redis.admin('client', 'kill', 'type', 'replica')
    const lacking = await spend(claim, 50, { prefix: 'lacking' })
    await redis.kill()
    standby.signal('SIGCONT')
    await standby.admin('replicaof', 'no', 'one')
    store.close()
    const after = openStore({ replay: standby.url })
    await after.until(undefined)
    expect(await resend(after.claim, lacking)).toEqual(new Set(['unknown']))
    expect(lossesOf(after)).toEqual(['restarted'])
  })

  test('there and back again: a primary that was a replica in between is not the one it was', async () => {
    const { claim, redis, store, works } = await settledStore()
    const other = await freshRedis()
    await other.admin('replicaof', '127.0.0.1', redis.port)
    await vi.waitFor(async () => expect(await other.admin('exists', MARKER)).toBe(1), 10_000)
    await works()
    await forgetStart(redis)
    await vi.waitFor(async () => expect(await other.admin('hget', MARKER, 'horizon')).toBe('0'), 10_000)
    await other.admin('replicaof', 'no', 'one')
    const lacking = await spend(claim, 20, { prefix: 'lacking' })
    store.close()
    await redis.admin('replicaof', '127.0.0.1', other.port)
    await vi.waitFor(async () => expect(await redis.admin('exists', `envoy-fapi:{0}p${lacking[0]}`)).toBe(0), 10_000)
    await redis.admin('replicaof', 'no', 'one')
    const after = openStore({ replay: redis.url })
    await after.until(undefined)
    expect(await resend(after.claim, lacking)).toEqual(new Set(['unknown']))
  })
})

describe('replicas of the service', () => {
  test('what one has used is used up for all, also for one that starts later', async () => {
    const one = await settledStore()
    const other = openStore({ replay: one.redis.url })
    await other.until(undefined)
    const used = await spend(one.claim, 50)
    expect(await resend(other.claim, used)).toEqual(new Set(['used']))
    const later = openStore({ replay: one.redis.url })
    await later.until(undefined)
    expect(await resend(later.claim, used)).toEqual(new Set(['used']))
    expect(await later.claim({ digest: 'new' })).toBe('fresh')
    expect(lossesOf(later)).toEqual([])
  })

  test('rolling: a replica that ends and starts again takes and loses nothing', async () => {
    const one = await settledStore()
    const used = await spend(one.claim, 20)
    one.store.close()
    const again = openStore({ replay: one.redis.url })
    await again.until(undefined)
    expect(await resend(again.claim, used)).toEqual(new Set(['used']))
    expect(await spend(again.claim, 20, { prefix: 'more' })).toHaveLength(20)
  })

  test('two that find the store empty at once agree on what is unknown', async () => {
    const one = await settledStore()
    const other = openStore({ replay: one.redis.url })
    await other.until(undefined)
    await one.redis.admin('flushall')
    await Promise.all([one.claim({ digest: 'a' }), other.claim({ digest: 'b' })])
    expect(one.store.unknownUntil()).toBe(other.store.unknownUntil())
    const digests = Array.from({ length: 50 }, (_, index) => `copy ${index}`)
    const issuedAt = afterLoss(one, other)
    for (const digest of digests) {
      const answers = await Promise.all([one, other].map(({ claim }) => claim({ digest, issuedAt })))
      expect(answers.sort()).toEqual(['fresh', 'used'])
    }
  })

  test('att-dpop-05, replay-race: of 200 copies over three of them exactly one is fresh, a hundred times', async () => {
    const one = await settledStore()
    const stores = [one, openStore({ replay: one.redis.url }), openStore({ replay: one.redis.url })]
    for (const { until } of stores) await until(undefined)
    for (let round = 0; round < 100; round++) {
      const copies = Array.from({ length: 200 }, (_, index) => stores[index % 3]?.claim({ digest: `round ${round}` }))
      const answers = await Promise.all(copies)
      expect(answers.filter((answer) => answer === 'fresh')).toHaveLength(1)
    }
  })
})
