import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type Node } from 'yaml'

/** What a configuration may not hold although it is YAML. */
export interface Flaw {
  readonly offset: number
  /** `routes[2].scopes` */
  readonly key: string
  readonly message: string
}

const MAX_ALIASES = 100
const MAX_DEPTH = 50

/** Repeated keys, merge keys, too many, unknown or endless aliases, tags, and nesting deeper than any configuration is. */
export function inspectYaml(document: Document): readonly Flaw[] {
  const flaws: Flaw[] = []
  let aliases = 0
  const say = (node: unknown, path: Path, message: string): void => {
    flaws.push({ offset: (isNode(node) && node.range?.[0]) || 0, key: spellPath(path), message })
  }

  const inspect = (node: unknown, path: Path, anchors: readonly string[]): void => {
    if (!isNode(node)) return
    if (path.length > MAX_DEPTH) {
      say(node, path.slice(0, 3), 'it is nested too deeply')
      return
    }
    if (isAlias(node)) {
      aliases += 1
      if (aliases === MAX_ALIASES + 1) say(node, path, `more than ${MAX_ALIASES} aliases`)
      if (anchors.includes(node.source)) say(node, path, `the alias ${node.source} stands inside what it stands for`)
      else if (aliases <= MAX_ALIASES && !node.resolve(document))
        say(node, path, `there is no anchor ${node.source} before it`)
      return
    }
    if (node.tag !== undefined && !STANDARD.test(node.tag)) say(node, path, `the tag ${node.tag} means nothing here`)
    const within = node.anchor === undefined ? anchors : [...anchors, node.anchor]
    if (isSeq(node)) for (const [index, item] of node.items.entries()) inspect(item, [...path, index], within)
    else if (isMap(node)) inspectMap(node.items, path, within)
  }

  const inspectMap = (items: readonly { key: unknown; value: unknown }[], path: Path, anchors: readonly string[]) => {
    const seen = new Set<string>()
    for (const { key, value } of items) {
      const name = isScalar(key) ? String(key.value) : undefined
      if (name === undefined) {
        say(key, path, 'a key is a plain text')
        continue
      }
      const at = [...path, name]
      if (name === '<<') say(key, at, 'merge keys are not taken; write the members out')
      if (name === '__proto__') say(key, at, 'this key is not taken')
      if (seen.has(name)) say(key, at, `the key "${name}" stands twice`)
      seen.add(name)
      inspect(value, at, anchors)
    }
  }

  inspect(document.contents as Node | null, [], [])
  return flaws
}

type Path = readonly (string | number)[]

/** What the core schema itself gives to plain values and collections. */
const STANDARD = /^tag:yaml\.org,2002:(?:str|int|float|bool|null|seq|map)$/

/** `routes[2].scopes` */
export const spellPath = (path: Path): string =>
  path.map((key, index) => (typeof key === 'number' ? `[${key}]` : index === 0 ? key : `.${key}`)).join('')
