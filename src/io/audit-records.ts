import { encodeNotice, type Notice } from '../audit/chain.ts'
import { encodeDecision } from '../audit/line.ts'
import { describeDecision } from '../audit/record.ts'
import type { DecisionRecord } from '../check.ts'
import type { AuditConfig } from '../config-audit.ts'
import { type Denial, deny } from '../denial.ts'
import type { Records, Waiting } from './audit-queue.ts'
import { timer } from './timer.ts'

/** The record of every decision, taken before its answer leaves. */
export interface Audit {
  /** Why nothing may be decided now; undefined while records can be written. */
  readonly trouble: () => string | undefined
  /** Takes a record. A denial it returns has to leave instead of the answer. An allow waits no longer than that, milliseconds. */
  readonly record: (record: DecisionRecord, milliseconds: number) => Denial | undefined | Promise<Denial | undefined>
  /** Counts a Check that was refused without being looked at, because nothing could be recorded. */
  readonly refused: () => void
  /** Begins the run, now that the service has all its ports. */
  readonly begin: () => void
  /** Goes on in the file that has the name now. */
  readonly reopen: () => void
  /** Bytes of records that wait. */
  readonly backlog: () => number
  /** Writes what waits and ends the chain; says whether all was written. */
  readonly close: () => Promise<boolean>
}

interface Keeping {
  readonly records: Records
  readonly settings: Pick<AuditConfig, 'durability' | 'clientAddress'>
  /** Whether there is a key to sign with. */
  readonly signed: boolean
  readonly time: () => string
  /** Called when everything is over. */
  readonly release: () => Promise<void>
}

/** How often what is new is signed, milliseconds. */
const CHECKPOINT = 1000
/** How long the end of a service waits for its last records, milliseconds. */
const LAST_RECORDS = 2000
/** Characters by which a correction is longer than the record it is made of. */
const CORRECTS = 32

export function keepRecords({ records, settings, signed, time, release }: Keeping): Audit {
  let unsigned = false
  const encode = (record: DecisionRecord): string =>
    encodeDecision(time(), describeDecision(record, settings.clientAddress))
  const enter = (record: DecisionRecord): Waiting | undefined => {
    const text = encode(record)
    unsigned = true
    return records.push(text, text.length)
  }
  const tell = (notice: Notice, always: boolean): boolean => {
    const text = encodeNotice(time(), notice)
    return records.push(text, text.length, { signed, always }) !== undefined
  }
  const refuse = (record: DecisionRecord, why: string): Denial => {
    const denial = deny('audit_unavailable', why)
    if (!enter(replace(record, denial))) records.drop()
    return denial
  }
  /** An allow that does not leave after all is no allow on the record either. */
  const withdraw = (entry: Waiting, record: DecisionRecord, why: string): Denial => {
    const denial = deny('audit_unavailable', why)
    const text = encode(replace(record, denial))
    entry.told = undefined
    if (entry.seq === undefined) entry.record = text
    else {
      // It may be in the file already: a record behind it names it.
      const correction = (): string => `${text.slice(0, -1)},"corrects":${entry.seq}}`
      if (!records.push(correction, text.length + CORRECTS, { always: true })) records.drop()
    }
    return denial
  }
  const wait = async (entry: Waiting, record: DecisionRecord, milliseconds: number): Promise<Denial | undefined> => {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    entry.told = resolve
    const limit = timer(Math.max(milliseconds, 0))
    const written = await Promise.race([promise, limit.elapsed.then(() => undefined)])
    limit.cancel()
    if (written === true) return undefined
    return withdraw(entry, record, written === false ? 'the record could not be written' : 'the record took too long')
  }
  const checkpoints = setInterval(() => {
    if (!signed || !unsigned) return
    // Without room for it now, the next one covers the same.
    unsigned = !tell({ msg: 'audit checkpoint' }, false)
  }, CHECKPOINT).unref()
  return {
    trouble: () => records.trouble,
    backlog: () => records.backlog,
    refused: () => records.drop(),
    begin: () => records.begin(),
    reopen: () => records.reopen(),
    record: (record, milliseconds) => {
      const { trouble } = records
      if (trouble !== undefined) return refuse(record, trouble)
      const entry = enter(record)
      if (!entry) return refuse(record, 'too many records wait to be written')
      return settings.durability === 'synced' && record.decision.ok ? wait(entry, record, milliseconds) : undefined
    },
    close: async () => {
      clearInterval(checkpoints)
      const told = tell({ msg: 'audit closed' }, true)
      const all = await records.drain(LAST_RECORDS)
      await release()
      return told && all
    },
  }
}

/** The record of a denial that leaves in the place of another decision. */
const replace = (record: DecisionRecord, denial: Denial): DecisionRecord => ({
  ...record,
  decision: denial,
  mode: 'enforce',
  would: undefined,
})

/** First the audit, then everybody else: they are told of the decision that leaves. */
export function auditFirst(
  { record: enter }: Pick<Audit, 'record'>,
  tell: (record: DecisionRecord) => void,
): (record: DecisionRecord, within: number) => Denial | undefined | Promise<Denial | undefined> {
  const conclude = (record: DecisionRecord, denial: Denial | undefined): Denial | undefined => {
    tell(denial ? replace(record, denial) : record)
    return denial
  }
  return (record, within) => {
    const begun = performance.now()
    const outcome = enter(record, within)
    if (!(outcome instanceof Promise)) return conclude(record, outcome)
    return outcome.then((denial) =>
      conclude({ ...record, duration: record.duration + (performance.now() - begun) / 1000 }, denial),
    )
  }
}
