import { exchange, type FetchOptions, get, only, parse, placed, post } from './fetch.ts'
import type { Fetched } from './fetch-outcome.ts'

/** GETs a document whose own signature is verified. */
export interface BytesCall extends FetchOptions {
  /** Media type of the answer, without `application/`. Absent: servers of such files call them what they like. */
  readonly accept?: string
}

/** POSTs bytes, to be answered by a document whose own signature is verified. */
export interface BytesQuestion extends FetchOptions {
  /** Media types, without `application/`. */
  readonly accept: string
  readonly type: string
  readonly body: Buffer
}

/**
 * GETs the status of certificates, which is signed, over https or plain http (RFC 5280 section 8): reading a list must not
 * need a certificate whose status is in a list. Everything else is as strict as for other documents. Never throws.
 */
export async function getBytes(url: string, { accept, ...options }: BytesCall = {}): Promise<Fetched> {
  const target = parse(url, true)
  if (!target.ok) return target
  const wanted = accept === undefined ? { name: 'anything', is: () => true } : only(accept)
  const call = get(accept === undefined ? '*/*' : `application/${accept}`)
  return placed(await exchange(target.value, call, options, wanted), target.value)
}

/** POSTs a question about the status of a certificate (RFC 6960 appendix A.1), under the same conditions. */
export async function postBytes(url: string, { accept, type, body, ...options }: BytesQuestion): Promise<Fetched> {
  const target = parse(url, true)
  if (!target.ok) return target
  const call = post(`application/${accept}`, `application/${type}`, body)
  return placed(await exchange(target.value, call, options, only(accept), body), target.value)
}
