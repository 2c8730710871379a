import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { proven } from '../../demo/scene.ts'
import { findEnvoy, type RunningEnvoy, startEnvoy } from '../../tools/envoy.ts'
import { type EdgeSetting, inconsistent, startEdge, startTraffic, tell } from '../support/lifecycle-edge.ts'

let edge: EdgeSetting
let envoys: RunningEnvoy[]
beforeAll(async () => {
  edge = await startEdge()
  envoys = [edge.setting.envoy]
})
afterAll(async () => {
  await Promise.all(envoys.map((envoy) => envoy.stop()))
  await edge.stop()
})

const openFiles = (): number => readdirSync(`/proc/${edge.setting.service().pid}/fd`).length

async function nextEnvoy(): Promise<void> {
  const { directory, ports } = edge.setting
  envoys.push(
    await startEnvoy({
      envoy: findEnvoy(() => undefined),
      bootstrap: join(directory, 'envoy.json'),
      port: ports.edge,
      log: join(directory, 'envoy.log'),
    }),
  )
}

/** Kills Envoy under traffic; the service then has fewer files open than with an Envoy that asks nothing. */
async function killUnderTraffic(idle: number): Promise<void> {
  const traffic = startTraffic(edge)
  await vi.waitFor(() => expect(traffic.honest.length).toBeGreaterThan(20), 10_000)
  const envoy = envoys.at(-1) as RunningEnvoy
  process.kill(envoy.pid, 'SIGKILL')
  await envoy.ended
  await traffic.stop()
  // Envoy may have ended between the upstream and the client.
  expect(inconsistent(traffic.honest.filter(({ status }) => status !== 0))).toEqual([])
  expect(traffic.stolen.filter(({ reached }) => reached)).toEqual([])
  await vi.waitFor(() => expect(openFiles()).toBeLessThan(idle), 15_000)
}

test('envoy-kill: the service goes on, keeps nothing open, and decides for the next Envoy at once', async () => {
  const { pid } = edge.setting.service()
  expect((await tell(edge.setting, await proven(edge.scene))).status).toBe(200)
  const idle = openFiles()
  for (let round = 0; round < 3; round += 1) {
    expect(await tell(edge.setting, await proven(edge.scene))).toEqual({ status: 200, reached: true })
    await killUnderTraffic(idle)
    await nextEnvoy()
  }
  expect(await tell(edge.setting, await proven(edge.scene))).toEqual({ status: 200, reached: true })
  expect(edge.setting.service().pid).toBe(pid)
})
