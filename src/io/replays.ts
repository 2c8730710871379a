import type { ReplayStore } from '../ports.ts'
import type { Cause } from './redis-failures.ts'

/** A replay store with its life. */
export interface LiveReplays extends ReplayStore {
  /** Proofs remembered and the most there may be; undefined when others share the store. */
  readonly size: number | undefined
  readonly capacity: number | undefined
  /** Proofs dated up to then may have been used and forgotten; seconds since the epoch. */
  readonly unknownUntil: () => number
  /** Why the store cannot be used now; undefined when it can, `unasked` before the first answer. */
  readonly trouble: () => Cause | 'unasked' | undefined
  readonly close: () => void
}

import { buildDigestSet, type DigestSet } from './digest-set.ts'

/** What the memory replay store needs to know. Seconds unless said otherwise. */
export interface ReplayOptions {
  /** Live proofs at the most; beyond it new proofs are refused, none is forgotten. */
  readonly capacity: number
  /** What becomes of proofs that may have been used before this process started. */
  readonly afterRestart: 'refuse' | 'accept'
  /** How far ahead of the clock a proof may be dated, on any route. */
  readonly maxFuture: number
  /** Wall clock, seconds since the epoch; tells which proofs are older than what is remembered. */
  readonly wall: () => number
  /** Monotonic clock; tells when an entry may be forgotten. */
  readonly monotonic: () => number
}

/** Proofs that are forgotten together, in one step whatever their number. */
interface Bucket {
  readonly digests: DigestSet
  /** Proofs per thumbprint. */
  readonly held: Map<string, number>
  /** The latest `iat` among them. */
  newest: number
}

/** Seconds of expiry one bucket spans: entries live at least as long as asked, and up to this much longer. */
const WIDTH = 10
/** A retry by Envoy comes within this time, seconds. */
const OWNER_WINDOW = 2
/** Requests remembered by their owner; of more in that time, a retry of one is refused like any second use. */
const MAX_OWNERS = 20_000
/** Seconds. The margin every lifetime has; a wall clock that fell back by as much brings accepted dates round again. */
const MAX_STEP_BACK = 5

/**
 * Remembers used proofs in memory, for one replica (RFC 9449 section 11.1). A claim is one synchronous step, so of any
 * number of copies exactly one is fresh; a live entry is never evicted. Every entry lives as long as the longest window
 * asks, because a proof claimed on one route may come again on another that takes it for longer. Proofs that could have
 * been used in a time nobody remembers are `unknown`: after a start those dated up to `maxFuture` ahead of it, so that
 * the first `maxFuture` seconds bring a 503 for clients whose clock is right, or memory of the last process would be
 * needed.
 */
export function memoryReplays(
  options: ReplayOptions,
): LiveReplays & { readonly size: number; readonly capacity: number } {
  const { capacity, wall, monotonic } = options
  const quota = Math.min(capacity, quotaOf(capacity))
  /** By the end of their ten seconds, divided by ten. */
  let buckets = new Map<number, Bucket>()
  const horizon = buildHorizon(options)
  const owners = rememberOwners()
  let size = 0
  let longest = 0
  /** The latest `iat` of all that is gone. */
  let forgotten = Number.NEGATIVE_INFINITY

  const forget = (now: number): void => {
    for (const [index, bucket] of buckets) {
      if (index * WIDTH > now) continue
      buckets.delete(index)
      size -= bucket.digests.size
      forgotten = Math.max(forgotten, bucket.newest)
    }
  }

  /** A window is longer than any before: what lives is kept as much longer, what is gone may be acceptable again. */
  const lengthen = (ttl: number): void => {
    if (ttl <= longest) return
    const more = Math.ceil((ttl - longest) / WIDTH)
    buckets = new Map(Array.from(buckets, ([index, bucket]) => [index + more, bucket]))
    longest = ttl
    horizon.raise(forgotten)
  }

  return {
    claim({ digest, thumbprint, issuedAt }, ttl, owner) {
      const now = monotonic()
      forget(now)
      lengthen(ttl)
      let held = 0
      for (const bucket of buckets.values()) {
        if (bucket.digests.has(digest)) return owners.is(owner, digest, now) ? 'mine' : 'used'
        held += bucket.held.get(thumbprint) ?? 0
      }
      if (issuedAt <= horizon.date(now)) return 'unknown'
      if (held >= quota) return 'quota'
      if (size >= capacity) return 'full'

      // A proof dated ahead is acceptable for as much longer, and by more than the future tolerance of another route.
      const lead = Math.max(0, issuedAt - wall())
      const bucket = bucketFor(buckets, Math.ceil((now + lead + longest) / WIDTH))
      bucket.digests.add(digest)
      bucket.held.set(thumbprint, (bucket.held.get(thumbprint) ?? 0) + 1)
      bucket.newest = Math.max(bucket.newest, issuedAt)
      size += 1
      horizon.record(issuedAt)
      owners.record(owner, digest, now)
      return 'fresh'
    },
    get size() {
      forget(monotonic())
      return size
    },
    capacity,
    unknownUntil: () => horizon.date(monotonic()),
    trouble: () => undefined,
    close: () => undefined,
  }
}

/** Live proofs one key may have, so that no client takes the room of the others. */
export const quotaOf = (capacity: number): number => Math.max(1000, Math.floor(capacity / 20))

function bucketFor(buckets: Map<number, Bucket>, index: number): Bucket {
  const known = buckets.get(index)
  if (known) return known
  const bucket: Bucket = { digests: buildDigestSet(), held: new Map(), newest: Number.NEGATIVE_INFINITY }
  buckets.set(index, bucket)
  return bucket
}

/**
 * The date up to which a proof may have been used and forgotten. It moves when a proof can be acceptable for longer
 * than its entry lived: the process is new, the wall clock fell back, or a route now takes older proofs than any did.
 */
function buildHorizon({ afterRestart, maxFuture, wall, monotonic }: ReplayOptions) {
  const started = monotonic()
  let date = Number.NEGATIVE_INFINITY
  /** Seconds the wall clock was ahead of the monotonic one at the most. */
  let ahead = Number.NEGATIVE_INFINITY
  let newest = Number.NEGATIVE_INFINITY

  const raise = (issuedAt: number): void => {
    date = Math.max(date, issuedAt)
  }
  const follow = (offset: number): void => {
    if (ahead - offset >= MAX_STEP_BACK) raise(newest)
    else if (offset <= ahead) return
    ahead = offset
    // A clock that was set forward dates the start later than it seemed.
    if (afterRestart === 'refuse') raise(started + offset + maxFuture)
  }
  follow(wall() - started)

  return {
    raise,
    date(now: number): number {
      follow(wall() - now)
      return date
    },
    record: (issuedAt: number): void => {
      newest = Math.max(newest, issuedAt)
    },
  }
}

/** Who recorded the proofs of the last seconds; two generations, so that forgetting is one step. */
function rememberOwners() {
  let recent = new Map<string, { readonly owner: string; readonly recorded: number }>()
  let previous = recent
  let turned = Number.NEGATIVE_INFINITY
  return {
    is(owner: string, digest: string, now: number): boolean {
      const entry = recent.get(digest) ?? previous.get(digest)
      return owner !== '' && entry?.owner === owner && now - entry.recorded <= OWNER_WINDOW
    },
    record(owner: string, digest: string, now: number): void {
      if (owner === '') return
      if (now - turned > OWNER_WINDOW || recent.size >= MAX_OWNERS) {
        previous = recent
        recent = new Map()
        turned = now
      }
      recent.set(digest, { owner, recorded: now })
    },
  }
}
