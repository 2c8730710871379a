import { vi } from 'vitest'
import type { Claim } from '../../src/ports.ts'
import { settledStore } from './redis-replays.ts'
import { buildReplays, flood, type Wanted } from './replays.ts'

/** A store of either kind that remembers since long ago, and what a test can do to it. */
export interface StoreUnderTest {
  readonly claim: (wanted?: Wanted) => Promise<Claim>
  readonly now: () => number
  /** Lets so many seconds go by for all that is remembered. */
  readonly pass: (seconds: number) => Promise<void>
  /** Takes all the room there is; returns how to give it back. */
  readonly fill: () => Promise<() => Promise<void>>
}

/** Longer than any entry lives, seconds. */
export const FOREVER = 200

export async function buildMemoryStore(): Promise<StoreUnderTest> {
  const { claim, pass, now } = buildReplays({ capacity: 3000 })
  return await Promise.resolve({
    claim: async (wanted) => await Promise.resolve(claim(wanted)),
    now,
    pass: async (seconds) => await Promise.resolve(pass(seconds)),
    fill: async () => {
      for (const thumbprint of ['x', 'y', 'z']) flood(claim, 1000, { prefix: thumbprint, thumbprint })
      return await Promise.resolve(async () => await Promise.resolve(pass(FOREVER)))
    },
  })
}

/** The clock of Redis cannot be moved, so that what it keeps is made older instead. */
export async function buildRedisStore(): Promise<StoreUnderTest> {
  const { redis, claim, now } = await settledStore()
  const pass = async (seconds: number): Promise<void> => {
    for (const key of (await redis.admin('keys', '*')) as string[]) {
      if (key.includes('}p')) await redis.admin('eval', AGE, 1, key, seconds * 1000)
      if (key.includes('}q') && seconds >= FOREVER) await redis.admin('del', key)
    }
  }
  const fill = async (): Promise<() => Promise<void>> => {
    await redis.admin('config', 'set', 'maxmemory', 1)
    await vi.waitFor(async () => {
      if ((await claim({ digest: 'no room' })) !== 'full') throw new Error('there is room')
    })
    return async () => void (await redis.admin('config', 'set', 'maxmemory', 0))
  }
  return { claim, now, pass, fill }
}

const AGE = `
local at, owner = string.match(redis.call('GET', KEYS[1]), '^(%d+) (.+)$')
local left = redis.call('PTTL', KEYS[1]) - ARGV[1]
if left <= 0 then return redis.call('DEL', KEYS[1]) end
return redis.call('SET', KEYS[1], string.format('%d %s', at - ARGV[1], owner), 'PX', left)
`
