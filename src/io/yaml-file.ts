import { readFileSync } from 'node:fs'
import { isMap, isNode, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml'
import type { PlacedProblem } from './config-file.ts'

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
  /** Paths (as JSON) of values that came from the environment or a file and are not to be shown. */
  readonly hidden?: ReadonlySet<string>
}

const MAX_BYTES = 1_048_576

/** Reads YAML 1.2 strictly: no repeated keys, no merge keys, at most 100 aliases, at most 1 MiB. Never throws. */
export function readYaml(path: string): {
  readonly file: YamlFile | undefined
  readonly text: string
  readonly problems: readonly PlacedProblem[]
} {
  const fail = (message: string, text = '') => ({
    file: undefined,
    text,
    problems: [{ file: path, line: 1, column: 1, key: '', message }],
  })
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    return fail(code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code ?? 'unknown error'})`)
  }
  if (text.length > MAX_BYTES) return fail('it is larger than 1 MiB', text)

  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false, prettyErrors: false })
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ pos, message }) => {
      const { line, col } = lines.linePos(pos[0])
      return { file: path, line, column: col, key: '', message: message.split('\n', 1)[0] ?? 'it is not YAML' }
    })
    return { file: undefined, text, problems }
  }
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch {
    return fail('its aliases expand to too much', text)
  }
  const placeOf = (keys: readonly (string | number)[]): Place => {
    const { line, col } = lines.linePos(offsetOf(document.contents, keys))
    return { file: path, line, column: col }
  }
  return { file: { path, value, placeOf }, text, problems: [] }
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
