import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP relay on loopback that can spoil what passes through it. */
export interface Relay {
  readonly url: string
  /** What becomes of each piece the server sends; `reset` breaks the connection off instead. */
  reply: (piece: Buffer) => Buffer | 'reset' | 'drop'
  /** Milliseconds each piece of the server is held back. */
  delay: number
  /** From now on the connections there are go nowhere, as when a host is gone; new ones are fine. */
  readonly strand: () => void
  readonly stop: () => void
}

export async function startRelay(port: number): Promise<Relay> {
  const sockets = new Set<Socket>()
  let stranded: ReadonlySet<Socket> = new Set()
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one)
      one.on('error', () => undefined)
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
    client.on('data', (piece) => stranded.has(client) || upstream.write(piece))
    upstream.on('data', (piece) => {
      if (stranded.has(client)) return
      const passed = relay.reply(piece)
      if (passed === 'reset') client.resetAndDestroy()
      else if (passed === 'drop') return
      else if (relay.delay === 0) client.write(passed)
      else setTimeout(() => client.write(passed), relay.delay)
    })
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', () => resolve())
  await promise
  const relay: Relay = {
    // It listens on a TCP port.
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reply: (piece) => piece,
    delay: 0,
    strand: () => {
      stranded = new Set(sockets)
    },
    stop: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
  return relay
}
