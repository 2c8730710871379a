import type { DecisionRecord } from './check.ts'
import type { Generation, Loaded } from './generation.ts'
import { openAudit } from './io/audit.ts'
import type { Audit } from './io/audit-records.ts'
import { productVersion } from './io/http.ts'
import type { LineSink, Log } from './io/log.ts'
import { observeAudit, observeDecision } from './io/observation.ts'
import { openTracing, type Tracing } from './io/tracing.ts'
import { monotonic, wall } from './memory.ts'
import type { Metrics } from './metrics.ts'
import { type Reading, read } from './verify/reading.ts'

/** Where decisions are recorded. */
export interface Recording {
  readonly audit: Audit
  /** Counts and logs a decision that the audit has taken. */
  readonly observe: (record: DecisionRecord) => void
  /** Why no Check may be looked at, because what has to be told of it has nowhere to go. */
  readonly congested: () => 'overload' | 'audit_unavailable' | undefined
  /** Brings the metrics up to date. */
  readonly refresh: () => void
}

/** Bytes of log lines that may wait for whoever reads them; beyond it nothing is decided, because nobody would learn of it. */
const MAX_BACKLOG = 8_388_608

export async function openRecording(
  { config, hash }: Pick<Loaded, 'config' | 'hash'>,
  { metrics, log, output }: { readonly metrics: Metrics; readonly log: Log; readonly output: LineSink },
): Promise<Reading<Recording>> {
  const opened = await openAudit(config.audit, {
    ...{ version: productVersion(), config: hash.slice(0, 12), output, wall, monotonic },
    observe: observeAudit(metrics, log.of('decisions')),
  })
  if (!opened.ok) return opened
  const audit = opened.value
  return read({
    audit,
    // Each decision has one line on standard output.
    observe: observeDecision(metrics, log, config.audit.to !== 'stdout'),
    congested: () => {
      if (audit.trouble() !== undefined) return 'audit_unavailable'
      return (output.backlog?.() ?? 0) > MAX_BACKLOG ? 'overload' : undefined
    },
    refresh: () => {
      metrics.auditQueue.set(audit.backlog())
      metrics.auditUp.set(audit.trouble() === undefined ? 1 : 0)
    },
  })
}

/** Opens tracing, if the configuration wants it. */
export async function traceDecisions(
  { loaded, outbound: { ca: trust } }: Generation,
  metrics: Metrics,
): Promise<Tracing | undefined> {
  const { tracing } = loaded.config
  const observe = (result: string, spans: number): void => metrics.spans.labels(result).inc(spans)
  return tracing && (await openTracing(tracing, { trust, version: productVersion(), wall, monotonic, observe }))
}
