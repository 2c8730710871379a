import { hash } from 'node:crypto'
import { encodeFields, type Fields } from './line.ts'

/** SHA-256 of a line without its end, as the next line names it. */
export const hashLine = (line: string | Uint8Array): string => hash('sha256', line, 'base64url')

/** Where a chain has come to. */
export interface Position {
  readonly run: string
  /** Of the last record; 0 before the first. */
  readonly seq: number
  /** Hash of the last line; undefined when there is none. */
  readonly hash: string | undefined
}

/** A line at its place in the chain. */
export interface Link {
  readonly line: string
  readonly position: Position
}

/** Puts a record behind the last one: it names its run, its number there and the hash of the line before. */
export function chain({ run, seq, hash: prev }: Position, record: string, sign?: Sign): Link {
  const place = encodeFields({ run, seq: seq + 1, prev })
  const text = `${place.slice(0, -1)},${record.slice(1)}`
  const line = sign ? `${text.slice(0, -1)},"signature":"${sign(toBeSigned(text))}"}` : text
  return { line, position: { run, seq: seq + 1, hash: hashLine(line) } }
}

/** Signs with the key of the audit; base64url. */
export type Sign = (text: string) => string

/** A record without its signature. What else the key may ever sign begins with other words. */
export const toBeSigned = (text: string): string => `envoy-fapi audit record\n${text}`

/** A line apart: the record without its signature, and that signature. Undefined when it does not end with one. */
export function splitSigned(line: string): { readonly text: string; readonly signature: string } | undefined {
  const [end, signature] = /,"signature":"([A-Za-z0-9_-]{86})"\}$/.exec(line) ?? []
  return end === undefined || signature === undefined
    ? undefined
    : { text: `${line.slice(0, -end.length)}}`, signature }
}

/** What records say that are not about a decision. */
export type Notice =
  /** A process has begun to write. */
  | { readonly msg: 'audit opened'; readonly version: string; readonly config: string; readonly key?: object }
  /** The same run goes on at the beginning of another file, or behind bytes that are no record. */
  | { readonly msg: 'audit continued'; readonly key?: object }
  /** Everything up to here is vouched for by the signature. */
  | { readonly msg: 'audit checkpoint' }
  | { readonly msg: 'audit dropped'; readonly decisions: number }
  /** The run ended in order: nothing comes after it. */
  | { readonly msg: 'audit closed' }

/** `torn`: so many bytes stand before it in its file that are no record, left behind by a write that was cut off. */
export const encodeNotice = (time: string, notice: Notice, torn = 0): string =>
  encodeFields({ time, level: 'info', ...notice, ...(torn > 0 && { torn }) } satisfies Fields)
