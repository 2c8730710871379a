import type { Entry } from '../audit/ledger.ts'

/** Bytes of records that may wait to be written; beyond it nothing is decided. */
export const MAX_QUEUE = 8_388_608

/** Why a record that comes too late is not taken. */
export const ENDED = 'the service has ended'

/** What became of the records, for metrics and log. */
export type AuditEvent =
  | { readonly kind: 'written'; readonly records: number }
  | { readonly kind: 'failed'; readonly cause: string }
  | { readonly kind: 'recovered' }
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'dropped' }

/** A record that waits. */
export interface Waiting extends Entry {
  record: Entry['record']
  /** Its number, once it may be in the file. */
  seq: number | undefined
  /** Told once whether it was written; one that was not stays in the queue. */
  told: ((written: boolean) => void) | undefined
  readonly size: number
}

/** How a record is taken. */
export interface Handling {
  readonly signed?: boolean
  /** Also when there is no room: of these there are few. */
  readonly always?: boolean
}

/** What takes records, one after the other. */
export interface Records {
  readonly trouble: string | undefined
  readonly backlog: number
  /** Begins the run where that is still to be done: whoever listens has started. */
  readonly begin: () => void
  readonly push: (record: Entry['record'], size: number, how?: Handling) => Waiting | undefined
  readonly drop: () => void
  readonly reopen: () => void
  readonly drain: (milliseconds: number) => Promise<boolean>
}
