import { X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Agent, type RequestOptions, request } from 'node:https'
import { isIP } from 'node:net'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { type JsonObject, readJsonObject } from '../verify/strict-json.ts'
import { ciphers } from './ciphers.ts'

/** Limits and trust of one outbound call. Milliseconds and bytes. */
export interface FetchOptions {
  /** PEM of certificate authorities trusted besides the system's. */
  readonly ca?: readonly string[] | undefined
  readonly timeout?: number
  readonly maxBytes?: number
  /** Told the Date header of the answer, whatever else is in it. */
  readonly observeDate?: (date: string | undefined) => void
}

export type FetchJson = (url: string) => Promise<Reading<JsonObject>>

/** A form to be posted, and who posts it. */
export interface FormCall extends FetchOptions {
  /** Media type of the answer, without `application/`; no other is taken. */
  readonly accept: string
  readonly form: URLSearchParams
  /** PEM of a client certificate and its key. */
  readonly identity?: { readonly certificate: string; readonly key: string } | undefined
}

/** The body of a 200, or what is wrong; `status` when there was an answer, but not the one that was asked for. */
export type Fetched =
  | { readonly ok: true; readonly value: Buffer }
  | { readonly ok: false; readonly problem: string; readonly status?: number }

const DEFAULT_TIMEOUT = 3000
const DEFAULT_MAX_BYTES = 524_288
/** Longer than any address of a key set, in characters: some come out of a fetched document. */
const MAX_URL = 2048

/**
 * GETs one JSON object over https (FAPI 2.0 Security Profile section 5.2.1). The server's certificate and name are
 * verified (RFC 9525), TLS is 1.2 or newer, nothing is redirected, decompressed or read beyond the limits. Never throws.
 */
export async function fetchJson(url: string, options: FetchOptions = {}): Promise<Reading<JsonObject>> {
  const target = parse(url)
  if (!target.ok) return target
  const call = { ...settings(options), method: 'GET', headers: { accept: 'application/json', ...headers } }
  const fetched = await exchange(target.value, call, options, json)
  const document = fetched.ok ? readDocument(fetched.value) : fetched
  return document.ok ? document : unreadable(`${whereabouts(target.value)}: ${document.problem}`)
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
  const wanted = { name: accept, is: (type: string) => type === `application/${accept}` }
  const fetched = await exchange(target.value, call, options, wanted, body)
  return fetched.ok ? fetched : { ...fetched, problem: `${whereabouts(target.value)}: ${fetched.problem}` }
}

const whereabouts = ({ origin, pathname }: URL): string => origin + pathname

/** Media types that are taken, in lower case, and what to call them. */
interface Wanted {
  readonly name: string
  readonly is: (mediaType: string) => boolean
}

const json: Wanted = { name: 'JSON', is: (type) => /^application\/(?:[a-z0-9.-]+\+)?json$/.test(type) }

/** One request and its whole answer, within the limits. */
function exchange(
  target: URL,
  settings: RequestOptions,
  { maxBytes = DEFAULT_MAX_BYTES, timeout = DEFAULT_TIMEOUT, observeDate }: FetchOptions,
  wanted: Wanted,
  body?: string,
): Promise<Fetched> {
  const { promise, resolve } = Promise.withResolvers<Fetched>()
  const call = request(target, settings, (response) => {
    observeDate?.(response.headers.date)
    const failure = judgeHead(response, wanted)
    if (failure) {
      resolve(failure)
      call.destroy()
      return
    }
    const chunks: Buffer[] = []
    let size = 0
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxBytes) {
        resolve({ ...unreadable(`the answer is larger than ${maxBytes} bytes`), status: 200 })
        call.destroy()
      } else chunks.push(chunk)
    })
    response.on('end', () => resolve({ ok: true, value: Buffer.concat(chunks) }))
    response.on('error', (error) => resolve(unreadable(describe(error))))
    response.on('aborted', () => resolve(unreadable('the answer broke off')))
  })
  // The whole exchange, also a body that trickles.
  const timer = setTimeout(() => {
    resolve(unreadable('no whole answer in time'))
    call.destroy()
  }, timeout)
  call.on('error', (error) => resolve(unreadable(describe(error))))
  call.end(body)
  return promise.finally(() => clearTimeout(timer))
}

function parse(url: string): Reading<URL> {
  if (url.length > MAX_URL) return unreadable('the URL is too long')
  if (!URL.canParse(url)) return unreadable('the URL cannot be read')
  const target = new URL(url)
  if (target.protocol !== 'https:') return unreadable(`${target.origin}: only https is fetched`)
  if (target.username !== '' || target.password !== '') return unreadable(`${target.host}: the URL holds a user`)
  return read(target)
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
): Extract<Fetched, { ok: false }> | undefined {
  const failure = (problem: string) => ({ ...unreadable(problem), status })
  if (status >= 300 && status < 400) return failure(`it redirects (${status}), and redirects are not followed`)
  if (status !== 200) return failure(`it answered ${status}`)
  if (encoding !== undefined && encoding !== 'identity')
    return failure('the answer is compressed although that was not asked for')
  const media = type?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  return wanted.is(media) ? undefined : failure(`the answer is not ${wanted.name} (${media.slice(0, 64) || 'no type'})`)
}

/** A discovery document may be larger than a token's limits allow, so only its syntax is bounded by size. */
function readDocument(bytes: Buffer): Reading<JsonObject> {
  return readJsonObject(bytes, { members: 20_000, depth: 16 })
}

/** Node's error codes say enough and hold nothing of the request. */
const describe = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.message
