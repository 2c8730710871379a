import type { Context, Span } from '@opentelemetry/api'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import type { DecisionRecord } from '../check.ts'
import type { TracingConfig } from '../config-tracing.ts'
import { answers } from '../denial.ts'

/** One span for each decision that is traced. Trouble with the collector never reaches a decision. */
export interface Tracing {
  readonly observe: (record: DecisionRecord) => void
  /** Sends what is left, for a moment at the most. */
  readonly close: () => Promise<void>
}

/** What tracing needs of the world around it, and tells it. */
export interface TracingSurroundings {
  /** PEM of certificate authorities a collector may have its certificate from; undefined: the system's. */
  readonly trust: readonly string[] | undefined
  readonly version: string
  readonly wall: () => number
  readonly monotonic: () => number
  readonly observe: (result: 'recorded' | 'exported' | 'failed', spans: number) => void
}

/** Spans that wait for the collector; later ones are dropped. */
const MAX_WAITING = 2048
const BATCH = { size: 512, delay: 1000 }
/** Milliseconds that the end of the process waits for the collector. */
const LAST_CALL = 2000
/** Characters of one value. */
const MAX_VALUE = 256

/** Loads OpenTelemetry, which nobody else pays for, and sends spans over OTLP with protobuf. */
export async function openTracing(
  { otlp, sample }: TracingConfig,
  { trust, version, wall, monotonic, observe }: TracingSurroundings,
): Promise<Tracing> {
  const [
    { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace },
    { parseTraceParent },
    { resourceFromAttributes },
    sdk,
    otel,
  ] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/core'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-proto'),
  ])
  const exporter = withoutVariables(
    () =>
      new otel.OTLPTraceExporter({
        url: otlp.endpoint,
        headers: otlp.headers,
        timeoutMillis: otlp.timeout * 1000,
        // All that waits may leave at once when the process ends, besides the batch under way.
        concurrencyLimit: MAX_WAITING / BATCH.size + 1,
        httpAgentOptions: { keepAlive: true, maxSockets: 2, ...(trust && { ca: [...trust] }) },
      }),
  )
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'envoy-fapi', 'service.version': version }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(sample) }),
    spanLimits: { attributeValueLengthLimit: MAX_VALUE, attributeCountLimit: 32, eventCountLimit: 64 },
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: counted(exporter, observe),
        maxQueueSize: MAX_WAITING,
        maxExportBatchSize: BATCH.size,
        scheduledDelayMillis: BATCH.delay,
        exportTimeoutMillis: otlp.timeout * 1000,
      }),
    ],
  })
  const tracer = provider.getTracer('envoy-fapi', version)

  /** The span of Envoy that this Check belongs to (W3C Trace Context section 3.2). */
  const parentOf = (traceparent: string | undefined): Context => {
    const parent = traceparent === undefined ? null : parseTraceParent(traceparent)
    return parent ? trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true }) : ROOT_CONTEXT
  }
  return {
    observe(record) {
      const [now, instant] = [wall(), monotonic()]
      const { decision, duration, traceparent } = record
      const options = { kind: SpanKind.SERVER, startTime: new Date((now - duration) * 1000) }
      const span = tracer.startSpan('Check', options, parentOf(traceparent))
      if (!span.isRecording()) return
      span.setAttributes(describe(record))
      tell(span, record, (moment) => new Date((now - instant + moment) * 1000))
      const faulty = !decision.ok && answers[decision.reason].status >= 500
      if (faulty) span.setStatus({ code: SpanStatusCode.ERROR, message: decision.reason })
      span.end(new Date(now * 1000))
      observe('recorded', 1)
    },
    async close() {
      const { promise, resolve } = Promise.withResolvers<void>()
      const limit = setTimeout(resolve, LAST_CALL)
      await Promise.race([provider.shutdown().catch(() => undefined), promise])
      clearTimeout(limit)
    },
  }
}

/**
 * Makes something while no variable of OpenTelemetry's can be seen: those are often set for everything in a cluster, and
 * would send the key of another collector to ours.
 */
function withoutVariables<T>(make: () => T): T {
  const hidden = Object.entries(process.env).filter(([name]) => name.startsWith('OTEL_'))
  for (const [name] of hidden) delete process.env[name]
  try {
    return make()
  } finally {
    Object.assign(process.env, Object.fromEntries(hidden))
  }
}

/** What was decided and for whom. Only what was verified, or comes from the configuration; no path, which clients choose. */
function describe({ decision, occasion, hash }: DecisionRecord): Record<string, string | number> {
  const { issuer, clientId, binding } = occasion.verified
  return {
    'envoy_fapi.route': occasion.route,
    'envoy_fapi.decision': decision.ok ? 'allow' : 'deny',
    'envoy_fapi.reason': decision.ok ? 'allowed' : decision.reason,
    ...(!decision.ok && { 'http.response.status_code': answers[decision.reason].status }),
    ...(issuer !== undefined && { 'envoy_fapi.issuer': issuer }),
    ...(clientId !== undefined && { 'envoy_fapi.client_id': clientId }),
    ...(binding !== undefined && { 'envoy_fapi.binding': binding }),
    'envoy_fapi.interaction_id': occasion.interactionId,
    'envoy_fapi.config': hash.slice(0, 12),
  }
}

/** One event for each policy that ran, and one for each check that failed: which, and where the rule stands. */
function tell(span: Span, { trace: { policies, entries } }: DecisionRecord, dateOf: (moment: number) => Date): void {
  for (const { policy, begun, ended } of policies)
    span.addEvent(
      'policy',
      { 'envoy_fapi.policy': policy, 'envoy_fapi.duration_ms': (ended - begun) * 1000 },
      dateOf(ended),
    )
  for (const { check, clause, result } of entries)
    if (result === 'fail') span.addEvent('check failed', { 'envoy_fapi.check': check, 'envoy_fapi.clause': clause })
}

/** The same exporter; how its attempts end is told. */
const counted = (exporter: SpanExporter, observe: TracingSurroundings['observe']): SpanExporter => ({
  export: (spans: ReadableSpan[], done) =>
    exporter.export(spans, (result) => {
      observe(result.code === 0 ? 'exported' : 'failed', spans.length)
      done(result)
    }),
  shutdown: () => exporter.shutdown(),
  forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
})
