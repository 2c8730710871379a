import { LRUCache } from 'lru-cache'
import type { ServerConfig } from '../config.ts'
import type { KeySource, StatusAnswer, StatusLists } from '../ports.ts'
import { unreadable } from '../verify/reading.ts'
import { isPlace, type StatusList } from '../verify/status-list.ts'
import { buildBreaker } from './breaker.ts'
import type { Fetched } from './fetch-outcome.ts'
import { type Schedule, scheduleTimer } from './keys.ts'
import { type Outcome, obtainList } from './status-list-fetch.ts'

/** The lists of one server and how they fare. */
export interface LiveStatusLists extends StatusLists {
  /** False while one that is in use cannot be had. */
  readonly available: boolean
  readonly close: () => void
}

/** What it takes to have the lists of one server, and who is told. Seconds; milliseconds for the limit of a fetch. */
export interface StatusListSurroundings {
  readonly fetch: (uri: string, limits: { readonly maxBytes: number; readonly timeout: number }) => Promise<Fetched>
  readonly keys: KeySource
  readonly wall: () => number
  readonly monotonic: () => number
  /** A timer of this process unless told. */
  readonly schedule?: Schedule
  readonly observe: (event: StatusListEvent) => void
}

export type StatusListEvent =
  | { readonly kind: 'loaded'; readonly server: string; readonly lists: number; readonly bytes: number }
  | { readonly kind: 'failed'; readonly server: string; readonly problem: string }
  /** Not tried, because there is too much to do or the place failed a moment ago. */
  | { readonly kind: 'refused'; readonly server: string }
  /** There are no more, because the configuration changed or the process ends. */
  | { readonly kind: 'closed'; readonly server: string }
  /** An answer from a list past its time, or without any, because the operator accepts that. */
  | { readonly kind: 'tolerated'; readonly server: string }

/** Whose lists these are. */
export type Server = Pick<ServerConfig, 'name' | 'issuer' | 'algorithms'>

export type StatusListOptions = NonNullable<ServerConfig['revocation']['statusList']>

/** Lists that are kept, and bytes of all of them unpacked. Forgetting one costs no more than fetching it again. */
const MAX_LISTS = 64
const MAX_BYTES = 67_108_864
/** Lists fetched and unpacked at the same time, and requests that wait for them. */
const MAX_FETCHES = 8
const MAX_WAITING = 256
/** Places that failed are remembered, so that nobody waits for them again: so many, and so long. */
const FAILURES = { max: 256, seconds: 60 }
/** A place that failed is tried again after this time, seconds. */
const RETRY = 5
/** A list that is in use is fetched anew when this part of its time has passed. */
const REFRESH = 0.8
/** With `onFailure: soft` a list serves so much longer than it says, seconds. */
const MAX_STALE = 86_400
/** After the keys of the server changed, lists by the old ones serve this much longer at the most, seconds. */
const KEY_CHANGE = 60
/** Failures in a row after which the places of a server are left alone, and for how long. */
const BREAKER = { failures: 5, pause: 1 }

/** A list in memory. */
interface Kept {
  readonly list: StatusList
  /** Monotonic, like the others. */
  readonly since: number
  until: number
  /** Serves so much longer when the operator accepts that, seconds. */
  stale: number
  generation: number
  /** When whoever asks sees to it that it is fetched again. */
  retryAt: number
  /** Asked for since it was fetched. */
  used: boolean
  callOff: () => void
}

/**
 * The Token Status Lists of one authorization server (Token Status List section 8). A list that is in use is fetched again
 * before its time is over, so that only the first request of a while waits for the network.
 */
export function buildStatusLists(
  server: Server,
  options: StatusListOptions,
  { fetch, keys, wall, monotonic, schedule = scheduleTimer, observe }: StatusListSurroundings,
): LiveStatusLists {
  const { name } = server
  const soft = options.onFailure === 'soft'
  const breaker = buildBreaker({ ...BREAKER, monotonic })
  const perf = { now: () => monotonic() * 1000 }
  const lists = new LRUCache<string, Kept>({
    max: MAX_LISTS,
    maxSize: MAX_BYTES,
    sizeCalculation: ({ list }) => list.bytes + 1024,
    dispose: ({ callOff }) => callOff(),
  })
  /** When a place was last tried in vain, and what was wrong. */
  const failures = new LRUCache<string, { readonly at: number; readonly problem: string }>({
    ...{ max: FAILURES.max, ttl: FAILURES.seconds * 1000, ttlResolution: 0, perf },
  })
  const underWay = new Map<string, Promise<void>>()
  let waiting = 0
  let closed = false

  const keep = (uri: string, list: StatusList, generation: number): void => {
    failures.delete(uri)
    const since = monotonic()
    const times = {
      since,
      until: since + list.lifetime,
      stale: soft ? MAX_STALE : 0,
      retryAt: Number.POSITIVE_INFINITY,
    }
    // One timer for each list; what nobody asks for any more is left to end.
    const callOff = schedule(Math.max(RETRY, list.lifetime * REFRESH), () => kept.used && renew(uri, kept))
    const kept: Kept = { list, ...times, generation, used: false, callOff }
    lists.set(uri, kept)
    observe({ kind: 'loaded', server: name, lists: lists.size, bytes: lists.calculatedSize })
  }
  const fail = (uri: string, problem: string): void => {
    failures.set(uri, { at: monotonic(), problem })
    const kept = lists.peek(uri)
    if (kept) kept.retryAt = monotonic() + RETRY
    observe({ kind: 'failed', server: name, problem })
  }
  /** Nobody waits for it. Lists go out of use for good, so what failed is tried again by those who ask, not by a timer. */
  const renew = (uri: string, kept: Kept): void => {
    kept.retryAt = monotonic() + RETRY
    void load(uri)
  }
  /** Fetches a list unless that is under way; undefined when it is not tried. */
  const load = (uri: string): Promise<void> | undefined => {
    const known = underWay.get(uri)
    if (known !== undefined) return known
    if (closed || underWay.size >= MAX_FETCHES || !breaker.admits()) {
      observe({ kind: 'refused', server: name })
      return undefined
    }
    const settle = ({ list, fault, generation }: Outcome): void => {
      underWay.delete(uri)
      if (fault) breaker.failed()
      else breaker.succeeded()
      if (closed) return
      if (list.ok) keep(uri, list.value, generation)
      else fail(uri, list.problem)
    }
    // Nobody may wait for it, so what would be a bug must not end as a rejection that nobody handles.
    const bug = (): void =>
      settle({ list: unreadable('the status list could not be read'), fault: false, generation: 0 })
    const loading = obtainList(uri, server, options, { fetch, keys, wall }).then(settle, bug)
    underWay.set(uri, loading)
    return loading
  }
  /** A list by keys that were since replaced is good for a moment more, while it is fetched anew. */
  const isCurrent = (uri: string, kept: Kept): boolean => {
    if (kept.generation !== keys.generation) {
      kept.generation = keys.generation
      kept.until = Math.min(kept.until, monotonic() + KEY_CHANGE)
      kept.stale = 0
      renew(uri, kept)
    } else if (monotonic() >= kept.retryAt) renew(uri, kept)
    return monotonic() < kept.until
  }
  const unavailable = (detail: string): StatusAnswer => {
    if (soft) observe({ kind: 'tolerated', server: name })
    return { kind: 'unavailable', detail, tolerated: soft }
  }
  /** What to say without a list that is up to date. */
  const makeDo = (uri: string, index: number, problem: string): StatusAnswer => {
    const kept = lists.peek(uri)
    const status = kept && monotonic() < kept.until + kept.stale ? kept.list.status(index) : undefined
    if (status === undefined) return unavailable(problem)
    observe({ kind: 'tolerated', server: name })
    return { kind: 'found', status }
  }
  const findNow = (uri: string, index: number): StatusAnswer | undefined => {
    const kept = lists.get(uri)
    if (!kept) return undefined
    kept.used = true
    if (!isCurrent(uri, kept)) return undefined
    const status = kept.list.status(index)
    if (status !== undefined) return { kind: 'found', status }
    // Lists grow: a token that was issued since then lies outside of the list as it was.
    if (monotonic() >= kept.since + RETRY) return undefined
    return { kind: 'absent', detail: 'the index of the token lies outside of its status list' }
  }
  return {
    required: options.required,
    find({ uri, index }) {
      if (!isPlace(uri, options.hosts))
        return { kind: 'foreign', detail: 'the status list lies at a place that is not listed' }
      const found = findNow(uri, index)
      if (found) return found
      const failure = failures.get(uri)
      if (failure) {
        // Nobody waits for a place that failed; whoever asks only sees to it that it is tried again.
        if (monotonic() - failure.at >= RETRY) void load(uri)
        return makeDo(uri, index, failure.problem)
      }
      const loading = waiting < MAX_WAITING ? load(uri) : undefined
      if (!loading) return makeDo(uri, index, `the status lists of ${name} are not asked for at the moment`)
      waiting += 1
      return loading.then(() => {
        waiting -= 1
        return findNow(uri, index) ?? makeDo(uri, index, failures.get(uri)?.problem ?? 'the status list was not kept')
      })
    },
    get available() {
      failures.purgeStale()
      return !breaker.open && failures.size === 0
    },
    close: () => {
      closed = true
      lists.clear()
      observe({ kind: 'closed', server: name })
    },
  }
}
