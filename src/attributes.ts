import { deny, ok, type Result } from './denial.ts'
import { ReadOnlyMap } from './read-only-map.ts'
import type { AttributeContext, CheckRequest, HttpRequest } from './wire.ts'

/** Header fields by lower-case name, each with its lines in the order they came. Never a plain object (`__proto__`). */
export type Headers = ReadonlyMap<string, readonly string[]>

/** A truncated body has no bytes to read, so nothing can judge half a document. */
export type Body =
  | { readonly kind: 'absent' }
  | { readonly kind: 'truncated' }
  | { readonly kind: 'complete'; readonly bytes: Uint8Array }

/** What somebody says the client's leaf certificate is. Nothing in it is looked at before a certificate is needed. */
export type PresentedCertificate =
  | {
      readonly kind: 'pem'
      /** Percent-encoded. */
      readonly text: string
      /** What came along with it, percent-encoded: PEM certificates, its own among them or not. */
      readonly chain?: string | undefined
      /** What x-forwarded-client-cert and the connection say besides, which has to agree with the certificate. */
      readonly forwarded?: { readonly hash: string; readonly principal: string | undefined }
    }
  | {
      readonly kind: 'der'
      readonly bytes: Uint8Array
      /** What came along with it. */
      readonly chain?: readonly Uint8Array[]
    }
  /** Hex SHA-256 of the DER encoding, without the certificate. */
  | { readonly kind: 'thumbprint'; readonly hex: string }
  /** There was one, and it cannot be used. */
  | { readonly kind: 'unusable'; readonly problem: string }

/** What Envoy told us about one HTTP request, read once. Nothing in it is proven. */
export interface Attributes {
  /** Envoy's stream id; empty when absent. The same on a retried Check. */
  readonly id: string
  readonly method: string
  /** The authority as sent, lower-cased. */
  readonly authority: string
  /** The path as sent, without the query. */
  readonly path: string
  /** The query as sent, without `?`; undefined when there is none. */
  readonly query: string | undefined
  readonly headers: Headers
  /** Whether Envoy sent `header_map` (repeated lines apart) or `headers` (lines joined with a comma). */
  readonly mode: 'raw' | 'joined'
  readonly body: Body
  /** Address of the TCP peer, without port. */
  readonly clientAddress: string
  /** Envoy's name for the TLS peer: its first URI name, else its first DNS name, else its subject; empty without one. */
  readonly principal: string
  /** The client's leaf certificate, from the source the configuration names. */
  readonly certificate: PresentedCertificate | undefined
  readonly contextExtensions: ReadonlyMap<string, string>
}

/** The value of a header that may appear once; undefined when absent. The first line when repeated: judge that apart. */
export const first = (headers: Headers, name: string): string | undefined => headers.get(name)?.[0]

/** Reads the header lines of either form. Tolerant: what a single header may hold is its reader's business. */
export function readHeaders(wire: CheckRequest): Headers {
  const headers = new Map<string, string[]>()
  const http = wire.attributes?.request?.http
  for (const { key, value, rawValue } of http?.headerMap?.headers ?? []) {
    if (!key) continue
    const text = rawValue && rawValue.length > 0 ? latin1(rawValue) : (value ?? '')
    addLine(headers, key, text)
  }
  if (headers.size === 0) for (const [key, value] of Object.entries(http?.headers ?? {})) addLine(headers, key, value)
  for (const lines of headers.values()) Object.freeze(lines)
  return new ReadOnlyMap(headers)
}

/** No line ever takes the place of another, whatever the spelling of their names. */
function addLine(headers: Map<string, string[]>, key: string, text: string): void {
  const name = key.toLowerCase()
  const lines = headers.get(name)
  if (lines) lines.push(text)
  else headers.set(name, [text])
}

/** CheckRequest → Attributes, or why it cannot be judged (ENV-01 … ENV-07, ENV-15). */
export function readAttributes(wire: CheckRequest, headers: Headers): Result<Attributes> {
  const context = wire.attributes
  const http = context?.request?.http
  if (!context || !http) return deny('request_malformed', 'the CheckRequest carries no HTTP request')
  const { method, host, path: target } = http
  if (!method || !TOKEN.test(method)) return deny('request_malformed', 'the method is absent or not a token')
  if (!host || !AUTHORITY.test(host)) return deny('request_malformed', 'the authority is absent or not a single host')
  if (!target?.startsWith('/')) return deny('request_malformed', 'the path is absent or does not start with a slash')
  if (!TARGET.test(target))
    return deny('request_malformed', 'the path holds a fragment, blank, control or non-ASCII byte')

  const mark = target.indexOf('?')
  return ok({
    id: http.id ?? '',
    method,
    authority: host.toLowerCase(),
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? undefined : target.slice(mark + 1),
    headers,
    mode: (http.headerMap?.headers?.length ?? 0) > 0 ? 'raw' : 'joined',
    body: readBody(http, headers),
    clientAddress: context.source?.address?.socketAddress?.address ?? '',
    principal: context.source?.principal ?? '',
    certificate: context.source?.certificate ? { kind: 'pem', text: context.source.certificate } : undefined,
    contextExtensions: readExtensions(context),
  })
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}$/
/** A registered name, IPv4 address or bracketed IPv6 address with an optional port; no comma, blank, `@` or `/`. */
const AUTHORITY = /^(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/
/** Printable ASCII without blank and `#`. */
const TARGET = /^[\x21\x22\x24-\x7e]+$/

/** ENV-13: only bytes that Envoy marked as whole count as a body; it marks every body it sends. */
function readBody(http: HttpRequest, headers: Headers): Body {
  const bytes = http.rawBody && http.rawBody.length > 0 ? http.rawBody : http.body ? Buffer.from(http.body) : undefined
  const partial = headers.get('x-envoy-auth-partial-body')
  const whole = partial?.length === 1 && partial[0] === 'false'
  if (!bytes) return partial === undefined || whole ? { kind: 'absent' } : { kind: 'truncated' }
  if (!whole) return { kind: 'truncated' }
  const announced = first(headers, 'content-length')
  if (announced !== undefined && Number(announced) !== bytes.length) return { kind: 'truncated' }
  return { kind: 'complete', bytes }
}

const readExtensions = (context: AttributeContext): ReadonlyMap<string, string> =>
  new ReadOnlyMap(new Map(Object.entries(context.contextExtensions ?? {})))

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
