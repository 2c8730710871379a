import type { CheckRequest } from '../wire.ts'

/** One HTTP request as a client wrote it. */
export interface ClientMessage {
  readonly method: string
  /** Host and port, as in the `Host` field. */
  readonly host: string
  /** Path and query. */
  readonly target: string
  /** In the order they came; values hold one character per byte. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array | undefined
}

/** Header fields of one captured request at the most. */
export const MAX_HEADERS = 1000

/** The Check that Envoy makes of a request, with header lines apart (`encode_raw_headers`) and the whole body. */
export function asEnvoyAsks({ method, host, target, headers, body }: ClientMessage): CheckRequest {
  const lines: (readonly [string, string])[] = [
    [':authority', host],
    [':path', target],
    [':method', method],
    [':scheme', 'https'],
    ...headers.filter(([name]) => !isForEnvoy(name)),
    ...(body === undefined ? [] : ([['x-envoy-auth-partial-body', 'false']] as const)),
  ]
  const http = {
    method,
    host,
    path: target,
    scheme: 'https',
    headerMap: { headers: joinSlots(lines).map(([key, value]) => ({ key, rawValue: Buffer.from(value, 'latin1') })) },
    ...(body !== undefined && { rawBody: body, size: body.length }),
  }
  return { attributes: { request: { http } } }
}

/** Pseudo-headers of HTTP/2 and what becomes of `Host`: Envoy writes them itself. */
const isForEnvoy = (name: string): boolean => name.startsWith(':') || /^(?:host|x-envoy-auth-partial-body)$/i.test(name)

/** Envoy keeps these in one slot, so several lines arrive joined with a comma. */
const slots = new Set([
  'authorization',
  'content-type',
  'accept',
  'user-agent',
  'origin',
  'referer',
  'x-forwarded-client-cert',
])

function joinSlots(lines: readonly (readonly [string, string])[]): readonly (readonly [string, string])[] {
  const joined: [string, string][] = []
  for (const [written, value] of lines) {
    const name = written.toLowerCase()
    const before = slots.has(name) ? joined.find(([known]) => known === name) : undefined
    if (before) before[1] = `${before[1]},${value}`
    else joined.push([name, value])
  }
  return joined
}

/** Adds what Envoy says of the connection: the client's certificate, percent-encoded. */
export function withCertificate(wire: CheckRequest, pem: string): CheckRequest {
  const { attributes = {} } = wire
  return { attributes: { ...attributes, source: { ...attributes.source, certificate: encodeURIComponent(pem) } } }
}
