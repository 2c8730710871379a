import { X509Certificate } from 'node:crypto'
import type { LookupAddress } from 'node:dns'
import type { IncomingMessage } from 'node:http'
import { Agent, type RequestOptions, request } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { type JsonObject, readJsonObject } from '../verify/strict-json.ts'
import { ciphers } from './ciphers.ts'
import { type Fetched, type FetchFailure, failed } from './fetch-outcome.ts'
import { findAddresses, type Outbound } from './outbound.ts'
import { openTunnel } from './tunnel.ts'

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
  const call = { ...settings(options), method: 'GET', headers: { accept: 'application/json', ...headers } }
  const fetched = await exchange(target.value, call, options, json)
  const document = fetched.ok ? readDocument(fetched.value) : fetched
  return document.ok ? document : { ...document, problem: `${whereabouts(target.value)}: ${document.problem}` }
}

/** GETs a document of one media type, written without `application/`, under the same conditions. */
export async function fetchDocument(
  url: string,
  { accept, ...options }: FetchOptions & Pick<FormCall, 'accept'>,
): Promise<Fetched> {
  const target = parse(url)
  if (!target.ok) return target
  const call = { ...settings(options), method: 'GET', headers: { accept: `application/${accept}`, ...headers } }
  const fetched = await exchange(target.value, call, options, only(accept))
  return fetched.ok ? fetched : { ...fetched, problem: `${whereabouts(target.value)}: ${fetched.problem}` }
}

/** POSTs a form under the same conditions. What is wrong is told without a word of the form or of the answer. */
export async function postForm(url: string, { accept, form, identity, ...options }: FormCall): Promise<Fetched> {
  const target = parse(url)
  if (!target.ok) return target
  const body = form.toString()
  const call = {
    ...settings(options),
    method: 'POST',
    headers: {
      accept: `application/${accept}`,
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': Buffer.byteLength(body),
      ...headers,
    },
    ...(identity && { cert: identity.certificate, key: identity.key }),
  }
  const fetched = await exchange(target.value, call, options, only(accept), body)
  return fetched.ok ? fetched : { ...fetched, problem: `${whereabouts(target.value)}: ${fetched.problem}` }
}

const whereabouts = ({ origin, pathname }: URL): string => origin + pathname

/** Media types that are taken, in lower case, and what to call them. */
interface Wanted {
  readonly name: string
  readonly is: (mediaType: string) => boolean
}

const only = (accept: string): Wanted => ({ name: accept, is: (type: string) => type === `application/${accept}` })

const json: Wanted = { name: 'JSON', is: (type) => /^application\/(?:[a-z0-9.-]+\+)?json$/.test(type) }

/** One request and its whole answer, within the limits: finding the address and a body that trickles included. */
async function exchange(
  target: URL,
  call: RequestOptions,
  options: FetchOptions,
  wanted: Wanted,
  body?: string,
): Promise<Fetched> {
  const { timeout = DEFAULT_TIMEOUT } = options
  const control = new AbortController()
  const { promise: late, resolve } = Promise.withResolvers<Fetched>()
  const timer = setTimeout(() => resolve(failed('timeout', 'no whole answer in time')), timeout)
  try {
    return await Promise.race([attempt(target, { ...call, signal: control.signal }, options, wanted, body), late])
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
  body: string | undefined,
): Promise<Fetched> {
  const addresses = await findAddresses(target, namedBy, options)
  if (!addresses.ok) return addresses
  const { proxy } = options
  if (!proxy) return send(target, { ...call, lookup: pinned(addresses.value) }, options, wanted, body)
  // The proxy is not shown what is meant for the server.
  const tunnel = await openTunnel(target, proxy, settings(options), call.signal)
  if (!tunnel.ok || call.signal.aborted) return tunnel.ok ? failed('timeout', 'no whole answer in time') : tunnel
  return send(target, { ...call, ...{ socket: tunnel.value } }, options, wanted, body)
}

/** The addresses that were looked at are the ones that are connected to, whatever the name stands for a moment later. */
const pinned =
  (addresses: readonly LookupAddress[]): LookupFunction =>
  (_name, { all }, callback) => {
    const [first] = addresses
    if (all) callback(null, [...addresses])
    else callback(null, first?.address ?? '', first?.family)
  }

function send(
  target: URL,
  call: RequestOptions,
  { maxBytes = DEFAULT_MAX_BYTES, observeDate, proxy }: FetchOptions,
  wanted: Wanted,
  body: string | undefined,
): Promise<Fetched> {
  const { promise, resolve } = Promise.withResolvers<Fetched>()
  let phase: 'connect' | 'tls' | 'answer' = proxy ? 'tls' : 'connect'
  const fail = (error: Error): void => resolve(explain(error, phase))
  const outgoing = request(target, call, (response) => {
    observeDate?.(response.headers.date)
    const failure = judgeHead(response, wanted)
    if (failure) return resolve(failure)
    const chunks: Buffer[] = []
    let size = 0
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxBytes) {
        outgoing.destroy()
        resolve({ ...failed('size', `the answer is larger than ${maxBytes} bytes`), status: 200 })
      } else chunks.push(chunk)
    })
    response.on('end', () => resolve({ ok: true, value: Buffer.concat(chunks) }))
    response.on('error', fail)
    response.on('aborted', () => resolve(failed('connect', 'the answer broke off')))
  })
  outgoing.on('socket', (socket) => {
    socket.on('connect', () => {
      phase = 'tls'
    })
    socket.on('secureConnect', () => {
      phase = 'answer'
    })
  })
  outgoing.on('error', fail)
  outgoing.end(body)
  return promise
}

/** Node's error codes say enough and hold nothing of the request. */
function explain(error: Error, phase: 'connect' | 'tls' | 'answer'): FetchFailure {
  const code = (error as NodeJS.ErrnoException).code ?? error.message
  if (code === 'HPE_HEADER_OVERFLOW') return failed('size', code)
  if (code.startsWith('HPE_')) return failed('garbage', code)
  return failed(phase === 'tls' ? 'tls' : 'connect', code)
}

function parse(url: string): Fetched<URL> {
  if (url.length > MAX_URL) return failed('url', 'the URL is too long')
  if (!URL.canParse(url)) return failed('url', 'the URL cannot be read')
  const target = new URL(url)
  if (target.protocol !== 'https:') return failed('url', `${target.origin}: only https is fetched`)
  if (target.username !== '' || target.password !== '') return failed('url', `${target.host}: the URL holds a user`)
  return { ok: true, value: target }
}

const headers = { 'accept-encoding': 'identity', 'user-agent': 'envoy-fapi' }

/** One connection per call: calls are rare, and a kept one could outlive a change of certificates. */
const settings = ({ ca }: FetchOptions): RequestOptions => ({
  agent: new Agent({ keepAlive: false }),
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

function judgeHead(
  { statusCode: status = 0, headers: { 'content-type': type, 'content-encoding': encoding } }: IncomingMessage,
  wanted: Wanted,
): FetchFailure | undefined {
  if (status >= 300 && status < 400)
    return { ...failed('redirect', `it redirects (${status}), and redirects are not followed`), status }
  if (status !== 200) return { ...failed('status', `it answered ${status}`), status }
  if (encoding !== undefined && encoding !== 'identity')
    return { ...failed('type', 'the answer is compressed although that was not asked for'), status }
  const media = type?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (wanted.is(media)) return undefined
  return { ...failed('type', `the answer is not ${wanted.name} (${media.slice(0, 64) || 'no type'})`), status }
}

/** A discovery document may be larger than a token's limits allow, so only its syntax is bounded by size. */
function readDocument(bytes: Buffer): Fetched<JsonObject> {
  const document = readJsonObject(bytes, { members: 20_000, depth: 16 })
  return document.ok ? document : failed('garbage', document.problem)
}
