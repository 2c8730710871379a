import { LRUCache } from 'lru-cache'
import type { Cache } from '../ports.ts'

/** What a cache tells, and the clock it ages by: seconds, this process's own unless told. */
export interface CacheHooks {
  readonly hit?: () => void
  readonly miss?: () => void
  readonly monotonic?: () => number
}

/**
 * A memory of at most `max` entries where forgetting is harmless; entries die after `ttl` seconds at the latest. Never
 * for replay: evicting a live proof would let it pass again. One imported EC key takes about 1 kB, one flag 200 bytes.
 */
export function boundedCache<V extends object | boolean>(
  max: number,
  ttl: number,
  hooks: CacheHooks = {},
): Cache<V> & { readonly size: number } {
  const { monotonic } = hooks
  const perf = monotonic && { now: () => monotonic() * 1000 }
  const cache = new LRUCache<string, V>({ max, ttl: ttl * 1000, ttlResolution: 0, ...(perf && { perf }) })
  return {
    get(key) {
      const value = cache.get(key)
      if (value === undefined) hooks.miss?.()
      else hooks.hit?.()
      return value
    },
    set(key, value, ttlSeconds) {
      if (ttlSeconds === undefined) cache.set(key, value)
      else if (ttlSeconds > 0) cache.set(key, value, { ttl: Math.min(ttlSeconds, ttl) * 1000 })
    },
    get size() {
      return cache.size
    },
  }
}
