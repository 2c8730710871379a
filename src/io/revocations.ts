import { hash, randomUUID } from 'node:crypto'
import type { Config, ServerConfig } from '../config.ts'
import { type DenyListOptions, takesPushes } from '../config-revocation.ts'
import { readRedis } from '../config-stores.ts'
import type { Revocations } from '../ports.ts'
import type { DenyList, Revocation } from '../verify/deny-list.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { causes } from './redis-failures.ts'
import { prepareLink } from './redis-link.ts'
import { followRevocations, type SharedRevocationEvent, type SharedRevocations } from './redis-revocations.ts'
import { readListFile } from './revocation-files.ts'
import { revocationScript } from './revocation-script.ts'
import { timer } from './timer.ts'

/** What is known of the revoked tokens of one authorization server. */
export interface ServerRevocations extends Revocations {
  readonly issuer: string
  readonly options: DenyListOptions
  /** Entries of the file. */
  readonly listed: number
  /** What all replicas share; it outlives a configuration that leaves it as it is. */
  readonly shared: SharedRevocations | undefined
  /** Tells one configuration of the shared part from another. */
  readonly identity: string
  /** Whether operators can add to it. */
  readonly pushable: boolean
  /** Whether each token is known to end within a day: else nobody but the operator knows how long an entry is needed. */
  readonly shortLived: boolean
}

export type RevocationEvent =
  | (SharedRevocationEvent & { readonly server: string })
  | { readonly kind: 'unchecked'; readonly server: string }

interface Surroundings {
  readonly wall: () => number
  readonly monotonic: () => number
  readonly observe: (event: RevocationEvent) => void
  /** Nothing that replicas share is opened: who follows a list also writes to it. */
  readonly alone?: boolean | undefined
}

/** Seconds for one step at Redis; no request waits for one. */
const TIMEOUT = 1

/**
 * The lists of all servers that have one, by name. What Redis told under the configuration before stays known. Files that
 * were read already are not read again.
 */
export function buildRevocations(
  { authorizationServers, routes }: Config,
  before: ReadonlyMap<string, ServerRevocations> | undefined,
  surroundings: Surroundings,
  files: ReadonlyMap<string, Reading<DenyList>> = new Map(),
): Reading<ReadonlyMap<string, ServerRevocations>> {
  const lists = new Map<string, ServerRevocations>()
  const endless = routes.some(({ exceptions }) => exceptions.includes('longLivedTokens'))
  /** What was opened here has no other owner when something is wrong further on. */
  const opened: SharedRevocations[] = []
  for (const [index, server] of authorizationServers.entries()) {
    const options = server.revocation.denyList
    if (!options) continue
    const kept = before?.get(server.name)
    const list = buildOne(server, options, kept, surroundings, files.get(server.name))
    if (!list.ok) {
      for (const shared of opened) shared.close()
      return unreadable(`authorizationServers[${index}].revocation.denyList.${list.problem}`)
    }
    if (list.value.shared && list.value.shared !== kept?.shared) opened.push(list.value.shared)
    lists.set(server.name, { ...list.value, shortLived: !endless && sayWhenIssued(server) })
  }
  return read(lists)
}

/** Of a token that does not say, the lifetime counts from each request anew. */
const sayWhenIssued = ({ revocation: { introspection } }: ServerConfig): boolean =>
  introspection === undefined || introspection.required.includes('iat')

function buildOne(
  server: ServerConfig,
  options: DenyListOptions,
  kept: ServerRevocations | undefined,
  surroundings: Surroundings,
  file: Reading<DenyList> | undefined,
): Reading<Omit<ServerRevocations, 'shortLived'>> {
  const { name, issuer } = server
  const listed = options.file === undefined ? read(undefined) : (file ?? readListFile(options.file, options.maxEntries))
  if (!listed.ok) return unreadable(`file: ${listed.problem}`)
  const identity = JSON.stringify([issuer, options.redis, options.maxEntries, options.maxStale])
  const inherited = kept?.issuer === issuer && kept.shared ? [...kept.shared.entries()] : []
  const shared =
    kept?.identity === identity ? read(kept.shared) : share(server, options, { ...surroundings, inherited })
  if (!shared.ok) return unreadable(`redis: ${shared.problem}`)
  const judge = judgeBy(listed.value, shared.value, options, () =>
    surroundings.observe({ kind: 'unchecked', server: name }),
  )
  return read({
    judge,
    issuer,
    options,
    identity,
    listed: listed.value?.size ?? 0,
    shared: shared.value,
    pushable: takesPushes(options),
  })
}

/** Revoked is what one of the two knows; clean is only what both would know. */
const judgeBy =
  (
    listed: DenyList | undefined,
    shared: SharedRevocations | undefined,
    { onOutage }: DenyListOptions,
    unchecked: () => void,
  ): Revocations['judge'] =>
  (token, now) => {
    const by = listed?.find(token, now) ?? shared?.find(token, now)
    if (by !== undefined) return { kind: 'revoked', by }
    if (!shared || shared.current) return { kind: 'clean' }
    if (onOutage === 'hard') return { kind: 'unknown', detail: spellAge(shared) }
    unchecked()
    return { kind: 'clean' }
  }

function share(
  { name, issuer }: ServerConfig,
  { redis, maxEntries, maxStale }: DenyListOptions,
  { wall, monotonic, observe, alone, inherited }: Surroundings & { readonly inherited: readonly Revocation[] },
): Reading<SharedRevocations | undefined> {
  if (redis === undefined || alone === true) return read(undefined)
  const store = readRedis(redis)
  const open = prepareLink({ ...store, timeout: TIMEOUT }, revocationScript)
  if (!open.ok) return open
  return read(
    followRevocations({
      open: open.value,
      stem: `${store.keyPrefix}{r${hash('sha256', issuer, 'base64url').slice(0, 22)}}`,
      maxEntries,
      maxStale,
      inherited,
      epoch: randomUUID,
      wall,
      monotonic,
      observe: (event) => observe({ ...event, server: name }),
    }),
  )
}

/** Milliseconds between two looks whether a new place has told everything. */
const LOOK = 20

/** Writing and reading a long list takes a while; it is waited for as long as nothing goes wrong, milliseconds. */
const LONGEST = 60_000

/** Names of the servers whose new place has not told all its revocations in time; so many milliseconds when it fails. */
export async function firstRevocations(
  next: ReadonlyMap<string, ServerRevocations>,
  current: ReadonlyMap<string, ServerRevocations>,
  milliseconds: number,
): Promise<readonly string[]> {
  const unread = () =>
    [...next].filter(([name, { shared }]) => shared && shared !== current.get(name)?.shared && !shared.current)
  const isPromising = () => unread().every(([, { shared }]) => shared?.trouble() === 'unasked')
  for (let waited = 0; unread().length > 0; waited += LOOK) {
    if (waited >= LONGEST || (waited >= milliseconds && !isPromising())) break
    await timer(LOOK).elapsed
  }
  return unread().map(([name]) => name)
}

/** Tells the lists of a configuration that comes into force what those before it learned while it was being built. */
export function handOverRevocations(
  leaving: ReadonlyMap<string, ServerRevocations>,
  coming: ReadonlyMap<string, ServerRevocations>,
): void {
  for (const [name, { issuer, shared }] of coming) {
    const before = leaving.get(name)
    if (before?.issuer === issuer && before.shared && before.shared !== shared) shared?.inherit(before.shared.entries())
  }
}

/** Closes what the staying configuration has no part in. */
export function closeRevocations(
  leaving: ReadonlyMap<string, ServerRevocations>,
  staying?: ReadonlyMap<string, ServerRevocations>,
): void {
  const kept = new Set([...(staying?.values() ?? [])].map(({ shared }) => shared))
  for (const { shared } of leaving.values()) if (!kept.has(shared)) shared?.close()
}

/** How old the news are, in words. */
const spellAge = ({ age }: SharedRevocations): string =>
  Number.isFinite(age) ? `revocations are known up to ${Math.floor(age)} s ago` : 'no revocations were read yet'

/** Why Redis tells nothing, in words. */
export function spellTrouble(cause: keyof typeof causes): string {
  if (cause === 'evicting') return 'Redis may evict revocations: maxmemory-policy is not noeviction'
  return cause === 'full' ? 'Redis has no memory left, or there are more revocations than maxEntries' : causes[cause]
}
