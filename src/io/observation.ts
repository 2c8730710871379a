import { anomalies } from '../anomalies/kinds.ts'
import type { DecisionRecord } from '../check.ts'
import type { Config } from '../config.ts'
import { notEnforcing } from '../config-shadow.ts'
import type { Metrics } from '../metrics.ts'
import type { AdminEvent } from './admin.ts'
import type { AuditEvent } from './audit-queue.ts'
import type { IntrospectionEvent } from './introspection.ts'
import type { KeyEvent } from './keys.ts'
import type { Log } from './log.ts'
import { causes } from './redis-failures.ts'
import type { StoreEvent } from './redis-replays.ts'

/** Counts and logs each decision. Runs before the answer leaves. */
export function observeDecision(
  metrics: Metrics,
  log: Pick<Log, 'decision' | 'checks'>,
  /** Whether the log is where decisions are read. */
  summary = true,
): (record: DecisionRecord) => void {
  // Known to Prometheus from the start, so that the first of a kind is seen to be one more.
  for (const kind of Object.keys(anomalies)) metrics.anomalies.labels(kind).inc(0)
  const counters = new Map<string, { readonly count: () => void; readonly time: (seconds: number) => void }>()
  const metersOf = (route: string, decision: string, reason: string) => {
    const key = `${route} ${decision} ${reason}`
    const known = counters.get(key)
    if (known) return known
    // Labels come from the configuration and the table of reasons, so this map is as small as they are.
    const checks = metrics.checks.labels(route, decision, reason)
    const durations = metrics.checkDuration.labels(route, decision)
    const made = { count: () => checks.inc(), time: (seconds: number) => durations.observe(seconds) }
    counters.set(key, made)
    return made
  }
  return (record) => {
    const { decision, occasion, duration } = record
    const reason = decision.ok ? 'allowed' : decision.reason
    const meters = metersOf(occasion.route || 'none', decision.ok ? 'allow' : 'deny', reason)
    meters.count()
    meters.time(duration)
    const found = record.would?.reason ?? reason
    if (/^replay_/.test(found)) metrics.replayErrors.labels(found).inc()
    for (const kind of record.anomalies ?? []) metrics.anomalies.labels(kind).inc()
    if (record.would) metrics.shadowDenials.labels(occasion.route, record.would.reason).inc()
    if (summary) log.decision(record)
    else log.checks(record)
  }
}

/** Counts and logs what key sources report. */
export function observeKeys(metrics: Metrics, log: Pick<Log, 'event'>): (event: KeyEvent) => void {
  const failing = new Set<string>()
  return (event) => {
    const { server, kind } = event
    switch (kind) {
      case 'failed': {
        const { cause, problem } = event
        metrics.jwksFetches.labels(server, kind).inc()
        metrics.jwksFailures.labels(server, cause).inc()
        metrics.dependencyUp.labels(`keys of ${server}`).set(0)
        if (!failing.has(server)) log.event('error', 'keys cannot be read', { server, cause, problem })
        failing.add(server)
        return
      }
      case 'loaded':
        metrics.jwksFetches.labels(server, kind).inc()
        metrics.dependencyUp.labels(`keys of ${server}`).set(1)
        if (failing.delete(server)) log.event('info', 'keys can be read again', { server })
        metrics.jwksKeys.labels(server).set(event.keys)
        metrics.jwksSkipped.labels(server).set(event.skipped.length)
        metrics.jwksLeaks.labels(server).set(event.leaked ? 1 : 0)
        metrics.jwksSuccess.labels(server).setToCurrentTime()
        if (event.leaked) log.event('error', 'the authorization server publishes private keys', { server })
        for (const skipped of event.skipped) log.event('warn', 'a key of the set cannot be used', { server, skipped })
        return
      case 'flushed':
        metrics.jwksKeys.labels(server).set(0)
        log.event('warn', 'keys flushed', { server })
        return
      case 'recalled':
        metrics.jwksKeys.labels(server).set(event.keys)
        log.event('warn', 'stored keys are used', { server, keys: event.keys, age: Math.round(event.age) })
        return
      case 'unstored':
        metrics.jwksStoreErrors.labels(server).inc()
        log.event('error', 'stored keys are of no use', { server, problem: event.problem })
    }
  }
}

/** Counts and logs what the shared replay store tells: one line per change, naming the cause. */
export function observeStore(metrics: Metrics, log: Pick<Log, 'event'>): (event: StoreEvent) => void {
  return (event) => {
    switch (event.kind) {
      case 'failed':
        metrics.replayStoreErrors.labels(event.cause).inc()
        return
      case 'down':
        metrics.dependencyUp.labels('replay').set(0)
        log.event('error', 'replay store unavailable', { ...event.failure, problem: causes[event.failure.cause] })
        return
      case 'up':
        metrics.dependencyUp.labels('replay').set(1)
        log.event('info', 'replay store available')
        return
      case 'lost':
        metrics.replayLosses.labels(event.loss).inc()
        log.event('warn', 'replay store may have forgotten used proofs', {
          cause: event.loss,
          refusedUntil: new Date(event.until * 1000).toISOString(),
        })
    }
  }
}

/** Counts and logs what came of questions about tokens. One that failed says so in its decision as well. */
export function observeIntrospection(metrics: Metrics, log: Pick<Log, 'event'>): (event: IntrospectionEvent) => void {
  const failing = new Set<string>()
  return (event) => {
    const { server, kind } = event
    if (kind === 'remembered') {
      metrics.introspectionCacheHits.labels(server).inc()
      return
    }
    metrics.introspectionCalls.labels(server, kind).inc()
    if (kind === 'refused') return
    metrics.introspectionDuration.labels(server).observe(event.seconds)
    metrics.dependencyUp.labels(`introspection of ${server}`).set(kind === 'unavailable' ? 0 : 1)
    if (kind === 'unavailable') {
      if (!failing.has(server)) log.event('error', 'introspection fails', { server, problem: event.problem })
      failing.add(server)
    } else if (failing.delete(server)) log.event('info', 'introspection works again', { server })
  }
}

/** Counts and logs what operators did, and by which of their tokens; strangers are counted alone. */
export function observeAdmin(metrics: Metrics, log: Pick<Log, 'event'>): (event: AdminEvent) => void {
  return ({ action, result, status, token, error }) => {
    metrics.adminRequests.labels(action, result).inc()
    if (token === undefined) return
    log.event(result === 'failed' ? 'error' : 'info', 'operator action', {
      ...{ action, result, status, token },
      ...(error !== undefined && { error: error instanceof Error ? error.stack : String(error) }),
    })
  }
}

/** Shows which routes enforce at this moment (seconds since the epoch): a shadow ends without anybody doing anything. */
export function observeEnforcement(metrics: Metrics, config: Config, now: number): void {
  const shadowed = new Set(notEnforcing(config, now).map(({ name }) => name))
  metrics.enforcing.reset()
  for (const { name } of config.routes) metrics.enforcing.labels(name).set(shadowed.has(name) ? 0 : 1)
}

/** Shows which exceptions routes make, and which configuration is in force. */
export function observeRoutes(metrics: Metrics, config: Config, hash: string, version: string): void {
  metrics.exceptions.reset()
  metrics.buildInfo.reset()
  for (const { name, exceptions } of config.routes) {
    for (const exception of exceptions) metrics.exceptions.labels(name, exception).set(1)
  }
  metrics.buildInfo.labels(version, hash.slice(0, 12)).set(1)
  metrics.reloadSuccess.setToCurrentTime()
}

/** Counts what became of audit records, and logs when they cannot be written and when they can again. */
export function observeAudit(metrics: Metrics, log: Pick<Log, 'event'>): (event: AuditEvent) => void {
  metrics.auditUp.set(1)
  return (event) => {
    switch (event.kind) {
      case 'written':
        metrics.auditRecords.inc(event.records)
        return
      case 'checkpoint':
        metrics.auditCheckpoint.setToCurrentTime()
        return
      case 'dropped':
        metrics.auditDropped.inc()
        return
      case 'failed':
        metrics.auditUp.set(0)
        metrics.auditFailures.inc()
        log.event('error', 'audit records cannot be written, nothing is decided', { cause: event.cause })
        return
      case 'recovered':
        metrics.auditUp.set(1)
        log.event('info', 'audit records can be written again')
    }
  }
}
