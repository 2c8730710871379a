import { describe, expect, test } from 'vitest'
import { stores } from '../../src/config-stores.ts'
import { judgeStore, type StoreObservation, worstOf } from '../../src/doctor/replay-store.ts'
import { tryReplayStore } from '../../src/io/doctor-redis.ts'
import { grant } from '../support/redis.ts'
import { freshRedis } from '../support/redis-replays.ts'

/** What doctor says of a replay store: ids, `ok` for what is fine, and the words that are not about time. */
async function examine(replay: object | string) {
  const findings = await tryReplayStore({ stores: stores.parse({ replay }) })
  return findings.map(({ id, severity, tried, found }) =>
    `${id ?? severity} ${tried}: ${found}`.replace(/\d+ ms/, 'N ms'),
  )
}

const healthy = [
  'ok replay store: answers in N ms, and its user may do what is needed',
  'ok replay store: maxmemory-policy: noeviction',
  'ok clock of the replay store: within 1 s of ours',
]
// So that a busy machine is not taken for a slow Redis.
const patient = { timeout: '100ms' }
const roomy = ['--maxmemory', '64mb']

describe('a real Redis', () => {
  test('that is as it has to be, for the user that docs/replicas.md makes; nothing of it is touched', async () => {
    const redis = await freshRedis({ args: roomy })
    await redis.admin('acl', ...grant('correct horse'))
    const user = { username: 'fapi', password: 'correct horse' }
    expect(await examine({ ...patient, ...user, url: redis.url })).toEqual(healthy)
    const left = (await redis.admin('keys', '*')) as readonly string[]
    expect(left.filter((key) => !key.startsWith('envoy-fapi:{0}doctor-'))).toEqual([])
    for (const key of left) expect(await redis.admin('pttl', key)).not.toBe(-1)
  })
  test('a wrong password, and it is not told', async () => {
    const redis = await freshRedis({ args: roomy })
    await redis.admin('acl', ...grant('correct horse'))
    const [told = '', ...more] = await examine({ ...patient, url: redis.url, username: 'fapi', password: 'battery' })
    expect(told).toMatch(/^DR-16 replay store: authentication: Redis refuses the user, its password or its rights/)
    expect(told).not.toContain('battery')
    expect(more).toEqual([])
  })
  test.each(grant('').filter((word) => /^\+(?!evalsha|eval|ping)/.test(word)))('a user without %s', async (right) => {
    const redis = await freshRedis({ args: roomy })
    await redis.admin('acl', ...grant('correct horse'), right.replace('+', '-'))
    const user = { username: 'fapi', password: 'correct horse' }
    expect(await examine({ ...patient, ...user, url: redis.url })).toEqual([
      expect.stringMatching(/^DR-16 replay store: authentication/),
    ])
  })
  test('that is down', async () => {
    const redis = await freshRedis()
    await redis.kill()
    expect(await examine({ ...patient, url: redis.url })).toEqual([
      'DR-16 replay store: connection: there is no connection to Redis (ECONNREFUSED)',
    ])
  })
  test('that evicts, and has no limit', async () => {
    const redis = await freshRedis({ args: ['--maxmemory-policy', 'allkeys-lru'] })
    expect(await examine({ ...patient, url: redis.url })).toEqual([
      healthy[0],
      'DR-17 replay store: maxmemory-policy: allkeys-lru',
      'DR-18 replay store: maxmemory: there is no limit',
      healthy[2],
    ])
  })
  test('that is full', async () => {
    const redis = await freshRedis({ args: ['--maxmemory', '1'] })
    expect(await examine({ ...patient, url: redis.url })).toEqual([
      expect.stringMatching(/^DR-16 replay store: full: Redis has no memory left/),
    ])
  })
  test('that is a replica of another one', async () => {
    const redis = await freshRedis()
    await redis.admin('replicaof', '127.0.0.1', 1)
    expect(await examine({ ...patient, url: redis.url })).toEqual([
      expect.stringMatching(/^DR-16 replay store: readonly: Redis is a read-only replica/),
    ])
  })
})

test('an authority that cannot be read', async () => {
  const [told, ...more] = await examine({ url: 'rediss://127.0.0.1:1', tls: { ca: '/nowhere/ca.pem' } })
  expect(told).toMatch(/^DR-13 stores\.replay: tls\.ca: /)
  expect(more).toEqual([])
})

test('memory needs nothing from outside', async () => expect(await examine('memory')).toEqual([]))

const fine: StoreObservation = { took: 1, skew: 0, policy: 'noeviction', memory: 1 }
test('of several nodes the worst is told', () => {
  const second = { took: 9, skew: -40_000, policy: 'allkeys-lru', memory: 0 }
  expect(worstOf([fine, second, fine])).toEqual(second)
  expect(worstOf([fine])).toEqual(fine)
})
test.each<readonly [string, Partial<StoreObservation>, readonly string[]]>([
  ['as it has to be', {}, []],
  ['slower than the timeout', { took: 31 }, ['DR-16']],
  ['just in time', { took: 30 }, []],
  ['that evicts what expires', { policy: 'volatile-ttl' }, ['DR-17']],
  ['without a limit', { memory: 0 }, ['DR-18']],
  ['twelve seconds ahead', { skew: 12_000 }, ['DR-09']],
  ['a minute behind', { skew: -60_000 }, ['DR-10']],
])('a store %s', (_, change, ids) => {
  expect(judgeStore({ ...fine, ...change }, 30).flatMap(({ id }) => id ?? [])).toEqual(ids)
})
