import type { Config } from '../config.ts'
import { redisStore } from '../config-stores.ts'
import { type Reading, read } from '../verify/reading.ts'
import { prepareLink } from './redis-link.ts'
import { type RedisReplayOptions, redisReplays } from './redis-replays.ts'
import { replayScript } from './redis-script.ts'
import { type LiveReplays, quotaOf } from './replays.ts'

/** Parts a cluster has to spread over its nodes. Each is looked at by itself. */
export const CLUSTER_SHARDS = 16

/** The replay store all replicas share; undefined when the configuration wants none. */
export function openSharedReplays(
  { stores }: Pick<Config, 'stores'>,
  surroundings: Pick<RedisReplayOptions, 'maxFuture' | 'window' | 'wall' | 'monotonic' | 'observe'>,
): Reading<LiveReplays | undefined> {
  const store = redisStore(stores)
  if (!store) return read(undefined)
  const open = prepareLink(store, replayScript)
  if (!open.ok) return open
  return read(
    redisReplays({
      ...surroundings,
      open: open.value,
      keyPrefix: store.keyPrefix,
      shards: store.cluster ? CLUSTER_SHARDS : 1,
      quota: quotaOf(stores.replayCapacity),
    }),
  )
}
