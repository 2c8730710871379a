import type { ReplayStore } from '../ports.ts'

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
  readonly digests: Set<string>
  /** Proofs per thumbprint. */
  readonly held: Map<string, number>
  /** The latest `iat` among them. */
  newest: number
}

/** Seconds of expiry one bucket spans: entries live up to this much longer than asked, never shorter. */
const WIDTH = 10
/** A retry by Envoy comes within this time, seconds. */
const OWNER_WINDOW = 2
/** Seconds. The margin every lifetime has; a wall clock that fell back by as much brings accepted dates round again. */
const MAX_STEP_BACK = 5

/**
 * Remembers used proofs in memory, for one replica (RFC 9449 section 11.1). A claim is one synchronous step, so of any
 * number of copies exactly one is fresh; a live entry is never evicted. Proofs that could have been used in a time
 * nobody remembers are `unknown`: after a start those dated up to `maxFuture` ahead of it, so that the first
 * `maxFuture` seconds bring a 503 for clients whose clock is right, or memory of the last process would be needed.
 */
export function memoryReplays(
  options: ReplayOptions,
): ReplayStore & { readonly size: number; readonly capacity: number } {
  const { capacity, monotonic } = options
  const quota = Math.min(capacity, Math.max(1000, Math.floor(capacity / 20)))
  /** By the end of their ten seconds, divided by ten. */
  const buckets = new Map<number, Bucket>()
  const horizon = buildHorizon(options)
  const owners = rememberOwners()
  let size = 0

  const forget = (now: number): void => {
    for (const [index, bucket] of buckets) {
      if (index * WIDTH > now) continue
      buckets.delete(index)
      size -= bucket.digests.size
      horizon.forget(bucket.newest)
    }
  }

  return {
    claim({ digest, thumbprint, issuedAt }, ttl, owner) {
      const now = monotonic()
      forget(now)
      let held = 0
      for (const bucket of buckets.values()) {
        if (bucket.digests.has(digest)) return owners.is(owner, digest, now) ? 'mine' : 'used'
        held += bucket.held.get(thumbprint) ?? 0
      }
      if (issuedAt <= horizon.date(now, ttl)) return 'unknown'
      if (held >= quota) return 'quota'
      if (size >= capacity) return 'full'

      const bucket = bucketFor(buckets, Math.ceil((now + ttl) / WIDTH))
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
  }
}

function bucketFor(buckets: Map<number, Bucket>, index: number): Bucket {
  const known = buckets.get(index)
  if (known) return known
  const bucket: Bucket = { digests: new Set(), held: new Map(), newest: Number.NEGATIVE_INFINITY }
  buckets.set(index, bucket)
  return bucket
}

/**
 * The date up to which a proof may have been used and forgotten. It moves when a proof can be acceptable for longer
 * than its entry lived: the process is new, the wall clock fell back, or a route now takes older proofs than any did.
 */
function buildHorizon({ afterRestart, maxFuture, wall, monotonic }: ReplayOptions) {
  let date = afterRestart === 'refuse' ? wall() + maxFuture : Number.NEGATIVE_INFINITY
  /** Seconds the wall clock was ahead of the monotonic one at the most. */
  let ahead = wall() - monotonic()
  let longest = 0
  let [newest, forgotten] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  return {
    date(now: number, ttl: number): number {
      const offset = wall() - now
      if (ahead - offset >= MAX_STEP_BACK) date = Math.max(date, newest)
      if (ahead - offset >= MAX_STEP_BACK || offset > ahead) ahead = offset
      if (ttl > longest) date = Math.max(date, forgotten)
      longest = Math.max(longest, ttl)
      return date
    },
    record: (issuedAt: number): void => {
      newest = Math.max(newest, issuedAt)
    },
    forget: (issuedAt: number): void => {
      forgotten = Math.max(forgotten, issuedAt)
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
      if (now - turned > OWNER_WINDOW) {
        previous = recent
        recent = new Map()
        turned = now
      }
      recent.set(digest, { owner, recorded: now })
    },
  }
}
