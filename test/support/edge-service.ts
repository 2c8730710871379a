import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type LogRecord, startServiceProcess } from '../../demo/service-process.ts'
import { configEnvironment } from '../../demo/setting.ts'
import { buildHealth } from '../../src/io/health.ts'
import { internalErrorResponse } from '../../src/response.ts'
import { type ServerParts, startServer } from '../../src/server.ts'
import { edgeDocument, type TestEdge } from './edge.ts'
import { connectCheck, outcomeOf } from './lifecycle-grpc.ts'
import { checkRequest } from './requests.ts'

/** Another service at the Check port of a setting. */
export interface Standby {
  readonly stop: () => Promise<void>
}

/** What `not ready yet` says. */
type Waiting = LogRecord & { readonly waitingFor?: readonly string[] }

/**
 * Runs the service with another configuration, resolves when it is ready or waits for what is named: a process that is
 * not ready yet has to refuse as well.
 */
export async function serveInstead(edge: TestEdge, document: object, waitsFor?: string): Promise<Standby> {
  const { ports, pki, authorizationServer, directory } = edge.setting
  const config = join(directory, 'other.yaml')
  writeFileSync(config, JSON.stringify({ ...edgeDocument, ...document }))
  const waits = Promise.withResolvers<void>()
  let stop = (): Promise<void> => Promise.resolve()
  const started = startServiceProcess({
    config,
    environment: configEnvironment(ports, pki, authorizationServer.issuer),
    errors: join(directory, 'service.log'),
    follow: ({ msg, waitingFor }: Waiting) => {
      if (msg === 'not ready yet' && waitsFor !== undefined && waitingFor?.join() === waitsFor) waits.resolve()
    },
    spawned: (end) => {
      stop = end
    },
  })
  const ready = started.then(
    () => undefined,
    // One that is stopped before it was ever ready is no fault.
    (error: unknown) => (waitsFor === undefined ? Promise.reject(error) : undefined),
  )
  await (waitsFor === undefined ? ready : waits.promise)
  return { stop: () => stop() }
}

/** The real gRPC server in this process, with a core of the test's. */
export async function serveInside(edge: TestEdge, check: ServerParts['check']): Promise<Standby> {
  const { ports, pki } = edge.setting
  const at = (name: string): string => join(pki.directory, name)
  const health = buildHealth()
  const started = await startServer({
    listen: {
      ...{ check: `127.0.0.1:${ports.check}`, admin: '127.0.0.1:0', insecureCheck: false, meshTls: false },
      tls: {
        ...{ certificate: at('service.pem'), key: at('service.key'), clientCa: at('service-ca.pem') },
        peers: ['spiffe://bank.example/envoy'],
      },
    },
    concurrentChecks: 100,
    check,
    refuse: () => internalErrorResponse,
    fallback: internalErrorResponse,
    health,
    observe: () => undefined,
  })
  if (!started.ok) throw new Error(started.problem)
  health.set(true)
  return { stop: () => started.value.drain(0) }
}

/** Spends so many proofs of the client's key at the Check port, with Envoy's own certificate. What came of them. */
export async function fillStore(edge: TestEdge, token: string, count: number): Promise<ReadonlySet<string>> {
  const { ports, pki } = edge.setting
  const read = (name: string): string => readFileSync(join(pki.directory, name), 'utf8')
  const identity = { certificate: read('envoy.pem'), key: read('envoy.key') }
  const client = connectCheck(`127.0.0.1:${ports.check}`, {
    tls: { ca: read('service-ca.pem'), name: 'envoy-fapi.internal', identity },
  })
  const spend = async (): Promise<string> => {
    const headers = Object.entries(edge.good({ token }).headers ?? {}).map(
      ([name, value]) => [name, String(value)] as const,
    )
    return outcomeOf(await client.ask(checkRequest({ host: 'api.bank.example', headers, id: '' })))
  }
  const outcomes = await Promise.all(Array.from({ length: count }, spend))
  client.close()
  return new Set(outcomes)
}
