import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Edge } from '../../demo/client.ts'
import { freePorts } from '../../demo/ports.ts'
import { type LogRecord, startServiceProcess } from '../../demo/service-process.ts'
import { buildCleanup, configEnvironment } from '../../demo/setting.ts'
import { placeBootstrap } from '../../tools/bootstrap.ts'
import { findEnvoy, startEnvoy } from '../../tools/envoy.ts'
import { edgeDocument, type TestEdge } from './edge.ts'

/** A second service process behind an Envoy of its own, for the same API. */
export interface Replica {
  readonly edge: Edge
  readonly config: string
  readonly stop: () => Promise<void>
}

/** Starts it beside the setting, with its authorization server, upstream and certificates. */
export async function startReplica(
  { setting, directory }: TestEdge,
  document: object,
  follow: (record: LogRecord) => void = () => undefined,
): Promise<Replica> {
  const { pki, authorizationServer, edge } = setting
  const ports = { ...(await freePorts()), upstream: setting.ports.upstream }
  const config = join(directory, 'replica.yaml')
  writeFileSync(config, JSON.stringify({ ...edgeDocument, ...document }))
  const bootstrap = join(directory, 'replica-envoy.json')
  writeFileSync(bootstrap, placeBootstrap('envoy/hardened.yaml', { pki: pki.directory, ports }))
  const cleanup = buildCleanup()
  try {
    await startServiceProcess({
      config,
      environment: configEnvironment(ports, pki, authorizationServer.issuer),
      errors: join(directory, 'replica.log'),
      follow,
      spawned: cleanup.add,
    })
    const log = join(directory, 'replica-envoy.log')
    const envoy = findEnvoy(() => undefined)
    await startEnvoy({ envoy, bootstrap, port: ports.edge, log, spawned: cleanup.add })
  } catch (error) {
    await cleanup.run()
    throw error
  }
  return { edge: { ...edge, port: ports.edge }, config, stop: cleanup.run }
}
