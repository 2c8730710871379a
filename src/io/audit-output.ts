import { encodeNotice } from '../audit/chain.ts'
import type { Entry, Ledger } from '../audit/ledger.ts'
import { type AuditEvent, ENDED, type Handling, MAX_QUEUE, type Records, type Waiting } from './audit-queue.ts'
import type { LineSink } from './log.ts'

interface OutputParts {
  readonly output: LineSink
  readonly ledger: Ledger
  readonly time: () => string
  readonly observe: (event: AuditEvent) => void
}

/**
 * Records among the lines of standard output. Nobody promises that they are kept, but no more wait than a queue may hold.
 * A start that fails leaves no line.
 */
export class AuditOutput implements Records {
  readonly #parts: OutputParts
  #dropped = 0
  #ended: string | undefined

  constructor(parts: OutputParts) {
    this.#parts = parts
  }

  get trouble(): string | undefined {
    if (this.#ended !== undefined) return this.#ended
    return this.backlog > MAX_QUEUE ? 'too many records wait for whoever reads standard output' : undefined
  }

  get #begun(): boolean {
    return this.#parts.ledger.position.seq > 0
  }

  get backlog(): number {
    return this.#parts.output.backlog?.() ?? 0
  }

  begin(): void {
    if (!this.#begun) this.#write([])
  }

  push(record: Entry['record'], size: number, { signed = false, always }: Handling = {}): Waiting | undefined {
    if (this.#ended !== undefined || (this.backlog > MAX_QUEUE && !always)) return undefined
    const entry: Waiting = { record, signed, seq: undefined, told: undefined, size }
    // What comes whatever the room is ends something, and nothing has begun.
    if (always && !this.#begun) return entry
    const { time, observe } = this.#parts
    const dropped = this.#dropped
    this.#dropped = 0
    const notice = (): Entry => ({
      record: encodeNotice(time(), { msg: 'audit dropped', decisions: dropped }),
      signed: false,
    })
    this.#write(dropped > 0 ? [notice(), entry] : [entry])
    if (signed) observe({ kind: 'checkpoint' })
    return entry
  }

  drop(): void {
    this.#dropped += 1
    this.#parts.observe({ kind: 'dropped' })
  }

  /** There is nothing to go on in. */
  reopen(): void {}

  async drain(): Promise<boolean> {
    this.#ended = ENDED
    return this.#dropped === 0
  }

  #write(entries: readonly Entry[]): void {
    const { ledger, output, time, observe } = this.#parts
    const plan = ledger.plan(this.#begun ? undefined : { kind: 'opened', time: time(), torn: 0 })
    for (const entry of entries) plan.place(entry)
    for (const link of plan.links) {
      output.write(`${link.line}\n`)
      ledger.commit(link)
    }
    observe({ kind: 'written', records: plan.links.length })
  }
}
