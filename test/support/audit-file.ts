import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished, vi } from 'vitest'
import type { AuditReport } from '../../src/audit/report.ts'
import { AuditVerifier, type Demands } from '../../src/audit/verify.ts'
import { readRecord } from '../../src/audit/verify-record.ts'
import { audit as schema } from '../../src/config-audit.ts'
import { openAudit } from '../../src/io/audit.ts'
import { type AuditDisk, disk as realDisk } from '../../src/io/audit-disk.ts'
import { scanLines } from '../../src/io/audit-lines.ts'
import type { AuditEvent } from '../../src/io/audit-queue.ts'
import { buildAuditKey } from './audit.ts'

export const key = buildAuditKey()

/** A directory with a signing key, gone after the test. */
export function auditPlace() {
  const directory = mkdtempSync(join(tmpdir(), 'audit-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const signingKey = join(directory, 'audit.pem')
  writeFileSync(signingKey, key.pem)
  return { directory, file: join(directory, 'audit.jsonl'), signingKey }
}

interface Opening {
  readonly disk?: AuditDisk
  readonly monotonic?: () => number
  /** Members of `audit` in the configuration. */
  readonly settings?: object
}

/** An audit that writes to this file, as the service opens it. */
export async function openTestAudit(file: string, { disk, monotonic, settings }: Opening = {}) {
  const events: AuditEvent[] = []
  const opened = await openAudit(schema.parse({ to: { file }, ...settings }), {
    version: '1.0.0',
    config: 'c0ffee',
    output: { write: () => {} },
    wall: () => 1_800_000_000,
    monotonic: monotonic ?? (() => performance.now() / 1000),
    observe: (event) => void events.push(event),
    ...(disk && { disk }),
  })
  if (!opened.ok) throw new Error(opened.problem)
  const audit = opened.value
  onTestFinished(async () => void (await audit.close().catch(() => {})))
  return {
    audit,
    events,
    count: (kind: AuditEvent['kind']) => events.filter((event) => event.kind === kind).length,
    /** Resolves when nothing waits to be written. */
    written: () =>
      vi.waitFor(
        () => {
          if (audit.backlog() > 0) throw new Error('records wait')
        },
        { timeout: 5000, interval: 5 },
      ),
  }
}

/** What the verifier says about these files. */
export async function verifyFiles(
  files: readonly string[],
  demands: Demands = { keys: [key.known] },
): Promise<AuditReport> {
  const verifier = new AuditVerifier(demands)
  for (const file of files) {
    verifier.file(file)
    const scanned = await scanLines(file, (line, length) => verifier.line(line, length))
    if (!scanned.ok) throw new Error(scanned.problem)
  }
  return verifier.report()
}

/** Every record of a file; what is none is left out. */
export const recordsIn = (file: string): readonly Record<string, unknown>[] =>
  readFileSync(file)
    .toString('latin1')
    .split('\n')
    .filter((line) => readRecord(Buffer.from(line, 'latin1')))
    .map((line) => JSON.parse(line) as Record<string, unknown>)

type Append = (bytes: Uint8Array) => Promise<number>

/** A real disk with a fault that can be mended: as long as it lasts, `fault` is called instead of writing. */
export function faultyDisk(fault: (bytes: Uint8Array, append: Append) => Promise<number>) {
  const state: { broken: boolean } = { broken: true }
  const disk: AuditDisk = {
    ...realDisk,
    open: async (path) => {
      const handle = await realDisk.open(path)
      return { ...handle, append: (bytes) => (state.broken ? fault(bytes, handle.append) : handle.append(bytes)) }
    },
  }
  return {
    disk,
    fail: () => {
      state.broken = true
    },
    mend: () => {
      state.broken = false
    },
  }
}

/** A disk on which no write ends until it is freed. */
export function stuckDisk() {
  const entered = Promise.withResolvers<void>()
  const freed = Promise.withResolvers<void>()
  const { disk, mend } = faultyDisk(async (bytes, append) => {
    entered.resolve()
    await freed.promise
    return await append(bytes)
  })
  const free = (): void => {
    mend()
    freed.resolve()
  }
  return { disk, free, entered: entered.promise }
}
