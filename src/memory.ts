import { type KeyObject, randomBytes } from 'node:crypto'
import type { ClientMemory, TokenMemory } from './anomalies/detector.ts'
import type { Config } from './config.ts'
import { boundedCache } from './io/caches.ts'
import { keepRevocations } from './io/ocsp-answers.ts'
import type { Outbound } from './io/outbound.ts'
import type { StoreEvent } from './io/redis-replays.ts'
import { type LiveReplays, memoryReplays } from './io/replays.ts'
import { openSharedReplays } from './io/shared-replays.ts'
import type { SenderConstraintOptions } from './policies/sender-constraint.ts'
import { nonceLifetime } from './verify/nonce.ts'
import type { Reading } from './verify/reading.ts'

/** Seconds; wall clock and monotonic clock. */
export const wall = (): number => Date.now() / 1000
export const monotonic = (): number => performance.now() / 1000

/** Opens the replay store that replicas share, if the configuration wants one. */
export const openReplays = (config: Config, observe: (event: StoreEvent) => void): Reading<LiveReplays | undefined> =>
  openSharedReplays(config, { ...proofLimits(config), wall, monotonic, observe })

/** How far ahead proofs may be dated and how long they have to be remembered on the route that needs it most, seconds. */
function proofLimits({ routes, nonces }: Config) {
  const constraints = routes
    .flatMap(({ policies }) => policies)
    .filter(({ name }) => name === 'senderConstraint')
    // Parsed by the very schema this type comes from.
    .map(({ options }) => options as SenderConstraintOptions)
    .filter(({ methods }) => methods.includes('dpop'))
    .map(({ dpop }) => dpop)
  const maxFuture = Math.max(10, ...constraints.map(({ futureTolerance }) => futureTolerance))
  const windows = constraints.map(({ maxAge, futureTolerance, relaxIat }) =>
    Math.max(maxAge + futureTolerance, relaxIat ? nonceLifetime(nonces.step) : 0),
  )
  return { used: constraints.length > 0, maxFuture, window: Math.max(0, ...windows) + 5 }
}

/** What outlives a configuration: forgetting used proofs at a reload would let them pass again. */
export function buildMemory(config: Config, shared?: LiveReplays) {
  const { stores } = config
  const { used, maxFuture } = proofLimits(config)
  const unsettled = used && shared === undefined && stores.afterRestart === 'refuse'
  return {
    /** Monotonic, seconds. */
    startedAt: monotonic(),
    /** From then on a proof by a right clock is known to be younger than this process; monotonic, whole seconds count. */
    settledAt: unsettled ? monotonic() + maxFuture + 1 : monotonic(),
    replays:
      shared ??
      memoryReplays({
        capacity: stores.replayCapacity,
        afterRestart: stores.afterRestart,
        maxFuture,
        wall,
        monotonic,
      }),
    proofKeys: boundedCache<KeyObject>(10_000, 3600),
    /** What anomalies are noticed by. Seconds: longer than any token lives that is not asked about; a day; an hour. */
    anomalies: {
      tokens: boundedCache<TokenMemory>(50_000, 3600),
      clients: boundedCache<ClientMemory>(10_000, 86_400),
      networks: boundedCache<ClientMemory>(10_000, 3600),
      ending: boundedCache<{ readonly told: number }>(10_000, 86_400),
    },
    /** Makes nonces where the configuration names no secrets. */
    nonceSecret: randomBytes(32).toString('base64url'),
    /** What OCSP responders said to be revoked: no configuration forgets it. */
    revokedCertificates: keepRevocations(),
    /** What calls by sources of any age trust now, and where they may go. */
    outbound: {} as { -readonly [Name in keyof Outbound]: Outbound[Name] },
  }
}

export type Memory = ReturnType<typeof buildMemory>
