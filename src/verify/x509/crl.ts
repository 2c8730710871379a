import { type Reading, read } from '../reading.ts'
import { findRevoked, indexRevoked, type RevokedIndex, type Span } from './crl-entries.ts'
import { type CrlScope, EVERYTHING, readScope } from './crl-scope.ts'
import { attempt, type Element, malformed, parseDer, tags } from './der.ts'
import { type Cursor, cursorAt, step, stepInto } from './der-cursor.ts'
import { type Name, nameOf } from './name.ts'
import { type Signed, signatureAlgorithmOf } from './signature.ts'
import { timeOf } from './time.ts'
import { type Extension, extensionsOf, octetsOf } from './x509-certificate.ts'

/** A certificate revocation list without its entries (RFC 5280 section 5.1). That it is signed or in time is not said. */
export interface CrlHeader extends Signed {
  readonly der: Buffer
  readonly issuer: Name
  /** Seconds since 1970, both inclusive. */
  readonly thisUpdate: number
  readonly nextUpdate: number | undefined
  /** Grows from one list of an issuer to the next. */
  readonly number: bigint | undefined
  readonly scope: CrlScope
  /** Where the entries stand. Nothing in there has been looked at. */
  readonly revoked: Span
}

/** A list whose entries have been checked as well. */
export interface Crl extends CrlHeader {
  /** How many. */
  readonly entries: number
  /** The reason for which a serial number, in hex, is in the list. */
  readonly find: (serial: string) => string | undefined
}

/** Bytes of DER: half a million entries or more. */
export const MAX_CRL = 20_971_520
/** Bytes of anything in a list but its entries. */
const MAX_PART = 65_536

/** Reads the DER encoding strictly, every entry of it. The bytes are kept, not copied. Never throws. */
export function readCrl(der: Buffer): Reading<Crl> {
  const header = readCrlHeader(der)
  if (!header.ok) return header
  const index = indexRevoked(der, header.value.revoked)
  return index.ok ? read(withIndex(header.value, index.value)) : index
}

export const readCrlHeader = (der: Buffer): Reading<CrlHeader> => attempt(() => headerOf(der))

/** The list of a header whose entries were indexed, wherever that was done. */
export const withIndex = (header: CrlHeader, index: RevokedIndex): Crl => ({
  ...header,
  entries: index.length,
  find: (serial) => findRevoked(header.der, index, serial),
})

function headerOf(der: Buffer): CrlHeader {
  if (der.length > MAX_CRL) malformed('the list is too long')
  const cursor = cursorAt(der)
  if (stepInto(cursor, der.length, 'the list') !== der.length) malformed('bytes stand behind the structure')
  const end = stepInto(cursor, der.length, 'what is signed')
  const { start } = cursor
  const header = contentOf(cursor, end)
  cursor.at = end
  const algorithm = take(cursor, der.length, tags.sequence, 'the signature algorithm')
  if (!algorithm.whole.equals(header.inner.whole)) malformed('two signature algorithms are named')
  const signature = octetsOf(take(cursor, der.length, tags.bitString, 'the signature'))
  if (cursor.at < der.length) malformed('the list holds something unknown')
  const { inner, ...content } = header
  const signed = der.subarray(start, end)
  return { ...content, der, signed, signature, algorithm: signatureAlgorithmOf(inner) }
}

function contentOf(cursor: Cursor, end: number) {
  const version = takeIf(cursor, end, [tags.integer])
  if (version && !version.whole.equals(VERSION_2)) malformed('the list is not of version 2')
  const inner = take(cursor, end, tags.sequence, 'the signature algorithm')
  const issuer = nameOf(take(cursor, end, tags.sequence, 'the issuer'), 'the issuer')
  if (issuer.attributes.length === 0) malformed('the issuer is empty')
  const thisUpdate = timeOf(takeIf(cursor, end, TIMES) ?? malformed('thisUpdate is missing'))
  const next = takeIf(cursor, end, TIMES)
  const nextUpdate = next && timeOf(next)
  if (nextUpdate !== undefined && nextUpdate < thisUpdate) malformed('nextUpdate lies before thisUpdate')
  const revoked = entriesIn(cursor, end)
  const extensions = extensionsOf(takeIf(cursor, end, [0xa0]))
  if (cursor.at < end) malformed('what is signed holds something unknown')
  // A list of version 1 says nothing that a complete one of version 2 would not say; it only has no way to say more.
  if (!version && extensions.length > 0) malformed('a list of version 1 has extensions')
  return { inner, issuer, thisUpdate, nextUpdate, revoked, ...meaningOf(extensions, issuer) }
}

const VERSION_2 = Buffer.of(2, 1, 1)
const TIMES = [tags.utcTime, tags.generalizedTime]

/** None and an empty list of them say the same. */
function entriesIn(cursor: Cursor, end: number): Span {
  if (cursor.bytes[cursor.at] !== tags.sequence || cursor.at >= end) return { from: cursor.at, to: cursor.at }
  step(cursor, end)
  return { from: cursor.from, to: cursor.to }
}

/**
 * What cannot be processed makes the list useless when it is critical (RFC 5280 section 5.2). Whose key signed it says the
 * signature, so authorityKeyIdentifier is passed over.
 */
function meaningOf(extensions: readonly Extension[], issuer: Name): Pick<CrlHeader, 'number' | 'scope'> {
  const find = (oid: string): Buffer | undefined => extensions.find((extension) => extension.oid === oid)?.value
  if (find(DELTA)) malformed('the list tells only what has changed')
  const unknown = extensions.find(({ oid, critical }) => critical && !KNOWN.has(oid))
  if (unknown) malformed(`the list has the unknown critical extension ${unknown.oid}`)
  const number = find(NUMBER)
  const scope = find(SCOPE)
  return { number: number && numberOf(parseDer(number)), scope: scope ? readScope(scope, issuer) : EVERYTHING }
}

const NUMBER = '2.5.29.20'
const DELTA = '2.5.29.27'
const SCOPE = '2.5.29.28'
const AUTHORITY_KEY = '2.5.29.35'
const KNOWN: ReadonlySet<string> = new Set([NUMBER, SCOPE, AUTHORITY_KEY])

function numberOf({ tag, content }: Element): bigint {
  const usual = tag === tags.integer && content.length <= 20 && content.readInt8(0) >= 0
  return usual ? BigInt(`0x${content.toString('hex')}`) : malformed('the number of the list is wrong')
}

function takeIf(cursor: Cursor, end: number, wanted: readonly number[]): Element | undefined {
  if (cursor.at >= end || !wanted.includes(cursor.bytes[cursor.at] ?? 0)) return undefined
  step(cursor, end)
  const { bytes, start, to } = cursor
  if (to - start > MAX_PART) malformed('a part of the list is too long')
  return parseDer(Buffer.from(bytes.buffer, bytes.byteOffset + start, to - start))
}

const take = (cursor: Cursor, end: number, tag: number, what: string): Element =>
  takeIf(cursor, end, [tag]) ?? malformed(`${what} is missing or misplaced`)
