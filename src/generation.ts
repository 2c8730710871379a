import { randomUUID } from 'node:crypto'
import type { Admission } from './admission.ts'
import { buildAssertion } from './assertion.ts'
import { buildRules, unaskedLifetime } from './build.ts'
import type { Rules } from './check.ts'
import type { ServerConfig } from './config.ts'
import { shadowNotes } from './config-shadow.ts'
import { askingForStatus } from './io/asking-for-status.ts'
import { readAssertionKey } from './io/assertion-key.ts'
import { boundedCache } from './io/caches.ts'
import { type AuthoritiesByOptions, buildClientAuthorities, closeAuthorities } from './io/client-authorities.ts'
import type { LoadedConfig } from './io/config-file.ts'
import { observeConsents } from './io/consent-observation.ts'
import { buildConsents, type Consents } from './io/consents.ts'
import { readRecipients } from './io/decryption-keys.ts'
import { fetchDocument, fetchJson, postForm } from './io/fetch.ts'
import type { FetchJson } from './io/fetch-outcome.ts'
import { productVersion } from './io/http.ts'
import type { LiveIntrospector } from './io/introspection.ts'
import { buildIntrospectors } from './io/introspectors.ts'
import { buildKeySource, type KeyEvent, type LiveKeySource } from './io/keys.ts'
import type { Log } from './io/log.ts'
import { observeEnforcement, observeIntrospection, observeRoutes } from './io/observation.ts'
import { type Outbound, readOutbound } from './io/outbound.ts'
import { buildPlaces } from './io/places.ts'
import { observeRevocations } from './io/revocation-observation.ts'
import { buildRevocations, closeRevocations, type ServerRevocations } from './io/revocations.ts'
import { observeStatusLists } from './io/status-list-observation.ts'
import { collectStatusLists } from './io/status-list-sources.ts'
import type { LiveStatusLists } from './io/status-lists.ts'
import { type Memory, monotonic, wall } from './memory.ts'
import type { Metrics } from './metrics.ts'
import { orElse } from './or-else.ts'
import type { Ports } from './policy.ts'
import type { ConsentSource, Introspector, Nonces } from './ports.ts'
import type { DenyList } from './verify/deny-list.ts'
import type { OpenedToken } from './verify/encrypted-token.ts'
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
  /** Who is asked about consents. */
  readonly consents: Consents
  /** Of the servers that have some, by name. */
  readonly statusLists: ReadonlyMap<string, LiveStatusLists>
  /** Revoked tokens of the servers that have a list, by name. */
  readonly revocations: ReadonlyMap<string, ServerRevocations>
  /** Authorities of client certificates by the options that name them. */
  readonly clientAuthorities: AuthoritiesByOptions
  /** Whom calls to authorization servers trust, and where they may go. */
  readonly outbound: Outbound
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
  readonly standIns?: {
    readonly introspector?: Introspector | undefined
    readonly nonces?: Nonces | undefined
    readonly consents?: ((source: ConsentSource) => ConsentSource) | undefined
    /** Nothing that replicas share is opened. */
    readonly alone?: boolean
  }
}

/**
 * Builds everything a configuration needs, aside. Key sources of unchanged servers are kept with what they know, also
 * when calls are made in another way from now on: `enforce` tells them. `listFiles` are deny lists that were read already.
 */
export function buildGeneration(
  loaded: Loaded,
  before: Generation | undefined,
  world: World,
  listFiles?: ReadonlyMap<string, Reading<DenyList>>,
): Reading<Generation> {
  const { memory, metrics, log, observeKeys: observe, standIns = {} } = world
  const { config } = loaded
  const outbound = readOutbound(config)
  if (!outbound.ok) return outbound
  // What is built here begins to fetch at once, the way this configuration says.
  Object.assign(memory.outbound, outbound.value)
  const signer = config.identity.assertion && readAssertionKey(config.identity.assertion.key)
  if (signer && !signer.ok) return unreadable(`identity.assertion.key: ${signer.problem}`)
  const fetch: FetchJson = (url, namedBy) => fetchJson(url, { ...memory.outbound, namedBy })
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
  const consents = buildConsents(config, {
    outbound: () => memory.outbound,
    monotonic,
    observe: observeConsents(metrics, log.of('consent')),
  })
  if (!consents.ok) return consents
  const recipients = readRecipients(config)
  if (!recipients.ok) return recipients
  const holder = before && { ...before, config: before.loaded.config }
  const statusLists = collectStatusLists(config, sources, holder, {
    fetch: (uri, limits) => fetchDocument(uri, { accept: 'statuslist+jwt', ...limits, ...memory.outbound }),
    wall,
    monotonic,
    observe: observeStatusLists(metrics, log),
  })
  const revocations = buildRevocations(
    config,
    before?.revocations,
    {
      wall,
      monotonic,
      observe: observeRevocations(metrics, log),
      alone: standIns.alone,
    },
    listFiles,
  )
  if (!revocations.ok) return revocations
  const clientAuthorities = buildClientAuthorities(
    config,
    before?.clientAuthorities,
    askingForStatus({ memory, metrics, log, wall, monotonic, alone: standIns.alone }),
  )
  if (!clientAuthorities.ok) {
    closeRevocations(revocations.value, before?.revocations)
    return clientAuthorities
  }
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
          statusLists: statusLists.get(server.name),
          revocations: revocations.value.get(server.name),
          recipient: recipients.value.get(server.name),
          unasked: unaskedLifetime(server),
        },
      ]),
    ),
    clientAuthorities: clientAuthorities.value,
    replays: memory.replays,
    proofKeys: memory.proofKeys,
    nonces: standIns.nonces ?? buildNonces({ secrets: nonceSecrets, step, monotonic }),
    // A new one per configuration: what was verified under other rules is verified again.
    signedTokens: boundedCache<true>(50_000, 60, hooks),
    openedTokens: boundedCache<OpenedToken>(2000, 60),
    consents: new Map([...consents.value.sources].map(([key, source]) => [key, standIns.consents?.(source) ?? source])),
    // About a tenth of a second of work for RSA keys of 2048 bits and two processors.
    openings: buildPlaces(256),
    meter: { now: monotonic, took: (policy) => bindPolicy(metrics, policy) },
  }
  const close = (): void => {
    closeRevocations(revocations.value, before?.revocations)
    closeAuthorities(clientAuthorities.value, before?.clientAuthorities)
  }
  const rules = orElse(() => buildRules(config, loaded.hash, ports), close)
  const { assertion } = config.identity
  const generation = {
    loaded,
    rules,
    sources,
    introspectors: introspectors.value,
    consents: consents.value,
    statusLists,
    revocations: revocations.value,
    clientAuthorities: clientAuthorities.value,
    nonceSecrets,
    outbound: outbound.value,
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
export function enforce({ loaded, outbound }: Generation, { memory, metrics, log }: World): void {
  Object.assign(memory.outbound, outbound)
  // What is left of servers that are gone; the others tell anew as soon as their keys have been looked at.
  for (const gauge of [metrics.jwksKeys, metrics.jwksSkipped, metrics.jwksLeaks, metrics.dependencyUp]) gauge.reset()
  if (memory.replays.capacity === undefined)
    metrics.dependencyUp.labels('replay').set(memory.replays.trouble() === undefined ? 1 : 0)
  observeRoutes(metrics, loaded.config, loaded.hash, productVersion())
  observeEnforcement(metrics, loaded.config, wall())
  const say = log.of('configuration').event
  for (const note of shadowNotes(loaded.config, wall())) say('warn', 'not enforcing', { note })
}

/** Ends what a generation keeps open. */
export function closeSources({ sources, statusLists, revocations, clientAuthorities }: Generation): void {
  closeRevocations(revocations)
  closeAuthorities(clientAuthorities)
  for (const source of sources.values()) void source.close()
  for (const list of statusLists.values()) list.close()
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
