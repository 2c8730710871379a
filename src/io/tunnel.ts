import { type RequestOptions, request } from 'node:http'
import { request as requestSecurely, type RequestOptions as SecureOptions } from 'node:https'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ProxySettings } from '../config-outbound.ts'
import { type Exchange, send } from './exchange.ts'
import { type Fetched, failed } from './fetch-outcome.ts'

/**
 * Asks a proxy for a tunnel (RFC 9110 section 9.3.6). What goes through it is encrypted end to end, so all that the proxy
 * learns is the host. `tls`: how an https proxy has to show who it is.
 */
export function openTunnel(
  { hostname, port }: URL,
  proxy: ProxySettings,
  tls: SecureOptions,
  signal: AbortSignal,
): Promise<Fetched<Duplex>> {
  const { url } = proxy
  const authority = `${hostname}:${port || '443'}`
  const secure = url.protocol === 'https:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const options: RequestOptions = {
    host,
    port: url.port || (secure ? 443 : 80),
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, ...credentialsOf(proxy) },
    agent: false,
    maxHeaderSize: 16_384,
    signal,
  }
  const { promise, resolve } = Promise.withResolvers<Fetched<Duplex>>()
  const call = secure ? requestSecurely({ ...tls, ...options, servername: serverNameOf(url) }) : request(options)
  call.on('connect', ({ statusCode }, socket: Duplex, head: Buffer) => {
    // The signal ends with the request; from here on the tunnel has to be closed by itself.
    signal.addEventListener('abort', () => socket.destroy(), { once: true })
    if (statusCode === 200 && head.length === 0) return resolve({ ok: true, value: socket })
    socket.destroy()
    resolve(failed('proxy', statusCode === 200 ? 'the proxy speaks first' : `the proxy answered ${statusCode}`))
  })
  call.on('error', (error: NodeJS.ErrnoException) =>
    resolve(failed('proxy', `the proxy: ${error.code ?? error.message}`)),
  )
  call.end()
  return promise
}

/** The Host header, which is not the proxy's, would say otherwise whose certificate is expected. */
const serverNameOf = ({ hostname }: URL): string => (isIP(hostname.replace(/^\[|\]$/g, '')) ? '' : hostname)

const credentialsOf = ({ username, password }: ProxySettings): Readonly<Record<string, string>> =>
  username === undefined
    ? {}
    : { 'proxy-authorization': `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }

/** What goes over plain http is handed to the proxy whole (RFC 9112 section 3.2.2): many of them open tunnels for TLS alone. */
export async function sendThroughProxy(target: URL, proxy: ProxySettings, exchange: Exchange): Promise<Fetched> {
  const { host, pathname, search } = target
  const headers = { ...exchange.call.headers, host, ...credentialsOf(proxy) }
  const path = `http://${host}${pathname}${search}`
  const call = { ...exchange.call, headers, path, servername: serverNameOf(proxy.url) }
  const sent = await send(proxy.url, { ...exchange, call })
  if (sent.ok || (sent.cause !== 'connect' && sent.cause !== 'tls')) return sent
  return { ...sent, ...failed('proxy', `the proxy: ${sent.problem}`) }
}
