import { chmodSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Registry } from 'prom-client'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import type { Admin } from './admin.ts'
import { claimSocket } from './socket.ts'

/** What `/readyz` says about the service. */
export interface Status {
  readonly ready: boolean
  readonly body: Readonly<Record<string, unknown>>
}

/** The plain HTTP port: `/metrics`, `/healthz`, `/readyz`, `/jwks` (GET and HEAD only), operator actions and nothing else. */
export interface HttpPort {
  readonly address: string
  readonly close: () => Promise<void>
}

/** What is served there. */
export interface HttpContents {
  readonly registry: Registry
  readonly status: () => Status
  readonly beforeScrape: () => void
  /** The public keys of assertions; without any there is no `/jwks`. */
  readonly jwks?: (() => object | undefined) | undefined
  /** What operators can do; on the admin port alone. */
  readonly admin?: Admin | undefined
}

/** Listens on `host:port` or `unix:/path`. A port that is taken is a problem in words, not an exception. */
export async function serveHttp(
  { address, key }: { readonly address: string; readonly key: string },
  contents: HttpContents,
): Promise<Reading<HttpPort>> {
  const server = createServer({
    maxHeaderSize: 8192,
    requestTimeout: 5000,
    headersTimeout: 5000,
    // Looked at every second instead of every thirty: silent connections would take the places of all others.
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: 5000,
  })
  server.maxConnections = 64
  server.on('request', (request, response) => void answer(request, response, contents))
  server.on('clientError', (_error, socket) => socket.destroy())
  const listening = await listen(server, address)
  if (!listening.ok) return unreadable(`${key}: ${listening.problem}`)
  return read({ address: listening.value, close: () => close(server) })
}

async function answer(request: IncomingMessage, response: ServerResponse, contents: HttpContents): Promise<void> {
  const { registry, status, beforeScrape, admin } = contents
  const { method = '', url = '' } = request
  const path = url.split('?', 1)[0] ?? ''
  const jwks = contents.jwks?.()
  const send = (code: number, type: string, body: string): void => {
    response.writeHead(code, { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    response.end(method === 'HEAD' ? undefined : body)
  }
  try {
    if (admin?.owns(path)) return await admin.answer(request, response)
    const paths = ['/metrics', '/healthz', '/readyz', ...(jwks ? ['/jwks'] : [])]
    if (!paths.includes(path)) return send(404, 'text/plain', 'not found\n')
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      return send(405, 'text/plain', 'method not allowed\n')
    }
    if (path === '/metrics') {
      beforeScrape()
      return send(200, registry.contentType, await registry.metrics())
    }
    if (path === '/jwks') return send(200, 'application/jwk-set+json', JSON.stringify(jwks))
    if (path === '/healthz') return send(200, 'application/json', '{"status":"alive"}\n')
    const { ready, body } = status()
    send(ready ? 200 : 503, 'application/json', `${JSON.stringify(body)}\n`)
  } catch {
    response.destroy()
  }
}

async function listen(server: Server, address: string): Promise<Reading<string>> {
  const path = address.startsWith('unix:') ? address.slice('unix:'.length) : undefined
  const claim = path === undefined ? undefined : await claimSocket(path)
  if (claim && !claim.ok) return claim
  const { promise, resolve } = Promise.withResolvers<Reading<string>>()
  const [, v6, name, port] = /^(?:\[(.+)\]|(.+)):([0-9]+)$/.exec(address) ?? []
  server.once('error', (error) => resolve(unreadable(describeListenError(error, address))))
  server.listen(path === undefined ? { port: Number(port), host: v6 ?? name } : { path }, () => {
    if (path !== undefined) chmodSync(path, 0o600)
    const bound = server.address()
    resolve(read(typeof bound === 'object' && bound ? `${v6 ? `[${v6}]` : name}:${bound.port}` : address))
  })
  return await promise
}

/** Why an address cannot be listened on, and what to do about it. */
export function describeListenError(error: Error, address: string): string {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return `${address} is in use by another process; stop it or choose another port`
  if (code === 'EACCES')
    return address.startsWith('unix:')
      ? `this user may not create ${address.slice('unix:'.length)}; choose a directory it may write to`
      : `this user may not listen on ${address}; choose a port above 1023`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `${address} is not an address of this machine`
  return `${address} cannot be listened on (${code ?? error.message})`
}

function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeAllConnections()
  return promise
}

/** The product's version, from the package file beside `src/` or `dist/`. */
export function productVersion(): string {
  for (const base of ['../../package.json', '../../../package.json'])
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(base, import.meta.url), 'utf8')) as Record<
        string,
        unknown
      >
      if (name === 'envoy-fapi' && typeof version === 'string') return version
    } catch {
      // Not here; a compiled build lies one directory deeper.
    }
  return 'unknown'
}
