import type { Metrics } from '../metrics.ts'
import type { ConsentEvent } from './consent-lookups.ts'
import type { Log } from './log.ts'

/** Counts what comes of lookups, and says once that a service fails and once that it works again. */
export function observeConsents(
  metrics: Metrics,
  log: Pick<Log, 'event'>,
): (place: string) => (event: ConsentEvent) => void {
  const failing = new Set<string>()
  return (place) => (event) => {
    metrics.consentLookups.labels(place, event.kind).inc()
    if (!('seconds' in event)) return
    metrics.consentDuration.labels(place).observe(event.seconds)
    metrics.dependencyUp.labels(`consents at ${place}`).set(event.kind === 'unavailable' ? 0 : 1)
    if (event.kind === 'unavailable') {
      if (!failing.has(place)) log.event('error', 'consents cannot be looked up', { place, problem: event.problem })
      failing.add(place)
    } else if (failing.delete(place)) log.event('info', 'consents can be looked up again', { place })
  }
}
