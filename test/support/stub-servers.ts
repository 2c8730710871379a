import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createAuthority, type Identity, issue, type Subject } from '../../tools/pki.ts'

/** A stub https server on loopback and what it was asked. */
export interface Stub {
  /** `https://localhost:PORT`; the certificate is also good for 127.0.0.1. */
  readonly origin: string
  readonly port: number
  /** Paths with query, in the order they were asked for. */
  readonly hits: readonly string[]
  /** Header fields of the last request. */
  readonly last: () => IncomingMessage['headers']
  readonly close: () => Promise<void>
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Signs the certificates of stub servers; trust its certificate to reach them. */
export const authority = createAuthority('stub authority')

const honest: Subject = { name: 'stub', dns: ['localhost'], ips: ['127.0.0.1'], usage: 'server' }
const honestIdentity = issue(authority, honest)

/** A certificate like an honest server's, changed as told; undefined takes a member away. */
export const serverIdentity = (
  { dns = honest.dns ?? [], ips = honest.ips ?? [], ...rest }: Partial<Subject>,
  signer: Identity | undefined = authority,
): Identity => issue(signer, { ...honest, ...rest, dns, ips })

export async function startStub(
  handler: Handler,
  identity: Identity = honestIdentity,
  options: ServerOptions = {},
): Promise<Stub> {
  const hits: string[] = []
  let headers: IncomingMessage['headers'] = {}
  const server = createServer({ cert: identity.certificate, key: identity.key, ...options }, (request, response) => {
    hits.push(request.url ?? '')
    headers = request.headers
    // A client that hangs up in the middle of an answer is what many of these tests are about.
    response.on('error', () => undefined)
    handler(request, response)
  })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async (): Promise<void> => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  return { origin: `https://localhost:${port}`, port, hits, last: () => headers, close }
}

/** Answers 200 with a JSON document, made anew for each request. */
export const json =
  (make: () => unknown, type = 'application/json'): Handler =>
  (_, response) => {
    response.writeHead(200, { 'content-type': type })
    response.end(JSON.stringify(make()))
  }
