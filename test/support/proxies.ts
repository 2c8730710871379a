import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ProxySettings } from '../../src/config-outbound.ts'
import { serverIdentity } from './stub-servers.ts'

/** A forward proxy on loopback and the tunnels it was asked for. */
export interface StubProxy {
  readonly settings: ProxySettings
  /** `host:port` of each tunnel. */
  readonly tunnels: readonly string[]
  /** Header fields of the last request for one. */
  readonly last: () => IncomingMessage['headers']
  /** Every byte that went through to servers. */
  readonly seen: () => string
  readonly close: () => Promise<void>
}

type Answer = (socket: Duplex, open: () => void) => void

interface ProxyOptions {
  readonly secure?: boolean
  readonly identity?: ReturnType<typeof serverIdentity>
  readonly credentials?: Pick<ProxySettings, 'username' | 'password'>
  /** What to do with a request for a tunnel; opens it unless told. */
  readonly answer?: Answer
}

/** Every name leads to loopback. */
export async function startProxy({
  secure = false,
  identity,
  credentials,
  answer,
}: ProxyOptions = {}): Promise<StubProxy> {
  const tunnels: string[] = []
  const seen: Buffer[] = []
  const sockets = new Set<Duplex>()
  let headers: IncomingMessage['headers'] = {}
  const { certificate: cert, key } = identity ?? serverIdentity({})
  const server = secure ? createSecureServer({ cert, key }) : createServer()
  server.on('tlsClientError', () => undefined)
  server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    tunnels.push(request.url ?? '')
    headers = request.headers
    sockets.add(socket)
    socket.on('error', () => undefined)
    const open = (): void => {
      const upstream = connect(Number(/[0-9]+$/.exec(request.url ?? '')?.[0]), '127.0.0.1')
      sockets.add(upstream)
      upstream.on('error', () => socket.destroy())
      socket.on('close', () => upstream.destroy())
      socket.on('data', (chunk: Buffer) => seen.push(chunk))
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(upstream).pipe(socket)
    }
    if (answer) answer(socket, open)
    else open()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async (): Promise<void> => {
    server.close()
    server.closeAllConnections()
    for (const socket of sockets) socket.destroy()
    await once(server, 'close')
  }
  const url = new URL(`${secure ? 'https' : 'http'}://127.0.0.1:${port}`)
  const settings = { username: undefined, password: undefined, ...credentials, url }
  return { settings, tunnels, last: () => headers, seen: () => Buffer.concat(seen).toString('latin1'), close }
}
