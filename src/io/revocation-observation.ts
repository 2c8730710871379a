import type { Metrics } from '../metrics.ts'
import type { Log } from './log.ts'
import { type RevocationEvent, type ServerRevocations, spellTrouble } from './revocations.ts'

/** Counts and logs what lists of revocations tell: one line per change, naming the cause. */
export function observeRevocations(metrics: Metrics, log: Log): (event: RevocationEvent) => void {
  return (event) => {
    const { server } = event
    switch (event.kind) {
      case 'unchecked':
        metrics.revocationUnchecked.labels(server).inc()
        return
      case 'down':
        log.event('error', 'revocations cannot be read', {
          ...{ server, ...event.failure },
          problem: spellTrouble(event.failure.cause),
        })
        return
      case 'up':
        log.event('info', 'revocations can be read', { server })
        return
      case 'refilled':
        log.event('warn', 'Redis may have lost revocations; what this process knows was written back', {
          ...{ server, entries: event.entries },
        })
    }
  }
}

/** How many revocations there are and how old the news, at the moment somebody asks. */
export function showRevocations(metrics: Metrics, lists: ReadonlyMap<string, ServerRevocations>): void {
  metrics.revocationEntries.reset()
  metrics.revocationAge.reset()
  for (const [server, { options, listed, shared }] of lists) {
    if (options.file !== undefined) metrics.revocationEntries.labels(server, 'file').set(listed)
    if (!shared) continue
    metrics.revocationEntries.labels(server, 'redis').set(shared.size)
    metrics.revocationAge.labels(server).set(shared.age)
    metrics.dependencyUp.labels(`revocations of ${server}`).set(shared.trouble() === undefined ? 1 : 0)
  }
}

/** What `/readyz` says of lists that are not up to date, or that Redis does not answer for. */
export const describeRevocations = (lists: ReadonlyMap<string, ServerRevocations>): readonly string[] =>
  [...lists].flatMap(([server, { options, shared }]) => {
    const trouble = shared?.trouble()
    if (!shared || (trouble === undefined && shared.current)) return []
    const cause = trouble === undefined || trouble === 'unasked' ? 'not read yet' : spellTrouble(trouble)
    const effect = options.onOutage === 'soft' ? ', tokens pass unchecked' : ', tokens are answered 503'
    return [`revocations of ${server}: ${cause}${shared.current ? '' : effect}`]
  })
