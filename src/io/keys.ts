import { readFileSync } from 'node:fs'
import type { ServerConfig } from '../config.ts'
import type { KeySearch, KeySource } from '../ports.ts'
import { findKeys, type KeySet, readKeySet } from '../verify/key-set.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { own, readJsonObject } from '../verify/strict-json.ts'
import type { FetchJson } from './fetch.ts'
import { fetchMetadata } from './metadata.ts'

/** A key source with its life: loading, refreshing, closing. */
export interface LiveKeySource extends KeySource {
  /** Fetches once now, joining a fetch under way. True when that brought a usable set. */
  readonly load: () => Promise<boolean>
  readonly close: () => void
  /** Usable keys; 0 when there is no set or it is too old. */
  readonly size: number
}

/** What a key source asks of the outside world, and tells it. Seconds. */
export interface KeySurroundings {
  readonly fetch: FetchJson
  readonly monotonic: () => number
  readonly observe: (event: KeyEvent) => void
  /** A timer of this process unless told. */
  readonly schedule?: Schedule
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
  | { readonly kind: 'failed'; readonly server: string; readonly problem: string }

/** Keys are looked at again after this time, seconds. */
const REFRESH = 600
/** An unknown `kid` causes at most one fetch in this time (JWK-03). */
const COOLDOWN = 30
/** Without any set yet, a new try comes this soon, seconds. */
const RETRY = 2
/** Requests that wait for one fetch at the most; the answer to others is that they should come again. */
const MAX_WAITING = 64
/** The last good set serves this long while its source fails, seconds. */
const MAX_STALE = 86_400

/**
 * The signature keys of one authorization server, from discovery (RFC 8414), a JWK Set URI or a file. A failing source
 * never takes away a good set before `MAX_STALE`; a set that changed replaces the old one whole.
 */
export function buildKeySource(server: ServerConfig, surroundings: KeySurroundings): LiveKeySource {
  const { monotonic, observe, schedule = scheduleTimer } = surroundings
  const kept = keepSet(server.name, monotonic)
  let attempted = Number.NEGATIVE_INFINITY
  let underWay: Promise<boolean> | undefined
  let callOff = (): void => undefined
  let closed = false
  let waiting = 0

  const take = (fetched: Reading<Fetched>): boolean => {
    const keys = fetched.ok ? kept.accept(fetched.value) : fetched
    // Whoever still waits for it gets its keys; nobody else hears of it.
    if (closed) return keys.ok
    const outcome = keys.ok ? loaded(keys.value) : { kind: 'failed' as const, problem: keys.problem }
    observe({ ...outcome, server: server.name })
    return keys.ok
  }
  const load = (): Promise<boolean> => {
    if (underWay !== undefined) return underWay
    attempted = monotonic()
    underWay = obtain(server, surroundings.fetch)
      .then(take)
      .finally(() => {
        underWay = undefined
        // One timer at a time: requests load too, and each of them must not leave another one behind.
        callOff()
        if (!closed) callOff = schedule(kept.known ? REFRESH : RETRY, () => void load())
      })
    return underWay
  }
  return {
    find(kid, algorithm) {
      const found = kept.search(kid, algorithm)
      if (found.kind === 'found') return found
      if (monotonic() - attempted < (kept.known ? COOLDOWN : RETRY) && underWay === undefined) return found
      // Whoever sends tokens with made-up keys could otherwise hold every place there is for Checks.
      if (waiting >= MAX_WAITING) return { kind: 'unavailable', detail: `too many wait for the keys of ${server.name}` }
      waiting += 1
      return load()
        .then(() => kept.search(kid, algorithm))
        .finally(() => {
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
    close: () => {
      closed = true
      callOff()
    },
  }
}

const loaded = ({ keys, skipped, leaked }: KeySet) => ({ kind: 'loaded' as const, keys: keys.length, skipped, leaked })

/** The last good set and its age. */
function keepSet(name: string, monotonic: () => number) {
  let set: KeySet | undefined
  let content = ''
  let generation = 0
  let succeeded = Number.NEGATIVE_INFINITY
  const usable = (): KeySet | undefined => (monotonic() - succeeded <= MAX_STALE ? set : undefined)
  return {
    /** Takes over a document that holds a usable set; any other leaves everything as it was. */
    accept({ document, text }: Fetched): Reading<KeySet> {
      const keys = readKeySet(document)
      if (!keys.ok) return keys
      succeeded = monotonic()
      if (text === content) return keys
      set = keys.value
      content = text
      generation += 1
      return keys
    },
    search(kid: string | undefined, algorithm: string): KeySearch {
      const current = usable()
      if (!current) return { kind: 'unavailable', detail: `no keys of ${name} could be fetched` }
      return findKeys(current, kid, algorithm)
    },
    /** A set was there once, however old it is now. */
    get known() {
      return set !== undefined
    },
    get generation() {
      return generation
    },
    get size() {
      return usable()?.keys.length ?? 0
    },
  }
}

/** Up to a tenth late, so that replicas do not all ask at once; never what keeps the process alive. */
const scheduleTimer: Schedule = (seconds, work) => {
  const timer = setTimeout(work, seconds * (1000 + Math.random() * 100)).unref()
  return () => clearTimeout(timer)
}

interface Fetched {
  readonly document: Parameters<typeof readKeySet>[0]
  /** Tells whether anything changed. */
  readonly text: string
}

async function obtain(server: ServerConfig, fetch: FetchJson): Promise<Reading<Fetched>> {
  const { keys } = server
  if ('file' in keys) return readFile(keys.file)
  const uri = 'uri' in keys ? read(keys.uri) : await discover(server.issuer, fetch)
  if (!uri.ok) return uri
  const document = await fetch(uri.value)
  return document.ok ? read({ document: document.value, text: JSON.stringify(document.value) }) : document
}

function readFile(file: string): Reading<Fetched> {
  try {
    const bytes = readFileSync(file)
    const document = readJsonObject(bytes, { members: 20_000, depth: 16 })
    return document.ok
      ? read({ document: document.value, text: bytes.toString('latin1') })
      : unreadable(`${file}: ${document.problem}`)
  } catch {
    return unreadable(`${file}: it cannot be read`)
  }
}

/** RFC 8414 section 2: the metadata tell where the keys are. */
async function discover(issuer: string, fetch: FetchJson): Promise<Reading<string>> {
  const metadata = await fetchMetadata(issuer, fetch)
  if (!metadata.ok) return metadata
  const uri = own(metadata.value.members, 'jwks_uri')
  return typeof uri === 'string' ? read(uri) : unreadable(`${metadata.value.url}: there is no jwks_uri`)
}
