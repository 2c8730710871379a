import { hash } from 'node:crypto'
import type { VerifiedToken } from './access-token.ts'
import { isThumbprint } from './base64url.ts'
import { type Reading, read, unreadable } from './reading.ts'
import { isObject, type JsonObject, own, readJsonObject } from './strict-json.ts'
import { isTime } from './token-claims.ts'

/** What an entry may name, with the letter it is kept under. The last three are SHA-256 digests already. */
const kinds = { jti: 'j', sub: 's', client_id: 'c', sid: 'i', jkt: 'k', 'x5t#S256': 'x', token: 't' } as const

export type RevocationKind = keyof typeof kinds

/** Tokens of one issuer that are not to be taken any more. Seconds since the epoch. */
export interface Revocation {
  /** Letter of the kind and 43 characters of base64url: the value's SHA-256. */
  readonly key: string
  /** Tokens issued up to then; 0: whenever they were issued. */
  readonly before: number
  /** The last moment the entry is needed; 0: for ever. */
  readonly until: number
}

/** What stands for `before` and `until` where an entry does not say. */
export interface RevocationDefaults {
  /** For everything that more tokens than one can have. */
  readonly before: number
  readonly until: number
}

/** Characters of a value: the longest claim that makes sense. */
const MAX_VALUE = 1024

const isKind = (name: string): name is RevocationKind => Object.hasOwn(kinds, name)
const isDigest = (kind: RevocationKind): boolean => kind === 'jkt' || kind === 'x5t#S256' || kind === 'token'

/** Where a value is kept. */
const keyOf = (kind: RevocationKind, value: string): string =>
  kinds[kind] + (isDigest(kind) ? value : hash('sha256', value, 'base64url'))

/** `{ "jti": "…", "until": 1767225600 }`: exactly one thing that is revoked, and at most two times. */
export function readRevocation(entry: JsonObject, defaults: RevocationDefaults): Reading<Revocation> {
  const names = Object.keys(entry)
  const [kind, another] = names.filter(isKind)
  const strange = names.find((name) => !isKind(name) && name !== 'before' && name !== 'until')
  if (strange !== undefined) return unreadable('it has a member that is none of ours')
  if (kind === undefined || another !== undefined) return unreadable(`it names exactly one of ${spelledKinds}`)
  const [value, before, until] = [own(entry, kind), own(entry, 'before'), own(entry, 'until')]
  if (typeof value !== 'string' || value === '' || value.length > MAX_VALUE)
    return unreadable(`${kind} is a text of 1 to ${MAX_VALUE} characters`)
  if (isDigest(kind) && !isThumbprint(value)) return unreadable(`${kind} is a SHA-256 in base64url, without padding`)
  if (!isWhole(before)) return unreadable('before is a time in seconds since 1970')
  if (!isWhole(until)) return unreadable('until is a time in seconds since 1970')
  const one = kind === 'jti' || kind === 'token'
  return read({
    key: keyOf(kind, value),
    before: before ?? (one ? 0 : defaults.before),
    until: until ?? defaults.until,
  })
}

const spelledKinds = Object.keys(kinds).join(', ')

/** A time that was given, in whole seconds; 0 would mean something else. */
const isWhole = (time: unknown): time is number | undefined =>
  time === undefined || (isTime(time) && Number.isInteger(time) && time > 0)

/** Bytes of a line. */
const MAX_LINE = 4096
const utf8 = new TextEncoder()

/** Lines between two steps: about three milliseconds of work. */
const LINES = 1000

/** A file with one JSON object a line. One line that is wrong spoils it: nobody knows what it was to revoke. */
export function readRevocationLines(text: string, max: number): Reading<readonly Revocation[]> {
  const entries: Revocation[] = []
  const lines = finish(stepThroughLines(text, max, (entry) => entries.push(entry)))
  return lines.ok ? read(entries) : lines
}

/** Takes all steps at once. */
export function finish<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** The same in steps, for whoever has other things to do between them. Tells how many entries there are. */
export function* stepThroughLines(
  text: string,
  max: number,
  take: (entry: Revocation) => unknown,
): Generator<undefined, Reading<number>> {
  let entries = 0
  let number = 0
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at)
    const line = text.slice(at, end < 0 ? text.length : end).trim()
    at = end < 0 ? text.length : end + 1
    number += 1
    if (number % LINES === 0) yield
    if (line === '') continue
    if (entries >= max) return unreadable(`it has more than ${max} entries (maxEntries)`)
    const entry = readLine(line)
    if (!entry.ok) return unreadable(`line ${number}: ${entry.problem}`)
    take(entry.value)
    entries += 1
  }
  return read(entries)
}

function readLine(line: string): Reading<Revocation> {
  const bytes = utf8.encode(line)
  if (bytes.length > MAX_LINE) return unreadable(`it is longer than ${MAX_LINE} bytes`)
  const object = readJsonObject(bytes)
  // Whoever does not say otherwise means whatever is issued, for as long as the line stands there.
  return object.ok ? readRevocation(object.value, { before: 0, until: 0 }) : object
}

/** Entries of one issuer. Nothing is ever left out for want of room. */
export interface DenyList {
  /** Takes an entry in; one that is known is only made stronger. False when there is no room. */
  readonly add: (entry: Revocation) => boolean
  /** Whether adding it would change nothing. */
  readonly holds: (entry: Revocation) => boolean
  /** What the token is revoked by. */
  readonly find: (token: RevocableToken, now: number) => RevocationKind | undefined
  /** Lets go of entries that are not needed any more. */
  readonly prune: (now: number) => void
  readonly entries: () => Iterable<Revocation>
  readonly size: number
}

export type RevocableToken = Pick<
  VerifiedToken,
  'raw' | 'subject' | 'clientId' | 'tokenId' | 'issuedAt' | 'cnf' | 'claims'
>

/** Seconds an entry is kept beyond its end, so that no difference of clocks lets a token pass again. */
const MARGIN = 60

export function buildDenyList(max: number): DenyList {
  const kept = new Map<string, Revocation>()
  /** How many there are of each letter: what nobody revokes by is not looked up. */
  const counts = new Map<string, number>()
  const count = (key: string, change: number): void => {
    counts.set(key.charAt(0), (counts.get(key.charAt(0)) ?? 0) + change)
  }
  const isRevoked = (kind: RevocationKind, value: unknown, token: RevocableToken, now: number): boolean => {
    if (typeof value !== 'string' || !counts.get(kinds[kind])) return false
    const entry = kept.get(keyOf(kind, value))
    return entry !== undefined && !isOver(entry, now) && isIssuedBefore(token, entry.before)
  }
  return {
    add(entry) {
      const known = kept.get(entry.key)
      if (!known && kept.size >= max) return false
      if (!known) count(entry.key, 1)
      kept.set(entry.key, known ? stronger(known, entry) : entry)
      return true
    },
    holds(entry) {
      const known = kept.get(entry.key)
      if (!known) return false
      const { before, until } = stronger(known, entry)
      return known.before === before && known.until === until
    },
    find(token, now) {
      const { cnf, claims } = token
      const bound = isObject(cnf) ? cnf : {}
      const values: readonly (readonly [RevocationKind, unknown])[] = [
        ['jti', token.tokenId],
        ['sub', token.subject],
        ['client_id', token.clientId],
        ['sid', own(claims, 'sid')],
        ['jkt', own(bound, 'jkt')],
        ['x5t#S256', own(bound, 'x5t#S256')],
      ]
      const found = values.find(([kind, value]) => isRevoked(kind, value, token, now))?.[0]
      if (found !== undefined || !counts.get(kinds.token)) return found
      return digestsOf(token.raw).some((digest) => isRevoked('token', digest, token, now)) ? 'token' : undefined
    },
    prune(now) {
      for (const [key, entry] of kept)
        if (isOver(entry, now)) {
          kept.delete(key)
          count(key, -1)
        }
    },
    entries: () => kept.values(),
    get size() {
      return kept.size
    },
  }
}

/**
 * Of the whole token, and of what comes before its last dot: the signature of a JWT can be written in another way that
 * holds as well, by anybody (of an ECDSA signature (r, s) also (r, −s) verifies).
 */
function digestsOf(raw: string): readonly string[] {
  const dot = raw.lastIndexOf('.')
  return [raw, ...(dot > 0 ? [raw.slice(0, dot)] : [])].map((text) => hash('sha256', text, 'base64url'))
}

const isOver = ({ until }: Revocation, now: number): boolean => until !== 0 && now > until + MARGIN

/** A token that does not say when it was issued may be as old as any. */
function isIssuedBefore({ issuedAt, claims }: RevocableToken, before: number): boolean {
  return before === 0 || issuedAt <= before || !Object.hasOwn(claims, 'iat')
}

/** Both of two entries for the same: the later time of each counts, and none is later than any. */
const stronger = (one: Revocation, other: Revocation): Revocation => ({
  key: one.key,
  before: later(one.before, other.before),
  until: later(one.until, other.until),
})

const later = (one: number, other: number): number => (one === 0 || other === 0 ? 0 : Math.max(one, other))
