import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Collector, startCollector } from '../support/collector.ts'
import { startTestEdge, type TestEdge } from '../support/edge.ts'

let collector: Collector
let edge: TestEdge

/** Envoy traces every request, whatever its client says, to the same collector. */
const traced = (bootstrap: string): string => {
  const document = JSON.parse(bootstrap, (name, value: unknown) => {
    if (name !== 'typed_config' || !isConnectionManager(value)) return value
    return {
      ...value,
      early_header_mutation_extensions: [
        {
          name: 'envoy.http.early_header_mutation.header_mutation',
          typed_config: {
            '@type':
              'type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation',
            mutations: [{ remove: 'traceparent' }, { remove: 'tracestate' }],
          },
        },
      ],
      tracing: {
        provider: {
          name: 'envoy.tracers.opentelemetry',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig',
            http_service: {
              http_uri: { uri: collector.endpoint, cluster: 'collector', timeout: '1s' },
            },
            service_name: 'edge',
          },
        },
      },
    }
  }) as { readonly static_resources: { readonly clusters: object[] } }
  document.static_resources.clusters.push({
    name: 'collector',
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: 'collector',
      endpoints: [
        {
          lb_endpoints: [
            { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: collector.port } } } },
          ],
        },
      ],
    },
  })
  return JSON.stringify(document)
}

const isConnectionManager = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && String(Reflect.get(value, '@type')).endsWith('HttpConnectionManager')

beforeAll(async () => {
  collector = await startCollector()
  edge = await startTestEdge({
    document: { tracing: { otlp: { endpoint: collector.endpoint } } },
    adapt: traced,
  })
})
afterAll(async () => {
  await edge.stop()
  await collector.stop()
})

test('a decision belongs to the trace of the Envoy that asked', async () => {
  const { id, status } = await edge.ask(edge.good())
  expect(status).toBe(200)
  const ours = await collector.find(({ attributes }) => attributes['envoy_fapi.interaction_id'] === id)
  expect(ours).toMatchObject({
    service: 'envoy-fapi',
    attributes: { 'envoy_fapi.decision': 'allow', 'envoy_fapi.route': 'accounts', 'envoy_fapi.binding': 'dpop' },
  })
  expect(ours.events.map(({ attributes }) => attributes['envoy_fapi.policy'])).toEqual([
    'accessToken',
    'senderConstraint',
    'scopes',
  ])
  const parent = await collector.find(({ spanId }) => spanId === ours.parentId)
  expect(parent).toMatchObject({ service: 'edge', traceId: ours.traceId })
})

test('a denial tells the check that failed', async () => {
  const { id, status } = await edge.ask(edge.good({ proof: { claims: { htm: 'POST' } } }))
  expect(status).toBe(401)
  const ours = await collector.find(({ attributes }) => attributes['envoy_fapi.interaction_id'] === id)
  expect(ours.events.at(-1)).toEqual({
    name: 'check failed',
    attributes: { 'envoy_fapi.check': 'proof htm', 'envoy_fapi.clause': 'RFC 9449 section 4.3 (8)' },
  })
})

test.each(['00', '01'])('a client neither chooses the trace nor whether there is one: flags %s', async (flags) => {
  const foreign = '0af7651916cd43dd8448eb211c80319c'
  const { headers } = edge.good()
  const traceparent = `00-${foreign}-b7ad6b7169203331-${flags}`
  const { id } = await edge.ask({ headers: { ...headers, traceparent } })
  const ours = await collector.find(({ attributes }) => attributes['envoy_fapi.interaction_id'] === id)
  expect(ours.traceId).not.toBe(foreign)
})
