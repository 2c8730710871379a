import type { Metrics } from '../metrics.ts'
import type { Log } from './log.ts'
import type { StatusListEvent } from './status-lists.ts'

/** Counts and logs what becomes of status lists. A failure is told once; each request that suffers from it says so itself. */
export function observeStatusLists(metrics: Metrics, log: Log): (event: StatusListEvent) => void {
  const failing = new Set<string>()
  return (event) => {
    const { server, kind } = event
    if (kind === 'tolerated') {
      metrics.statusListTolerated.labels(server).inc()
      return
    }
    if (kind === 'closed') {
      for (const gauge of [metrics.statusLists, metrics.statusListBytes]) gauge.remove(server)
      return
    }
    metrics.statusListFetches.labels(server, kind).inc()
    if (kind === 'refused') return
    metrics.dependencyUp.labels(`status lists of ${server}`).set(kind === 'failed' ? 0 : 1)
    if (kind === 'failed') {
      if (!failing.has(server)) log.event('error', 'status list cannot be had', { server, problem: event.problem })
      failing.add(server)
      return
    }
    metrics.statusLists.labels(server).set(event.lists)
    metrics.statusListBytes.labels(server).set(event.bytes)
    if (failing.delete(server)) log.event('info', 'status lists can be had again', { server })
  }
}
