import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis, type RedisOptions } from 'ioredis'
import { vi } from 'vitest'
import { findFree } from '../../demo/ports.ts'
import { startRedis as launchRedis, type RunningRedis } from '../../tools/redis.ts'

/** A real redis-server on loopback, with a folder of its own. */
export interface TestRedis {
  readonly port: number
  readonly url: string
  readonly directory: string
  /** One command on a connection of its own, as an operator gives it. */
  readonly admin: (command: string, ...args: readonly (string | number)[]) => Promise<unknown>
  /** SIGKILL, as a crash. */
  readonly kill: () => Promise<void>
  /** Starts again on the same port, with whatever lies in its folder. */
  readonly start: () => Promise<void>
  readonly signal: (name: NodeJS.Signals) => void
  readonly stop: () => Promise<void>
}

/** How a server differs from one that keeps nothing on disk and takes plain connections. */
export interface RedisSettings {
  readonly args?: readonly string[]
  /** How `admin` connects. */
  readonly admin?: Pick<RedisOptions, 'tls' | 'username' | 'password'>
  readonly port?: number
  /** The port where it takes TLS instead of plain connections. */
  readonly tls?: boolean
}

export async function startRedis(settings: RedisSettings = {}): Promise<TestRedis> {
  const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-redis-'))
  const [free = 0] = await findFree(1)
  const port = settings.port ?? free
  let running: RunningRedis | undefined
  /** Ends one that has not come up yet. */
  let giveUp: (() => Promise<void>) | undefined
  const admin: TestRedis['admin'] = async (command, ...args) => {
    const client = new Redis({ port, lazyConnect: true, retryStrategy: () => null, ...settings.admin })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return await client.call(command, ...args)
    } finally {
      client.disconnect()
    }
  }
  const kill = async (): Promise<void> => {
    const ending = running
    running = undefined
    await (ending?.kill ?? giveUp)?.()
  }
  const start = async (): Promise<void> => {
    const tls = settings.tls ? ['--port', '0', '--tls-port', `${port}`] : []
    const more = [...tls, ...(settings.args ?? [])]
    const log = join(directory, 'redis.log')
    const spawned = (stop: () => Promise<void>): void => {
      giveUp = stop
    }
    running = await launchRedis({ redis: 'redis-server', port, directory, log, more, spawned })
    // What lies in its folder is read after the port is open.
    await vi.waitFor(() => admin('ping'), { timeout: 10_000, interval: 20 })
  }
  await start()
  return {
    port,
    url: `${settings.tls ? 'rediss' : 'redis'}://127.0.0.1:${port}`,
    directory,
    admin,
    kill,
    start,
    signal: (name) => running?.signal(name),
    stop: async () => {
      await kill()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Everything the user of the service may do, as docs/replicas.md lists it. */
const rights = '+evalsha +eval +info +time +hmget +hset +hdel +get +set +hgetall +hincrby +pexpire +ping'.split(' ')
/** Words of `ACL` that make a user with these rights and no others. */
export const grant = (password: string) => [
  'setuser',
  'fapi',
  'reset',
  'on',
  `>${password}`,
  '~envoy-fapi:*',
  ...rights,
]
