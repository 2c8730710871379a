import { type Reading, read, unreadable } from './verify/reading.ts'
import { canonicalPath } from './verify/target-uri.ts'

/** One segment of a path template: a literal, or `{name}` for any one non-empty segment. */
type Segment = { readonly literal: string } | { readonly name: string }

/** A compiled path template. `rest` stands for `/**`: the path itself and everything below it. */
export interface Template {
  readonly segments: readonly Segment[]
  readonly rest: boolean
}

/** Compiles `/accounts/{id}/balances` or `/accounts/**`. Literals are compared with case, in canonical form. */
export function compileTemplate(path: string): Reading<Template> {
  if (!path.startsWith('/')) return unreadable('a path template starts with /')
  const rest = path.endsWith('/**')
  const named = rest ? path.slice(0, -3) : path
  const texts = segmentsOf(named)
  const segments: Segment[] = []
  for (const text of texts) {
    const [, name] = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(text) ?? []
    if (name === undefined && /[{}*]/.test(text))
      return unreadable('{name} stands for a whole segment, ** only at the end')
    if (name !== undefined && segments.some((segment) => 'name' in segment && segment.name === name))
      return unreadable(`{${name}} stands twice in the path template`)
    segments.push(name === undefined ? { literal: text } : { name })
  }
  const literal = `${named}${rest ? '/x' : ''}`.replaceAll(/\{[^}]*\}/g, 'x')
  const canonical = canonicalPath(literal)
  if (!canonical.ok || canonical.value !== literal) return unreadable('a path template is written in canonical form')
  return read({ segments, rest })
}

/**
 * The values of the template's parameters when it matches the canonical path, else undefined. A slash at the end makes
 * no difference: most upstreams take `/payments/` for `/payments`, so it must not fall through to a weaker route.
 */
export function matchTemplate({ segments, rest }: Template, path: string): ReadonlyMap<string, string> | undefined {
  const texts = segmentsOf(path)
  if (rest ? texts.length < segments.length : texts.length !== segments.length) return undefined
  let parameters: Map<string, string> | undefined
  for (const [index, segment] of segments.entries()) {
    const text = texts[index] ?? ''
    if ('literal' in segment) {
      if (segment.literal !== text) return undefined
    } else {
      if (text === '') return undefined
      parameters ??= new Map()
      parameters.set(segment.name, text)
    }
  }
  return parameters ?? none
}

/** `/` has one segment, the empty one; every other path has those in front of a last slash. */
const segmentsOf = (path: string): readonly string[] =>
  (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path).split('/').slice(1)

const none: ReadonlyMap<string, string> = new Map()

/** Whether every path the second template matches is matched by the first, so that it would never be reached. */
export function covers(first: Template, second: Template): boolean {
  if (second.rest && !first.rest) return false
  if (first.rest ? second.segments.length < first.segments.length : second.segments.length !== first.segments.length)
    return false
  return first.segments.every((segment, index) => {
    const other = second.segments[index]
    if (!other) return false
    if ('name' in segment) return 'name' in other || other.literal !== ''
    return 'literal' in other && other.literal === segment.literal
  })
}

/** Whether some path is matched by both. */
export function overlaps(one: Template, other: Template): boolean {
  const [shorter, longer] = one.segments.length <= other.segments.length ? [one, other] : [other, one]
  if (shorter.segments.length < longer.segments.length && !shorter.rest) return false
  return shorter.segments.every((segment, index) => {
    const counterpart = longer.segments[index]
    if (!counterpart) return false
    // A parameter is never empty.
    if ('name' in segment) return 'name' in counterpart || counterpart.literal !== ''
    return 'name' in counterpart ? segment.literal !== '' : segment.literal === counterpart.literal
  })
}
