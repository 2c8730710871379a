import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Edge } from '../../demo/client.ts'
import { freePorts } from '../../demo/ports.ts'
import { type Scene, setScene } from '../../demo/scene.ts'
import { API, type Setting, startSetting } from '../../demo/setting.ts'
import { findEnvoy } from '../../tools/envoy.ts'
import { startRedis, type TestRedis } from './redis.ts'

/** Two service processes, each behind an Envoy of its own, and the Redis they share. */
export interface Replicas {
  readonly setting: Setting
  readonly scene: Scene
  readonly redis: TestRedis
  /** One request to the Envoy of the first or the second replica, on a connection that is kept. */
  readonly ask: (replica: number, headers: Readonly<Record<string, string>>) => Promise<Told>
  readonly stop: () => Promise<void>
}

export interface Told {
  readonly status: number
  readonly retryAfter: string | undefined
}

export async function startReplicas(): Promise<Replicas> {
  const redis = await startRedis()
  const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-replicas-'))
  const remove = async (): Promise<void> => {
    await redis.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    const config = join(directory, 'envoy-fapi.yaml')
    writeFileSync(config, patientConfig())
    const setting = await startSetting({
      config,
      envoy: findEnvoy(() => undefined),
      ports: await freePorts(),
      directory,
      replicas: { redis: redis.url, ports: await freePorts() },
    })
    const scene = await setScene(setting)
    const edges = [setting.edge, setting.replica?.edge].filter((edge) => edge !== undefined)
    const sessions = edges.map(openSession)
    return {
      setting,
      scene,
      redis,
      ask: (replica, headers) => {
        const session = sessions[replica % sessions.length]
        if (!session) throw new Error('there is no such replica')
        return askOn(session, headers)
      },
      stop: async () => {
        for (const session of sessions) session.destroy()
        await setting.stop()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/** The demo's configuration; Redis may take longer, because this machine may be busy with other tests. */
function patientConfig(): string {
  const text = readFileSync(fileURLToPath(new URL('../../demo/envoy-fapi.yaml', import.meta.url)), 'utf8')
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the service fills it in
  const patient = 'stores: { replay: { url: "${REPLAY}", timeout: 100ms } }'
  const changed = text.replace(/^stores: .*$/m, () => patient)
  if (changed === text) throw new Error('the configuration of the demo names no stores')
  return changed
}

function openSession({ port, ca }: Edge): ClientHttp2Session {
  const session = connect(`https://127.0.0.1:${port}`, { servername: new URL(API).hostname, ca })
  session.on('error', () => undefined)
  return session
}

/** GET of the accounts. */
function askOn(session: ClientHttp2Session, headers: Readonly<Record<string, string>>): Promise<Told> {
  const { promise, resolve, reject } = Promise.withResolvers<Told>()
  const target = { ':path': '/accounts', ':authority': new URL(API).host, ':scheme': 'https' }
  const stream = session.request({ ...target, ...headers })
  let told: Told | undefined
  stream.on('response', (received) => {
    const retryAfter = received['retry-after']
    told = { status: received[':status'] ?? 0, retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined }
  })
  stream.on('error', reject)
  stream.on('end', () => (told ? resolve(told) : reject(new Error('there was no answer'))))
  stream.resume()
  return promise
}
