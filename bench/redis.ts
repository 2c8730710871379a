import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { findFree } from '../demo/ports.ts'
import { findRedis, startRedis } from '../tools/redis.ts'

/** Redis for the benchmark and its own account of the CPU time it used, microseconds. Undefined when it is not here. */
export async function startBenchRedis() {
  const redis = findRedis()
  if (redis === undefined) return undefined
  const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-bench-redis-'))
  const [port = 0] = await findFree(1)
  const running = await startRedis({ redis, port, directory, log: join(directory, 'redis.log') })
  const client = new Redis(running.url)
  // Without a listener ioredis prints its errors; a question that fails is told by `usage`.
  client.on('error', () => undefined)
  return {
    url: running.url,
    async usage(): Promise<number> {
      const text = await client.info('cpu')
      const [user, system] = ['user', 'sys'].map((kind) =>
        Number(new RegExp(`used_cpu_${kind}:([0-9.]+)`).exec(text)?.[1] ?? Number.NaN),
      )
      return ((user ?? Number.NaN) + (system ?? Number.NaN)) * 1e6
    },
    async stop(): Promise<void> {
      client.disconnect()
      await running.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
