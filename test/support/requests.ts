import type { CheckRequest, HeaderValue } from '../../src/wire.ts'

/** How Envoy was told to send headers: lines apart (`encode_raw_headers`) or joined with a comma. */
export type Form = 'raw' | 'joined'
export const forms: readonly Form[] = ['raw', 'joined']

/** One HTTP request as a client would write it; values hold one character per byte. */
export interface ClientRequest {
  readonly method?: string
  readonly host?: string
  /** Path and query. */
  readonly path?: string
  readonly headers?: readonly (readonly [name: string, value: string])[]
  readonly id?: string
  readonly body?: string
  /** What Envoy says about the body; absent when there is none. */
  readonly partial?: 'true' | 'false'
  /** Percent-encoded PEM. */
  readonly certificate?: string | undefined
  readonly contextExtensions?: Readonly<Record<string, string>>
  /** Envoy's name for the TLS peer. */
  readonly principal?: string | undefined
  /** Address of the TCP peer. */
  readonly address?: string | undefined
}

/** The CheckRequest Envoy makes of it (recorded in test/fixtures). */
export function checkRequest(client: ClientRequest = {}, form: Form = 'raw'): CheckRequest {
  const { method = 'GET', host = 'api.example.com', path = '/accounts', id = 'stream-1' } = client
  const { body, partial = body === undefined ? undefined : 'false', certificate, contextExtensions } = client
  const { principal, address = '192.0.2.1' } = client
  const lines: (readonly [string, string])[] = [
    [':authority', host],
    [':path', path],
    [':method', method],
    [':scheme', 'https'],
    ...(client.headers ?? []).map(([name, value]) => [name.toLowerCase(), value] as const),
    ...(partial === undefined ? [] : ([['x-envoy-auth-partial-body', partial]] as const)),
  ]
  return {
    attributes: {
      source: {
        address: { socketAddress: { address, portValue: 40_000 } },
        ...(principal !== undefined && { principal }),
        ...(certificate !== undefined && { certificate }),
      },
      request: {
        http: {
          id,
          method,
          path,
          host,
          scheme: 'https',
          protocol: 'HTTP/2',
          ...(form === 'raw' ? { headerMap: { headers: apart(lines) } } : { headers: joined(lines) }),
          ...(body !== undefined && { rawBody: Buffer.from(body, 'latin1'), size: body.length }),
        },
      },
      ...(contextExtensions && { contextExtensions }),
    },
  }
}

/** Envoy keeps these in one slot: several lines arrive joined in either form. */
const singleSlot = new Set([
  'authorization',
  'content-type',
  'accept',
  'user-agent',
  'origin',
  'referer',
  'x-forwarded-client-cert',
])

function apart(lines: readonly (readonly [string, string])[]): readonly HeaderValue[] {
  const slots = new Map<string, string>()
  for (const [name, value] of lines)
    if (singleSlot.has(name)) slots.set(name, slots.has(name) ? `${slots.get(name)},${value}` : value)
  return lines
    .filter(([name], index) => !singleSlot.has(name) || lines.findIndex(([other]) => other === name) === index)
    .map(([key, value]) => ({ key, value: slots.get(key) ?? value }))
    .map(({ key, value }) => (value === '' ? { key } : { key, rawValue: Buffer.from(value, 'latin1') }))
}

function joined(lines: readonly (readonly [string, string])[]): Readonly<Record<string, string>> {
  const values = new Map<string, string>()
  for (const [name, value] of lines)
    values.set(name, values.has(name) ? `${values.get(name)},${readable(value)}` : readable(value))
  return Object.fromEntries(values)
}

/** Bytes that are not UTF-8 become `!`. */
function readable(value: string): string {
  const text = Buffer.from(value, 'latin1').toString('utf8')
  return text.replaceAll('\ufffd', '!')
}
