import type { ServerConfig } from '../config.ts'
import type { KeySearch, KeySource } from '../ports.ts'
import type { FetchCause, Fetched, FetchJson } from './fetch-outcome.ts'
import { keepSet } from './kept-keys.ts'
import { type KeyCacheEvent, openKeyCache } from './key-cache.ts'
import { obtainKeys, type ReadKeys } from './key-places.ts'
import { timer } from './timer.ts'

/** A key source with its life: loading, refreshing, closing. */
export interface LiveKeySource extends KeySource {
  /** Fetches once now, joining a fetch under way. True when that brought a usable set. */
  readonly load: () => Promise<boolean>
  /** Forgets every key at once, also the stored ones, and fetches anew. True when that brought a usable set. */
  readonly flush: () => Promise<boolean>
  /** Resolves when what is being stored is stored; nobody has to wait for that. */
  readonly close: () => Promise<void>
  /** Usable keys; 0 when there is no set or it is too old. */
  readonly size: number
}

/** What a key source asks of the outside world, and tells it. Seconds. */
export interface KeySurroundings {
  readonly fetch: FetchJson
  readonly monotonic: () => number
  readonly observe: (event: KeyEvent) => void
  /** Clocks and timers of this process unless told. */
  readonly wall?: () => number
  readonly schedule?: Schedule
  readonly wait?: typeof timer
}

/** Does the work once after about so many seconds; returns how to call it off. */
export type Schedule = (seconds: number, work: () => void) => () => void

export type KeyEvent =
  | {
      readonly kind: 'loaded'
      readonly server: string
      readonly keys: number
      readonly skipped: readonly string[]
      readonly leaked: boolean
    }
  | { readonly kind: 'failed'; readonly server: string; readonly problem: string; readonly cause: FetchCause }
  | { readonly kind: 'flushed'; readonly server: string }
  | (KeyCacheEvent & { readonly server: string })

/** Without any set yet, a new try comes this soon, seconds. */
const RETRY = 2
/** A flush waits until so many seconds after the one before. */
const FLUSH_PAUSE = 1
/** Requests that wait for one fetch at the most; the answer to others is that they should come again. */
const MAX_WAITING = 64
/** And how long, milliseconds. The fetch goes on without them. */
const MAX_WAIT = 150

/** A fetch that requests may wait for. */
interface Look {
  readonly begun: number
  readonly done: Promise<boolean>
}

/**
 * The signature keys of one authorization server. A failing source never takes away a good set before `maxStale`; a set
 * that changed replaces the old one whole. That a key is unknown is only said of a set which was looked at just now.
 */
export function buildKeySource(server: ServerConfig, surroundings: KeySurroundings): LiveKeySource {
  const { monotonic, schedule = scheduleTimer, wait = timer, wall = () => Date.now() / 1000 } = surroundings
  const { name, keys: settings } = server
  const { refresh, cooldown, maxStale } = settings
  const kept = keepSet({ name, maxStale, monotonic })
  const tell = (event: KeyEvent): void => {
    if (!closed) surroundings.observe(event)
  }
  const stored = openKeyCache(server, wall, (event) => tell({ ...event, server: name }))
  let attempted = Number.NEGATIVE_INFINITY
  /** When an unknown `kid` last caused a fetch. */
  let lookedAt = Number.NEGATIVE_INFINITY
  let flushedAt = Number.NEGATIVE_INFINITY
  let failing = false
  let underWay: Look | undefined
  let looking: Look | undefined
  let flushing: Promise<boolean> | undefined
  /** Grows with each flush: what was asked for before it is not taken after it. */
  let epoch = 0
  /** Stored keys are for a process that has not seen any others yet. */
  let mayRecall = true
  let callOff = (): void => undefined
  let closed = false
  let waiting = 0

  const take = (fetched: Fetched<ReadKeys>): boolean => {
    failing = !fetched.ok
    if (fetched.ok) {
      const { keys, text } = fetched.value
      kept.accept(keys, text)
      tell({ kind: 'loaded', server: name, keys: keys.keys.length, skipped: keys.skipped, leaked: keys.leaked })
      if (!closed) stored?.save(keys)
    } else {
      tell({ kind: 'failed', server: name, problem: fetched.problem, cause: fetched.cause ?? 'other' })
      const recalled = mayRecall ? stored?.recall(maxStale) : undefined
      if (recalled) kept.accept(recalled.keys, recalled.text, recalled.age)
    }
    mayRecall = false
    return fetched.ok
  }
  const begin = (mine: number): Promise<boolean> =>
    obtainKeys(server, surroundings.fetch)
      .then((fetched) => mine === epoch && take(fetched))
      .finally(() => {
        if (mine !== epoch) return
        underWay = undefined
        // One timer at a time: requests load too, and each of them must not leave another one behind.
        callOff()
        if (!closed) callOff = schedule(kept.known ? (failing ? cooldown : refresh) : RETRY, () => void load())
      })
  const load = (): Promise<boolean> => {
    if (underWay !== undefined) return underWay.done
    attempted = monotonic()
    underWay = { begun: attempted, done: begin(epoch) }
    return underWay.done
  }
  const loadFlushed = (): Promise<boolean> => {
    flushing = undefined
    flushedAt = monotonic()
    return load()
  }
  /** Without usable keys: what is under way, or a new fetch when the last one is a while ago. */
  const lookFirst = (): Look | undefined => {
    if (underWay === undefined && monotonic() - attempted >= (kept.known ? cooldown : RETRY)) void load()
    return underWay
  }
  /** For an unknown `kid`: a fetch that began after it was asked for, and at most one per cooldown (JWK-03). */
  const lookAgain = (): Look | undefined => {
    const now = monotonic()
    if (looking !== undefined || now - (failing ? attempted : lookedAt) < cooldown) return looking
    lookedAt = now
    const done = underWay === undefined ? load() : underWay.done.then(load)
    looking = {
      begun: now,
      done: done.finally(() => {
        looking = undefined
      }),
    }
    return looking
  }
  const answer = (kid: string | undefined, algorithm: string): KeySearch => {
    const found = kept.search(kid, algorithm)
    // A client that is told its token is bad throws it away, so we have to know.
    return found.kind === 'unknown' && (failing || looking !== undefined)
      ? { kind: 'unavailable', detail: `the keys of ${name} cannot be looked at now` }
      : found
  }
  return {
    find(kid, algorithm) {
      const found = kept.search(kid, algorithm)
      if (found.kind === 'found') return found
      const look = found.kind === 'unknown' ? lookAgain() : lookFirst()
      const left = look === undefined ? 0 : MAX_WAIT - (monotonic() - look.begun) * 1000
      if (look === undefined || left <= 0) return answer(kid, algorithm)
      // Whoever sends tokens with made-up keys could otherwise hold every place there is for Checks.
      if (waiting >= MAX_WAITING) return { kind: 'unavailable', detail: `too many wait for the keys of ${name}` }
      waiting += 1
      const limit = wait(left)
      return Promise.race([look.done, limit.elapsed])
        .then(() => answer(kid, algorithm))
        .finally(() => {
          limit.cancel()
          waiting -= 1
        })
    },
    get generation() {
      return kept.generation
    },
    get size() {
      return kept.size
    },
    load,
    flush: () => {
      epoch += 1
      underWay = undefined
      mayRecall = false
      kept.forget()
      stored?.forget()
      tell({ kind: 'flushed', server: name })
      if (flushing !== undefined) return flushing
      const pause = flushedAt + FLUSH_PAUSE - monotonic()
      if (pause <= 0) return loadFlushed()
      flushing = wait(pause * 1000).elapsed.then(loadFlushed)
      return flushing
    },
    close: () => {
      closed = true
      callOff()
      return stored?.settled() ?? Promise.resolve()
    },
  }
}

/** Up to a tenth late, so that replicas do not all ask at once; never what keeps the process alive. */
export const scheduleTimer: Schedule = (seconds, work) => {
  const timer = setTimeout(work, seconds * (1000 + Math.random() * 100)).unref()
  return () => clearTimeout(timer)
}
