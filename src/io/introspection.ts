import { hash } from 'node:crypto'
import { truncateAddress } from '../audit/client-address.ts'
import type { ServerConfig } from '../config.ts'
import type { Introspector, KeySource, Statement } from '../ports.ts'
import {
  type AnswerRules,
  acceptSignedAnswer,
  type Introspection,
  readIntrospection,
  readSignedAnswer,
} from '../verify/introspection.ts'
import { spellAlgorithms } from '../verify/jws.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { isObject, own, readJsonObject } from '../verify/strict-json.ts'
import { buildBreaker } from './breaker.ts'
import { boundedCache } from './caches.ts'
import type { ClientAuthentication } from './client-authentication.ts'
import type { FormCall } from './fetch.ts'
import type { Fetched, FetchJson } from './fetch-outcome.ts'
import { fetchMetadata } from './metadata.ts'
import { buildShares } from './shares.ts'

/** An introspector and how it fares. */
export interface LiveIntrospector extends Introspector {
  /** False while the server is not asked because it failed. */
  readonly available: boolean
}

/** What asking needs of the outside world, and tells it. Seconds. */
export interface IntrospectionSurroundings {
  readonly post: (url: string, call: FormCall) => Promise<Fetched>
  readonly fetch: FetchJson
  /** Keys of signed answers. */
  readonly keys: KeySource
  readonly client: ClientAuthentication
  readonly wall: () => number
  readonly monotonic: () => number
  readonly observe: (event: IntrospectionEvent) => void
}

export type IntrospectionEvent =
  | { readonly kind: 'remembered'; readonly server: string }
  | { readonly kind: 'active' | 'inactive'; readonly server: string; readonly seconds: number }
  | {
      readonly kind: 'unavailable'
      readonly server: string
      readonly seconds: number
      readonly problem: string
    }
  | { readonly kind: 'refused'; readonly server: string }

export type IntrospectionOptions = NonNullable<ServerConfig['revocation']['introspection']>

/**
 * Tokens asked about at the same time: whoever sends made-up ones must not make a server fall over, and from one network
 * alone nobody gets more than half of the places.
 */
const CALLS = { places: 64, free: 32, each: 8 }
/** Answers remembered. Those about bad tokens are apart, so that they cannot push out the others. */
const MAX_REMEMBERED = 10_000
/** Bytes of an answer. */
const MAX_ANSWER = 16_384
/** Failures in a row after which a server is left alone, and for how long. */
const BREAKER = { failures: 5, pause: 1 }
/** The endpoint is looked up again after this time, seconds. */
const METADATA_LIFETIME = 600

/**
 * Asks one authorization server about tokens (RFC 7662, RFC 9701), each at most once at a time, and remembers what it
 * said for a moment. It belongs to one configuration of one server: nothing it remembers was said to another.
 */
export function buildIntrospector(
  server: ServerConfig,
  options: IntrospectionOptions,
  surroundings: IntrospectionSurroundings,
): LiveIntrospector {
  const { monotonic, wall, keys, observe } = surroundings
  const { name } = server
  const breaker = buildBreaker({ ...BREAKER, monotonic })
  const active = boundedCache<Extract<Statement, { kind: 'active' }>>(MAX_REMEMBERED, 30, { monotonic })
  const inactive = boundedCache<Statement>(MAX_REMEMBERED, 5, { monotonic })
  const underWay = new Map<string, Promise<Statement>>()
  const calls = buildShares(CALLS)
  const ask = buildQuestion(server, options, surroundings)

  const remember = (key: string, answer: Introspection): Statement => {
    if (!answer.active) {
      const statement: Statement = { kind: 'inactive' }
      inactive.set(key, statement, options.negativeCache)
      return statement
    }
    const { claims } = answer
    const statement: Statement = { kind: 'active', claims }
    const exp = own(claims, 'exp')
    active.set(key, statement, Math.min(options.cache, typeof exp === 'number' ? exp - wall() : 0))
    return statement
  }
  const inquire = async (key: string, token: string): Promise<Statement> => {
    const begun = monotonic()
    const outcome = await ask(token)
    const seconds = monotonic() - begun
    if (outcome.fault) breaker.failed()
    else breaker.succeeded()
    if (!outcome.answer.ok) {
      const { problem } = outcome.answer
      observe({ kind: 'unavailable', server: name, seconds, problem })
      return { kind: 'unavailable', detail: problem }
    }
    const statement = remember(key, outcome.answer.value)
    observe({ kind: outcome.answer.value.active ? 'active' : 'inactive', server: name, seconds })
    return statement
  }
  const refuse = (detail: string): Statement => {
    observe({ kind: 'refused', server: name })
    return { kind: 'unavailable', detail }
  }
  return {
    required: options.required,
    ask(token, address) {
      // The keys are part of it: an answer by keys that were taken back is asked for again.
      const key = `${hash('sha256', token, 'base64url')}.${keys.generation}`
      const remembered = active.get(key) ?? inactive.get(key)
      if (remembered) {
        observe({ kind: 'remembered', server: name })
        return remembered
      }
      const asked = underWay.get(key)
      if (asked !== undefined) return asked
      const leave = calls.take(truncateAddress(address) ?? '')
      if (!leave) return refuse(`too many tokens are asked about at ${name}`)
      if (!breaker.admits()) {
        leave()
        return refuse(`${name} failed and is not asked for a moment`)
      }
      const asking = inquire(key, token).finally(() => {
        leave()
        underWay.delete(key)
      })
      underWay.set(key, asking)
      return asking
    },
    get available() {
      return !breaker.open
    },
  }
}

/** How asking ended; `fault`: the server failed as it would have for any token. */
interface Outcome {
  readonly answer: Reading<Introspection>
  readonly fault: boolean
}

/** One question about one token, without memory. */
function buildQuestion(server: ServerConfig, options: IntrospectionOptions, surroundings: IntrospectionSurroundings) {
  const { post, client, wall, keys } = surroundings
  const { clientId, signed, timeout } = options
  const rules: AnswerRules = { issuer: server.issuer, clientId, algorithms: spellAlgorithms(server.algorithms) }
  const locate = buildLocator(server.issuer, options, surroundings)
  return async (token: string): Promise<Outcome> => {
    const endpoint = await locate()
    if (!endpoint.ok) return { answer: endpoint, fault: true }
    const form = new URLSearchParams({ token, token_type_hint: 'access_token' })
    await client.sign(form, wall())
    const fetched = await post(endpoint.value, {
      form,
      namedBy: options.endpoint === undefined ? server.issuer : undefined,
      accept: signed ? 'token-introspection+jwt' : 'json',
      identity: client.identity,
      timeout: timeout * 1000,
      maxBytes: MAX_ANSWER,
    })
    if (!fetched.ok) return { answer: unreadable(fetched.problem), fault: isFault(fetched) }
    const answer = signed ? await readSigned(fetched.value, rules, keys, wall()) : readPlain(fetched.value)
    return { answer: answer.ok ? answer : unreadable(`${endpoint.value}: ${answer.problem}`), fault: false }
  }
}

/**
 * Whether the server would have failed for any token. What else it answers may be due to the token, and whoever chooses
 * tokens must not be able to keep others from being asked about.
 */
const isFault = ({ status }: Extract<Fetched, { ok: false }>): boolean =>
  status === undefined || status >= 500 || status === 429 || status === 401

function readPlain(bytes: Buffer): Reading<Introspection> {
  const answer = readJsonObject(bytes)
  return answer.ok ? read(readIntrospection(answer.value)) : answer
}

/** The keys are those of its tokens (RFC 9701 section 5). */
async function readSigned(
  bytes: Buffer,
  rules: AnswerRules,
  keys: KeySource,
  now: number,
): Promise<Reading<Introspection>> {
  const answer = readSignedAnswer(bytes.toString('latin1'), rules, MAX_ANSWER)
  if (!answer.ok) return answer
  const search = await keys.find(answer.value.kid, answer.value.jws.algorithm)
  return search.kind === 'found' ? acceptSignedAnswer(answer.value, search.keys, rules, now) : unreadable(search.detail)
}

/** Where to ask: as configured, or as the server's metadata say, which are looked at again after a while. */
function buildLocator(
  issuer: string,
  { endpoint, certificate }: IntrospectionOptions,
  { fetch, monotonic }: IntrospectionSurroundings,
): () => Promise<Reading<string>> {
  if (endpoint !== undefined) return () => Promise.resolve(read(endpoint))
  let known: string | undefined
  let lookedAt = Number.NEGATIVE_INFINITY
  let underWay: Promise<Reading<string>> | undefined
  const look = async (): Promise<Reading<string>> => {
    const metadata = await fetchMetadata(issuer, fetch)
    if (!metadata.ok) return metadata
    const { members, url } = metadata.value
    // RFC 8705 section 5: connections with a client certificate may have to go elsewhere.
    const aliases = certificate === undefined ? undefined : own(members, 'mtls_endpoint_aliases')
    const alias = isObject(aliases) ? own(aliases, 'introspection_endpoint') : undefined
    const found = alias ?? own(members, 'introspection_endpoint')
    if (typeof found !== 'string') return unreadable(`${url}: there is no introspection_endpoint`)
    known = found
    return read(found)
  }
  return () => {
    if (known !== undefined && monotonic() - lookedAt < METADATA_LIFETIME) return Promise.resolve(read(known))
    lookedAt = monotonic()
    underWay ??= look().finally(() => {
      underWay = undefined
    })
    // Where it was is good enough meanwhile: nobody waits for metadata that were there before.
    return known === undefined ? underWay : Promise.resolve(read(known))
  }
}
