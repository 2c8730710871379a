import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { audit as schema } from '../../../src/config-audit.ts'
import { openAudit } from '../../../src/io/audit.ts'
import { disk } from '../../../src/io/audit-disk.ts'
import { auditFirst } from '../../../src/io/audit-records.ts'
import { flaws, verdict } from '../../support/answers.ts'
import { buildAuditKey, decisions } from '../../support/audit.ts'
import { auditPlace, faultyDisk, openTestAudit, recordsIn, stuckDisk, verifyFiles } from '../../support/audit-file.ts'
import { checkRequest } from '../../support/requests.ts'
import { buildTestCheck, goodRequest } from '../../support/spine.ts'

const { allowed, denied } = await decisions()

const full = (): never => {
  throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
}
const unavailable = { ok: false, reason: 'audit_unavailable' }

describe('audit-disk-full', () => {
  test.each([
    ['before any byte', 0],
    ['within the first line', 100],
    ['between two lines', 'line'],
    ['within the second line', 900],
    ['before the last byte', -1],
  ] as const)('%s: 503 until there is room, then everything is there once', async (_, room) => {
    const { file, signingKey } = auditPlace()
    let tried = false
    const {
      disk: limited,
      fail,
      mend,
    } = faultyDisk((bytes, append) => {
      const end = room === 'line' ? bytes.indexOf(0x0a) + 1 : room < 0 ? bytes.length + room : room
      if (tried || end === 0) return full()
      tried = true
      return append(bytes.subarray(0, end))
    })
    mend()
    const { audit, count, written } = await openTestAudit(file, { disk: limited, settings: { signingKey } })
    await written()
    fail()
    for (let index = 0; index < 3; index += 1) expect(audit.record(allowed, 500)).toBeUndefined()
    await expect.poll(() => audit.trouble(), { timeout: 5000 }).toBe('it cannot be written (ENOSPC)')
    for (const record of [allowed, denied]) expect(audit.record(record, 500)).toMatchObject(unavailable)
    mend()
    await expect.poll(() => audit.trouble(), { timeout: 5000 }).toBeUndefined()
    expect(audit.record(denied, 500)).toBeUndefined()
    await audit.close()
    expect([count('failed'), count('recovered')]).toEqual([1, 1])
    const report = await verifyFiles([file])
    expect(report).toMatchObject({ findings: [], dropped: 0, runs: [{ closed: true }] })
    const decided = readDecisions(file)
    expect(decided).toEqual([...Array(3).fill('allowed'), 'audit_unavailable', 'audit_unavailable', 'proof_missing'])
  })
  test('full again and again: torn lines pile up and every one is accounted for', async () => {
    const { file, signingKey } = auditPlace()
    let tries = 0
    const { disk: failing, mend } = faultyDisk((bytes, append) => {
      tries += 1
      return tries % 2 === 0 ? full() : append(bytes.subarray(0, 10))
    })
    const { audit } = await openTestAudit(file, { disk: failing, settings: { signingKey } })
    void audit.record(allowed, 500)
    await expect.poll(() => tries, { timeout: 8000 }).toBeGreaterThan(5)
    mend()
    await audit.close()
    const report = await verifyFiles([file])
    expect([report.findings, report.runs[0]?.closed, readDecisions(file)]).toEqual([[], true, ['allowed']])
    expect(report.notes).toEqual([expect.stringMatching(/:1: [0-9]+ bytes of a write that was cut off, as the next/)])
  })
})

const readDecisions = (file: string): readonly unknown[] =>
  recordsIn(file).flatMap(({ msg, reason }) => (msg === 'decision' ? [reason] : []))

describe('audit-sink-slow', () => {
  test('the queue is bounded; beyond it 503, counted exactly; then everything is written', async () => {
    const { file, signingKey } = auditPlace()
    const { disk: slow, free } = stuckDisk()
    const { audit, count, written } = await openTestAudit(file, { disk: slow, settings: { signingKey } })
    let [taken, refused] = [0, 0]
    while (refused < 10) {
      if (audit.record(allowed, 500) !== undefined) refused += 1
      else taken += 1
    }
    expect(taken).toBeGreaterThan(10_000)
    expect(audit.backlog()).toBeLessThan(8_388_608 + 4096)
    expect(audit.trouble()).toBe('too many records wait to be written')
    for (let index = 0; index < 5; index += 1) audit.refused()
    free()
    await written()
    expect(audit.trouble()).toBeUndefined()
    await audit.close()
    expect(count('dropped')).toBe(15)
    const report = await verifyFiles([file])
    expect(report).toMatchObject({ findings: [], dropped: 15, runs: [{ closed: true }] })
    expect(readDecisions(file)).toHaveLength(taken)
  })
  test('a disk that does not answer counts as broken after five seconds', async () => {
    const { file } = auditPlace()
    const { disk: stuck, free, entered } = stuckDisk()
    let now = 0
    const { audit } = await openTestAudit(file, { disk: stuck, monotonic: () => now })
    void audit.record(allowed, 500)
    await entered
    now = 4
    expect(audit.record(allowed, 500)).toBeUndefined()
    now = 6
    expect(audit.trouble()).toBe('the disk does not answer')
    expect(audit.record(allowed, 500)).toMatchObject(unavailable)
    free()
    await expect.poll(() => audit.trouble()).toBeUndefined()
  })
  test('the end of a service does not wait for it', async () => {
    const { file } = auditPlace()
    const { disk: stuck, free } = stuckDisk()
    const { audit } = await openTestAudit(file, { disk: stuck })
    void audit.record(allowed, 500)
    expect(await audit.close()).toBe(false)
    free()
  })
})

describe('durability: synced', () => {
  const settings = { durability: 'synced' }
  test('an allow leaves once its record is on disk, a denial at once', async () => {
    const { file } = auditPlace()
    let synced = 0
    const watched = {
      ...disk,
      open: async (path: string) => {
        const handle = await disk.open(path)
        return {
          ...handle,
          sync: async () => {
            await handle.sync()
            synced += 1
          },
        }
      },
    }
    const { audit } = await openTestAudit(file, { disk: watched, settings })
    expect(audit.record(denied, 500)).toBeUndefined()
    expect(await audit.record(allowed, 500)).toBeUndefined()
    expect(synced).toBeGreaterThan(0)
    expect(readDecisions(file)).toEqual(['proof_missing', 'allowed'])
  })
  test('the disk is full: a denial leaves instead', async () => {
    const { file } = auditPlace()
    const { disk: broken, mend } = faultyDisk(() => full())
    const { audit } = await openTestAudit(file, { disk: broken, settings })
    expect(await audit.record(allowed, 500)).toMatchObject({
      ...unavailable,
      detail: 'the record could not be written',
    })
    mend()
  })
  test('the time is over: a denial leaves instead', async () => {
    const { file } = auditPlace()
    const { disk: stuck, free } = stuckDisk()
    const { audit } = await openTestAudit(file, { disk: stuck, settings })
    expect(await audit.record(allowed, 20)).toMatchObject({ ...unavailable, detail: 'the record took too long' })
    free()
  })
  test('an allow that was withdrawn is corrected on the record, or was never there', async () => {
    const { file, signingKey } = auditPlace()
    const { disk: slow, free } = stuckDisk()
    const { audit, written } = await openTestAudit(file, { disk: slow, settings: { ...settings, signingKey } })
    // One under way with the opening, one behind it in the queue.
    for (let index = 0; index < 2; index += 1) expect(await audit.record(allowed, 20)).toMatchObject(unavailable)
    free()
    await written()
    await audit.close()
    expect((await verifyFiles([file])).findings).toEqual([])
    const left = recordsIn(file).filter(({ msg }) => msg === 'decision')
    const corrected = new Set(left.map(({ corrects }) => corrects))
    const standing = left.filter(({ seq }) => !corrected.has(seq))
    expect(standing.map(({ reason }) => reason)).toEqual(['audit_unavailable', 'audit_unavailable'])
  })
})

describe('no allow without a record, through the whole Check', () => {
  const start = async (opening: Parameters<typeof openTestAudit>[1]) => {
    const { file } = auditPlace()
    const { audit } = await openTestAudit(file, opening)
    const told: string[] = []
    const observe = auditFirst(audit, ({ decision }) => void told.push(decision.ok ? 'allowed' : decision.reason))
    return { ...buildTestCheck({ surroundings: { observe } }), file, audit, told }
  }
  test('att-ops-05 queued: once writing has failed, nothing passes, open routes neither', async () => {
    const { disk: broken, mend } = faultyDisk(() => full())
    const { ask, audit, told } = await start({ disk: broken })
    await expect.poll(() => audit.trouble(), { timeout: 5000 }).toBe('it cannot be written (ENOSPC)')
    for (const request of [goodRequest(), checkRequest({ path: '/public/x' }), goodRequest({ proof: null })]) {
      const response = await ask(request)
      expect([verdict(response), flaws(response)]).toEqual(['audit_unavailable', []])
      expect('deniedResponse' in response && response.deniedResponse.status.code).toBe(503)
    }
    expect(told).toEqual(Array(3).fill('audit_unavailable'))
    mend()
  })
  test('att-ops-05 synced: the allow waits for the disk', async () => {
    const good = await start({ settings: { durability: 'synced' } })
    expect(verdict(await good.ask(goodRequest()))).toBe('allow')
    expect([readDecisions(good.file), good.told]).toEqual([['allowed'], ['allowed']])
    const { disk: broken, mend } = faultyDisk(() => full())
    const bad = await start({ disk: broken, settings: { durability: 'synced' } })
    expect(verdict(await bad.ask(goodRequest()))).toBe('audit_unavailable')
    expect(bad.told).toEqual(['audit_unavailable'])
    mend()
  })
})

describe('what keeps the service from starting', () => {
  const problem = async (settings: object): Promise<string> => {
    const opened = await openAudit(schema.parse(settings), {
      ...{
        version: '1',
        config: 'c',
        output: { write: () => {} },
        wall: () => 0,
        monotonic: () => 0,
        observe: () => {},
      },
    })
    if (!opened.ok) return opened.problem
    await opened.value.close()
    return 'none'
  }
  test('two processes never write one file', async () => {
    const { file } = auditPlace()
    const { audit } = await openTestAudit(file)
    expect(await problem({ to: { file } })).toBe(`audit.to.file: ${file}: another process writes to it`)
    await audit.close()
    expect(await problem({ to: { file } })).toBe('none')
  })
  test('a place that cannot be written, or holds something else', async () => {
    const { directory, file } = auditPlace()
    const at = (name: string): string => join(directory, name)
    mkdirSync(at('folder'))
    writeFileSync(at('notes.txt'), 'remember the milk\n')
    writeFileSync(at('long.bin'), 'x'.repeat(5000))
    const told = async (name: string) =>
      (await problem({ to: { file: at(name) } })).slice(`audit.to.file: ${at(name)}: `.length)
    expect(await told('gone/audit.jsonl')).toBe(`${at('gone')} does not exist; create it`)
    expect(await told('folder')).toBe('it is a directory')
    expect(await told('notes.txt')).toBe('it holds something else than records')
    expect(await told('long.bin')).toBe('it holds something else than records')
    expect(await problem({ to: { file } })).toBe('none')
  })
  test('a key that is none, or of another kind', async () => {
    const { file, signingKey } = auditPlace()
    writeFileSync(signingKey, buildAuditKey().publicPem)
    expect(await problem({ to: { file }, signingKey })).toBe(
      `audit.signingKey: ${signingKey}: it holds no private key, as PEM or JWK, that can be read`,
    )
  })
})
