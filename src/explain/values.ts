import type { TraceEntry } from '../trace.ts'

/** What a comparison saw, in words; absent where there is nothing to show. */
export interface Shown {
  readonly found?: string
  readonly expected?: string
}

/** Characters of one text, and items of one list, that are shown. */
const MAX_TEXT = 400
const MAX_ITEMS = 32

/** A comparison as a human reads it: times with their distance, hashes by their beginning, lists in a row. */
export function showValues({ check, result, found, expected }: TraceEntry, now: number): Shown {
  const [left, right] = [present(found), present(expected)]
  // A claim that may be absent, and is.
  if (left === undefined && result === 'pass') return {}
  if (check === 'proof iat' || check === 'token auth_time') return pair(showTime(left, now), showWindow(right, now))
  if (check === 'token exp' || check === 'consent expiry')
    return pair(showTime(left, now), prefix('after', showTime(right, now)))
  if (check === 'proof exp') return pair(showTime(left, now), prefix('after', showTime(right, now)))
  if (/^(?:token|proof) (?:nbf|iat)$/.test(check))
    return pair(showTime(left, now), prefix('up to', showTime(right, now)))
  if (check === 'token lifetime') return pair(seconds(left), prefix('up to', seconds(right)))
  if (check === 'token jkt' || check === 'token x5t#S256') return pair(showThumbprint(left), showThumbprint(right))
  if (check === 'token scope') return pair(showValue(left) ?? 'no scope', missing(left, right))
  return pair(showValue(left), showValue(right))
}

/** What a log line could not hold is null there. */
const present = (value: unknown): unknown => (value === null ? undefined : value)

const pair = (found: string | undefined, expected: string | undefined): Shown => ({
  ...(found !== undefined && { found }),
  ...(expected !== undefined && { expected }),
})

const prefix = (word: string, text: string | undefined): string | undefined => text && `${word} ${text}`
const seconds = (value: unknown): string | undefined => (typeof value === 'number' ? `${value} s` : showValue(value))

function showValue(value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'string') return value === '' ? 'an empty text' : printable(value)
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value)
  if (!Array.isArray(value)) return 'an object'
  const items = value.slice(0, MAX_ITEMS).map((item) => (Array.isArray(item) ? 'a list' : (showValue(item) ?? '–')))
  return items.length === 0 ? 'an empty list' : `${items.join(', ')}${value.length > MAX_ITEMS ? ', …' : ''}`
}

/** On one line and without anything that steers a terminal or hides in it. */
export const printable = (text: string): string => {
  const shown = text
    .slice(0, MAX_TEXT)
    .replaceAll(
      /[^\x20-\x7e\u00a1-\u00ac\u00ae-\u024f\u2026]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
  return text.length > MAX_TEXT ? `${shown}…` : shown
}

/** `2026-11-25T19:20:00Z (35 s ago)`. */
function showTime(value: unknown, now: number): string | undefined {
  if (typeof value !== 'number' || !(Math.abs(value) < LAST_TIME)) return showValue(value)
  const distance = Math.round(value - now)
  const away = distance === 0 ? 'now' : distance < 0 ? `${span(-distance)} ago` : `in ${span(distance)}`
  return `${isoTime(value)} (${away})`
}

/** Seconds since the epoch that a calendar can hold. */
const LAST_TIME = 8_640_000_000_000

export const isoTime = (value: number): string =>
  Math.abs(value) < LAST_TIME ? new Date(value * 1000).toISOString().replace(/\.[0-9]{3}Z$/, 'Z') : String(value)

function span(distance: number): string {
  if (distance < 180) return `${distance} s`
  if (distance < 10_800) return `${Math.round(distance / 60)} min`
  return distance < 259_200 ? `${Math.round(distance / 3600)} h` : `${Math.round(distance / 86_400)} days`
}

/** Without a beginning, when a nonce says how old the proof is. */
function showWindow(value: unknown, now: number): string | undefined {
  if (!Array.isArray(value)) return showValue(value)
  const [from, to] = value as readonly unknown[]
  const end = showTime(to, now)
  return Number.isFinite(from) ? `from ${showTime(from, now)} to ${end}` : `up to ${end}`
}

/** The hash a thumbprint is, as `openssl` would print its beginning. */
function showThumbprint(value: unknown): string | undefined {
  if (typeof value !== 'string' || !/^[\w-]{43}$/.test(value)) return value === undefined ? undefined : 'no thumbprint'
  return `sha256:${Buffer.from(value, 'base64url').toString('hex', 0, 6)}`
}

/** The scopes that would be enough, and which of them the token has not. */
function missing(granted: unknown, wanted: unknown): string | undefined {
  if (!Array.isArray(wanted)) return showValue(wanted)
  const lacking = wanted.filter((scope) => !(Array.isArray(granted) && granted.includes(scope)))
  return `${showValue(wanted)}; missing: ${showValue(lacking)}`
}
