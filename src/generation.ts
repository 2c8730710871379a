import { randomUUID } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import type { Admission } from './admission.ts'
import { buildAssertion } from './assertion.ts'
import { buildRules, unaskedLifetime } from './build.ts'
import type { Rules } from './check.ts'
import type { ServerConfig } from './config.ts'
import { shadowNotes } from './config-shadow.ts'
import { readAssertionKey } from './io/assertion-key.ts'
import { readAuthorities } from './io/authorities.ts'
import { boundedCache } from './io/caches.ts'
import type { LoadedConfig } from './io/config-file.ts'
import { fetchJson, postForm } from './io/fetch.ts'
import { productVersion } from './io/http.ts'
import type { LiveIntrospector } from './io/introspection.ts'
import { buildIntrospectors } from './io/introspectors.ts'
import { buildKeySource, type KeyEvent, type LiveKeySource } from './io/keys.ts'
import type { Log } from './io/log.ts'
import { observeEnforcement, observeIntrospection, observeRoutes } from './io/observation.ts'
import { type Memory, monotonic, wall } from './memory.ts'
import type { Metrics } from './metrics.ts'
import type { Ports } from './policy.ts'
import type { Introspector, Nonces } from './ports.ts'
import { buildNonces, type NonceSecret, settleSecrets } from './verify/nonce.ts'
import { type Reading, read, unreadable } from './verify/reading.ts'

export type Loaded = Extract<LoadedConfig, { ok: true }>

/** One configuration in force with what belongs to it. Replaced whole. */
export interface Generation {
  readonly loaded: Loaded
  readonly rules: Rules
  readonly sources: ReadonlyMap<string, LiveKeySource>
  readonly nonceSecrets: readonly NonceSecret[]
  /** Servers that are asked about tokens, by name. */
  readonly introspectors: ReadonlyMap<string, LiveIntrospector>
  /** Authorities trusted for outbound calls, PEM; undefined: the system's. */
  readonly trust: readonly string[] | undefined
  /** The public keys of assertions; undefined when there are none. */
  readonly jwks: object | undefined
}

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
  /** Take the places of what a trial beside the service must not touch or cannot know. */
  readonly standIns?: { readonly introspector?: Introspector | undefined; readonly nonces?: Nonces | undefined }
}

/**
 * Builds everything a configuration needs, aside. Key sources of unchanged servers are kept with what they know, also
 * when other authorities are trusted from now on: `enforce` tells them.
 */
export function buildGeneration(loaded: Loaded, before: Generation | undefined, world: World): Reading<Generation> {
  const { memory, metrics, log, observeKeys: observe, standIns = {} } = world
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
  const { secrets = [memory.nonceSecret], step } = config.nonces
  const nonceSecrets = settleSecrets(secrets, before?.nonceSecrets ?? [], monotonic())
  const introspectors = buildIntrospectors(config, sources, {
    post: (url, call) => postForm(url, { ...call, ...memory.outbound }),
    fetch,
    wall,
    monotonic,
    observe: observeIntrospection(metrics, log.of('introspection')),
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
          introspection:
            server.revocation.introspection && (standIns.introspector ?? introspectors.value.get(server.name)),
          unasked: unaskedLifetime(server),
        },
      ]),
    ),
    replays: memory.replays,
    proofKeys: memory.proofKeys,
    nonces: standIns.nonces ?? buildNonces({ secrets: nonceSecrets, step, monotonic }),
    // A new one per configuration: what was verified under other rules is verified again.
    signedTokens: boundedCache<true>(50_000, 60, hooks),
    meter: { now: monotonic, took: (policy) => bindPolicy(metrics, policy) },
  }
  const trust = extra.value === undefined ? undefined : [...rootCertificates, extra.value]
  const rules = buildRules(config, loaded.hash, ports)
  const { assertion } = config.identity
  const generation = {
    loaded,
    rules,
    sources,
    introspectors: introspectors.value,
    nonceSecrets,
    trust,
    jwks: undefined,
  }
  if (!assertion || !signer?.value) return read(generation)
  const key = signer.value
  const assert = (admission: Admission) => buildAssertion(admission, key, assertion, { now: wall(), id: randomUUID() })
  return read({ ...generation, rules: { ...rules, identity: { ...rules.identity, assert } }, jwks: key.jwks })
}

function bindPolicy(metrics: Metrics, policy: string): (seconds: number) => void {
  const bound = metrics.policyDuration.labels(policy)
  return (seconds) => bound.observe(seconds)
}

/** Puts a generation in force for what outlives it. */
export function enforce({ loaded, trust }: Generation, { memory, metrics, log }: World): void {
  memory.outbound.ca = trust
  // What is left of servers that are gone; the others tell anew as soon as their keys have been looked at.
  for (const gauge of [metrics.jwksKeys, metrics.jwksSkipped, metrics.jwksLeaks, metrics.dependencyUp]) gauge.reset()
  if (memory.replays.capacity === undefined)
    metrics.dependencyUp.labels('replay').set(memory.replays.trouble() === undefined ? 1 : 0)
  observeRoutes(metrics, loaded.config, loaded.hash, productVersion())
  observeEnforcement(metrics, loaded.config, wall())
  const say = log.of('configuration').event
  for (const note of shadowNotes(loaded.config, wall())) say('warn', 'not enforcing', { note })
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
