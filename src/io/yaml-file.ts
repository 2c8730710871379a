import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseAllDocuments,
  parseDocument,
  type YAMLError,
  type YAMLWarning,
} from 'yaml'
import type { Problem } from '../problems.ts'
import { isObject } from '../verify/strict-json.ts'
import { readBounded } from './bounded-file.ts'
import type { PlacedProblem } from './config-file.ts'
import { inspectYaml } from './yaml-structure.ts'

/** Where something stands; lines and columns count from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** A YAML file as plain data, with the way back to positions. */
export interface YamlFile {
  readonly path: string
  readonly value: unknown
  /** The place of a key or list item; of the nearest thing above it when it does not exist. */
  readonly placeOf: (path: readonly (string | number)[]) => Place
}

interface YamlReading {
  readonly file: YamlFile | undefined
  readonly text: string
  readonly problems: readonly PlacedProblem[]
}

const MAX_BYTES = 1_048_576
const MAX_ALIASES = 100
/** What a syntax error leaves behind is mostly more of them. */
const MAX_ERRORS = 5

/** A YAML stream: the documents that hold something, or what keeps it from being read. */
export interface YamlStream {
  readonly documents: readonly YamlFile[]
  readonly problems: readonly PlacedProblem[]
}

/**
 * Reads YAML 1.2 strictly: no repeated keys, no merge keys, no tags, at most 100 aliases, 50 levels and 1 MiB. Never
 * throws.
 */
export function readYaml(path: string): YamlReading {
  const read = readText(path)
  if (read.problem !== undefined) return { file: undefined, text: read.text, problems: [failure(path, read.problem)] }
  const { text } = read
  try {
    const lines = new LineCounter()
    const { file, problems } = settle(path, text, lines, parseDocument(text, optionsWith(lines)))
    return { file, text, problems }
  } catch {
    return { file: undefined, text, problems: [failure(path, 'it cannot be parsed')] }
  }
}

/** As `readYaml`, for a file that may hold several documents, and JSON. */
export function readYamlStream(path: string): YamlStream {
  const { text, problem } = readText(path)
  return problem === undefined ? parseYamlStream(path, text) : { documents: [], problems: [failure(path, problem)] }
}

/** As `readYamlStream`, for a text that stands inside another file. */
export function parseYamlStream(path: string, text: string): YamlStream {
  try {
    const lines = new LineCounter()
    const parsed = parseAllDocuments(text, optionsWith(lines))
    const read = [...parsed].filter(holdsSomething).map((document) => settle(path, text, lines, document))
    const problems = read.flatMap((one) => one.problems)
    return { documents: problems.length > 0 ? [] : read.flatMap(({ file }) => file ?? []), problems }
  } catch {
    return { documents: [], problems: [failure(path, 'it cannot be parsed')] }
  }
}

const holdsSomething = ({ contents, errors }: Document): boolean =>
  errors.length > 0 || (contents !== null && !(isScalar(contents) && contents.value === null))

const failure = (path: string, message: string): PlacedProblem => ({ file: path, line: 1, column: 1, key: '', message })

/** The text, as far as there is one, and why it cannot be used. */
function readText(path: string): { readonly text: string; readonly problem?: string } {
  const bytes = readBounded(path, MAX_BYTES)
  if (!bytes.ok) return { text: '', problem: bytes.problem }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes.value) }
  } catch {
    return { text: bytes.value.toString('latin1'), problem: 'it is not UTF-8' }
  }
}

const optionsWith = (lineCounter: LineCounter) =>
  ({
    lineCounter,
    schema: 'core',
    merge: false,
    stringKeys: true,
    // Counted below: the library compares each key with every other one.
    uniqueKeys: false,
    prettyErrors: false,
  }) as const

function settle(path: string, text: string, lines: LineCounter, document: Document): Omit<YamlReading, 'text'> {
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file: path, line, column: col }
  }
  const told = ({ pos, message }: YAMLError | YAMLWarning): PlacedProblem => ({
    ...placeAt(pos[0]),
    key: '',
    message: text.startsWith('${', pos[0] - 1) ? 'inside [ ] or { } a reference stands in quotes' : readable(message),
  })
  // The commonest one, and what follows from it says nothing more.
  const bare = document.errors.find(({ pos: [start] }) => text.slice(start - 1, start + 1) === '${')
  const deep = document.errors.find(({ message }) => OVERFLOW.test(message))
  const only = bare ?? deep
  const errors = (only ? [only] : document.errors.slice(0, MAX_ERRORS)).map(told)
  if (errors.length > 0) return { file: undefined, problems: errors }
  const problems = [
    // A tag is told with its key below.
    ...document.warnings.filter(({ code }) => code !== 'TAG_RESOLVE_FAILED').map(told),
    ...inspectYaml(document).map(({ offset, ...flaw }) => ({ ...placeAt(offset), ...flaw })),
  ]
  if (problems.length > 0) return { file: undefined, problems }

  const value = expand(document)
  if (!value)
    return { file: undefined, problems: [{ ...placeAt(0), key: '', message: 'its aliases expand to too much' }] }
  const placeOf: YamlFile['placeOf'] = (keys) => placeAt(offsetOf(document.contents, keys))
  return { file: { path, value: value.data, placeOf }, problems: [] }
}

function expand(document: Document): { readonly data: unknown } | undefined {
  try {
    // The library counts the anchor too.
    return { data: document.toJS({ maxAliasCount: MAX_ALIASES + 1 }) as unknown }
  } catch {
    return undefined
  }
}

/** What the parser says where it descends further than the machine can. */
const OVERFLOW = /call stack|stack overflow/i

/** Some of the library's words are meant for programmers. */
function readable(message: string): string {
  const [first = ''] = message.split('\n', 1)
  if (first.includes('multiple documents')) return 'it holds more than one document'
  if (first.includes('stringKeys')) return 'a key is a plain text'
  if (OVERFLOW.test(first)) return 'it is nested too deeply'
  return first
}

/** Offset of the key (in a map) or item (in a list) a path leads to. */
function offsetOf(root: Node | null, keys: readonly (string | number)[]): number {
  let node: unknown = root
  let offset = root?.range?.[0] ?? 0
  for (const key of keys) {
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key),
      )
      if (!pair || !isNode(pair.key)) return offset
      offset = pair.key.range?.[0] ?? offset
      node = pair.value
    } else {
      const items = (node as { items?: unknown[] } | null)?.items
      const item = typeof key === 'number' ? items?.[key] : undefined
      if (!isNode(item)) return offset
      offset = item.range?.[0] ?? offset
      node = item
    }
  }
  return offset
}

/** Whether something is written at that path. */
export function holds(document: unknown, path: Problem['path']): boolean {
  let value = document
  for (const key of path) {
    if ((!isObject(value) && !Array.isArray(value)) || !Object.hasOwn(value, key)) return false
    value = Reflect.get(value, key)
  }
  return true
}
