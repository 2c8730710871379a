import type { Claim } from '../ports.ts'
import { type Breaker, buildBreaker } from './breaker.ts'
import { connect } from './redis-connection.ts'
import { type Failure, readFailure, unreachable } from './redis-failures.ts'
import type { OpenLink } from './redis-link.ts'
import { type Loss, type Reply, readReply } from './redis-reply.ts'
import type { LiveReplays } from './replays.ts'

/** What the Redis replay store needs to know. Seconds unless said otherwise. */
export interface RedisReplayOptions {
  readonly open: OpenLink
  readonly keyPrefix: string
  /** Parts with a marker each: one, or several that a cluster spreads over its nodes. */
  readonly shards: number
  /** Live proofs one key may have. */
  readonly quota: number
  /** How far ahead of the clock a proof may be dated, on any route. */
  readonly maxFuture: number
  /** How long an entry is needed on the route that needs it longest. */
  readonly window: number
  readonly wall: () => number
  readonly monotonic: () => number
  readonly observe: (event: StoreEvent) => void
}

/** What a store tells. `down` and `up` come once per change; `lost` each time proofs may have been forgotten. */
export type StoreEvent =
  | { readonly kind: 'failed'; readonly cause: Failure['cause'] }
  | { readonly kind: 'down'; readonly failure: Failure }
  | { readonly kind: 'up' }
  | { readonly kind: 'lost'; readonly loss: Loss; readonly until: number }

/** Milliseconds between two looks at each part of the store. */
const LOOK = 500
/** Claims under way at the most; more would only wait for their timeout. */
const MAX_IN_FLIGHT = 400
/** Failures in a row after which Redis is spared, and for how long, seconds. */
const BREAKER = { failures: 10, pause: 0.25 }
/** The most that a policy lets a proof be dated ahead, seconds. */
const MAX_LEAD = 60
/** Characters of an owner tag that are kept: 132 bits of its hash. */
const OWNER = 22

/** Causes that do not pass while one waits, so that nothing is tried until a look finds them gone. */
const lasting: ReadonlySet<Failure['cause']> = new Set([
  'readonly',
  'evicting',
  'blind',
  'clock',
  'authentication',
  'tls',
])
interface Shard {
  /** Beginning of its keys; the braces keep them in one hash slot. */
  readonly stem: string
  readonly breaker: Breaker
  /** Milliseconds: proofs dated up to then may have been forgotten, and the newest proof anybody claimed. */
  horizon: number
  newest: number
  /** The clocks disagreed: entries may have ended before their time. */
  doubt: boolean
  failure: Failure | undefined
}

/**
 * Remembers used proofs in Redis, for all replicas (RFC 9449 section 11.1). A claim is one script, so of any number of
 * copies at any number of replicas exactly one is fresh. Whatever is not a clear answer is `unavailable`, and the claim
 * is not made again. What the script cannot see is looked at twice a second, which also finds out when Redis is back.
 */
export function redisReplays(options: RedisReplayOptions): LiveReplays {
  const { wall, monotonic, observe, maxFuture } = options
  const shards = Array.from({ length: options.shards }, (_, index) => buildShard(options.keyPrefix, index, monotonic))
  let told: Failure | 'unasked' | undefined = 'unasked'
  let window = options.window
  let ahead = maxFuture
  let inFlight = 0
  let serial = 0
  let closed = false
  let nextLook: NodeJS.Timeout | undefined
  let looking = false

  const conclude = (): void => {
    const failure = shards.find((shard) => shard.failure)?.failure
    const before = told
    told = failure
    if (!failure) {
      if (before) observe({ kind: 'up' })
    } else if (!before || before === 'unasked') observe({ kind: 'down', failure })
    else if (before.cause !== failure.cause && !unreachable.has(failure.cause)) observe({ kind: 'down', failure })
  }

  /** One run of the script. Never rejects. */
  const ask = async (shard: Shard, keys: readonly string[], more: readonly (string | number)[]) => {
    const link = connection.link()
    if (!link) return connection.trouble()
    serial = (serial + 1) % 1_000_000
    const tag = serial.toString(36)
    const { doubt, newest } = shard
    const times = [wall(), ahead, window].map((seconds) => Math.round(seconds * 1000))
    try {
      const reply = readReply(await link.run(keys, [tag, ...times, newest, doubt ? 1 : 0, ...more]), tag)
      if ('cause' in reply) {
        shard.doubt ||= reply.cause === 'clock'
        // The next reply would be as wrong, and somebody else may be the primary now.
        if (reply.cause === 'protocol' || reply.cause === 'readonly') link.reconnect()
        return reply
      }
      if (doubt) shard.doubt = false
      learn(shard, reply, observe)
      return reply
    } catch (error) {
      const failure = readFailure(error)
      if (failure.cause === 'readonly') link.reconnect()
      return connection.explain(failure)
    }
  }

  const look = async (shard: Shard): Promise<void> => {
    const reply = await ask(shard, [`${shard.stem}e`], [])
    if (closed) return
    shard.failure = 'cause' in reply ? reply : undefined
    if (!shard.failure) shard.breaker.succeeded()
    else if (shard.failure.cause !== 'full') shard.breaker.trip()
  }
  const lookLater = (): void => {
    clearTimeout(nextLook)
    nextLook = setTimeout(() => void lookAtAll(), LOOK * (0.9 + Math.random() / 5)).unref()
  }
  const lookAtAll = async (): Promise<void> => {
    if (looking || closed) return
    looking = true
    await Promise.all(shards.map(look))
    looking = false
    if (closed) return
    conclude()
    lookLater()
  }

  const fail = (shard: Shard, failure: Failure, tried: boolean): Claim => {
    observe({ kind: 'failed', cause: failure.cause })
    if (!tried) return 'unavailable'
    if (failure.cause === 'full') shard.breaker.succeeded()
    else if (lasting.has(failure.cause)) shard.breaker.trip()
    else shard.breaker.failed()
    if (failure.cause === 'full' || shard.breaker.open) {
      shard.failure = failure
      conclude()
    }
    return failure.cause === 'full' ? 'full' : 'unavailable'
  }

  const connection = connect(options.open, () => void lookAtAll())
  lookLater()

  return {
    async claim({ digest, thumbprint, issuedAt }, ttl, owner) {
      const shard = shardOf(shards, thumbprint)
      // A proof dated ahead is acceptable for as much longer, and a reload may allow more of it.
      const lead = Math.min(MAX_LEAD, Math.max(0, issuedAt - wall()))
      window = Math.max(window, ttl)
      ahead = Math.max(ahead, lead)
      if (inFlight >= MAX_IN_FLIGHT) return fail(shard, { cause: 'overload', code: undefined }, false)
      if (!shard.breaker.admits()) return fail(shard, { cause: 'open', code: undefined }, false)
      inFlight += 1
      const keys = [`${shard.stem}e`, `${shard.stem}p${digest}`, `${shard.stem}q${thumbprint}`]
      const held = owner === '' ? '-' : owner.slice(0, OWNER)
      const more = [Math.round(issuedAt * 1000), Math.ceil(lead * 1000), held, options.quota]
      const reply = await ask(shard, keys, more)
      inFlight -= 1
      if ('cause' in reply) return fail(shard, reply, true)
      shard.breaker.succeeded()
      return reply.word === 'seen' ? fail(shard, { cause: 'protocol', code: undefined }, false) : reply.word
    },
    size: undefined,
    capacity: undefined,
    unknownUntil: () => Math.max(...shards.map(({ horizon }) => horizon)) / 1000,
    trouble: () => (typeof told === 'object' ? told.cause : told),
    close: () => {
      closed = true
      clearTimeout(nextLook)
      connection.close()
    },
  }
}

const buildShard = (prefix: string, index: number, monotonic: () => number): Shard => ({
  stem: `${prefix}{${index}}`,
  breaker: buildBreaker({ ...BREAKER, monotonic }),
  horizon: 0,
  newest: 0,
  doubt: false,
  failure: undefined,
})

/** All proofs of one key lie together, so that they can be counted. */
function shardOf(shards: readonly Shard[], thumbprint: string): Shard {
  const shard = shards[(thumbprint.codePointAt(0) ?? 0) % shards.length]
  if (!shard) throw new Error('a store has at least one part')
  return shard
}

function learn(shard: Shard, { horizon, newest, loss }: Reply, observe: RedisReplayOptions['observe']): void {
  shard.newest = Math.max(shard.newest, newest)
  if (horizon <= shard.horizon) return
  shard.horizon = horizon
  observe({ kind: 'lost', loss: loss || 'elsewhere', until: horizon / 1000 })
}
