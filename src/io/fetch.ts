import { X509Certificate } from 'node:crypto'
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

const DEFAULT_TIMEOUT = 3000
const DEFAULT_MAX_BYTES = 524_288
/** Longer than any address of a key set, in characters: some come out of a fetched document. */
const MAX_URL = 2048

/**
 * GETs one JSON object over https (FAPI 2.0 Security Profile section 5.2.1). The server's certificate and name are
 * verified (RFC 9525), TLS is 1.2 or newer, nothing is redirected, decompressed or read beyond the limits. Never throws.
 */
export function fetchJson(url: string, options: FetchOptions = {}): Promise<Reading<JsonObject>> {
  const target = parse(url)
  if (!target.ok) return Promise.resolve(target)
  const where = target.value.origin + target.value.pathname
  const { promise, resolve } = Promise.withResolvers<Reading<JsonObject>>()
  const settle = (outcome: Reading<JsonObject>): void =>
    resolve(outcome.ok ? outcome : unreadable(`${where}: ${outcome.problem}`))

  const call = request(target.value, settings(options), (response) => {
    options.observeDate?.(response.headers.date)
    const problem = judgeHead(
      response.statusCode ?? 0,
      response.headers['content-type'],
      response.headers['content-encoding'],
    )
    if (problem) {
      settle(unreadable(problem))
      call.destroy()
      return
    }
    const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES
    const chunks: Buffer[] = []
    let size = 0
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxBytes) {
        settle(unreadable(`the answer is larger than ${maxBytes} bytes`))
        call.destroy()
      } else chunks.push(chunk)
    })
    response.on('end', () => settle(readDocument(Buffer.concat(chunks))))
    response.on('error', (error) => settle(unreadable(describe(error))))
    response.on('aborted', () => settle(unreadable('the answer broke off')))
  })
  // The whole exchange, also a body that trickles.
  const timer = setTimeout(() => {
    settle(unreadable('no whole answer in time'))
    call.destroy()
  }, options.timeout ?? DEFAULT_TIMEOUT)
  call.on('error', (error) => settle(unreadable(describe(error))))
  call.end()
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

/** One connection per call: calls are rare, and a kept one could outlive a change of certificates. */
const settings = ({ ca }: FetchOptions): RequestOptions => ({
  method: 'GET',
  headers: { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'envoy-fapi' },
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

function judgeHead(status: number, type: string | undefined, encoding: string | undefined): string | undefined {
  if (status >= 300 && status < 400) return `it redirects (${status}), and redirects are not followed`
  if (status !== 200) return `it answered ${status}`
  if (encoding !== undefined && encoding !== 'identity')
    return 'the answer is compressed although that was not asked for'
  const media = type?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  return /^application\/(?:[a-z0-9.-]+\+)?json$/.test(media)
    ? undefined
    : `the answer is not JSON (${media.slice(0, 64) || 'no type'})`
}

/** A discovery document may be larger than a token's limits allow, so only its syntax is bounded by size. */
function readDocument(bytes: Buffer): Reading<JsonObject> {
  return readJsonObject(bytes, { members: 20_000, depth: 16 })
}

/** Node's error codes say enough and hold nothing of the request. */
const describe = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.message
