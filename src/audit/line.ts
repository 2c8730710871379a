import type { DecisionFields } from './record.ts'
import { clip } from './text.ts'

/** Bytes of a line without its end. A verifier refuses longer ones than a writer may ever write. */
export const MAX_LINE = 4096
/** Room for what the chain puts before the fields, and for a signature behind them. */
const ROOM = 640
/** Characters of a text where the whole record would be too long otherwise. Each takes up to six bytes. */
const SHORT = 32

/** What a record says besides its place in the chain. */
export type Fields = Readonly<Record<string, unknown>>

/**
 * One JSON object of printable ASCII: whatever a client sent stays inside its text, and no reader of lines takes a
 * character of it for the end of one.
 */
export function encodeFields(fields: Fields): string {
  const text = JSON.stringify(fields)
  return ASCII.test(text) ? text : text.replaceAll(BEYOND, spell)
}

/** A decision, cut shorter when that is needed to keep the line within its bound. */
export function encodeDecision(time: string, fields: DecisionFields): string {
  const text = encodeFields({ time, level: 'info', msg: 'decision', ...fields })
  if (text.length <= MAX_LINE - ROOM) return text
  const short = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, shorten(value)]))
  return encodeFields({ time, level: 'info', msg: 'decision', ...short })
}

function shorten(value: unknown): unknown {
  if (typeof value === 'string' && value.length > 64) return clip(value, SHORT)
  return Array.isArray(value) ? value.slice(0, 8).map(shorten) : value
}

const ASCII = /^[\x20-\x7e]*$/
/** UTF-16 units, so that what lies beyond 16 bits is written as JSON writes it: as two. */
const BEYOND = /[^\x20-\x7e]/g

const spell = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
