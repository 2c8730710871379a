import { softServers } from './config-revocation.ts'
import { notEnforcing } from './config-shadow.ts'
import type { Generation } from './generation.ts'
import { describeAuthorities, softAuthorities } from './io/certificate-observation.ts'
import { sourcesOf } from './io/client-authorities.ts'
import { causes } from './io/redis-failures.ts'
import { describeRevocations } from './io/revocation-observation.ts'
import { type Memory, monotonic, wall } from './memory.ts'

/** Where in its life a service is. */
export type Phase = 'starting' | 'ready' | 'draining'

/** What `/readyz` tells of the moment it is asked. */
interface Moment {
  readonly phase: Phase
  readonly lastChange: 'applied' | 'refused'
  readonly waitingFor: readonly string[]
  /** Why no audit record can be written. */
  readonly audit?: string | undefined
}

/** Some authorization server has given keys that can be used. */
export const hasKeys = ({ sources }: Generation): boolean => [...sources.values()].some(({ size }) => size > 0)

/** Seconds a start waits for the replay store and for revocations; after that the routes that need it answer for themselves. */
const FIRST_ANSWER = 3

/**
 * What keeps a service that starts from being ready, in words. Besides keys, that is the time in which proofs from
 * before the start could still be taken for new ones: clients had better be sent elsewhere than be answered 503.
 */
export function waitingFor(generation: Generation, { settledAt, startedAt, replays }: Memory): readonly string[] {
  const early = monotonic() < startedAt + FIRST_ANSWER
  const unasked = replays.trouble() === 'unasked' && early
  // Proofs are dated in whole seconds.
  const forgetful = replays.capacity === undefined && wall() < Math.floor(replays.unknownUntil()) + 1
  const unread = [...generation.revocations].filter(([, { shared }]) => shared && !shared.current)
  const unlisted = [...sourcesOf(generation.clientAuthorities)].some(({ crls }) => crls?.available === false)
  return [
    ...(hasKeys(generation) ? [] : ['keys of an authorization server']),
    ...(unasked ? ['the replay store'] : []),
    ...(early ? unread.map(([name]) => `revocations of ${name}`) : []),
    ...(early && unlisted ? ['revocation lists of client certificates'] : []),
    ...(forgetful ? ['end of the time in which proofs may be older than what the replay store remembers'] : []),
    ...(monotonic() < settledAt ? ['end of the time in which proofs may be older than this process'] : []),
  ]
}

/** `/readyz`: ready once; afterwards trouble with keys and with sources of revocation is shown as degraded and answered route by route. */
export function describeStatus(
  { phase, lastChange, waitingFor: waiting, audit }: Moment,
  generation: Generation,
  memory: Memory,
) {
  const { loaded, sources, introspectors, consents, statusLists, revocations, clientAuthorities } = generation
  const { profile, routes, stores } = loaded.config
  const unknownUntil = memory.replays.unknownUntil()
  const trouble = memory.replays.trouble()
  const clock = memory.replays.capacity === undefined ? 'the replay store forgot older ones' : 'the clock was ahead'
  const degraded = [
    ...(audit === undefined ? [] : [`audit: ${audit}`]),
    ...(trouble === undefined ? [] : [`replay store: ${trouble === 'unasked' ? 'not asked yet' : causes[trouble]}`]),
    ...[...sources].filter(([, source]) => source.size === 0).map(([name]) => `keys of ${name}`),
    ...[...introspectors].filter(([, one]) => !one.available).map(([name]) => `introspection of ${name}`),
    ...consents.services.filter(({ lookups }) => !lookups.available).map(({ place }) => `consents at ${place}`),
    ...[...statusLists].filter(([, one]) => !one.available).map(([name]) => `status lists of ${name}`),
    ...describeRevocations(revocations),
    ...describeAuthorities(clientAuthorities, wall()),
    ...(phase === 'ready' && unknownUntil > wall()
      ? [`proofs dated before ${new Date(unknownUntil * 1000).toISOString()} are refused: ${clock}`]
      : []),
  ]
  const shadowed = notEnforcing({ routes }, wall()).map(({ name }) => name)
  const exceptions = routes.flatMap(({ name, exceptions: made }) => made.map((exception) => `${name}: ${exception}`))
  const body = {
    status: phase,
    ...(waiting.length > 0 && { waitingFor: waiting }),
    degraded,
    profile,
    fapi: profile !== 'compat',
    lastChange,
    enforcing: shadowed.length === 0,
    notEnforcing: shadowed,
    exceptions,
    softRevocation: [...softServers(loaded.config), ...softAuthorities(clientAuthorities)],
    openRoutes: routes.filter(({ kind }) => kind === 'open').map(({ name }) => name),
    afterRestart: stores.afterRestart,
    config: loaded.hash,
  }
  return { ready: phase === 'ready', body }
}
