import { type KeyObject, randomUUID } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import type { Admission } from './admission.ts'
import { buildAssertion } from './assertion.ts'
import { buildRules, unaskedLifetime } from './build.ts'
import type { Rules } from './check.ts'
import type { Config, ServerConfig } from './config.ts'
import { readAssertionKey } from './io/assertion-key.ts'
import { readAuthorities } from './io/authorities.ts'
import { boundedCache } from './io/caches.ts'
import { type LoadedConfig, loadConfig } from './io/config-file.ts'
import { fetchJson, postForm } from './io/fetch.ts'
import { productVersion } from './io/http.ts'
import type { LiveIntrospector } from './io/introspection.ts'
import { buildIntrospectors } from './io/introspectors.ts'
import { buildKeySource, type KeyEvent, type LiveKeySource } from './io/keys.ts'
import type { Log } from './io/log.ts'
import { observeIntrospection, observeRoutes } from './io/observation.ts'
import { memoryReplays } from './io/replays.ts'
import type { Metrics } from './metrics.ts'
import type { SenderConstraintOptions } from './policies/sender-constraint.ts'
import type { Ports } from './policy.ts'
import { type Reading, read, unreadable } from './verify/reading.ts'

export type Loaded = Extract<LoadedConfig, { ok: true }>

/** One configuration in force with what belongs to it. Replaced whole. */
export interface Generation {
  readonly loaded: Loaded
  readonly rules: Rules
  readonly sources: ReadonlyMap<string, LiveKeySource>
  /** Servers that are asked about tokens, by name. */
  readonly introspectors: ReadonlyMap<string, LiveIntrospector>
  /** Authorities trusted for outbound calls, PEM; undefined: the system's. */
  readonly trust: readonly string[] | undefined
  /** The public keys of assertions; undefined when there are none. */
  readonly jwks: object | undefined
}

/** Seconds; wall clock and monotonic clock. */
export const wall = (): number => Date.now() / 1000
export const monotonic = (): number => performance.now() / 1000

/** What outlives a configuration: forgetting used proofs at a reload would let them pass again. */
export function buildMemory({ stores, routes }: Config) {
  const constraints = routes
    .flatMap(({ policies }) => policies)
    .filter(({ name }) => name === 'senderConstraint')
    // Parsed by the very schema this type comes from.
    .map(({ options }) => options as SenderConstraintOptions)
    .filter(({ methods }) => methods.includes('dpop'))
  const maxFuture = Math.max(10, ...constraints.map(({ dpop }) => dpop.futureTolerance))
  const unsettled = constraints.length > 0 && stores.afterRestart === 'refuse'
  return {
    /** From then on a proof by a right clock is known to be younger than this process; monotonic, whole seconds count. */
    settledAt: unsettled ? monotonic() + maxFuture + 1 : monotonic(),
    replays: memoryReplays({
      capacity: stores.replayCapacity,
      afterRestart: stores.afterRestart,
      maxFuture,
      wall,
      monotonic,
    }),
    proofKeys: boundedCache<KeyObject>(10_000, 3600),
    /** What calls by sources of any age trust now. */
    outbound: { ca: undefined as readonly string[] | undefined },
  }
}

export type Memory = ReturnType<typeof buildMemory>

/** What stays the same while configurations come and go. */
export interface World {
  readonly file: string
  readonly environment: NodeJS.ProcessEnv
  readonly memory: Memory
  readonly metrics: Metrics
  readonly log: Log
  readonly observeKeys: (event: KeyEvent) => void
  /** Called when a change was refused for a reason that may be gone in a while. */
  readonly tryLater?: () => void
  /** Told how the last change ended, and which files a refused one named: their coming may mend it. */
  readonly concluded?: (result: 'applied' | 'refused', files: readonly string[]) => void
}

/**
 * Builds everything a configuration needs, aside. Key sources of unchanged servers are kept with what they know, also
 * when other authorities are trusted from now on: `enforce` tells them.
 */
export function buildGeneration(loaded: Loaded, before: Generation | undefined, world: World): Reading<Generation> {
  const { memory, metrics, log, observeKeys: observe } = world
  const { config } = loaded
  const extra = config.outbound.ca === undefined ? read(undefined) : readAuthorities(config.outbound.ca)
  if (!extra.ok) return unreadable(`outbound.ca: ${extra.problem}`)
  const signer = config.identity.assertion && readAssertionKey(config.identity.assertion.key)
  if (signer && !signer.ok) return unreadable(`identity.assertion.key: ${signer.problem}`)
  const fetch = (url: string) => fetchJson(url, memory.outbound)
  const sources = new Map(
    config.authorizationServers.map((server) => {
      const kept = sameSource(before, server) ? before?.sources.get(server.name) : undefined
      return [server.name, kept ?? buildKeySource(server, { fetch, monotonic, observe })] as const
    }),
  )
  const introspectors = buildIntrospectors(config, sources, {
    post: (url, call) => postForm(url, { ...call, ...memory.outbound }),
    fetch,
    wall,
    monotonic,
    observe: observeIntrospection(metrics, log),
  })
  if (!introspectors.ok) return introspectors
  const hooks = { hit: () => metrics.tokenCacheHits.inc(), miss: () => metrics.tokenCacheMisses.inc() }
  const ports: Ports = {
    servers: new Map(
      config.authorizationServers.map((server) => [
        server.name,
        {
          ...server,
          keys: mustGet(sources, server.name),
          introspection: introspectors.value.get(server.name),
          unasked: unaskedLifetime(server),
        },
      ]),
    ),
    replays: memory.replays,
    proofKeys: memory.proofKeys,
    // A new one per configuration: what was verified under other rules is verified again.
    signedTokens: boundedCache<true>(50_000, 60, hooks),
    meter: { now: monotonic, took: (policy) => bindPolicy(metrics, policy) },
  }
  const trust = extra.value === undefined ? undefined : [...rootCertificates, extra.value]
  const rules = buildRules(config, loaded.hash, ports)
  const { assertion } = config.identity
  const rest = { loaded, sources, introspectors: introspectors.value, trust }
  if (!assertion || !signer?.value) return read({ ...rest, rules, jwks: undefined })
  const key = signer.value
  const assert = (admission: Admission) => buildAssertion(admission, key, assertion, { now: wall(), id: randomUUID() })
  return read({ ...rest, rules: { ...rules, identity: { ...rules.identity, assert } }, jwks: key.jwks })
}

function bindPolicy(metrics: Metrics, policy: string): (seconds: number) => void {
  const bound = metrics.policyDuration.labels(policy)
  return (seconds) => bound.observe(seconds)
}

/** Puts a generation in force for what outlives it. */
export function enforce({ loaded, trust }: Generation, { memory, metrics }: World): void {
  memory.outbound.ca = trust
  // What is left of servers that are gone; the others tell anew as soon as their keys have been looked at.
  for (const gauge of [metrics.jwksKeys, metrics.jwksSkipped, metrics.jwksLeaks, metrics.dependencyUp]) gauge.reset()
  observeRoutes(metrics, loaded.config, loaded.hash, productVersion())
}

/** Whether a server's keys still come from the same place; a key file is read again either way. */
const sameSource = (before: Generation | undefined, { name, issuer, keys }: ServerConfig): boolean =>
  before?.loaded.config.authorizationServers.some(
    (other) => other.name === name && other.issuer === issuer && JSON.stringify(other.keys) === JSON.stringify(keys),
  ) === true

function mustGet(sources: ReadonlyMap<string, LiveKeySource>, name: string): LiveKeySource {
  const source = sources.get(name)
  if (!source) throw new Error(`there is no key source for ${name}`)
  return source
}

/** How long a reload waits for the keys of new places, milliseconds. */
const NEW_KEYS = 3000

/**
 * Reads the configuration again and returns the generation in force afterwards: the new one, or the last good one. New
 * places of keys have to give some first, so that a misspelled one cannot take away keys that are good.
 */
export async function swap(current: Generation, world: World): Promise<Generation> {
  const { file, environment, metrics, log } = world
  const refused = (problems: unknown, files: readonly string[] = []): Generation => {
    world.concluded?.('refused', files)
    metrics.reloads.labels('refused').inc()
    log.event('error', 'configuration refused, the last good one stays', { problems })
    return current
  }
  try {
    const loaded = loadConfig(file, environment)
    if (!loaded.ok) return refused(loaded.problems, loaded.files)
    const built = buildGeneration(loaded, current, world)
    if (!built.ok) return refused([{ message: built.problem }], loaded.files)
    const next = built.value
    const keyless = await firstKeys(next, current, world)
    if (keyless.length > 0) {
      closeOthers(next, current)
      world.tryLater?.()
      const problems = keyless.map((name) => ({ message: `no keys of ${name} could be had from their new place` }))
      return refused(problems, loaded.files)
    }
    enforce(next, world)
    closeOthers(current, next)
    for (const source of next.sources.values()) void source.load()
    world.concluded?.('applied', [])
    metrics.reloads.labels('applied').inc()
    log.setLevel(loaded.config.log.level)
    const fixed = JSON.stringify([loaded.config.listen, loaded.config.stores, loaded.config.limits])
    const running = JSON.stringify([
      current.loaded.config.listen,
      current.loaded.config.stores,
      current.loaded.config.limits,
    ])
    if (fixed !== running) log.event('warn', 'changes of listen, stores and limits take effect at the next start')
    log.event('info', 'configuration applied', { config: loaded.hash.slice(0, 12) })
    return next
  } catch (error) {
    return refused([{ message: error instanceof Error ? error.message : String(error) }])
  }
}

/** Names of the servers whose sources are new and have given no keys in time. */
async function firstKeys(next: Generation, current: Generation, { memory }: World): Promise<readonly string[]> {
  const fresh = [...next.sources].filter(([, source]) => ![...current.sources.values()].includes(source))
  if (fresh.length === 0) return []
  // They are asked with what the new configuration trusts.
  const before = memory.outbound.ca
  memory.outbound.ca = next.trust
  const limit = timer(NEW_KEYS)
  await Promise.race([Promise.all(fresh.map(([, source]) => source.load())), limit.elapsed])
  limit.cancel()
  const keyless = fresh.filter(([, source]) => source.size === 0).map(([name]) => name)
  if (keyless.length > 0) memory.outbound.ca = before
  return keyless
}

function closeOthers(leaving: Generation, staying: Generation): void {
  const kept = new Set(staying.sources.values())
  for (const source of leaving.sources.values()) if (!kept.has(source)) source.close()
}

/** Elapses after so many milliseconds, unless called off. */
export function timer(milliseconds: number) {
  const { promise, resolve } = Promise.withResolvers<void>()
  const handle = setTimeout(resolve, milliseconds)
  return { elapsed: promise, cancel: () => clearTimeout(handle) }
}
