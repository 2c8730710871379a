import { onTestFinished, vi } from 'vitest'
import { redisStore, stores } from '../../src/config-stores.ts'
import { prepareLink } from '../../src/io/redis-link.ts'
import { type RedisReplayOptions, redisReplays, type StoreEvent } from '../../src/io/redis-replays.ts'
import { replayScript } from '../../src/io/redis-script.ts'
import type { LiveReplays } from '../../src/io/replays.ts'
import type { Claim } from '../../src/ports.ts'
import { startRedis, type TestRedis } from './redis.ts'
import { TTL, type Wanted } from './replays.ts'

/** The date of every proof that is given none: a proof that is sent again has the date it had before. */
const SENT = Math.floor(Date.now() / 1000)

/** A replica's store as the tests use it. */
export interface TestStore {
  readonly claim: (wanted?: Wanted) => Promise<Claim>
  readonly store: LiveReplays
  readonly events: readonly StoreEvent[]
  /** Sets this replica's wall clock ahead, or back, by so many seconds. */
  readonly step: (seconds: number) => void
  readonly now: () => number
  /** Waits until claims are answered. */
  readonly works: () => Promise<void>
  /** Waits until the store says that it works, or does not work for that cause. */
  readonly until: (trouble: ReturnType<LiveReplays['trouble']>) => Promise<void>
}

/** How a store differs from one with default options on one Redis. */
export type StoreSettings = Partial<RedisReplayOptions> & {
  readonly replay: unknown
  /** Seconds; long, unless the test is about waiting: a busy machine is no fault of Redis. */
  readonly timeout?: number
}

/** Opens a store as the service does. It ends with the test. */
export function openStore({ replay, timeout = 5, ...options }: StoreSettings): TestStore {
  const settings = redisStore(stores.parse({ replay }))
  const open = settings && prepareLink({ ...settings, timeout }, replayScript)
  if (!settings || !open?.ok) throw new Error('these settings open no store')
  const events: StoreEvent[] = []
  let offset = 0
  const now = (): number => Date.now() / 1000 + offset
  const store = redisReplays({
    open: open.value,
    keyPrefix: settings.keyPrefix,
    shards: settings.cluster ? 4 : 1,
    quota: 1000,
    maxFuture: 10,
    window: TTL,
    wall: now,
    monotonic: () => performance.now() / 1000,
    observe: (event) => void events.push(event),
    ...options,
  })
  onTestFinished(() => store.close())
  const until: TestStore['until'] = async (trouble) => {
    await vi.waitFor(
      () => {
        if (store.trouble() !== trouble) throw new Error(`it is ${store.trouble()}, not ${trouble}`)
      },
      { timeout: 10_000, interval: 10 },
    )
  }
  const claim: TestStore['claim'] = async ({
    digest = 'digest',
    thumbprint = 'thumbprint',
    ttl = TTL,
    owner = '',
    issuedAt = SENT,
  } = {}) => await store.claim({ digest, thumbprint, issuedAt }, ttl, owner)
  let probes = 0
  return {
    store,
    events,
    now,
    until,
    claim,
    works: async () =>
      await vi.waitFor(
        async () => {
          probes += 1
          if ((await claim({ digest: `probe ${probes}`, thumbprint: 'probe' })) === 'unavailable')
            throw new Error(`it does not answer: ${store.trouble()}`)
        },
        { timeout: 10_000, interval: 20 },
      ),
    step: (seconds) => {
      offset += seconds
    },
  }
}

/** The marker of a store on one Redis. */
export const MARKER = 'envoy-fapi:{0}e'

/** A Redis that this test alone uses. */
export async function freshRedis(settings: Parameters<typeof startRedis>[0] = {}): Promise<TestRedis> {
  const redis = await startRedis(settings)
  onTestFinished(redis.stop)
  return redis
}

/** As if the store had been in use for long, so that proofs of this moment are known to be new. */
export async function forgetStart(redis: Pick<TestRedis, 'admin'>): Promise<void> {
  await redis.admin('hset', MARKER, 'horizon', 0)
}

/** A Redis and a store that works and knows proofs of this moment. */
export async function settledStore(
  settings: Partial<StoreSettings> = {},
  server: Parameters<typeof startRedis>[0] = {},
) {
  const redis = await freshRedis(server)
  const store = openStore({ replay: redis.url, ...settings })
  await store.until(undefined)
  await forgetStart(redis)
  return { redis, ...store }
}

/** So many new proofs, some at a time; those that were fresh. */
export async function spend(
  claim: TestStore['claim'],
  count: number,
  { prefix = 'spent', ...wanted }: Wanted & { readonly prefix?: string } = {},
): Promise<readonly string[]> {
  const fresh: string[] = []
  const digests = Array.from({ length: count }, (_, index) => `${prefix} ${index}`)
  for (let start = 0; start < count; start += 50)
    await Promise.all(
      digests.slice(start, start + 50).map(async (digest) => {
        if ((await claim({ ...wanted, digest })) === 'fresh') fresh.push(digest)
      }),
    )
  return fresh
}

/** What the store says when proofs are sent once more: each answer once. */
export async function resend(
  claim: TestStore['claim'],
  digests: readonly string[],
  wanted: Wanted = {},
): Promise<ReadonlySet<Claim>> {
  const answers = new Set<Claim>()
  for (const digest of digests) answers.add(await claim({ ...wanted, digest }))
  return answers
}

/** A date that no proof used until now can have; the replicas’ clocks go on until they take proofs of that date. */
export function afterLoss(...replicas: readonly Pick<TestStore, 'store' | 'step'>[]): number {
  for (const { step } of replicas) step(2)
  return Math.floor(Math.max(...replicas.map(({ store }) => store.unknownUntil()))) + 1
}
