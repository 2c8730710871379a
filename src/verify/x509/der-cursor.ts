import { malformed, tags } from './der.ts'

/**
 * A place in DER that is walked over without building anything: lists of a million entries are read by it. The fields say
 * what was found last; `at` is where the next element begins.
 */
export interface Cursor {
  readonly bytes: Uint8Array
  at: number
  tag: number
  /** Where the element begins, and its content from and to. */
  start: number
  from: number
  to: number
}

export const cursorAt = (bytes: Uint8Array, at = 0): Cursor => ({ bytes, at, tag: 0, start: at, from: at, to: at })

/** Moves behind the next element, which ends before `end`; as strict as the reader of whole structures. */
export function step(cursor: Cursor, end: number): void {
  const { bytes, at } = cursor
  if (at + 2 > end) malformed('an element is cut off')
  const tag = bytes[at] ?? 0
  const first = bytes[at + 1] ?? 0
  if ((tag & 0x1f) === 0x1f) malformed('an identifier octet is wrong')
  let from = at + 2
  let length = first
  if (first >= 0x80) {
    const octets = first - 0x80
    if (octets === 0 || octets > 4 || from + octets > end) malformed('a length is wrong')
    length = 0
    for (const last = from + octets; from < last; from += 1) length = length * 256 + (bytes[from] ?? 0)
    if (length < 0x80 || length < 256 ** (octets - 1)) malformed('a length is wrong')
  }
  if (length > end - from) malformed('a length is wrong')
  cursor.tag = tag
  cursor.start = at
  cursor.from = from
  cursor.to = from + length
  cursor.at = from + length
}

/** Moves behind the next element, which has to be of this type. */
export function stepOver(cursor: Cursor, end: number, tag: number, what: string): void {
  step(cursor, end)
  if (cursor.tag !== tag) malformed(`${what} is missing or of another type`)
}

/** Moves into the next element, a SEQUENCE; returns where it ends. */
export function stepInto(cursor: Cursor, end: number, what: string): number {
  stepOver(cursor, end, tags.sequence, what)
  cursor.at = cursor.from
  return cursor.to
}
