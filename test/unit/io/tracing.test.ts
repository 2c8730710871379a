import { describe, expect, onTestFinished, test } from 'vitest'
import type { DecisionRecord } from '../../../src/check.ts'
import type { TracingConfig } from '../../../src/config-tracing.ts'
import { openTracing, type TracingSurroundings } from '../../../src/io/tracing.ts'
import { monotonic, wall } from '../../../src/memory.ts'
import { type Collector, startCollector } from '../../support/collector.ts'
import { buildTestCheck, CALL, goodRequest, mintToken, type Order, proofFor } from '../../support/spine.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const sampled = `00-${TRACE}-${SPAN}-01`

/** What became of spans, added up. */
interface Told {
  recorded: number
  exported: number
  failed: number
}

async function open(endpoint: string, more: Partial<TracingConfig> & { headers?: Record<string, string> } = {}) {
  const told: Told = { recorded: 0, exported: 0, failed: 0 }
  const { headers = {}, sample = 0 } = more
  const surroundings: TracingSurroundings = {
    trust: undefined,
    version: '1.2.3',
    wall,
    monotonic,
    observe: (result, spans) => {
      told[result] += spans
    },
  }
  const tracing = await openTracing({ otlp: { endpoint, headers, timeout: 1, insecure: false }, sample }, surroundings)
  return { tracing, told }
}

async function collect(): Promise<Collector> {
  const collector = await startCollector()
  onTestFinished(() => collector.stop())
  return collector
}

/** The record of a real decision. */
async function decide(order: Order = {}, traceparent: string | undefined = sampled): Promise<DecisionRecord> {
  const { check, records } = buildTestCheck()
  await check(goodRequest(order), { ...CALL, traceparent })
  const [record] = records
  if (!record) throw new Error('nothing was decided')
  return record
}

test('a decision is a span below the span of Envoy that asked', async () => {
  const collector = await collect()
  const { tracing, told } = await open(collector.endpoint)
  const record = await decide()
  record.trace.ran('accessToken', monotonic() - 0.002, monotonic() - 0.001)
  tracing.observe(record)
  await tracing.close()
  expect(collector.spans).toEqual([
    expect.objectContaining({
      service: 'envoy-fapi',
      name: 'Check',
      traceId: TRACE,
      parentId: SPAN,
      error: false,
      attributes: {
        'envoy_fapi.route': 'accounts',
        'envoy_fapi.decision': 'allow',
        'envoy_fapi.reason': 'allowed',
        'envoy_fapi.issuer': 'https://as.example.com',
        'envoy_fapi.client_id': 'client-1',
        'envoy_fapi.binding': 'dpop',
        'envoy_fapi.interaction_id': record.occasion.interactionId,
        'envoy_fapi.config': 'hash',
      },
      events: [
        {
          name: 'policy',
          attributes: { 'envoy_fapi.policy': 'accessToken', 'envoy_fapi.duration_ms': expect.closeTo(1, 1) },
        },
      ],
    }),
  ])
  expect(told).toEqual({ recorded: 1, exported: 1, failed: 0 })
})

test('a denial tells which check failed and where the rule stands, and nothing of what was sent', async () => {
  const collector = await collect()
  const { tracing } = await open(collector.endpoint)
  const token = mintToken()
  const proof = proofFor(token, { claims: { htu: 'https://elsewhere.example/accounts' } })
  tracing.observe(await decide({ token, proof }))
  await tracing.close()
  expect(collector.spans).toEqual([
    expect.objectContaining({
      error: false,
      attributes: expect.objectContaining({
        'envoy_fapi.decision': 'deny',
        'envoy_fapi.reason': 'proof_target_mismatch',
        'http.response.status_code': '401',
      }),
      events: [{ name: 'check failed', attributes: expect.objectContaining({ 'envoy_fapi.check': 'proof htu' }) }],
    }),
  ])
  const bytes = collector.bytes().toString('latin1')
  for (const secret of [token, proof, 'elsewhere.example']) expect(bytes).not.toContain(secret)
  for (const part of `${token}.${proof}`.split('.')) expect(bytes).not.toContain(part)
})

test('a fault of ours is an error of the span', async () => {
  const collector = await collect()
  const { tracing } = await open(collector.endpoint)
  const { check, records } = buildTestCheck({
    replays: { claim: () => 'unavailable' },
  })
  await check(goodRequest(), { ...CALL, traceparent: sampled })
  for (const record of records) tracing.observe(record)
  await tracing.close()
  expect(collector.spans).toEqual([
    expect.objectContaining({
      error: true,
      attributes: expect.objectContaining({ 'http.response.status_code': '503' }),
    }),
  ])
})

describe('who decides what is traced', () => {
  test.each([
    ['Envoy wants it', sampled, 0, [TRACE]],
    ['Envoy does not want it', `00-${TRACE}-${SPAN}-00`, 1, []],
    ['Envoy says nothing and every Check is wanted', undefined, 1, [expect.not.stringContaining(TRACE)]],
    ['Envoy says nothing and none is wanted', undefined, 0, []],
    ['what is said cannot be read', `00-${TRACE}-${SPAN}`, 1, [expect.not.stringContaining(TRACE)]],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`, 0, []],
    ['version ff', `ff-${TRACE}-${SPAN}-01`, 0, []],
    ['not a trace at all', 'hello', 0, []],
  ])('%s', async (_, traceparent, sample, traces) => {
    const collector = await collect()
    const { tracing } = await open(collector.endpoint, { sample })
    tracing.observe({ ...(await decide()), traceparent })
    await tracing.close()
    expect(collector.spans.map(({ traceId }) => traceId)).toEqual(traces)
  })
})

test('the collector is shown the configured headers', async () => {
  const collector = await collect()
  const { tracing } = await open(collector.endpoint, { headers: { authorization: 'Api-Key k1' } })
  tracing.observe(await decide())
  await tracing.close()
  expect(collector.headers).toEqual([expect.objectContaining({ authorization: 'Api-Key k1' })])
})

test('variables that OpenTelemetry reads change nothing', async () => {
  const collector = await collect()
  const variables = {
    OTEL_EXPORTER_OTLP_HEADERS: 'x-foreign-key=secret',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-other-key=secret',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    OTEL_EXPORTER_OTLP_TIMEOUT: '1',
    OTEL_SDK_DISABLED: 'true',
    OTEL_TRACES_SAMPLER: 'always_off',
    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '1',
    OTEL_BSP_MAX_QUEUE_SIZE: '1',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=other',
    OTEL_SERVICE_NAME: 'other',
  }
  const before = { ...process.env }
  onTestFinished(() => {
    process.env = before
  })
  Object.assign(process.env, variables)
  const { tracing } = await open(collector.endpoint)
  expect(process.env).toMatchObject(variables)
  tracing.observe(await decide())
  await tracing.close()
  expect(collector.spans).toEqual([
    expect.objectContaining({
      service: 'envoy-fapi',
      attributes: expect.objectContaining({ 'envoy_fapi.route': 'accounts', 'envoy_fapi.binding': 'dpop' }),
    }),
  ])
  const [headers = {}] = collector.headers
  for (const name of ['x-foreign-key', 'x-other-key', 'content-encoding']) expect(headers).not.toHaveProperty(name)
})

test('a collector that refuses is counted and changes nothing', async () => {
  const collector = await collect()
  collector.answer(400)
  const { tracing, told } = await open(collector.endpoint)
  tracing.observe(await decide())
  await tracing.close()
  expect(told).toEqual({ recorded: 1, exported: 0, failed: 1 })
})

test('spans wait in a queue with an end: later ones are dropped', async () => {
  const collector = await collect()
  const { tracing, told } = await open(collector.endpoint)
  const record = await decide()
  for (let sent = 0; sent < 5000; sent += 1) tracing.observe(record)
  await tracing.close()
  // One batch leaves as soon as it is full.
  expect(told).toEqual({ recorded: 5000, exported: 512 + 2048, failed: 0 })
  expect(collector.spans.length).toBe(512 + 2048)
})
