/**
 * The messages of `envoy.service.auth.v3` as `@grpc/proto-loader` hands them over: camelCase names, absent fields
 * undefined. Field numbers stand in `proto/`.
 */
export interface CheckRequest {
  readonly attributes?: AttributeContext
}

export interface AttributeContext {
  readonly source?: Peer
  readonly destination?: Peer
  readonly request?: { readonly time?: unknown; readonly http?: HttpRequest }
  readonly contextExtensions?: Readonly<Record<string, string>>
  readonly tlsSession?: { readonly sni?: string }
}

interface Peer {
  readonly address?: {
    readonly socketAddress?: { readonly address?: string; readonly portValue?: number }
    readonly pipe?: { readonly path?: string }
  }
  readonly principal?: string
  /** Percent-encoded PEM of the leaf certificate. */
  readonly certificate?: string
}

export interface HttpRequest {
  readonly id?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly headerMap?: { readonly headers?: readonly HeaderValue[] }
  /** Path and query as sent. */
  readonly path?: string
  readonly host?: string
  readonly scheme?: string
  readonly size?: number | string
  readonly protocol?: string
  readonly body?: string
  readonly rawBody?: Uint8Array
}

export interface HeaderValue {
  readonly key?: string
  readonly value?: string
  readonly rawValue?: Uint8Array
}

/** What the gRPC server knows about the call that carried a CheckRequest. */
export interface Call {
  /** Who called: the pinned identity of the TLS peer, or `local` on loopback and sockets. */
  readonly peer: string
  /** Milliseconds the caller will still wait, from the gRPC deadline and `x-envoy-expected-rq-timeout-ms`. */
  readonly budget: number
  /** `traceparent` of the call itself, as its sender traces it; never the header of a client. */
  readonly traceparent?: string | undefined
}

/** A header in an answer; `appendAction` is always set and `append` never (envoy-wire section 3). */
export interface HeaderOption {
  readonly header: { readonly key: string; readonly value: string }
  readonly appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' | 'APPEND_IF_EXISTS_OR_ADD'
}

export interface Struct {
  readonly fields: Readonly<Record<string, { readonly stringValue: string }>>
}

/** The two responses Envoy can get from us. A message without a non-zero status would let the request through. */
export type CheckResponse = Allow | Deny

export interface Allow {
  readonly status: { readonly code: 0 }
  readonly okResponse: {
    readonly headers: readonly HeaderOption[]
    readonly headersToRemove: readonly string[]
    readonly responseHeadersToAdd: readonly HeaderOption[]
  }
  readonly dynamicMetadata: Struct
}

export interface Deny {
  /** google.rpc.Code: 16 unauthenticated, 7 permission denied, 14 unavailable, 13 internal. */
  readonly status: { readonly code: 7 | 13 | 14 | 16 }
  readonly deniedResponse: {
    readonly status: { readonly code: number }
    readonly headers: readonly HeaderOption[]
    readonly body: string
  }
  readonly dynamicMetadata: Struct
}
