import type { Attributes, Headers } from '../attributes.ts'
import { pointerNames } from './json-pointer.ts'
import { type Reading, read, unreadable } from './reading.ts'
import { ExactNumber, isObject, type JsonObject, own, readExactJson } from './strict-json.ts'

/** Where in a request a value stands. */
export type Place =
  | { readonly in: 'path'; readonly name: string }
  | { readonly in: 'query'; readonly name: string }
  | { readonly in: 'body'; readonly names: readonly string[] }

/** `path:id`, `query:account`, `body:/amount`; the text has this form. */
export function readPlace(text: string): Place {
  const rest = text.slice(text.indexOf(':') + 1)
  if (text.startsWith('body:')) return { in: 'body', names: pointerNames(rest) }
  return { in: text.startsWith('path:') ? 'path' : 'query', name: rest }
}

/** Bytes, levels, members and parameters of a request at the most; the bytes are what Envoy sends in the examples. */
const MAX_BYTES = 65_536
const LIMITS = { depth: 32, members: 4096 }
const MAX_PARAMETERS = 256

/** The JSON object of a request, with its numbers as they are written. `truncated`: there is more than we were sent. */
export function readJsonBody({ body, headers }: Attributes): Reading<JsonObject> | 'truncated' {
  if (body.kind === 'truncated') return 'truncated'
  if (body.kind === 'absent') return unreadable('there is no body to compare with')
  if (body.bytes.length > MAX_BYTES) return unreadable('the body is too large to compare with')
  if (!isJson(headers)) return unreadable('the body is not declared as JSON in UTF-8 without a coding')
  const document = readExactJson(body.bytes, LIMITS)
  return document.ok ? document : unreadable(`the body cannot be compared with: ${document.problem}`)
}

/** What the upstream would read by another format is not what we compared. */
function isJson(headers: Headers): boolean {
  const [line, ...more] = headers.get('content-type') ?? []
  if (line === undefined || more.length > 0 || headers.has('content-encoding')) return false
  const [type = '', ...parameters] = line.split(';').map((part) => part.trim().toLowerCase())
  const json = type === 'application/json' || /^application\/[a-z0-9.-]{1,64}\+json$/.test(type)
  return json && parameters.every((one) => one === 'charset=utf-8' || one === 'charset="utf-8"')
}

/**
 * The value a pointer leads to in a body; undefined when there is none. Two members that some readers take for one, such
 * as `amount` and `Amount`, are a problem: the upstream might take the other.
 */
export function bodyValue(document: JsonObject, names: readonly string[]): Reading<unknown> {
  let value: unknown = document
  for (const name of names) {
    if (!isObject(value) || value instanceof ExactNumber) return read(undefined)
    const folded = fold(name)
    if (Object.keys(value).filter((other) => fold(other) === folded).length > 1)
      return unreadable('the body has a member twice, in two spellings')
    value = own(value, name)
  }
  return read(value)
}

/** As readers that do not mind case compare names. */
const fold = (name: string): string => name.normalize('NFKC').toLowerCase()

/** The value of a segment of the path, decoded; undefined when there is none. */
export function pathValue(parameters: ReadonlyMap<string, string>, name: string): Reading<string | undefined> {
  const segment = parameters.get(name)
  if (segment === undefined) return read(undefined)
  const value = decode(segment.replaceAll('+', '%2B'))
  return value === undefined ? unreadable('the path is not percent-encoded UTF-8') : read(value)
}

/** The value of a query parameter that is there once, whatever spelling of its name the upstream may fold into it. */
export function queryValue(query: string | undefined, name: string): Reading<string | undefined> {
  if (query === undefined || query === '') return read(undefined)
  const parts = query.split('&', MAX_PARAMETERS + 1)
  if (parts.length > MAX_PARAMETERS) return unreadable('the query has too many parameters')
  if (query.includes(';')) return unreadable('the query has a semicolon, which some read as another parameter')
  const found: (readonly [string, string])[] = []
  for (const part of parts) {
    const mark = part.indexOf('=')
    const key = decode(mark < 0 ? part : part.slice(0, mark))
    const value = decode(mark < 0 ? '' : part.slice(mark + 1))
    if (key === undefined || value === undefined) return unreadable('the query is not percent-encoded UTF-8')
    if (fold(key.split('[', 1)[0] ?? '') === fold(name)) found.push([key, value])
  }
  const [first, ...more] = found
  if (!first) return read(undefined)
  if (more.length > 0 || first[0] !== name) return unreadable('the query has a parameter twice, or in another spelling')
  return read(first[1])
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
