import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { deny } from '../../src/denial.ts'
import { buildHealth, type Health } from '../../src/io/health.ts'
import { encode, internalErrorResponse } from '../../src/response.ts'
import { type CheckServer, type ServerParts, startServer } from '../../src/server.ts'
import type { CheckResponse } from '../../src/wire.ts'
import { type CheckClient, type Connecting, connectCheck } from './lifecycle-grpc.ts'

const INTERACTION = '11111111-2222-4333-8444-555555555555'

/** A complete denial, as the service would encode it. */
export const denial = (reason: Parameters<typeof deny>[0]): CheckResponse =>
  encode(deny(reason, 'as told by the test'), {
    interactionId: INTERACTION,
    headers: new Map(),
    route: '',
    challenges: undefined,
    verified: {},
  })

/** A gRPC server in this process that is gone when the test is over. */
export interface TestServer {
  readonly server: CheckServer
  readonly health: Health
  /** What the server told its observer. */
  readonly events: readonly string[]
  readonly connect: (connecting?: Connecting) => CheckClient
}

/** Parts of a server that answers every Check alike, on a port of its own. */
export function serverParts(more: Omit<Partial<ServerParts>, 'listen'> & { readonly listen?: Listen } = {}): {
  readonly parts: ServerParts
  readonly events: string[]
} {
  const events: string[] = []
  const parts: ServerParts = {
    concurrentChecks: 1000,
    check: () => denial('route_unknown'),
    refuse: denial,
    fallback: internalErrorResponse,
    health: buildHealth(),
    observe: (event, error) => void events.push(error === undefined ? event : `${event}: ${String(error)}`),
    ...more,
    listen: { check: '127.0.0.1:0', insecureCheck: false, meshTls: false, admin: '127.0.0.1:0', ...more.listen },
  }
  return { parts, events }
}

type Listen = Partial<ServerParts['listen']>

export async function startTestServer(more: Parameters<typeof serverParts>[0] = {}): Promise<TestServer> {
  const { parts, events } = serverParts(more)
  const started = await startServer(parts)
  if (!started.ok) throw new Error(started.problem)
  const server = started.value
  onTestFinished(() => server.drain(0))
  return {
    server,
    health: parts.health,
    events,
    connect: (connecting) => {
      const client = connectCheck(server.address, connecting)
      onTestFinished(() => client.close())
      return client
    },
  }
}

/** A directory that is gone when the test is over. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-test-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
