import type { Metrics } from '../metrics.ts'
import { type AuthoritiesByOptions, type LiveAuthorities, sourcesOf } from './client-authorities.ts'
import type { CrlEvent } from './crl-events.ts'
import type { Log } from './log.ts'
import type { OcspEvent } from './ocsp.ts'

/** Sources whose trouble was told and has not ended; a certificate may name a new one each time. */
const MAX_FAILING = 256

/** Counts and logs what becomes of revocation lists. A failure is told once; each request that suffers says so itself. */
export function observeCrls(metrics: Metrics, log: Pick<Log, 'event'>): (event: CrlEvent) => void {
  const failing = new Set<string>()
  return (event) => {
    if (event.kind === 'closed') return
    metrics.crlEvents.labels(event.kind).inc()
    if (event.kind === 'failed' || event.kind === 'refused') {
      const { kind, source, problem } = event
      log.event('error', `revocation list ${kind === 'failed' ? 'cannot be had' : 'refused'}`, { source, problem })
      if (failing.size < MAX_FAILING) failing.add(source)
    } else if (event.kind === 'loaded') {
      const { source, lists, entries, until } = event
      const end = new Date(until * 1000).toISOString()
      if (failing.delete(source)) log.event('info', 'revocation list can be had again', { source })
      log.event('info', 'revocation list loaded', { source, lists, entries, until: end })
    }
  }
}

/** Counts and logs what comes of questions to OCSP responders. */
export function observeOcsp(metrics: Metrics, log: Pick<Log, 'event'>): (event: OcspEvent) => void {
  const failing = new Set<string>()
  return (event) => {
    if (event.kind === 'closed') return
    metrics.ocspEvents.labels(event.kind).inc()
    if (!('seconds' in event)) return
    const { responder, seconds } = event
    metrics.ocspDuration.observe(seconds)
    if (event.kind === 'failed') {
      if (!failing.has(responder)) log.event('error', 'OCSP fails', { responder, problem: event.problem })
      if (failing.size < MAX_FAILING) failing.add(responder)
    } else if (failing.delete(responder)) log.event('info', 'OCSP works again', { responder })
  }
}

/** How the sources of revocation fare, at the moment somebody asks. Only places of the configuration are named. */
export function showAuthorities(metrics: Metrics, authorities: AuthoritiesByOptions, now: number): void {
  metrics.crlEntries.reset()
  metrics.crlNextUpdate.reset()
  /** Several may have one name: a file that two routes ask in two ways. One that is down is not hidden by the other. */
  const up = new Map<string, boolean>()
  const note = (name: string, one: boolean): void => void up.set(name, one && up.get(name) !== false)
  for (const { crls, ocsp } of sourcesOf(authorities)) {
    for (const { source, entries, until } of crls?.places ?? []) {
      metrics.crlEntries.labels(source).set(entries)
      metrics.crlNextUpdate.labels(source).set(until ?? 0)
      note(`revocation list ${source}`, until !== undefined && now <= until)
    }
    if (ocsp) note('ocsp', ocsp.available)
  }
  for (const [name, one] of up) metrics.dependencyUp.labels(name).set(one ? 1 : 0)
}

/** What `/readyz` says of sources that tell nothing at the moment. */
export const describeAuthorities = (authorities: AuthoritiesByOptions, now: number): readonly string[] => [
  ...new Set([...authorities.values()].flatMap((one) => describeOne(one, now))),
]

function describeOne({ sources: { crls, ocsp }, mode }: LiveAuthorities, now: number): readonly string[] {
  const effect = mode === 'soft' ? 'certificates pass unchecked' : 'certificates may be answered 503'
  const lost = (crls?.places ?? []).filter(({ until }) => until === undefined || now > until)
  return [
    ...lost.map(({ source }) => `revocation list ${source}: none that counts now, ${effect}`),
    ...(ocsp?.available === false ? [`ocsp: a responder fails, ${effect}`] : []),
  ]
}

/** Routes on which certificates pass while nothing can be learned of them. */
export const softAuthorities = (authorities: AuthoritiesByOptions): readonly string[] =>
  [...authorities.values()].flatMap(({ mode, routes }) =>
    mode === 'soft' ? routes.map((route) => `client certificates of ${route}`) : [],
  )
