import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { proven } from '../../demo/scene.ts'
import { type Replicas, startReplicas, type Told } from '../support/replicas.ts'

type Headers = Awaited<ReturnType<typeof proven>>

let replicas: Replicas
/** Proofs that were let in once. */
const spent: Headers[] = []

beforeAll(async () => {
  replicas = await startReplicas()
})
afterAll(async () => await replicas?.stop())

/** Copies of one proof at once, half of them at each Envoy. */
async function race(headers: Headers, copies: number): Promise<readonly Told[]> {
  return await Promise.all(Array.from({ length: copies }, (_, copy) => replicas.ask(copy, headers)))
}

const allowed = (answers: readonly Told[]): number => answers.filter(({ status }) => status === 200).length

/**
 * Rounds of 50 copies of a new proof each: how many copies were let in, and how many requests went through. When Redis
 * did not answer in time on a busy machine (503), at most one copy was let in, and that round is run again.
 */
async function runRounds(rounds: number) {
  const before = replicas.setting.upstream.count()
  const admitted: number[] = []
  let unanswered = 0
  let passed = 0
  while (admitted.length < rounds) {
    const headers = await proven(replicas.scene)
    const answers = await race(headers, 50)
    for (const { status } of answers) expect([200, 401, 503]).toContain(status)
    expect(allowed(answers)).toBeLessThanOrEqual(1)
    passed += allowed(answers)
    if (allowed(answers) === 1) spent.push(headers)
    if (answers.every(({ status }) => status !== 503)) admitted.push(allowed(answers))
    else unanswered += 1
    expect(unanswered).toBeLessThan(rounds / 4)
  }
  return { admitted, passed, reached: replicas.setting.upstream.count() - before }
}

const lines = (text: string): number =>
  [replicas.setting.service(), replicas.setting.replica?.service]
    .flatMap((service) => service?.lines() ?? [])
    .filter((line) => line.includes(text)).length

describe('two service processes, two Envoys, one Redis', () => {
  test('DPOP-45, DPOP-48, att-dpop-05 of 50 copies of a proof exactly one is let in, 200 times', async () => {
    const { admitted, passed, reached } = await runRounds(200)
    expect(admitted).toEqual(Array.from({ length: 200 }, () => 1))
    expect(reached).toBe(passed)
  })

  test('proc-kill, rolling: a replica that is killed is missed by nobody, and knows what was used when it is back', async () => {
    const { setting, scene, ask } = replicas
    const recent = spent.slice(-20)
    await setting.service().kill()
    // Its Envoy has nobody to ask, and lets nobody in.
    expect([403, 503]).toContain((await ask(0, await proven(scene))).status)
    expect(await ask(1, await proven(scene))).toMatchObject({ status: 200 })
    for (const headers of recent) expect(await ask(1, headers)).toMatchObject({ status: 401 })
    await setting.restartService()
    await vi.waitFor(async () => expect(await ask(0, await proven(scene))).toMatchObject({ status: 200 }), {
      timeout: 10_000,
      interval: 100,
    })
    for (const headers of recent) expect(allowed(await race(headers, 2))).toBe(0)
  })

  test('DPOP-47, att-dpop-07 Redis killed and restarted empty: no old proof passes, then, or later', async () => {
    const { redis, setting } = replicas
    const recent = spent.slice(-50)
    const before = setting.upstream.count()
    await redis.kill()
    const down = [...(await race(recent[0] ?? { authorization: '', dpop: '' }, 4))]
    down.push(...(await race(await proven(replicas.scene), 4)))
    expect(down).toEqual(down.map(() => ({ status: 503, retryAfter: '1' })))
    await vi.waitFor(() => expect(lines('"replay store unavailable"')).toBe(2), { timeout: 10_000, interval: 100 })

    await redis.start()
    await vi.waitFor(() => expect(lines('"replay store available"')).toBe(4), { timeout: 10_000, interval: 100 })
    for (const headers of recent) {
      const answers = await race(headers, 2)
      expect(answers).toEqual(answers.map(() => ({ status: 503, retryAfter: '10' })))
    }

    // Service goes on by itself as soon as a proof is known to be younger than the loss.
    await vi.waitFor(async () => expect(allowed(await race(await proven(replicas.scene), 2))).toBe(1), {
      timeout: 20_000,
      interval: 250,
    })
    const passed = setting.upstream.count()
    expect(passed).toBe(before + 1)
    for (const headers of recent) expect(allowed(await race(headers, 2))).toBe(0)
    expect(setting.upstream.count()).toBe(passed)
  })

  test('afterwards a proof is let in once again', async () => {
    const { admitted, passed, reached } = await runRounds(20)
    expect(admitted).toEqual(Array.from({ length: 20 }, () => 1))
    expect(reached).toBe(passed)
  })

  test('logs hold no token, no proof and no digest of either', () => {
    const { setting } = replicas
    const logged = [setting.service(), setting.replica?.service].flatMap((service) => service?.lines() ?? []).join('\n')
    for (const { authorization, dpop } of spent.slice(-20)) {
      expect(logged).not.toContain(authorization.split(' ')[1])
      expect(logged).not.toContain(dpop)
    }
  })
})
