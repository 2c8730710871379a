import { type AuditFinding, type AuditReport, Findings, type Place, Runs, type Trouble } from './report.ts'
import { type AuditKey, isSignedBy, type ReadRecord, readRecord } from './verify-record.ts'

/** What has to hold besides the chain itself. */
export interface Demands {
  /** Every run has to be signed with one of these. */
  readonly keys?: readonly AuditKey[] | undefined
  /** A record that has to be there, as `SEQ:HASH`. */
  readonly head?: string | undefined
  /** Lines that are no records may stand between them, as in standard output. */
  readonly mixed?: boolean | undefined
}

/** A record and where it stands. */
interface Seen extends Required<Place>, Pick<ReadRecord, 'hash' | 'prev'> {}

/**
 * Follows the chain line by line. Holds the last record and little else, so the size of the files does not matter.
 */
export class AuditVerifier {
  readonly #demands: Demands
  readonly #findings = new Findings()
  readonly #runs = new Runs()
  #records = 0
  /** Findings before the current run. */
  #before = 0
  #dropped = 0
  #headSeen = false
  #last: Seen | undefined
  /** Lines that are no records, from the first on; the next record may account for them. */
  #junk: (Place & { readonly bytes: number }) | undefined
  /** Two neighbours that do not belong together; the next line tells which of them was edited. */
  #doubt: { readonly before: Seen; readonly here: Seen } | undefined
  /** Numbers that were left out, as long as they may still turn up. */
  #gap:
    | { readonly from: number; readonly to: number; readonly run: string; finding: AuditFinding | undefined }
    | undefined
  #place: Place = { file: '', line: 0 }

  constructor(demands: Demands = {}) {
    this.#demands = demands
  }

  file(name: string): void {
    this.#findings.file(name)
    this.#place = { file: name, line: 0 }
  }

  /** Takes one line without its end; `length` is more than its bytes when it was too long to be kept. */
  line(bytes: Uint8Array, length = bytes.length): void {
    this.#place = { file: this.#place.file, line: this.#place.line + 1 }
    const record = length === bytes.length ? readRecord(bytes) : undefined
    if (!record && this.#demands.mixed) return
    if (!record) {
      const junk = this.#junk ?? { ...this.#place, bytes: 0 }
      this.#junk = { ...junk, bytes: junk.bytes + length }
      return
    }
    const { run, seq, hash, prev } = record
    this.#records += 1
    this.#dropped += record.dropped
    this.#headSeen ||= this.#demands.head === `${seq}:${hash}`
    this.#accountForJunk(record)
    const seen: Seen = { ...this.#place, run, seq, hash, prev }
    if (record.msg === 'audit opened') this.#open(record, seen)
    else this.#follow(record, seen)
    this.#judge(record)
  }

  report(): AuditReport {
    const { head } = this.#demands
    this.#settleDoubt(undefined)
    if (this.#junk)
      this.#findings.note(
        `${this.#junk.file}:${this.#junk.line}: no record follows what stands here: a write was cut off, or is under way`,
      )
    if (head !== undefined && !this.#headSeen)
      this.#find('head', `the record ${head} is not here: the end was cut off, or these are other files`)
    return {
      records: this.#records,
      dropped: this.#dropped,
      runs: this.#runs.list,
      findings: this.#findings.inOrder(),
      notes: this.#findings.notes,
      head: this.#last && `${this.#last.seq}:${this.#last.hash}`,
    }
  }

  /** The first record of a run names the last one of the run before. */
  #open(record: ReadRecord, seen: Seen): void {
    const last = this.#last
    if (record.seq !== 1) this.#find('edited', 'a run opens with its record 1', seen)
    if (last && record.prev === undefined) {
      this.#settleDoubt(undefined)
      if (seen.line === 1)
        this.#findings.note(`${seen.file}: nothing links its beginning to record ${last.seq} of run ${last.run}`)
      else this.#find('inserted', 'a run begins here and names no record before it', seen)
    } else if (last && record.prev !== last.hash) this.#mismatch(last, seen)
    else this.#settleDoubt(seen)
    if (!last && record.prev !== undefined) this.#findings.note(`${seen.file}: it goes on where another file ended`)
    this.#begin(record)
    this.#last = seen
  }

  #follow(record: ReadRecord, seen: Seen): void {
    const last = this.#last
    const run = this.#runs.current
    if (last && run && record.prev === last.hash) {
      this.#settleDoubt(seen)
      if (run.closed) this.#find('inserted', 'it stands behind the end of its run', seen)
      // Where it stands is certain: it names the line before.
      run.last = last.seq + 1
      this.#last = { ...seen, run: last.run, seq: run.last }
      if (record.run !== last.run || record.seq !== run.last)
        this.#find('edited', `it follows record ${last.seq} of run ${last.run} and names another place`, seen)
      return
    }
    if (!last || !run || last.run !== record.run) {
      this.#enter(record, seen)
      return
    }
    if (record.seq === last.seq + 1) this.#mismatch(last, seen)
    else if (record.seq > last.seq) this.#skip(seen, last)
    else {
      if (this.#fillGap(seen)) return
      // Of two records at one place the first is the one that was put there, when the chain goes on from the second.
      const rival = record.seq === last.seq && record.prev === last.prev && record.hash !== last.hash
      this.#find('inserted', `there are two records ${record.seq} of this run`, rival ? last : seen)
      if (!rival) return
    }
    run.last = Math.max(run.last, record.seq)
    this.#last = seen
  }

  /** A run whose opening does not stand here. */
  #enter(record: ReadRecord, seen: Seen): void {
    if (!this.#last && record.msg === 'audit continued')
      this.#findings.note(`${seen.file}: it begins with record ${record.seq}; those before stand in another file`)
    else this.#find('removed', `the run begins with its record ${record.seq}: those before are missing`, seen)
    this.#settleDoubt(seen)
    this.#begin(record)
    this.#last = seen
  }

  #skip(seen: Seen, last: Seen): void {
    this.#settleDoubt(seen)
    const [from, to] = [last.seq + 1, seen.seq - 1]
    const which = from === to ? `record ${from} is` : `records ${from} to ${to} are`
    const finding = this.#find('removed', `${which} missing before it`, seen)
    this.#gap = { from, to, run: seen.run, finding }
  }

  /** What was left out and turns up later was not removed but moved. */
  #fillGap(seen: Seen): boolean {
    const gap = this.#gap
    if (!gap || gap.run !== seen.run || seen.seq < gap.from || seen.seq > gap.to) return false
    if (gap.finding?.kind === 'removed') {
      const message = `record ${seen.seq}, which belongs before it, stands in line ${seen.line} of ${seen.file}`
      const finding = { ...gap.finding, kind: 'reordered', message } as const
      this.#findings.replace(gap.finding, finding)
      gap.finding = finding
    }
    return true
  }

  #mismatch(before: Seen, here: Seen): void {
    this.#settleDoubt(here)
    this.#doubt = { before, here }
  }

  /** The line after two that do not belong together names the hash of the second: if that holds, the first is wrong. */
  #settleDoubt(next: Seen | undefined): void {
    const doubt = this.#doubt
    this.#doubt = undefined
    if (!doubt) return
    const { before, here } = doubt
    if (next?.prev === here.hash) this.#find('edited', 'its hash is not the one that the next record names', before)
    else this.#find('edited', `it and record ${before.seq} in line ${before.line} do not belong together`, here)
  }

  #begin({ run, seq, key }: ReadRecord): void {
    this.#before = this.#findings.count
    const { keys } = this.#demands
    if (keys && !key) this.#find('key', 'the run names no key that it is signed with')
    else if (keys && !keys.some(({ id }) => id === key?.id))
      this.#find('key', `the run is signed with the unknown key ${key?.id}`)
    if (!this.#runs.begin({ run, first: seq, last: seq, closed: false, key, proven: undefined }))
      this.#find('inserted', `run ${run} began before: these are copies of its records`)
  }

  /** Signature and end of a run. */
  #judge(record: ReadRecord): void {
    const run = this.#runs.current
    if (!run || run.run !== record.run) return
    const { key } = run
    if (record.msg === 'audit closed') run.closed = true
    const due = record.msg === 'audit checkpoint' || (record.msg === 'audit closed' && key !== undefined)
    if (!due && !record.signed) return
    if (!key) this.#find('key', 'it is signed, and its run names no key')
    else if (record.signed && isSignedBy(key, record.signed)) {
      // It vouches for what stood there when it was signed, not for what is there now.
      if (!this.#doubt && this.#findings.count === this.#before) run.proven = record.seq
    } else {
      const from = (run.proven ?? run.first - 1) + 1
      this.#find('signature', `its signature is not good: something from record ${from} to it was changed`)
    }
  }

  /** Bytes of a write that was cut off are no finding when the next record tells of them. */
  #accountForJunk({ msg, torn, run, seq, prev }: ReadRecord): void {
    const junk = this.#junk
    this.#junk = undefined
    const told = msg === 'audit opened' || msg === 'audit continued' ? torn : undefined
    if (!junk) {
      if (told !== undefined && this.#last)
        this.#find('removed', `the ${told} bytes of a write that was cut off, which it tells of, are missing before it`)
      return
    }
    if (told === junk.bytes)
      this.#findings.note(
        `${junk.file}:${junk.line}: ${told} bytes of a write that was cut off, as the next record tells`,
      )
    else if (msg === 'audit opened' && prev === undefined && junk.file !== this.#place.file)
      this.#findings.note(`${junk.file}:${junk.line}: no record that is linked to it follows: a write was cut off`)
    else if (this.#last?.run === run && seq > this.#last.seq + 1)
      this.#findings.add('edited', 'it is no record any more', junk)
    else this.#findings.add('inserted', 'it is no audit record', junk)
  }

  #find(kind: Trouble, message: string, at = this.#place): AuditFinding | undefined {
    return this.#findings.add(kind, message, at)
  }
}
