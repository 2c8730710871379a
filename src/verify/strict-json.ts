import { type Reading, read, unreadable } from './reading.ts'

/** A JSON object as received. Read members through `own`: a name may be `__proto__` or `toString`. */
export type JsonObject = Readonly<Record<string, unknown>>

/** An own member, undefined when absent. */
export const own = (object: JsonObject, name: string): unknown =>
  Object.hasOwn(object, name) ? object[name] : undefined

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Levels, and members and elements in total. */
interface JsonLimits {
  readonly depth: number
  readonly members: number
}

const tokenLimits: JsonLimits = { depth: 16, members: 256 }

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads one JSON object strictly (RFC 8259, RFC 7519 section 4): valid UTF-8 without byte-order mark, no member name
 * twice in one object, no name that can only be written with an escape, limited depth and size (16 levels and 256
 * members unless told), every number finite.
 */
export const readJsonObject = (bytes: Uint8Array, limits = tokenLimits): Reading<JsonObject> =>
  readWith(bytes, limits, (text) => JSON.parse(text))

/** A number as it is written, so that no float comes between. */
export class ExactNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
    Object.freeze(this)
  }
}

/** The same with every number as an `ExactNumber`. */
export const readExactJson = (bytes: Uint8Array, limits: JsonLimits): Reading<JsonObject> =>
  readWith(bytes, limits, (text) =>
    parseWithSource(text, (_, value, { source }) =>
      typeof value === 'number' && source !== undefined ? new ExactNumber(source) : value,
    ),
  )

// The types of ECMAScript 2025 do not know yet that a reviver is told the source text; the runtime does.
const parseWithSource = JSON.parse as (
  text: string,
  reviver: (name: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown

function readWith(bytes: Uint8Array, limits: JsonLimits, parse: (text: string) => unknown): Reading<JsonObject> {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return unreadable('it is not valid UTF-8')
  }
  if (text.charCodeAt(0) === 0xfeff) return unreadable('it starts with a byte-order mark')

  // Before JSON.parse: its limits also bound what the parser can be made to do.
  const scanned = scan(text, limits)
  if (!scanned.ok) return scanned
  let value: unknown
  try {
    value = parse(scanned.value)
  } catch {
    return unreadable('it is not JSON')
  }
  return isObject(value) ? read(value) : unreadable('it is not a JSON object')
}

/**
 * One pass over the text: depth, size, member names, number range. Whether it is JSON at all is JSON.parse's verdict.
 * Gives the text with every member name written without escapes, because V8 reads an escaped name as another one
 * (`"\\n"` as `"\\\\"`) when an object parsed earlier had that other name in the same place (nodejs/node issue 63785).
 */
function scan(text: string, limits: JsonLimits): Reading<string> {
  const names: (Set<string> | undefined)[] = []
  let members = 0
  let plain = ''
  let copied = 0
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at)
    if (character === QUOTE) {
      const end = endOfString(text, at)
      if (end < 0) return unreadable('a string does not end')
      const set = names.at(-1)
      if (set && isName(text, end)) {
        const quoted = text.slice(at, end + 1)
        const name = unquote(quoted)
        if (name === undefined) return unreadable('a member name is not well-formed')
        if (set.has(name)) return unreadable('a member name is repeated')
        set.add(name)
        if (quoted.includes('\\')) {
          const spelled = JSON.stringify(name)
          if (spelled.includes('\\')) return unreadable('a member name needs an escape')
          plain += text.slice(copied, at) + spelled
          copied = end + 1
        }
      }
      at = end
    } else if (character === OPEN_OBJECT || character === OPEN_ARRAY) {
      names.push(character === OPEN_OBJECT ? new Set() : undefined)
      if (names.length > limits.depth) return unreadable('it is nested too deeply')
      members += 1
    } else if (character === CLOSE_OBJECT || character === CLOSE_ARRAY) {
      names.pop()
    } else if (character === COMMA) {
      members += 1
    } else if (character === MINUS || (character >= ZERO && character <= NINE)) {
      const end = endOfNumber(text, at)
      if (!Number.isFinite(Number(text.slice(at, end)))) return unreadable('a number is out of range')
      at = end - 1
    }
    if (members > limits.members) return unreadable('it has too many members')
  }
  return read(plain + text.slice(copied))
}

const [QUOTE, BACKSLASH, COMMA, COLON, MINUS, ZERO, NINE] = [34, 92, 44, 58, 45, 48, 57]
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [123, 125, 91, 93]

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const character = text.charCodeAt(at)
    if (character === BACKSLASH) at += 1
    else if (character === QUOTE) return at
  }
  return -1
}

/** A string is a member name when a colon follows it. */
function isName(text: string, end: number): boolean {
  let at = end + 1
  while (at < text.length && WHITESPACE.has(text.charCodeAt(at))) at += 1
  return text.charCodeAt(at) === COLON
}

const WHITESPACE = new Set([32, 9, 10, 13])

/** Two spellings of one name are one name: `"su\u0062"` is `"sub"`. */
function unquote(quoted: string): string | undefined {
  if (!quoted.includes('\\')) return quoted.slice(1, -1)
  try {
    return String(JSON.parse(quoted))
  } catch {
    return undefined
  }
}

function endOfNumber(text: string, start: number): number {
  let at = start
  while (at < text.length && NUMBER.has(text.charCodeAt(at))) at += 1
  return at
}

const NUMBER = new Set([...'0123456789+-.eE'].map((character) => character.charCodeAt(0)))
