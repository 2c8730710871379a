import type { JsonObject } from '../verify/strict-json.ts'

/** Why a call to an authorization server brought nothing: a closed set, as a label of metrics has to be. */
export type FetchCause =
  | 'url' // not one that is fetched
  | 'address' // refused before anything was sent
  | 'dns'
  | 'proxy'
  | 'connect'
  | 'tls'
  | 'timeout'
  | 'redirect'
  | 'status'
  | 'type' // another media type, or compressed
  | 'size'
  | 'garbage' // not what its media type says
  | 'issuer' // metadata of another server
  | 'metadata' // metadata that lack what is looked for
  | 'empty' // no usable key
  | 'file'
  | 'other'

export interface FetchFailure {
  readonly ok: false
  readonly problem: string
  /** Absent: nothing more is known. */
  readonly cause?: FetchCause
  /** When there was an answer, but not the one that was asked for. */
  readonly status?: number
}

/** What a call brought, the body of a 200 unless told, or what is wrong. */
export type Fetched<T = Buffer> = { readonly ok: true; readonly value: T } | FetchFailure

/** GETs a JSON object. `namedBy`: the configured URL whose document named this one; absent: the configuration did. */
export type FetchJson = (url: string, namedBy?: string) => Promise<Fetched<JsonObject>>

export const failed = (cause: FetchCause, problem: string): FetchFailure => ({ ok: false, cause, problem })
