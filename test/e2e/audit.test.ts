import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { key, recordsIn, verifyFiles } from '../support/audit-file.ts'
import { startTestEdge, type TestEdge, type Told } from '../support/edge.ts'
import { expectRefusal } from '../support/edge-refusals.ts'
import { outcomeOf } from '../support/lifecycle-grpc.ts'
import { freshRequest, serviceDocument, startTestService } from '../support/lifecycle-service.ts'

const directory = mkdtempSync(join(tmpdir(), 'audit-'))
const place = join(directory, 'records')
const file = join(place, 'audit.jsonl')
const signingKey = join(directory, 'audit.pem')
writeFileSync(signingKey, key.pem)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('audit records behind a real Envoy', () => {
  let edge: TestEdge
  beforeAll(async () => {
    mkdirSync(place)
    edge = await startTestEdge({ document: { audit: { to: { file }, signingKey } } })
  })
  afterAll(() => edge.stop())

  test('att-ops-05 each decision has its record, and no token, proof or key is in it', async () => {
    const orders = [edge.good(), edge.good({ scheme: 'Bearer' }), edge.good({ path: '/nowhere' })]
    const told: Told[] = []
    for (const order of orders) told.push(await edge.ask(order))
    const records = () => recordsIn(file).filter(({ msg }) => msg === 'decision')
    const of = (id: string | undefined) => records().find(({ interactionId }) => interactionId === id)
    await expect.poll(() => of(told[2]?.id)?.reason, { timeout: 5000 }).toBe('route_unknown')
    expect(told.map(({ id }) => of(id)?.decision)).toEqual(['allow', 'deny', 'deny'])
    expect(of(told[0]?.id)).toMatchObject({ binding: 'dpop', policies: expect.arrayContaining(['senderConstraint']) })
    expect(JSON.stringify(records())).not.toContain('eyJ')
    await expect.poll(async () => (await verifyFiles([file])).runs[0]?.proven, { timeout: 5000 }).toBeGreaterThan(4)
    expect((await verifyFiles([file])).findings).toEqual([])
  })
  test('audit-disk-full what cannot be recorded does not pass, and passes again within five seconds', async () => {
    renameSync(place, `${place}-away`)
    let told = await edge.ask(edge.good())
    while (told.status === 200) told = await edge.ask(edge.good())
    expectRefusal(told, {
      ...{ reason: 'audit_unavailable', status: 503, error: 'temporarily_unavailable', challenge: 'none' },
      retryAfter: '1',
    })
    expect(told.hits).toBe(0)
    renameSync(`${place}-away`, place)
    await expect.poll(async () => (await edge.ask(edge.good())).status, { timeout: 5000 }).toBe(200)
  })
})

test('audit-disk-full, audit-rotate a limit to the size of files, renaming and SIGHUP, the end of the service', async () => {
  const own = join(directory, 'limited.jsonl')
  const service = await startTestService({ ...serviceDocument, audit: { to: { file: own }, signingKey } })
  const client = service.connect()
  const ask = async () => outcomeOf(await client.ask(freshRequest()))
  expect(await ask()).toBe('allow')
  expect(service.records.filter(({ msg }) => msg === 'decision')).toHaveLength(1)
  const limit = (bytes: string) => spawnSync('prlimit', ['--pid', String(service.pid), `--fsize=${bytes}:unlimited`])
  expect(limit(String(statSync(own).size + 700)).status).toBe(0)
  let outcome = await ask()
  while (outcome === 'allow') outcome = await ask()
  expect(outcome).toBe('audit_unavailable')
  expect(await service.metric('envoy_fapi_audit_up')).toBe(0)
  expect(limit('unlimited').status).toBe(0)
  await expect.poll(ask, { timeout: 5000 }).toBe('allow')
  renameSync(own, `${own}.1`)
  service.signal('SIGHUP')
  expect(await ask()).toBe('allow')
  await service.stop()
  const report = await verifyFiles([`${own}.1`, own])
  expect(report).toMatchObject({ findings: [], runs: [{ first: 1, closed: true }] })
  expect(report.dropped).toBeGreaterThan(0)
})
