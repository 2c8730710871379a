import { readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { disk } from '../../../src/io/audit-disk.ts'
import { AuditFile } from '../../../src/io/audit-file.ts'
import { lockAudit } from '../../../src/io/audit-lock.ts'
import { decisions } from '../../support/audit.ts'
import { auditPlace, faultyDisk, openTestAudit, recordsIn, stuckDisk, verifyFiles } from '../../support/audit-file.ts'

const { allowed } = await decisions()
const failure = (code: string): Error => Object.assign(new Error(code), { code })

describe('audit-disk-full it goes on by itself, also when nobody asks', () => {
  test('everything was written although the write failed', async () => {
    const { file } = auditPlace()
    const faulty = faultyDisk(async (bytes, append) => {
      await append(bytes)
      faulty.mend()
      throw failure('EIO')
    })
    const { audit, count } = await openTestAudit(file, { disk: faulty.disk })
    await expect.poll(() => count('failed'), { timeout: 5000 }).toBe(1)
    await expect.poll(() => audit.trouble(), { timeout: 5000 }).toBeUndefined()
    expect(count('recovered')).toBe(1)
    await audit.close()
    expect(await verifyFiles([file], {})).toMatchObject({ findings: [], records: 2 })
  })
  test('SIGHUP while the directory is away, and nothing to be written', async () => {
    const { directory, file } = auditPlace()
    const { audit, written, count } = await openTestAudit(file)
    await written()
    renameSync(directory, `${directory}-away`)
    audit.reopen()
    await expect.poll(() => count('failed'), { timeout: 5000 }).toBe(1)
    renameSync(`${directory}-away`, directory)
    await expect.poll(() => audit.trouble(), { timeout: 5000 }).toBeUndefined()
  })
  test('a file that was opened and cannot be looked at: no number comes twice', async () => {
    const { file } = auditPlace()
    let state: 'good' | 'half' | 'blind' = 'good'
    const watched = {
      ...disk,
      open: async (path: string) => {
        const handle = await disk.open(path)
        return {
          ...handle,
          append: async (bytes: Uint8Array) => {
            if (state !== 'half') return await handle.append(bytes)
            await handle.append(bytes)
            state = 'blind'
            renameSync(file, `${file}.1`)
            throw failure('EIO')
          },
          state: async () => {
            if (state !== 'blind') return await handle.state()
            state = 'good'
            throw failure('EIO')
          },
        }
      },
    }
    const { audit, written } = await openTestAudit(file, { disk: watched })
    await written()
    state = 'half'
    void audit.record(allowed, 500)
    await written()
    await audit.close()
    const report = await verifyFiles([`${file}.1`, file], {})
    expect(report.findings).toEqual([])
    expect(recordsIn(`${file}.1`)).toHaveLength(2)
  })
})

describe('term-stuck the end of the audit', () => {
  test("what is written after it is nobody's: a disk that answers late gets no more", async () => {
    const { file } = auditPlace()
    const { disk: stuck, free, entered } = stuckDisk()
    const { audit } = await openTestAudit(file, { disk: stuck })
    await entered
    void audit.record(allowed, 500)
    expect(await audit.close()).toBe(false)
    expect(audit.record(allowed, 500)).toMatchObject({ reason: 'audit_unavailable' })
    free()
    await new Promise((resolve) => setImmediate(resolve))
    expect([audit.trouble(), recordsIn(file)]).toEqual(['the service has ended', []])
  })
  test('no record stands behind the end', async () => {
    const { file } = auditPlace()
    const { audit } = await openTestAudit(file)
    expect(await audit.close()).toBe(true)
    expect(audit.record(allowed, 500)).toMatchObject({ reason: 'audit_unavailable' })
    expect(audit.backlog()).toBe(0)
  })
  test('a full queue has room for the end', async () => {
    const { file } = auditPlace()
    const { disk: slow, free } = stuckDisk()
    const { audit } = await openTestAudit(file, { disk: slow })
    while (audit.record(allowed, 500) === undefined);
    const closed = audit.close()
    free()
    expect(await closed).toBe(true)
    expect(await verifyFiles([file], {})).toMatchObject({ findings: [], runs: [{ closed: true }] })
  })
})

test('a disk that does not answer is told once, and when it answers again', async () => {
  const { file } = auditPlace()
  const { disk: stuck, free, entered } = stuckDisk()
  let now = 0
  const { audit, events } = await openTestAudit(file, { disk: stuck, monotonic: () => now })
  await entered
  now = 6
  for (let index = 0; index < 3; index += 1) audit.refused()
  const told = () => events.filter(({ kind }) => kind === 'failed' || kind === 'recovered')
  expect(told()).toEqual([{ kind: 'failed', cause: 'the disk does not answer' }])
  free()
  await expect.poll(told, { timeout: 5000 }).toMatchObject([{ kind: 'failed' }, { kind: 'recovered' }])
})

describe('audit-rotate by size', () => {
  const rotated = async (parts: Partial<typeof disk>, names: readonly string[] = []) => {
    const { directory, file } = auditPlace()
    for (const name of names) writeFileSync(`${file}.${name}`, '')
    const { audit, written, count } = await openTestAudit(file, {
      disk: { ...disk, ...parts },
      settings: { rotate: { maxBytes: 65_536, keep: 2 } },
    })
    for (let index = 0; index < 400; index += 1) {
      void audit.record(allowed, 500)
      if (index % 20 === 0) await written()
    }
    await audit.close()
    const aside = readdirSync(directory).filter((name) => name.startsWith('audit.jsonl.2'))
    return { directory, file, aside: aside.sort(), failed: count('failed') }
  }
  test('the clock was set back: the names sort as the records do', async () => {
    const { aside, file, directory } = await rotated({}, ['29990101T000000.000Z'])
    expect(aside.length).toBeGreaterThan(1)
    expect(aside.at(-1)).toMatch(/\.29990101T000000\.00[1-9]Z$/)
    const own = aside.filter((name) => !name.endsWith('.000Z')).map((name) => join(directory, name))
    expect((await verifyFiles([...own, file], {})).findings).toEqual([])
  })
  test('an old file that cannot be removed stops nothing', async () => {
    const { failed, aside } = await rotated({ remove: () => Promise.reject(failure('EPERM')) })
    expect([failed, aside.length > 2]).toEqual([0, true])
  })
})

describe('a file system', () => {
  test('renaming takes no name that is taken', async () => {
    const { directory } = auditPlace()
    const at = (name: string): string => join(directory, name)
    writeFileSync(at('a'), 'a')
    writeFileSync(at('b'), 'b')
    await expect(disk.rename(at('a'), at('b'))).rejects.toMatchObject({ code: 'EEXIST' })
    await disk.rename(at('a'), at('c'))
    expect([readFileSync(at('b'), 'latin1'), readFileSync(at('c'), 'latin1')]).toEqual(['b', 'a'])
  })
  test('a handle that is not used is closed', async () => {
    const { directory } = auditPlace()
    const open = () => readdirSync('/proc/self/fd').length
    const before = open()
    for (let index = 0; index < 10; index += 1)
      await new AuditFile(
        {
          ...disk,
          open: async (path) => {
            const handle = await disk.open(path)
            return { ...handle, state: () => Promise.reject(failure('EIO')) }
          },
        },
        join(directory, 'audit.jsonl'),
        undefined,
      )
        .open()
        .catch(() => {})
    expect(open() - before).toBeLessThan(5)
  })
})

describe('one writer', () => {
  test('a symbolic link leads to the same file', async () => {
    const { directory, file } = auditPlace()
    const { audit, written } = await openTestAudit(file)
    await written()
    const other = join(directory, 'other.jsonl')
    symlinkSync(file, other)
    expect(await lockAudit(other)).toMatchObject({ ok: false, problem: 'another process writes to it' })
    await audit.close()
  })
  test('a path too long for a socket is told as such', async () => {
    const { directory } = auditPlace()
    expect(await lockAudit(join(directory, 'x'.repeat(120)))).toMatchObject({
      problem: expect.stringMatching(/\.lock is longer than the 107 bytes that the path of a socket may have/),
    })
  })
})
