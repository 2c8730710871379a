import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Author, Ledger } from '../audit/ledger.ts'
import { MAX_LINE } from '../audit/line.ts'
import type { AuditConfig } from '../config-audit.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { type AuditDisk, disk as realDisk } from './audit-disk.ts'
import { AuditFile } from './audit-file.ts'
import { lockAudit } from './audit-lock.ts'
import { AuditOutput } from './audit-output.ts'
import type { AuditEvent, Records } from './audit-queue.ts'
import { type Audit, keepRecords } from './audit-records.ts'
import { readSigningKey } from './audit-signing-key.ts'
import { AuditWriter } from './audit-writer.ts'
import type { LineSink } from './log.ts'

interface AuditParts {
  readonly version: string
  /** Hash of the configuration at the start. */
  readonly config: string
  /** Standard output. */
  readonly output: LineSink
  /** Wall clock and monotonic clock, seconds. */
  readonly wall: () => number
  readonly monotonic: () => number
  readonly observe: (event: AuditEvent) => void
  readonly disk?: AuditDisk
}

/** Begins a run of records. What keeps it from being written at all is a problem in words. */
export async function openAudit(settings: AuditConfig, parts: AuditParts): Promise<Reading<Audit>> {
  const { version, config, output, wall, observe } = parts
  const key = settings.signingKey === undefined ? read(undefined) : readSigningKey(settings.signingKey)
  if (!key.ok) return unreadable(`audit.signingKey: ${key.problem}`)
  const author: Author = { run: randomUUID(), version, config, key: key.value }
  const time = (): string => new Date(wall() * 1000).toISOString()
  const common = { settings, signed: key.value !== undefined, time }
  if (settings.to === 'stdout') {
    const records = new AuditOutput({ output, ledger: new Ledger(author, undefined), time, observe })
    return read(keepRecords({ ...common, records, release: async () => {} }))
  }
  const opened = await openFile(settings.to.file, settings, author, { ...parts, time })
  return opened.ok ? read(keepRecords({ ...common, ...opened.value })) : opened
}

async function openFile(
  path: string,
  { rotate, durability }: AuditConfig,
  author: Author,
  { disk = realDisk, time, monotonic, observe }: AuditParts & { readonly time: () => string },
): Promise<Reading<{ readonly records: Records; readonly release: () => Promise<void> }>> {
  const wrong = (problem: string) => unreadable(`audit.to.file: ${path}: ${problem}`)
  if (!existsSync(dirname(path))) return wrong(`${dirname(path)} does not exist; create it`)
  const lock = await lockAudit(path)
  if (!lock.ok) return wrong(lock.problem)
  const { release } = lock.value
  const file = new AuditFile(disk, path, rotate)
  try {
    const end = await file.open()
    if (end.more || (!end.last && end.torn > (end.midLine ? MAX_LINE : 0)))
      throw new Error('it holds something else than records')
    const ledger = new Ledger(author, end.last?.hash)
    const durable = durability === 'synced'
    return read({ records: new AuditWriter({ file, ledger, durable, end, time, monotonic, observe }), release })
  } catch (error) {
    await file.close()
    await release()
    return wrong(describe(error))
  }
}

function describe(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return 'it may not be written'
  if (code === 'EISDIR') return 'it is a directory'
  return code ?? message
}
