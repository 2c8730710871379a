import type { TestRedis } from './redis.ts'

/** What can be wrong with a Redis that was well: the cause we name for it, how it begins, and how it ends. */
export interface RedisFault {
  readonly cause: string
  readonly begin: (redis: TestRedis) => unknown
  readonly end: (redis: TestRedis) => unknown
}

export const redisFaults = {
  'redis-kill': { cause: 'connection', begin: ({ kill }) => kill(), end: ({ start }) => start() },
  'redis-hang': {
    cause: 'timeout',
    begin: ({ signal }) => signal('SIGSTOP'),
    end: ({ signal }) => signal('SIGCONT'),
  },
  'redis-full, evicting': {
    cause: 'evicting',
    begin: ({ admin }) => admin('config', 'set', 'maxmemory-policy', 'allkeys-lru'),
    end: ({ admin }) => admin('config', 'set', 'maxmemory-policy', 'noeviction'),
  },
  'redis-readonly': {
    cause: 'readonly',
    begin: ({ admin }) => admin('replicaof', '127.0.0.1', 1),
    end: ({ admin }) => admin('replicaof', 'no', 'one'),
  },
} satisfies Readonly<Record<string, RedisFault>>
