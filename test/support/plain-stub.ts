import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { serverIdentity } from './stub-servers.ts'

/** One request as it came. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** A server on loopback, over plain http unless told, and what it was asked. */
export interface PlainStub {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string
  readonly host: string
  readonly asked: readonly Asked[]
  readonly close: () => Promise<void>
}

export async function startPlainStub(
  handler: (asked: Asked, response: ServerResponse) => void,
  secure = false,
): Promise<PlainStub> {
  const asked: Asked[] = []
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    response.on('error', () => undefined)
    const { method = '', url: path = '', headers } = request
    // A client that hangs up while it asks has asked nothing.
    buffer(request).then(
      (body) => {
        const one = { method, path, headers, body }
        asked.push(one)
        handler(one, response)
      },
      () => undefined,
    )
  }
  const { certificate: cert, key } = serverIdentity({})
  const server = secure ? createSecureServer({ cert, key }, listener) : createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = async (): Promise<void> => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  return { origin: `${secure ? 'https' : 'http'}://${host}`, host, asked, close }
}

/** Answers 200 with these bytes. */
export function answer(response: ServerResponse, type: string, bytes: string | Buffer): void {
  response.writeHead(200, { 'content-type': type })
  response.end(bytes)
}
