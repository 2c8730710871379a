import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { loadSync } from '@grpc/proto-loader'

/** A span as it arrived: ids in hexadecimal, times in nanoseconds since the epoch. */
interface ReceivedSpan {
  readonly service: string
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string
  readonly begun: bigint
  readonly ended: bigint
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[]
  readonly error: boolean
}

/** A collector of spans on loopback, OTLP over HTTP with protobuf. */
export interface Collector {
  readonly port: number
  readonly endpoint: string
  readonly spans: readonly ReceivedSpan[]
  /** Everything that came, as bytes. */
  readonly bytes: () => Buffer
  readonly headers: readonly IncomingHttpHeaders[]
  /** The first span that fits, now or when it comes. */
  readonly find: (fits: (span: ReceivedSpan) => boolean) => Promise<ReceivedSpan>
  /** Answers with that status from now on. */
  readonly answer: (status: number) => void
  readonly stop: () => Promise<void>
}

interface KeyValue {
  readonly key?: string
  readonly value?: Readonly<Record<string, unknown>>
}
interface WireSpan {
  readonly traceId?: Buffer
  readonly spanId?: Buffer
  readonly parentSpanId?: Buffer
  readonly name?: string
  readonly startTimeUnixNano?: string
  readonly endTimeUnixNano?: string
  readonly attributes?: readonly KeyValue[]
  readonly events?: readonly { readonly name?: string; readonly attributes?: readonly KeyValue[] }[]
  readonly status?: { readonly code?: number }
}
interface Export {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] }
    readonly scopeSpans?: readonly { readonly spans?: readonly WireSpan[] }[]
  }[]
}

function loadReader(): (bytes: Buffer) => Export {
  const definitions = loadSync('test/fixtures/otlp/trace.proto', { longs: String, defaults: false, oneofs: false })
  const service = definitions['opentelemetry.proto.collector.trace.v1.TraceService'] as unknown as {
    readonly Export: { readonly requestDeserialize: (bytes: Buffer) => Export }
  }
  return service.Export.requestDeserialize
}

export async function startCollector(port = 0): Promise<Collector> {
  const readExport = loadReader()
  const spans: ReceivedSpan[] = []
  const received: Buffer[] = []
  const headers: IncomingHttpHeaders[] = []
  const waiting = new Set<() => void>()
  let status = 200
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      headers.push(request.headers)
      if (status === 200) {
        received.push(body)
        spans.push(...readSpans(readExport(body)))
      }
      response.writeHead(status, { 'content-type': 'application/x-protobuf' }).end()
      for (const look of waiting) look()
    })
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(port, '127.0.0.1', resolve)
  await promise
  const bound = (server.address() as AddressInfo).port
  return {
    port: bound,
    endpoint: `http://127.0.0.1:${bound}/v1/traces`,
    spans,
    headers,
    bytes: () => Buffer.concat(received),
    find: (fits) => {
      const found = Promise.withResolvers<ReceivedSpan>()
      const look = (): void => {
        const span = spans.find(fits)
        if (!span) return
        waiting.delete(look)
        found.resolve(span)
      }
      waiting.add(look)
      look()
      return found.promise
    },
    answer: (next) => {
      status = next
    },
    stop: async () => {
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      server.closeAllConnections()
      await closed.promise
    },
  }
}

const readAttributes = (attributes: readonly KeyValue[] = []): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key = '', value = {} }) => [key, Object.values(value)[0]]))

const hex = (bytes: Buffer | undefined): string => Buffer.from(bytes ?? []).toString('hex')

function* readSpans({ resourceSpans = [] }: Export): Generator<ReceivedSpan> {
  for (const { resource, scopeSpans = [] } of resourceSpans)
    for (const span of scopeSpans.flatMap(({ spans = [] }) => spans))
      yield {
        service: String(readAttributes(resource?.attributes)['service.name']),
        name: span.name ?? '',
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentId: hex(span.parentSpanId),
        begun: BigInt(span.startTimeUnixNano ?? 0),
        ended: BigInt(span.endTimeUnixNano ?? 0),
        attributes: readAttributes(span.attributes),
        events: (span.events ?? []).map(({ name = '', attributes }) => ({
          name,
          attributes: readAttributes(attributes),
        })),
        error: span.status?.code === 2,
      }
}
