import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test, vi } from 'vitest'
import { findFree } from '../../../demo/ports.ts'
import { exitOf, stopProcess } from '../../../tools/envoy.ts'
import { grant, type TestRedis } from '../../support/redis.ts'
import { afterLoss, freshRedis, openStore, resend, spend } from '../../support/redis-replays.ts'
import { startRelay } from '../../support/relay.ts'

/** A Sentinel that moves the primary after a second of silence, and one vote is enough. */
async function startSentinel(primary: TestRedis): Promise<Pick<TestRedis, 'url' | 'admin'>> {
  const [port = 0] = await findFree(1)
  const file = join(primary.directory, `sentinel-${port}.conf`)
  const settings = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${primary.directory}`,
    `sentinel monitor replays 127.0.0.1 ${primary.port} 1`,
    'sentinel down-after-milliseconds replays 1000',
    'sentinel failover-timeout replays 5000',
  ]
  writeFileSync(file, settings.join('\n'))
  const child = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' })
  const ended = exitOf(child)
  onTestFinished(() => stopProcess(child, ended))
  const client = new Redis({ port, retryStrategy: () => 50 })
  client.on('error', () => undefined)
  onTestFinished(() => client.disconnect())
  // It cannot promote a standby that it has not heard of.
  await vi.waitFor(async () => expect(await client.call('sentinel', 'replicas', 'replays')).toHaveLength(1), 20_000)
  return { url: `redis://127.0.0.1:${port}`, admin: (command, ...args) => client.call(command, ...args) }
}

test('Sentinel: each is listened to, and one that cannot be reached prints nothing', { timeout: 60_000 }, async () => {
  const printed = vi.spyOn(console, 'error').mockImplementation(() => undefined)
  onTestFinished(() => printed.mockRestore())
  const primary = await freshRedis()
  const standby = await freshRedis()
  await standby.admin('replicaof', '127.0.0.1', primary.port)
  const { url, admin } = await startSentinel(primary)
  const gone = await startRelay(primary.port)
  await gone.stop()
  const sentinel = { master: 'replays', urls: [url, gone.url] }
  const { until } = openStore({ replay: { sentinel } })
  await until(undefined)
  const listeners = async () => String(await admin('client', 'list', 'type', 'pubsub')).match(/name=envoy-fapi /g)
  await vi.waitFor(async () => expect(await listeners()).toHaveLength(1), 10_000)
  // Long enough for the other to be refused.
  const end = performance.now() + 500
  await vi.waitFor(() => expect(performance.now()).toBeGreaterThan(end), 5000)
  expect(printed).not.toHaveBeenCalled()
})

test('Sentinel: after a failover the new primary is found, and no used proof passes there', {
  timeout: 60_000,
}, async () => {
  const primary = await freshRedis()
  const standby = await freshRedis()
  await standby.admin('replicaof', '127.0.0.1', primary.port)
  await vi.waitFor(async () => expect(await standby.admin('info', 'replication')).toContain('link_status:up'), 10_000)
  const { url } = await startSentinel(primary)
  const { claim, until, works, step, store } = openStore({ replay: { sentinel: { master: 'replays', urls: [url] } } })
  await until(undefined)
  const issuedAt = afterLoss({ store, step })
  const used = await spend(claim, 50, { issuedAt })
  expect(used).toHaveLength(50)
  await primary.kill()
  await until('connection')
  await vi.waitFor(async () => expect(await standby.admin('info', 'replication')).toContain('role:master'), {
    timeout: 40_000,
    interval: 100,
  })
  await works()
  await until(undefined)
  expect([...(await resend(claim, used, { issuedAt }))].filter((answer) => answer === 'fresh')).toEqual([])
  // The new primary may still be busy becoming one; until then the answer is a refusal.
  let newer = 0
  await vi.waitFor(
    async () => expect(await claim({ digest: `newer-${++newer}`, issuedAt: afterLoss({ store, step }) })).toBe('fresh'),
    10_000,
  )
})

/** Three primaries without replicas; every slot is served. */
async function startCluster(): Promise<readonly TestRedis[]> {
  const ports = await findFree(3)
  const nodes = await Promise.all(
    ports.map((port) =>
      freshRedis({
        port,
        args: [
          '--cluster-enabled',
          'yes',
          '--cluster-require-full-coverage',
          'no',
          '--cluster-port',
          `${port > 40_000 ? port - 20_000 : port + 10_000}`,
        ],
      }),
    ),
  )
  const [first] = nodes
  for (const [index, node] of nodes.entries()) {
    const from = Math.floor((index * 16_384) / 3)
    const to = Math.floor(((index + 1) * 16_384) / 3) - 1
    await node.admin('cluster', 'addslotsrange', from, to)
    if (first && node !== first)
      await node.admin(
        'cluster',
        'meet',
        '127.0.0.1',
        first.port,
        first.port > 40_000 ? first.port - 20_000 : first.port + 10_000,
      )
  }
  await vi.waitFor(
    async () => {
      for (const node of nodes) {
        const info = String(await node.admin('cluster', 'info'))
        expect(info).toContain('cluster_state:ok')
        expect(info).toContain('cluster_slots_assigned:16384')
      }
    },
    { timeout: 20_000, interval: 50 },
  )
  return nodes
}

test('Cluster: proofs are spread over the nodes, and each is used once', { timeout: 60_000 }, async () => {
  const nodes = await startCluster()
  for (const { admin } of nodes) await admin('acl', ...grant('correct horse'), '+cluster')
  const replay = { cluster: nodes.map(({ url }) => url), username: 'fapi', password: 'correct horse' }
  const one = openStore({ replay, shards: 16 })
  const other = openStore({ replay, shards: 16 })
  await one.until(undefined)
  await other.until(undefined)
  const issuedAt = afterLoss(one, other)
  for (const thumbprint of 'ABCDEFGHIJKLMNOP')
    for (const digest of ['a', 'b', 'c']) {
      const wanted = { thumbprint, digest: thumbprint + digest, issuedAt }
      const answers = await Promise.all([one, other, one, other].map(({ claim }) => claim(wanted)))
      expect(answers.filter((answer) => answer === 'fresh')).toHaveLength(1)
      expect(answers.filter((answer) => answer === 'used')).toHaveLength(3)
    }
  const sizes = await Promise.all(nodes.map((node) => node.admin('dbsize')))
  expect(sizes.every((size) => Number(size) > 0)).toBe(true)

  const [lost] = nodes
  await lost?.admin('flushall')
  const answers = await Promise.all(
    [...'ABCDEFGHIJKLMNOP'].map((thumbprint) =>
      one.claim({ thumbprint, digest: `${thumbprint}a`, issuedAt: Math.floor(one.now()) }),
    ),
  )
  expect(answers).not.toContain('fresh')
})
