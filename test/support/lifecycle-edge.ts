import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Answer, send } from '../../demo/client.ts'
import { freePorts } from '../../demo/ports.ts'
import { proven, type Scene, setScene } from '../../demo/scene.ts'
import { API, type Setting, startSetting } from '../../demo/setting.ts'
import { findEnvoy } from '../../tools/envoy.ts'

const shipped = fileURLToPath(new URL('../../demo/envoy-fapi.yaml', import.meta.url))

/** The demo's setting behind a real Envoy, with a configuration file of its own that may be edited. */
export interface EdgeSetting {
  readonly setting: Setting
  readonly scene: Scene
  readonly config: string
  readonly text: string
  readonly stop: () => Promise<void>
}

export async function startEdge(more = ''): Promise<EdgeSetting> {
  const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-e2e-'))
  const remove = (): void => rmSync(directory, { recursive: true, force: true })
  const config = join(directory, 'envoy-fapi.yaml')
  // Nothing was used before these services started, so nobody has to wait until that is certain.
  const text = `${readFileSync(shipped, 'utf8').replace(/^stores: .*$/m, 'stores: { afterRestart: accept }')}\n${more}`
  writeFileSync(config, text)
  try {
    const setting = await startSetting({
      envoy: findEnvoy(() => undefined),
      ports: await freePorts(),
      directory,
      config,
    })
    const scene = await setScene(setting)
    const stop = async (): Promise<void> => {
      await setting.stop()
      remove()
    }
    return { setting, scene, config, text, stop }
  } catch (error) {
    remove()
    throw error
  }
}

/** What became of one request: the status the client saw (0 without an answer), and whether the upstream saw it. */
export interface Fate {
  readonly status: number
  readonly reached: boolean
}

/** Sends one request under an interaction id of its own. */
export async function tell(setting: Setting, headers: Readonly<Record<string, string>>): Promise<Fate> {
  const id = randomUUID()
  const url = `${API}/accounts`
  const sending: Promise<Answer> = send(setting.edge, { url, headers: { ...headers, 'x-fapi-interaction-id': id } })
  const status = await sending.then(
    (answer) => answer.status,
    () => 0,
  )
  return { status, reached: setting.upstream.saw(id) }
}

/** Honest and stolen requests without a pause, until told; what became of each. */
export function startTraffic({ setting, scene }: EdgeSetting) {
  const honest: Fate[] = []
  const stolen: Fate[] = []
  let going = true
  const keepOn = async (fates: Fate[], make: () => Promise<Readonly<Record<string, string>>>): Promise<void> => {
    while (going) fates.push(await tell(setting, await make()))
  }
  const theft = { authorization: `Bearer ${scene.tokens.dpop}` }
  const senders = Array.from({ length: 6 }, () => [
    keepOn(honest, () => proven(scene)),
    keepOn(stolen, () => Promise.resolve(theft)),
  ]).flat()
  return {
    honest,
    stolen,
    stop: async (): Promise<void> => {
      going = false
      await Promise.all(senders)
    },
  }
}

/** Statuses of fates, each once, and whether status 200 and having been seen by the upstream are the same. */
export const statuses = (fates: readonly Fate[]): ReadonlySet<number> => new Set(fates.map(({ status }) => status))
export const inconsistent = (fates: readonly Fate[]): readonly Fate[] =>
  fates.filter(({ status, reached }) => (status === 200) !== reached)
