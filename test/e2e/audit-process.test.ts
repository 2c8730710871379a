import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { expect, test } from 'vitest'
import { verdict } from '../support/answers.ts'
import { auditPlace, recordsIn, verifyFiles } from '../support/audit-file.ts'
import { outcomeOf } from '../support/lifecycle-grpc.ts'
import { freshRequest, serviceDocument, startTestService } from '../support/lifecycle-service.ts'

/** Interaction ids of the allows that left the service before it was killed, in order. */
async function allowsUntilKilled(audit: object, count: number): Promise<readonly string[]> {
  const service = await startTestService({ ...serviceDocument, audit })
  const client = service.connect()
  const left: string[] = []
  for (let alive = true; alive; ) {
    const reply = await client.ask(freshRequest())
    alive = reply.ok
    if (!reply.ok) continue
    expect(verdict(reply.response)).toBe('allow')
    if ('okResponse' in reply.response) {
      const [told] = reply.response.okResponse.responseHeadersToAdd
      left.push(told?.header.value ?? '')
    }
    if (left.length === count) service.signal('SIGKILL')
  }
  await service.ended
  return left
}

test.each(['queued', 'synced'])(
  'audit-kill-midwrite %s: what left the service before SIGKILL',
  async (durability) => {
    const { file } = auditPlace()
    const rounds = [
      await allowsUntilKilled({ to: { file }, durability }, 20),
      await allowsUntilKilled({ to: { file }, durability }, 33),
    ]
    const recorded = new Set(recordsIn(file).map(({ interactionId }) => interactionId))
    for (const left of rounds) {
      const missing = left.findIndex((id) => !recorded.has(id))
      if (durability === 'synced') expect(missing).toBe(-1)
      // Only the last ones: what was in the queue.
      else if (missing >= 0) expect(left.slice(missing).filter((id) => recorded.has(id))).toEqual([])
    }
    expect(await verifyFiles([file], {})).toMatchObject({ findings: [], runs: [{ closed: false }, { closed: false }] })
  },
  30_000,
)

test('term-stuck records that cannot be written before the end: a log line, an exit code, and no waiting', async () => {
  const { file } = auditPlace()
  const service = await startTestService({ ...serviceDocument, audit: { to: { file } } })
  const client = service.connect()
  expect(outcomeOf(await client.ask(freshRequest()))).toBe('allow')
  await expect.poll(() => recordsIn(file).length, { timeout: 5000 }).toBe(2)
  const limit = `--fsize=${statSync(file).size}:unlimited`
  expect(spawnSync('prlimit', ['--pid', String(service.pid), limit]).status).toBe(0)
  while (outcomeOf(await client.ask(freshRequest())) === 'allow');
  service.signal('SIGTERM')
  expect(await service.ended).toBe(4)
  const told = service.records.filter(({ level }) => level === 'error').map(({ msg }) => msg)
  expect(told).toEqual(['audit records cannot be written, nothing is decided', 'audit records were lost'])
  expect((await verifyFiles([file], {})).runs).toMatchObject([{ last: 2, closed: false }])
}, 30_000)
