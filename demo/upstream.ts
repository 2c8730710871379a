import { createServer } from 'node:http'
import { LRUCache } from 'lru-cache'
import { close, listen } from './authorization-server.ts'

/** What the upstream received, header lines in the order they came. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** What the upstream says it received; undefined when the body is not from it. */
export function readSeen(body: string): Seen | undefined {
  try {
    const { received } = JSON.parse(body) as { readonly received?: { method: string; path: string; headers: string[] } }
    if (!received) return undefined
    const headers = received.headers.map((line) => {
      const end = line.indexOf(': ')
      return [line.slice(0, end), line.slice(end + 2)] as const
    })
    return { ...received, headers }
  } catch {
    return undefined
  }
}

/** The API behind Envoy. It believes every identity header, which is why nobody but us may write them. */
export interface Upstream {
  /** Requests since the start. */
  readonly count: () => number
  /** Whether a request with this x-fapi-interaction-id arrived lately. */
  readonly saw: (interactionId: string) => boolean
  readonly stop: () => Promise<void>
}

/** Answers every request with what it received. */
export async function startUpstream(port: number): Promise<Upstream> {
  let count = 0
  const interactions = new LRUCache<string, true>({ max: 10_000 })
  const server = createServer((request, response) => {
    count += 1
    const lines = request.rawHeaders
    const headers = lines.flatMap((name, index) =>
      index % 2 === 0 ? [[name.toLowerCase(), lines[index + 1] ?? ''] as const] : [],
    )
    const id = request.headers['x-fapi-interaction-id']
    if (typeof id === 'string') interactions.set(id, true)
    request.resume()
    request.on('end', () => {
      const seen = { method: request.method, path: request.url, headers: headers.map((pair) => pair.join(': ')) }
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(
        `${JSON.stringify({ accounts: [{ id: 'DE-1', balance: '1204.50' }], received: seen }, undefined, 2)}\n`,
      )
    })
  })
  await listen(server, port)
  return { count: () => count, saw: (id) => interactions.has(id), stop: () => close(server) }
}
