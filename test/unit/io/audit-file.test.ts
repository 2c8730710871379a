import {
  appendFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decisions } from '../../support/audit.ts'
import { auditPlace, key, openTestAudit, recordsIn, verifyFiles } from '../../support/audit-file.ts'

const { allowed, denied } = await decisions()

describe('one run', () => {
  test('opened, decisions, closed; signed, proven, readable by nobody else', async () => {
    const { file, signingKey } = auditPlace()
    const { audit } = await openTestAudit(file, { settings: { signingKey } })
    expect(audit.record(allowed, 500)).toBeUndefined()
    expect(audit.record(denied, 500)).toBeUndefined()
    expect(await audit.close()).toBe(true)
    expect(recordsIn(file).map(({ msg }) => msg)).toEqual(['audit opened', 'decision', 'decision', 'audit closed'])
    expect(recordsIn(file)[1]).toMatchObject({
      ...{ seq: 2, level: 'info', decision: 'allow', clientId: 'client-1', route: 'accounts', client: '192.0.2.0' },
      ...{ time: '2027-01-15T08:00:00.000Z', binding: 'dpop', thumbprint: expect.stringMatching(/^[\w-]{43}$/) },
    })
    expect(recordsIn(file)[2]).toMatchObject({ seq: 3, decision: 'deny', reason: 'proof_missing', status: 401 })
    expect(await verifyFiles([file])).toMatchObject({ findings: [], runs: [{ closed: true, proven: 4 }] })
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })
  test.each([
    ['truncated', '192.0.2.0'],
    ['full', '192.0.2.10'],
    ['none', undefined],
  ])('the address of the client: %s', async (clientAddress, client) => {
    const { file } = auditPlace()
    const { audit } = await openTestAudit(file, { settings: { clientAddress } })
    const attributes = allowed.attributes && { ...allowed.attributes, clientAddress: '192.0.2.10' }
    void audit.record({ ...allowed, attributes }, 500)
    await audit.close()
    expect(recordsIn(file)[1]?.client).toBe(client)
  })
  test('a restart goes on in the same file and names the last line', async () => {
    const { file, signingKey } = auditPlace()
    for (const record of [allowed, denied]) {
      const { audit } = await openTestAudit(file, { settings: { signingKey } })
      void audit.record(record, 500)
      await audit.close()
    }
    expect(await verifyFiles([file])).toMatchObject({ records: 6, findings: [], notes: [], runs: [{}, {}] })
  })
})

describe('audit-kill-midwrite what a killed process left behind', () => {
  test.each([
    ['half a line', (text: string) => text.slice(0, -30), 1],
    ['a line without its end', (text: string) => text.slice(0, -1), 0],
    ['half the first line', (text: string) => text.slice(0, 30), 1],
    ['nothing', () => '', 0],
  ])('%s', async (_, cut, notes) => {
    const { file, signingKey } = auditPlace()
    const first = await openTestAudit(file, { settings: { signingKey } })
    void first.audit.record(allowed, 500)
    await first.audit.close()
    writeFileSync(file, cut(readFileSync(file, 'latin1')), 'latin1')
    const left = readFileSync(file, 'latin1')
    const { audit } = await openTestAudit(file, { settings: { signingKey } })
    void audit.record(denied, 500)
    await audit.close()
    const report = await verifyFiles([file])
    expect([report.findings, report.notes.length]).toEqual([[], notes])
    expect(report.runs.at(-1)).toMatchObject({ closed: true, proven: 3 })
    expect(readFileSync(file, 'latin1').startsWith(left)).toBe(true)
  })
})

describe('audit-rotate nothing is lost and no number comes twice', () => {
  const start = async (settings = {}) => {
    const { directory, file, signingKey } = auditPlace()
    const opened = await openTestAudit(file, { settings: { signingKey, ...settings } })
    const decide = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index += 1) void opened.audit.record(index % 2 === 0 ? allowed : denied, 500)
      await opened.written()
    }
    return { ...opened, directory, file, decide }
  }
  const whole = { findings: [], notes: [] }

  test('renamed, as logrotate does it: a new file, at once or on SIGHUP', async () => {
    const { audit, file, decide } = await start()
    await decide(5)
    renameSync(file, `${file}.1`)
    await decide(5)
    renameSync(file, `${file}.2`)
    writeFileSync(file, '')
    audit.reopen()
    await decide(5)
    await audit.close()
    const files = [`${file}.1`, `${file}.2`, file]
    expect(await verifyFiles(files)).toMatchObject({
      ...whole,
      records: 19,
      runs: [{ first: 1, last: 19, proven: 19 }],
    })
    expect(recordsIn(file)[0]).toMatchObject({ msg: 'audit continued' })
  })
  test('copied and emptied', async () => {
    const { audit, file, decide } = await start()
    await decide(5)
    writeFileSync(`${file}.1`, readFileSync(file))
    truncateSync(file)
    await decide(5)
    await audit.close()
    expect(await verifyFiles([`${file}.1`, file])).toMatchObject({ ...whole, records: 13 })
  })
  test('removed: what was in it is gone, what comes is not, and the gap is plain', async () => {
    const { audit, file, decide } = await start()
    await decide(5)
    rmSync(file)
    await decide(5)
    await audit.close()
    const report = await verifyFiles([file])
    expect(report).toMatchObject({ findings: [], runs: [{ first: 7, last: 13, closed: true, proven: 13 }] })
    expect(report.notes).toEqual([`${file}: it begins with record 7; those before stand in another file`])
  })
  test('the directory moved away: nothing is decided until it is back', async () => {
    const { audit, directory, file, decide, count } = await start()
    await decide(5)
    renameSync(directory, `${directory}-away`)
    void audit.record(allowed, 500)
    await expect.poll(() => audit.trouble(), { timeout: 5000 }).toBe('it cannot be written (ENOENT)')
    renameSync(`${directory}-away`, directory)
    await expect.poll(() => audit.trouble(), { timeout: 5000 }).toBeUndefined()
    expect([count('failed'), count('recovered')]).toEqual([1, 1])
    await audit.close()
    expect(await verifyFiles([file])).toMatchObject({ ...whole, records: 8 })
  })
  test('by itself, by size, keeping as many as told', async () => {
    const { audit, directory, file, decide } = await start({ rotate: { maxBytes: 65_536, keep: 2 } })
    for (let round = 0; round < 30; round += 1) await decide(20)
    await audit.close()
    const kept = readdirSync(directory).filter((name) => name.startsWith('audit.jsonl.2'))
    expect(kept).toHaveLength(2)
    const files = [...kept.sort().map((name) => join(directory, name)), file]
    for (const one of files) expect(statSync(one).size).toBeLessThanOrEqual(65_536)
    const report = await verifyFiles(files)
    expect(report).toMatchObject({ findings: [], runs: [{ closed: true }] })
    expect(report.notes).toHaveLength(1)
  })
  test('a stranger who writes into the file is found by the verifier', async () => {
    const { audit, file, decide } = await start()
    await decide(3)
    appendFileSync(file, '{"msg":"decision"}\n')
    await decide(3)
    await audit.close()
    expect((await verifyFiles([file])).findings).toMatchObject([{ line: 5, kind: 'inserted' }])
  })
})

test('keys: the public half stands at the beginning of each file', async () => {
  const { file, signingKey } = auditPlace()
  const { audit } = await openTestAudit(file, { settings: { signingKey } })
  await audit.close()
  expect(recordsIn(file)[0]).toMatchObject({ key: key.public })
})
