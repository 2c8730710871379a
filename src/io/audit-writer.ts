import { encodeNotice, type Link } from '../audit/chain.ts'
import type { Entry, Heading, Ledger } from '../audit/ledger.ts'
import type { FileEnd } from './audit-disk.ts'
import type { AuditFile } from './audit-file.ts'
import { type AuditEvent, ENDED, type Handling, MAX_QUEUE, type Records, type Waiting } from './audit-queue.ts'

/** Bytes of one write. */
const MAX_WRITE = 1_048_576
/** A write that failed is tried again after so long, milliseconds. */
const RETRY = 500
/** Records of so long are written together, milliseconds: each write costs as much as a decision. */
const GATHER = 5
/** A write that takes longer counts as failed for those who ask, seconds. */
const LATE = 5

interface WriterParts {
  readonly file: Pick<AuditFile, 'settle' | 'append' | 'leave' | 'close'>
  readonly ledger: Ledger
  /** Records count as written once they are on disk, not when the system has taken them. */
  readonly durable: boolean
  /** How the file ended at the start. */
  readonly end: Pick<FileEnd, 'torn' | 'midLine'>
  /** Now, for a record. */
  readonly time: () => string
  readonly monotonic: () => number
  readonly observe: (event: AuditEvent) => void
}

/** A bounded queue before a file: one write at a time, in order, each again until it succeeds. */
export class AuditWriter implements Records {
  readonly #parts: WriterParts
  readonly #queue: Waiting[] = []
  #bytes = 0
  #heading: Heading | undefined = 'opened'
  #torn: number
  #midLine: boolean
  /** Lines of a failed write: some may be in the file all the same. */
  #doubtful: readonly Link[] = []
  #failure: string | undefined
  /** When the write under way began. */
  #begun: number | undefined
  #timer: NodeJS.Timeout | undefined
  #dropped = 0
  /** Why nothing can be written, as far as the observer knows. */
  #told: string | undefined
  /** Why nothing is written any more. */
  #ended: string | undefined
  #whenEmpty: (() => void) | undefined

  constructor(parts: WriterParts) {
    this.#parts = parts
    this.#torn = parts.end.torn
    this.#midLine = parts.end.midLine
    this.#soon()
  }

  /** Why nothing may be decided now. */
  get trouble(): string | undefined {
    if (this.#ended !== undefined) return this.#ended
    if (this.#failure !== undefined) return `it cannot be written (${this.#failure})`
    if (this.#begun !== undefined && this.#parts.monotonic() - this.#begun > LATE) return 'the disk does not answer'
    return this.#bytes > MAX_QUEUE ? 'too many records wait to be written' : undefined
  }

  /** Bytes that wait. */
  get backlog(): number {
    return this.#bytes
  }

  /** Puts a record of so many bytes into the queue; undefined when there is no room. */
  push(record: Entry['record'], size: number, { signed = false, always }: Handling = {}): Waiting | undefined {
    if (this.#ended !== undefined || (this.#bytes > MAX_QUEUE && !always)) return undefined
    const entry: Waiting = { record, signed, seq: undefined, told: undefined, size }
    this.#queue.push(entry)
    this.#bytes += size
    this.#soon()
    return entry
  }

  /** Counts a denial that has no record; a record tells how many there were as soon as it can. */
  drop(): void {
    this.#dropped += 1
    this.#parts.observe({ kind: 'dropped' })
    const { trouble } = this
    if (trouble !== undefined) this.#tellTrouble(trouble)
  }

  /** Goes on in the file that has the name now. */
  /** The file begins when it is opened: that there was a start is worth a line, however it ended. */
  begin(): void {}

  reopen(): void {
    this.#parts.file.leave()
    this.#soon()
  }

  /** Resolves when nothing waits any more, or after that many milliseconds; says whether all was written. */
  async drain(milliseconds: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#whenEmpty = resolve
    const limit = setTimeout(resolve, milliseconds)
    this.#soon(0)
    await promise
    this.#ended = ENDED
    clearTimeout(limit)
    clearTimeout(this.#timer)
    const all = this.#queue.length === 0 && this.#begun === undefined
    const closed = this.#parts.file.close().catch(() => {})
    // A disk that does not answer must not keep an ended service alive.
    if (all) await closed
    return all
  }

  #soon(after = this.#parts.durable ? 0 : GATHER): void {
    if (this.#ended !== undefined || this.#begun !== undefined || this.#failure !== undefined) return
    if (after === 0) clearTimeout(this.#timer)
    else if (this.#timer) return
    this.#timer = setTimeout(() => void this.#write(), after)
  }

  async #write(): Promise<void> {
    this.#timer = undefined
    this.#begun = this.#parts.monotonic()
    try {
      do await this.#writeSome()
      while (this.#queue.length > 0 && this.#ended === undefined)
      this.#begun = undefined
      this.#whenEmpty?.()
    } catch (error) {
      this.#begun = undefined
      this.#fail(error)
      if (this.#ended === undefined) this.#timer = setTimeout(() => void this.#write(), RETRY)
    }
  }

  async #writeSome(): Promise<void> {
    const { file, ledger, durable, time, observe } = this.#parts
    this.#begun = this.#parts.monotonic()
    await this.#settle()
    if (this.#dropped > 0) this.#tellDropped()
    const heading = this.#heading && { kind: this.#heading, time: time(), torn: this.#torn }
    const plan = ledger.plan(heading)
    const batch = this.#take()
    for (const entry of batch) entry.seq = plan.place(entry).position.seq
    const last = plan.links.at(-1)
    if (!last) {
      this.#recover()
      return
    }
    this.#doubtful = plan.links
    const lines = plan.links.map(({ line }) => `${line}\n`).join('')
    await file.append(Buffer.from(this.#midLine ? `\n${lines}` : lines, 'latin1'), durable)
    this.#accept(last, batch.length)
    this.#torn = 0
    this.#midLine = false
    this.#recover()
    observe({ kind: 'written', records: plan.links.length })
  }

  /** Looks where the next line will stand, and what became of the lines of a write that failed. */
  async #settle(): Promise<void> {
    const footing = await this.#parts.file.settle(Math.min(this.#bytes, MAX_WRITE))
    const { end, fresh } = footing
    if (end) {
      const index = this.#doubtful.findIndex(({ position }) => position.hash === end.last?.hash)
      const link = this.#doubtful[index]
      // The heading is a line and no entry.
      if (link) this.#accept(link, this.#heading === undefined ? index + 1 : index)
      for (const entry of this.#queue) entry.seq = undefined
      this.#torn = end.torn
    }
    this.#doubtful = []
    this.#midLine = footing.midLine || (this.#midLine && !end && !fresh)
    if (fresh || this.#torn > 0) this.#heading ??= 'continued'
  }

  /** Everything up to that line is in the file. */
  #accept(link: Link, entries: number): void {
    this.#parts.ledger.commit(link)
    this.#heading = undefined
    this.#doubtful = []
    for (const { size, told, signed } of this.#queue.splice(0, entries)) {
      this.#bytes -= size
      told?.(true)
      if (signed) this.#parts.observe({ kind: 'checkpoint' })
    }
  }

  #take(): readonly Waiting[] {
    let size = 0
    const end = this.#queue.findIndex((entry) => {
      size += entry.size
      return size > MAX_WRITE
    })
    return this.#queue.slice(0, end < 0 ? undefined : Math.max(1, end))
  }

  #tellDropped(): void {
    const record = encodeNotice(this.#parts.time(), { msg: 'audit dropped', decisions: this.#dropped })
    this.#dropped = 0
    // In front: behind the end of the run nothing may stand.
    this.#queue.unshift({ record, signed: false, seq: undefined, told: undefined, size: record.length })
    this.#bytes += record.length
  }

  #fail(error: unknown): void {
    const { code } = error as NodeJS.ErrnoException
    const cause = code ?? (error instanceof Error ? error.message : 'an error')
    this.#tellTrouble(cause)
    this.#failure = cause
    for (const entry of this.#queue) {
      const { told } = entry
      entry.told = undefined
      told?.(false)
    }
  }

  #tellTrouble(cause: string): void {
    if (this.#told === undefined) this.#parts.observe({ kind: 'failed', cause })
    this.#told = cause
  }

  #recover(): void {
    this.#failure = undefined
    if (this.#told === undefined) return
    this.#told = undefined
    this.#parts.observe({ kind: 'recovered' })
  }
}
