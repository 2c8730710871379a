import { createServer } from 'node:net'

/** Where each part listens on loopback. */
export interface Ports {
  readonly edge: number
  readonly admin: number
  readonly check: number
  readonly metrics: number
  readonly upstream: number
  readonly authorizationServer: number
}

/** One part's port: what listens there, where unless told otherwise, and how to tell. */
interface Part {
  readonly name: keyof Ports
  readonly part: string
  readonly port: number
  readonly flag: string
  readonly variable: string
}

export const parts: readonly Part[] = [
  { name: 'edge', part: 'Envoy', port: 8443, flag: 'edge-port', variable: 'DEMO_EDGE_PORT' },
  { name: 'admin', part: 'the admin page of Envoy', port: 9901, flag: 'admin-port', variable: 'DEMO_ADMIN_PORT' },
  { name: 'check', part: 'envoy-fapi', port: 9191, flag: 'check-port', variable: 'DEMO_CHECK_PORT' },
  {
    name: 'metrics',
    part: 'the metrics of envoy-fapi',
    port: 9464,
    flag: 'metrics-port',
    variable: 'DEMO_METRICS_PORT',
  },
  { name: 'upstream', part: 'the upstream', port: 8080, flag: 'upstream-port', variable: 'DEMO_UPSTREAM_PORT' },
  {
    name: 'authorizationServer',
    part: 'the authorization server',
    port: 9443,
    flag: 'as-port',
    variable: 'DEMO_AS_PORT',
  },
]

/** The ports of this run, a flag before a variable before the default; or what is wrong, in words. */
export function choosePorts(
  flags: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
): Ports | string {
  const chosen = new Map<number, Part>()
  const ports: Partial<Record<keyof Ports, number>> = {}
  for (const part of parts) {
    const text = String(flags[part.flag] ?? environment[part.variable] ?? part.port)
    const port = Number(text)
    if (!/^[0-9]{1,5}$/.test(text) || port < 1 || port > 65_535)
      return `"${text}" is not a port for ${part.part} (--${part.flag}, ${part.variable})`
    const other = chosen.get(port)
    if (other) return `port ${port} is chosen twice: for ${other.part} and for ${part.part}`
    chosen.set(port, part)
    ports[part.name] = port
  }
  // Every name was just set.
  return ports as Ports
}

/** Says which port is taken and how to choose another; undefined when all are free. */
export async function complainOfBusyPort(ports: Ports): Promise<string | undefined> {
  for (const { name, part, flag, variable } of parts) {
    const port = ports[name]
    const problem = await tryPort(port)
    if (problem === undefined) continue
    const why =
      problem === 'EADDRINUSE' ? 'is taken (perhaps a demo is running already)' : `cannot be used (${problem})`
    return [
      `port ${port}, meant for ${part}, ${why}.`,
      `Choose another with ${variable}=<port> or --${flag} <port>, or let the demo find free ones: --free-ports.`,
    ].join('\n')
  }
  return undefined
}

function tryPort(port: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const server = createServer()
  server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(undefined)))
  return promise
}

/** Ports that nobody listens on, for runs beside each other. */
export async function freePorts(): Promise<Ports> {
  const found = await findFree(parts.length)
  // One port per name of the same list.
  return Object.fromEntries(parts.map(({ name }, index) => [name, found[index]])) as unknown as Ports
}

/** So many different ports of loopback that nobody listens on. */
export async function findFree(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const found = await Promise.all(servers.map(listenAnywhere))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return found
}

function listenAnywhere(server: ReturnType<typeof createServer>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (typeof address === 'object' && address) resolve(address.port)
    else reject(new Error('no port was given'))
  })
  return promise
}
