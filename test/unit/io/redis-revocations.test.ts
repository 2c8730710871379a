import { describe, expect, onTestFinished, test } from 'vitest'
import type { TestRedis } from '../../support/redis.ts'
import { type RedisFault, redisFaults } from '../../support/redis-faults.ts'
import { freshRedis } from '../../support/redis-replays.ts'
import { digest, type Follower, follow, revoked, STEM } from '../../support/redis-revocations.ts'
import { startRelay } from '../../support/relay.ts'

/** Two replicas of one list that are up to date. */
async function twoReplicas(server: Parameters<typeof freshRedis>[0] = {}) {
  const redis = await freshRedis(server)
  const [one, other] = [follow(redis.url), follow(redis.url)]
  await Promise.all([one, other].map(({ list, until }) => until(() => list.current)))
  return { redis, one, other }
}

const jtis = (count: number, prefix = 'token') => Array.from({ length: count }, (_, index) => `${prefix} ${index}`)

const pushAll = async ({ list }: Follower, names: readonly string[]): Promise<void> => {
  for (let at = 0; at < names.length; at += 200)
    expect(await list.push(names.slice(at, at + 200).map((jti) => revoked(jti)))).toBe('stored')
}

test('JWT-29 what is pushed at one replica counts there at once, and at the other one soon', async () => {
  const { one, other } = await twoReplicas()
  expect(await one.list.push([revoked('bad')])).toBe('stored')
  expect(one.knows('bad')).toBe(true)
  await other.until(() => other.knows('bad'))
  expect([one.knows('good'), other.knows('good')]).toEqual([false, false])
  expect([one.list.size, other.list.size]).toEqual([1, 1])
})

test('a replica that starts later reads everything first, many pages of it', async () => {
  const { redis, one } = await twoReplicas()
  const names = jtis(700)
  await pushAll(one, names)
  const late = follow(redis.url)
  expect(late.list.current).toBe(false)
  await late.until(() => late.list.current)
  expect(names.filter((name) => !late.knows(name))).toEqual([])
})

test('a replica that was away while more was pushed than one answer holds misses nothing', async () => {
  const { redis, one } = await twoReplicas()
  const relay = await startRelay(redis.port)
  onTestFinished(relay.stop)
  const away = follow(relay.url)
  await away.until(() => away.list.current)
  relay.delay = 800
  const names = jtis(600)
  await pushAll(one, names)
  relay.delay = 0
  await away.until(() => names.every((name) => away.knows(name)))
  expect(away.events.filter(({ kind }) => kind === 'refilled')).toEqual([])
})

test('lists of two issuers have nothing to do with each other', async () => {
  const { redis, one } = await twoReplicas()
  const foreign = follow(redis.url, { stem: 'envoy-fapi:{rother}' })
  await foreign.until(() => foreign.list.current)
  await pushAll(one, ['bad'])
  const witness = follow(redis.url)
  await witness.until(() => witness.knows('bad'))
  await foreign.until(() => foreign.list.age < witness.list.age + 1)
  expect(foreign.knows('bad')).toBe(false)
})

describe('Redis that may have lost entries is filled again from what the replicas know', () => {
  const losses: Readonly<Record<string, (redis: TestRedis) => Promise<unknown>>> = {
    'redis-flush': ({ admin }) => admin('flushall'),
    'a restart without a disk': async ({ kill, start }) => {
      await kill()
      await start()
    },
    'an evicted list': ({ admin }) => admin('del', `${STEM}h`),
    'a list that another process overwrote': ({ admin }) => admin('hdel', `${STEM}h`, 'epoch'),
  }
  test.each(Object.entries(losses))('%s', async (_, lose) => {
    const { redis, one, other } = await twoReplicas()
    await pushAll(one, jtis(300))
    await other.until(() => other.knows('token 299'))
    await lose(redis)
    for (const { until, events } of [one, other]) await until(() => events.some(({ kind }) => kind === 'refilled'))
    expect([one.knows('token 0'), other.knows('token 0')]).toEqual([true, true])
    await pushAll(other, ['afterwards'])
    await one.until(() => one.knows('afterwards'))
    const late = follow(redis.url)
    await late.until(() => late.list.current && late.list.size === 301)
    expect(late.knows('token 299')).toBe(true)
  })
  test('an older snapshot', async () => {
    const { redis, one } = await twoReplicas()
    await pushAll(one, ['saved'])
    await redis.admin('save')
    await pushAll(one, ['unsaved'])
    await redis.kill()
    await redis.start()
    await one.until(() => one.events.some(({ kind }) => kind === 'refilled'))
    const late = follow(redis.url)
    await late.until(() => late.list.current && late.knows('unsaved'))
    expect(late.knows('saved')).toBe(true)
  })
  test('a stream of changes that is gone, or has a gap, is no list of changes', async () => {
    const { redis, one } = await twoReplicas()
    const relay = await startRelay(redis.port)
    onTestFinished(relay.stop)
    const away = follow(relay.url)
    await away.until(() => away.list.current)
    relay.delay = 800
    await pushAll(one, ['before'])
    await redis.admin('del', `${STEM}s`)
    await pushAll(one, ['after'])
    relay.delay = 0
    await away.until(() => away.knows('before') && away.knows('after'))
    expect(away.events.map(({ kind }) => kind)).toEqual(['up'])
    const late = follow(redis.url)
    await late.until(() => late.knows('before') && late.knows('after'))
  })
  test('a new Redis gets what was known from the old one', async () => {
    const redis = await freshRedis()
    const moved = follow(redis.url, { inherited: [revoked('old')] })
    await moved.until(() => moved.list.current)
    const late = follow(redis.url)
    await late.until(() => late.list.current)
    expect([moved.knows('old'), late.knows('old')]).toEqual([true, true])
  })
})

describe('news that do not come', () => {
  test.each(Object.entries<RedisFault>(redisFaults))(
    '%s: known for half a minute, then not current, and over by itself',
    async (_, fault) => {
      const { redis, one } = await twoReplicas()
      await pushAll(one, ['bad'])
      await fault.begin(redis)
      await one.until(() => one.list.trouble() !== undefined)
      expect([one.list.current, one.knows('bad')]).toEqual([true, true])
      one.step(31)
      expect([one.list.current, one.knows('bad')]).toEqual([false, true])
      expect(await one.list.push([revoked('worse')])).toBe('unavailable')
      expect(one.knows('worse')).toBe(false)
      await fault.end(redis)
      await one.until(() => one.list.current && one.list.trouble() === undefined)
      expect(one.events.map(({ kind }) => kind).filter((kind) => kind !== 'refilled')).toEqual(['up', 'down', 'up'])
      expect(one.events[1]).toMatchObject({ failure: { cause: fault.cause } })
      await pushAll(one, ['worse'])
    },
  )
  test('a start without Redis knows nothing until it is there', async () => {
    const redis = await freshRedis()
    await redis.kill()
    const one = follow(redis.url)
    await one.until(() => one.list.trouble() === 'connection')
    expect([one.list.current, one.list.age]).toEqual([false, Number.POSITIVE_INFINITY])
    await redis.start()
    await one.until(() => one.list.current)
  })
})

describe('nothing is dropped for something else', () => {
  test('a full list says so, keeps what it has, and has room again when entries have ended', async () => {
    const redis = await freshRedis()
    const one = follow(redis.url, { maxEntries: 2 })
    await one.until(() => one.list.current)
    const over = Math.floor(Date.now() / 1000) - 100
    expect(await one.list.push([revoked('ended', over), revoked('bad')])).toBe('stored')
    expect(await one.list.push([revoked('new')])).toBe('stored')
    expect(await one.list.push([revoked('more')])).toBe('full')
    expect([one.knows('bad'), one.knows('new'), one.knows('more')]).toEqual([true, true, false])
    expect(await one.list.push([revoked('bad')])).toBe('stored')
    expect(one.list.current).toBe(true)
  })
  test('a part of a push is not stored', async () => {
    const redis = await freshRedis()
    const one = follow(redis.url, { maxEntries: 2 })
    await one.until(() => one.list.current)
    expect(await one.list.push([revoked('a'), revoked('b'), revoked('c')])).toBe('full')
    const late = follow(redis.url)
    await late.until(() => late.list.current)
    expect(late.list.size).toBe(0)
  })
  test('a replica that has no room for all there is is not current', async () => {
    const { redis, one } = await twoReplicas()
    await pushAll(one, jtis(5))
    const small = follow(redis.url, { maxEntries: 4 })
    await small.until(() => small.list.trouble() === 'full')
    expect(small.list.current).toBe(false)
  })
  test('Redis without memory takes nothing, and what is there still counts', async () => {
    const { redis, one, other } = await twoReplicas()
    await pushAll(one, ['bad'])
    await redis.admin('config', 'set', 'maxmemory', 1)
    expect(await one.list.push([revoked('worse')])).toBe('full')
    await other.until(() => other.knows('bad'))
    expect(other.list.trouble()).toBeUndefined()
  })
})

test('an entry stays in Redis until it is over on both clocks', async () => {
  const redis = await freshRedis()
  const soon = Math.floor(Date.now() / 1000) - 100
  const [slow, right] = [follow(redis.url, { wall: () => soon }), follow(redis.url)]
  await slow.until(() => slow.list.current)
  expect(await slow.list.push([revoked('bad', soon)])).toBe('stored')
  expect(await slow.list.push([revoked('more')])).toBe('stored')
  expect(await redis.admin('hexists', `${STEM}h`, `j${digest('bad')}`)).toBe(1)
  expect(await right.list.push([revoked('again')])).toBe('stored')
  expect(await redis.admin('hexists', `${STEM}h`, `j${digest('bad')}`)).toBe(0)
})

test('a list that was closed while Redis answered does not say that it is stored', async () => {
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
  const run = async (_: readonly string[], [tag]: readonly (string | number)[]) => {
    await answered
    return [tag, 'merged', 'identity', 1, []]
  }
  const link = { run, reconnect: () => undefined, close: () => undefined }
  const one = follow('redis://127.0.0.1:1', { open: () => Promise.resolve(link) })
  await Promise.resolve()
  const pushed = one.list.push([revoked('bad')])
  one.list.close()
  answer()
  expect(await pushed).toBe('unavailable')
})

test('an entry gets stronger, never weaker, also between replicas', async () => {
  const { redis, one, other } = await twoReplicas()
  const sub = (before: number, until: number) => ({ key: `s${digest('a')}`, before, until })
  expect(await one.list.push([sub(10, 3_000_000_000), sub(20, 2_900_000_000)])).toBe('stored')
  expect(await other.list.push([sub(5, 2_000_000_000)])).toBe('stored')
  const kept = () => redis.admin('hget', `${STEM}h`, `s${digest('a')}`)
  expect(await kept()).toBe('20 3000000000')
  expect(await other.list.push([sub(0, 0)])).toBe('stored')
  expect(await kept()).toBe('0 0')
  expect(await redis.admin('zcard', `${STEM}t`)).toBe(0)
})

test('nothing that a token says stands in Redis as it is', async () => {
  const { redis, one } = await twoReplicas()
  await pushAll(one, ['a-token-identifier'])
  expect(JSON.stringify(await redis.admin('hgetall', `${STEM}h`))).not.toContain('identifier')
  expect(JSON.stringify(await redis.admin('xrange', `${STEM}s`, '-', '+'))).not.toContain('identifier')
})
