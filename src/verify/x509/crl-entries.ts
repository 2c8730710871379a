import type { Reading } from '../reading.ts'
import { attempt, malformed, tags } from './der.ts'
import { type Cursor, cursorAt, step, stepInto, stepOver } from './der-cursor.ts'
import { revocationReasons } from './revocation-reasons.ts'

/** Where something stands in the bytes of a list. */
export interface Span {
  readonly from: number
  readonly to: number
}

/**
 * One number for each entry, in order: a hash of its serial number, and where it begins. Eight bytes for each, no object:
 * a list of a million entries costs less than half of what its bytes do.
 */
export type RevokedIndex = Float64Array

const MAX_ENTRIES = 1_000_000
/** Octets. Certificates have 20 at the most; some authorities list what they once issued otherwise. */
const MAX_SERIAL = 32
const MAX_ENTRY_EXTENSIONS = 8

/** Above any place in a list: hash and place together are a whole number below 2^53. */
const PLACES = 2 ** 25

/** Checks every entry of a list (RFC 5280 section 5.1.2.6) and makes it ready to be looked up in. Never throws. */
export const indexRevoked = (der: Uint8Array, { from, to }: Span): Reading<RevokedIndex> =>
  attempt(() => {
    const index: RevokedIndex = new Float64Array(countEntries(der, from, to))
    const entry = { ...cursorAt(der, from), ...NO_ENTRY }
    for (let count = 0; count < index.length; count += 1) {
      const place = entry.at
      readEntry(entry, to)
      index[count] = hashOf(der, entry.serialFrom, entry.serialTo) * PLACES + place
    }
    return index.sort()
  })

/** The reason for which a serial number, in hex, is in an indexed list. What was only taken back is not. */
export function findRevoked(der: Uint8Array, index: RevokedIndex, serial: string): string | undefined {
  const wanted = Buffer.from(serial, 'hex')
  const least = hashOf(wanted, 0, wanted.length) * PLACES
  for (let at = lowerBound(index, least); at < index.length; at += 1) {
    const place = (index[at] ?? 0) - least
    if (place >= PLACES) return undefined
    const entry = { ...cursorAt(der, place), ...NO_ENTRY }
    readEntry(entry, der.length)
    if (wanted.equals(der.subarray(entry.serialFrom, entry.serialTo)) && entry.reason !== REMOVED)
      return revocationReasons[entry.reason] ?? 'unspecified'
  }
  return undefined
}

function lowerBound(index: RevokedIndex, least: number): number {
  let [low, high] = [0, index.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((index[middle] ?? 0) < least) low = middle + 1
    else high = middle
  }
  return low
}

/** FNV-1a, 28 bits of it. Who writes the list is the authority itself, so nobody gains from collisions. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0x811c9dc5
  for (let at = from; at < to; at += 1) sum = Math.imul(sum ^ (bytes[at] ?? 0), 0x01000193)
  return sum >>> 4
}

function countEntries(der: Uint8Array, from: number, to: number): number {
  const cursor = cursorAt(der, from)
  let count = 0
  for (; cursor.at < to; count += 1) step(cursor, to)
  return count > MAX_ENTRIES ? malformed(`the list has more than ${MAX_ENTRIES} entries`) : count
}

/** One entry; the cursor stands behind it. */
interface Entry extends Cursor {
  serialFrom: number
  serialTo: number
  reason: number
}

const NO_ENTRY = { serialFrom: 0, serialTo: 0, reason: 0 }

function readEntry(entry: Entry, limit: number): void {
  const end = stepInto(entry, limit, 'an entry')
  stepOver(entry, end, tags.integer, 'a serial number')
  checkSerial(entry)
  entry.serialFrom = entry.from
  entry.serialTo = entry.to
  step(entry, end)
  checkDate(entry)
  entry.reason = 0
  if (entry.at < end) readExtensions(entry, end)
  if (entry.at < end) malformed('an entry holds something unknown')
}

/** Whatever number it is: what is listed under one that no certificate can have does no harm. */
function checkSerial({ bytes, from, to }: Cursor): void {
  const [first = 0, second = 0] = [bytes[from], bytes[from + 1]]
  const padded = to - from > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))
  if (from === to || padded || to - from > MAX_SERIAL) malformed('a serial number is wrong')
}

function checkDate({ bytes, tag, from, to }: Cursor): void {
  const digits = tag === tags.utcTime ? 12 : tag === tags.generalizedTime ? 14 : malformed('a date is missing')
  if (to - from !== digits + 1 || bytes[to - 1] !== Z) malformed('a date is written wrongly')
  for (let at = from; at < to - 1; at += 1) {
    const octet = bytes[at] ?? 0
    if (octet < 0x30 || octet > 0x39) malformed('a date is written wrongly')
  }
}

const Z = 0x5a

/** RFC 5280 section 5.3. */
function readExtensions(entry: Entry, limit: number): void {
  const end = stepInto(entry, limit, 'the extensions of an entry')
  if (entry.at === end) malformed('the extensions of an entry are empty')
  let seen = 0
  for (let count = 0; entry.at < end; count += 1) {
    if (count === MAX_ENTRY_EXTENSIONS) malformed('an entry has too many extensions')
    const last = stepInto(entry, end, 'an extension of an entry')
    stepOver(entry, last, tags.oid, 'the type of an extension')
    const kind = kindOf(entry)
    step(entry, last)
    const critical = entry.tag === tags.boolean && flagOf(entry)
    if (entry.tag === tags.boolean) step(entry, last)
    if (entry.tag !== tags.octetString || entry.at < last) malformed('an extension of an entry is wrong')
    // Then the entries behind it are about certificates of somebody else.
    if (kind === CERTIFICATE_ISSUER) malformed('the list is about certificates of several issuers')
    if (kind === 0 && critical) malformed('an entry has an unknown critical extension')
    const bit = kind === 0 ? 0 : 1 << (kind - REASON)
    if ((seen & bit) !== 0) malformed('an extension of an entry is there twice')
    seen |= bit
    if (kind === REASON) entry.reason = reasonIn(entry)
  }
}

/** Last arcs of 2.5.29: reasonCode, holdInstructionCode, invalidityDate, certificateIssuer. */
const REASON = 21
const KNOWN: ReadonlySet<number> = new Set([REASON, 23, 24, 29])
const CERTIFICATE_ISSUER = 29

/** The last arc of an extension that is known here; else 0. */
function kindOf({ bytes, from, to }: Cursor): number {
  if (from === to || (bytes[to - 1] ?? 0x80) >= 0x80) malformed('the type of an extension is wrong')
  const last = to - from === 3 && bytes[from] === 0x55 && bytes[from + 1] === 0x1d ? (bytes[from + 2] ?? 0) : 0
  return KNOWN.has(last) ? last : 0
}

function flagOf({ bytes, from, to }: Cursor): boolean {
  const octet = bytes[from]
  return to - from === 1 && (octet === 0 || octet === 0xff) ? octet === 0xff : malformed('a boolean is wrong')
}

/** The ENUMERATED in the extension. */
function reasonIn({ bytes, from, to }: Cursor): number {
  const reason = bytes[from + 2] ?? 0
  const whole = to - from === 3 && bytes[from] === tags.enumerated && bytes[from + 1] === 1
  return whole && revocationReasons[reason] !== undefined ? reason : malformed('the reason of an entry is unknown')
}

const REMOVED = 8
