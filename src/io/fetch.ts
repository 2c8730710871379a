import { X509Certificate } from 'node:crypto'
import type { RequestOptions } from 'node:https'
import { isIP } from 'node:net'
import { type JsonObject, readJsonObject } from '../verify/strict-json.ts'
import { ciphers } from './ciphers.ts'
import { pinned, send, type Wanted } from './exchange.ts'
import { type Fetched, failed } from './fetch-outcome.ts'
import { findAddresses, type Outbound } from './outbound.ts'
import { openTunnel, sendThroughProxy } from './tunnel.ts'

/** Limits of one outbound call, and where it may go. Milliseconds and bytes. */
export interface FetchOptions extends Outbound {
  /** The configured URL whose document named the one to call; absent: the configuration did. */
  readonly namedBy?: string | undefined
  readonly timeout?: number
  readonly maxBytes?: number
  /** Told the Date header of the answer, whatever else is in it. */
  readonly observeDate?: (date: string | undefined) => void
}

/** A form to be posted, and who posts it. */
export interface FormCall extends FetchOptions {
  /** Media type of the answer, without `application/`; no other is taken. */
  readonly accept: string
  readonly form: URLSearchParams
  /** PEM of a client certificate and its key. */
  readonly identity?: { readonly certificate: string; readonly key: string } | undefined
}

const DEFAULT_TIMEOUT = 3000
const DEFAULT_MAX_BYTES = 524_288
/** Longer than any address of a key set, in characters: some come out of a fetched document. */
const MAX_URL = 2048

/**
 * GETs one JSON object over https (FAPI 2.0 Security Profile section 5.2.1). The server's certificate and name are
 * verified (RFC 9525), TLS is 1.2 or newer, nothing is redirected, decompressed or read beyond the limits, and no address
 * is called where nobody may be. Never throws.
 */
export async function fetchJson(url: string, options: FetchOptions = {}): Promise<Fetched<JsonObject>> {
  const target = parse(url)
  if (!target.ok) return target
  const fetched = await exchange(target.value, get('application/json'), options, json)
  const document = fetched.ok ? readDocument(fetched.value) : fetched
  return placed(document, target.value)
}

/** GETs a document of one media type, written without `application/`, under the same conditions. */
export async function fetchDocument(
  url: string,
  { accept, ...options }: FetchOptions & Pick<FormCall, 'accept'>,
): Promise<Fetched> {
  const target = parse(url)
  if (!target.ok) return target
  return placed(await exchange(target.value, get(`application/${accept}`), options, only(accept)), target.value)
}

/** POSTs a form under the same conditions. What is wrong is told without a word of the form or of the answer. */
export async function postForm(url: string, { accept, form, identity, ...options }: FormCall): Promise<Fetched> {
  const target = parse(url)
  if (!target.ok) return target
  const body = form.toString()
  const call = {
    ...post(`application/${accept}`, 'application/x-www-form-urlencoded', body),
    ...(identity && { cert: identity.certificate, key: identity.key }),
  }
  return placed(await exchange(target.value, call, options, only(accept), body), target.value)
}

const headers = { 'accept-encoding': 'identity', 'user-agent': 'envoy-fapi' }

export const get = (accept: string): RequestOptions => ({ method: 'GET', headers: { accept, ...headers } })

export const post = (accept: string, type: string, body: string | Buffer): RequestOptions => ({
  method: 'POST',
  headers: { accept, 'content-type': type, 'content-length': Buffer.byteLength(body), ...headers },
})

/** A failure says where, without the query. */
export const placed = <T>(fetched: Fetched<T>, { origin, pathname }: URL): Fetched<T> =>
  fetched.ok ? fetched : { ...fetched, problem: `${origin}${pathname}: ${fetched.problem}` }

export const only = (accept: string): Wanted => ({
  name: accept,
  is: (type: string) => type === `application/${accept}`,
})

const json: Wanted = { name: 'JSON', is: (type) => /^application\/(?:[a-z0-9.-]+\+)?json$/.test(type) }

/** One request and its whole answer, within the limits: finding the address and a body that trickles included. */
export async function exchange(
  target: URL,
  call: RequestOptions,
  options: FetchOptions,
  wanted: Wanted,
  body?: string | Buffer,
): Promise<Fetched> {
  const { timeout = DEFAULT_TIMEOUT } = options
  const control = new AbortController()
  const { promise: late, resolve } = Promise.withResolvers<Fetched>()
  const timer = setTimeout(() => resolve(failed('timeout', 'no whole answer in time')), timeout)
  const limited = { ...tlsOf(options), ...call, signal: control.signal }
  try {
    return await Promise.race([attempt(target, limited, options, wanted, body), late])
  } catch (error) {
    return failed('other', (error as NodeJS.ErrnoException).code ?? 'the call could not be made')
  } finally {
    clearTimeout(timer)
    // Whatever is still open belongs to nobody any more.
    control.abort()
  }
}

async function attempt(
  target: URL,
  call: RequestOptions & { readonly signal: AbortSignal },
  { namedBy, ...options }: FetchOptions,
  wanted: Wanted,
  body: string | Buffer | undefined,
): Promise<Fetched> {
  const { proxy, maxBytes = DEFAULT_MAX_BYTES, observeDate } = options
  const addresses = await findAddresses(target, namedBy, options)
  if (!addresses.ok) return addresses
  const content = { wanted, body, maxBytes, observeDate }
  if (!proxy) return send(target, { ...content, call: { ...call, lookup: pinned(addresses.value) } })
  if (target.protocol === 'http:') return sendThroughProxy(target, proxy, { ...content, call })
  // The proxy is not shown what is meant for the server.
  const tunnel = await openTunnel(target, proxy, tlsOf(options), call.signal)
  if (!tunnel.ok || call.signal.aborted) return tunnel.ok ? failed('timeout', 'no whole answer in time') : tunnel
  return send(target, { ...content, call: { ...call, ...{ socket: tunnel.value } } })
}

/** The URL, when it is one that may be fetched: over https, unless `plain` says that what is fetched proves itself. */
export function parse(url: string, plain = false): Fetched<URL> {
  if (url.length > MAX_URL) return failed('url', 'the URL is too long')
  if (!URL.canParse(url)) return failed('url', 'the URL cannot be read')
  const target = new URL(url)
  const schemes = plain ? ['https:', 'http:'] : ['https:']
  if (!schemes.includes(target.protocol))
    return failed('url', `${target.origin}: only ${plain ? 'http and https are' : 'https is'} fetched`)
  if (target.username !== '' || target.password !== '') return failed('url', `${target.host}: the URL holds a user`)
  return { ok: true, value: target }
}

const tlsOf = ({ ca }: FetchOptions): RequestOptions => ({
  maxHeaderSize: 16_384,
  minVersion: 'TLSv1.2',
  ciphers,
  rejectUnauthorized: true,
  checkServerIdentity: (host, { raw }) => checkIdentity(host, raw),
  ...(ca && { ca: [...ca] }),
})

/**
 * RFC 9525 section 6: the host has to stand among the alternative names, as an address or as a name in which `*` is one
 * whole label. Node's own check falls back to the common name and takes wildcards for a part of a label.
 */
export function checkIdentity(host: string, certificate: Uint8Array): Error | undefined {
  const presented = new X509Certificate(certificate)
  const match = isIP(host)
    ? presented.checkIP(host)
    : presented.checkHost(host, { subject: 'never', partialWildcards: false })
  return match === undefined ? new Error('the certificate is not for this host') : undefined
}

/** A discovery document may be larger than a token's limits allow, so only its syntax is bounded by size. */
function readDocument(bytes: Buffer): Fetched<JsonObject> {
  const document = readJsonObject(bytes, { members: 20_000, depth: 16 })
  return document.ok ? document : failed('garbage', document.problem)
}
