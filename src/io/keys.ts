import { readFileSync } from 'node:fs'
import type { ServerConfig } from '../config.ts'
import type { KeySearch, KeySource } from '../ports.ts'
import { findKeys, type KeySet, readKeySet } from '../verify/key-set.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { own, readJsonObject } from '../verify/strict-json.ts'
import type { FetchJson } from './fetch.ts'

/** A key source with its life: loading, refreshing, closing. */
export interface LiveKeySource extends KeySource {
  /** Fetches once now, joining a fetch under way. True when a usable set is there afterwards. */
  readonly load: () => Promise<boolean>
  readonly close: () => void
  /** Usable keys; 0 when there is no set. */
  readonly size: number
}

/** What a key source asks of the outside world, and tells it. Seconds. */
export interface KeySurroundings {
  readonly fetch: FetchJson
  readonly monotonic: () => number
  readonly observe: (event: KeyEvent) => void
}

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
/** The last good set serves this long while its source fails, seconds. */
const MAX_STALE = 86_400

/**
 * The signature keys of one authorization server, from discovery (RFC 8414), a JWK Set URI or a file. A failing source
 * never takes away a good set before `MAX_STALE`; a set that changed replaces the old one whole.
 */
export function buildKeySource(server: ServerConfig, surroundings: KeySurroundings): LiveKeySource {
  const { monotonic, observe } = surroundings
  let set: KeySet | undefined
  let content = ''
  let generation = 0
  let succeeded = Number.NEGATIVE_INFINITY
  let attempted = Number.NEGATIVE_INFINITY
  let underWay: Promise<boolean> | undefined
  let retry: NodeJS.Timeout | undefined
  let closed = false

  const accept = ({ document, text }: Fetched): boolean => {
    const keys = readKeySet(document)
    if (!keys.ok) return fail(keys.problem)
    succeeded = monotonic()
    if (text !== content) {
      set = keys.value
      content = text
      generation += 1
    }
    observe({
      kind: 'loaded',
      server: server.name,
      keys: keys.value.keys.length,
      skipped: keys.value.skipped,
      leaked: keys.value.leaked,
    })
    return true
  }
  const fail = (problem: string): boolean => {
    observe({ kind: 'failed', server: server.name, problem })
    if (!set && !closed) retry = setTimeout(() => void load(), RETRY * 1000).unref()
    return false
  }
  const load = (): Promise<boolean> => {
    if (underWay !== undefined) return underWay
    attempted = monotonic()
    underWay = obtain(server, surroundings.fetch)
      .then((fetched) => (fetched.ok ? accept(fetched.value) : fail(fetched.problem)))
      .finally(() => {
        underWay = undefined
      })
    return underWay
  }
  const search = (kid: string | undefined, algorithm: string): KeySearch =>
    set && monotonic() - succeeded <= MAX_STALE
      ? findKeys(set, kid, algorithm)
      : { kind: 'unavailable', detail: `no keys of ${server.name} could be fetched` }

  const timer = setInterval(() => void load(), REFRESH * 1000)
  timer.unref()
  return {
    find(kid, algorithm) {
      const found = search(kid, algorithm)
      if (found.kind === 'found') return found
      if (monotonic() - attempted < (set ? COOLDOWN : RETRY) && underWay === undefined) return found
      return load().then(() => search(kid, algorithm))
    },
    get generation() {
      return generation
    },
    get size() {
      return set?.keys.length ?? 0
    },
    load,
    close: () => {
      closed = true
      clearInterval(timer)
      clearTimeout(retry)
    },
  }
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

/** RFC 8414 section 3: metadata whose `issuer` is exactly the configured one tells where the keys are. */
async function discover(issuer: string, fetch: FetchJson): Promise<Reading<string>> {
  let problem = ''
  for (const url of metadataUrls(issuer)) {
    const metadata = await fetch(url)
    if (!metadata.ok) {
      problem ||= metadata.problem
      continue
    }
    if (own(metadata.value, 'issuer') !== issuer) return unreadable(`${url}: issuer is not exactly ${issuer}`)
    const uri = own(metadata.value, 'jwks_uri')
    return typeof uri === 'string' ? read(uri) : unreadable(`${url}: there is no jwks_uri`)
  }
  return unreadable(problem)
}

/** OpenID Connect Discovery appends to the issuer, RFC 8414 section 3.1 puts the name between host and path. */
function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ]
}
