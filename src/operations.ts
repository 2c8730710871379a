import type { Generation } from './generation.ts'
import type { AdminOptions } from './io/admin.ts'
import { flushKeys } from './io/admin-actions.ts'
import { showAuthorities } from './io/certificate-observation.ts'
import type { Log } from './io/log.ts'
import { observeAdmin, observeEnforcement } from './io/observation.ts'
import { type RecentDecisions, showDecisions } from './io/recent-decisions.ts'
import { revocationActions } from './io/revocation-actions.ts'
import { showRevocations } from './io/revocation-observation.ts'
import { type Memory, monotonic, wall } from './memory.ts'
import type { Metrics } from './metrics.ts'

/** What operators can do at `listen.admin`, under the configuration in force. */
export const buildOperations = (
  current: () => Generation,
  recent: RecentDecisions,
  metrics: Metrics,
  log: Log,
): Omit<AdminOptions, 'host'> => ({
  actions: [
    showDecisions(recent),
    flushKeys(() => current().sources),
    ...revocationActions(() => current().revocations, {
      wall,
      count: (server, result) => metrics.revocationPushes.labels(server, result).inc(),
    }),
  ],
  tokens: () => current().loaded.config.listen.adminAccess?.tokens,
  monotonic,
  observe: observeAdmin(metrics, log.of('server')),
})

/** Brings up to date what nobody tells when it changes. Before each scrape. */
export function refreshMetrics(metrics: Metrics, generation: Generation, { replays }: Memory): void {
  const { loaded, revocations, clientAuthorities } = generation
  if (replays.size !== undefined) metrics.replayEntries.set(replays.size)
  // How full a shared store is, is for its own monitoring to watch.
  if (replays.capacity !== undefined) metrics.replayCapacity.set(replays.capacity)
  showRevocations(metrics, revocations)
  showAuthorities(metrics, clientAuthorities, wall())
  observeEnforcement(metrics, loaded.config, wall())
}
