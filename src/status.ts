import { type Generation, type Memory, monotonic, wall } from './generation.ts'

/** Where in its life a service is. */
export type Phase = 'starting' | 'ready' | 'draining'

/** What `/readyz` tells of the moment it is asked. */
interface Moment {
  readonly phase: Phase
  readonly lastChange: 'applied' | 'refused'
  readonly waitingFor: readonly string[]
}

/** Some authorization server has given keys that can be used. */
export const hasKeys = ({ sources }: Generation): boolean => [...sources.values()].some(({ size }) => size > 0)

/**
 * What keeps a service that starts from being ready, in words. Besides keys, that is the time in which proofs from
 * before the start could still be taken for new ones: clients had better be sent elsewhere than be answered 503.
 */
export function waitingFor(generation: Generation, { settledAt }: Memory): readonly string[] {
  return [
    ...(hasKeys(generation) ? [] : ['keys of an authorization server']),
    ...(monotonic() < settledAt ? ['end of the time in which proofs may be older than this process'] : []),
  ]
}

/** `/readyz`: ready once; afterwards trouble with keys and introspection is shown as degraded and answered route by route. */
export function describeStatus(
  { phase, lastChange, waitingFor: waiting }: Moment,
  generation: Generation,
  memory: Memory,
) {
  const { loaded, sources, introspectors } = generation
  const { profile, routes, stores } = loaded.config
  const unknownUntil = memory.replays.unknownUntil()
  const degraded = [
    ...[...sources].filter(([, source]) => source.size === 0).map(([name]) => `keys of ${name}`),
    ...[...introspectors].filter(([, one]) => !one.available).map(([name]) => `introspection of ${name}`),
    ...(phase === 'ready' && unknownUntil > wall()
      ? [`proofs dated before ${new Date(unknownUntil * 1000).toISOString()} are refused: the clock was ahead`]
      : []),
  ]
  const exceptions = routes.flatMap(({ name, exceptions: made }) => made.map((exception) => `${name}: ${exception}`))
  const body = {
    status: phase,
    ...(waiting.length > 0 && { waitingFor: waiting }),
    degraded,
    profile,
    fapi: profile !== 'compat',
    lastChange,
    enforcing: true,
    exceptions,
    openRoutes: routes.filter(({ kind }) => kind === 'open').map(({ name }) => name),
    afterRestart: stores.afterRestart,
    config: loaded.hash,
  }
  return { ready: phase === 'ready', body }
}
