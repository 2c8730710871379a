import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { proven } from '../../demo/scene.ts'
import { type EdgeSetting, inconsistent, startEdge, startTraffic, statuses, tell } from '../support/lifecycle-edge.ts'

let edge: EdgeSetting
beforeAll(async () => {
  edge = await startEdge('limits: { drain: 2s }\n')
})
afterAll(() => edge.stop())

const recovered = (): Promise<void> =>
  vi.waitFor(async () => expect((await tell(edge.setting, await proven(edge.scene))).status).toBe(200), {
    timeout: 20_000,
    interval: 100,
  })

/** Traffic while something happens to the service; what became of it. */
async function under(happen: () => Promise<void>) {
  const before = edge.setting.upstream.count()
  const traffic = startTraffic(edge)
  await vi.waitFor(() => expect(traffic.honest.length).toBeGreaterThan(20), 10_000)
  await happen()
  const failed = (): number => traffic.honest.filter(({ status }) => status !== 200).length
  await vi.waitFor(() => expect(failed()).toBeGreaterThan(5), 20_000)
  await traffic.stop()
  return { ...traffic, passed: edge.setting.upstream.count() - before }
}

/** What Envoy says of the health of the service. */
const healthy = async (): Promise<string> =>
  (
    await fetch(
      `http://127.0.0.1:${edge.setting.ports.admin}/stats?filter=cluster.envoy_fapi.*(health_check|membership)`,
    )
  ).text()

/** Status of `/readyz`; a probe that waits for two seconds and no longer. */
const askReadiness = async (): Promise<number> =>
  (await fetch(`http://127.0.0.1:${edge.setting.ports.metrics}/readyz`, { signal: AbortSignal.timeout(2000) })).status

test('the health check of Envoy succeeds, so that it learns of an end in time', async () => {
  await vi.waitFor(async () => expect(await healthy()).toMatch(/health_check\.success: [1-9]/), 10_000)
  expect(await healthy()).toContain('membership_healthy: 1')
  expect(await healthy()).toContain('health_check.failure: 0')
})

test('the configuration of the demo is watched: what is edited is in force behind Envoy', async () => {
  const ask = async (): Promise<number> => (await tell(edge.setting, await proven(edge.scene))).status
  expect(await ask()).toBe(200)
  writeFileSync(edge.config, edge.text.replaceAll('scopes: [accounts]', 'scopes: [payments]'))
  await vi.waitFor(async () => expect(await ask()).toBe(403), 10_000)
  writeFileSync(edge.config, edge.text)
  await vi.waitFor(async () => expect(await ask()).toBe(200), 10_000)
})

test('all-kill: killed under traffic: 503, nothing reaches the upstream that was not allowed, and a new process takes over', async () => {
  const { honest, stolen, passed } = await under(() => edge.setting.service().kill())
  expect(statuses(honest)).toEqual(new Set([200, 503]))
  expect([...statuses(stolen)].filter((status) => status !== 401 && status !== 503)).toEqual([])
  expect(inconsistent(honest)).toEqual([])
  expect(stolen.filter(({ reached }) => reached)).toEqual([])
  expect(passed).toBe(honest.filter(({ status }) => status === 200).length)

  // While nobody decides, nobody gets in.
  const count = edge.setting.upstream.count()
  expect(await tell(edge.setting, await proven(edge.scene))).toEqual({ status: 503, reached: false })
  expect(edge.setting.upstream.count()).toBe(count)

  await edge.setting.restartService()
  await recovered()
})

test('loop-block: hung under traffic: 503 after the timeout of Envoy, its probes fail meanwhile, nothing reaches the upstream, and it goes on when it can', async () => {
  const service = edge.setting.service()
  await vi.waitFor(async () => expect(await healthy()).toContain('membership_healthy: 1'), 10_000)
  const { honest, stolen, passed } = await under(() => Promise.resolve(service.signal('SIGSTOP')))
  try {
    await expect(askReadiness()).rejects.toThrow('timeout')
    await vi.waitFor(async () => expect(await healthy()).toContain('membership_healthy: 0'), 30_000)
    expect(statuses(honest)).toEqual(new Set([200, 503]))
    expect([...statuses(stolen)].filter((status) => status !== 401 && status !== 503)).toEqual([])
    expect(inconsistent(honest)).toEqual([])
    expect(stolen.filter(({ reached }) => reached)).toEqual([])
    expect(passed).toBe(honest.filter(({ status }) => status === 200).length)
  } finally {
    service.signal('SIGCONT')
  }
  const count = edge.setting.upstream.count()
  await vi.waitFor(async () => expect(await healthy()).toContain('membership_healthy: 1'), 30_000)
  expect(await askReadiness()).toBe(200)
  await recovered()
  // What it was asked before is answered to nobody.
  expect(edge.setting.upstream.count()).toBe(count + 1)
})

test('term-drain, att-ops-04: stopped under traffic through Envoy: 200 or 503, exit 0, and nothing slips through', async () => {
  const service = edge.setting.service()
  const { honest, stolen, passed } = await under(async () => {
    service.signal('SIGTERM')
    expect(await service.ended).toBe(0)
  })
  expect(statuses(honest)).toEqual(new Set([200, 503]))
  expect(inconsistent(honest)).toEqual([])
  expect(stolen.filter(({ reached }) => reached)).toEqual([])
  expect(passed).toBe(honest.filter(({ status }) => status === 200).length)
  await edge.setting.restartService()
  await recovered()
})
