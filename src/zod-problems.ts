import type { z } from 'zod'
import { jsonSchema } from './config-json-schema.ts'
import { nearest, type Problem } from './problems.ts'

type Issue = z.core.$ZodIssue

/**
 * zod's issues in the operator's words, each with what was found and what is expected. `schema` gives the JSON Schema of
 * the document, for the names it knows.
 */
export const describeIssues = (
  issues: readonly Issue[],
  document: unknown,
  schema: () => object = configurationSchema,
): readonly Problem[] => describeAll(issues, [], { value: document, schema })

/** What the issues are about. */
interface Whole {
  readonly value: unknown
  readonly schema: () => object
}

/** A rule about a whole map says nothing new beside a key the map does not know. */
function describeAll(issues: readonly Issue[], base: Problem['path'], document: Whole): readonly Problem[] {
  const strange = new Set(issues.filter(({ code }) => code === 'unrecognized_keys').map(({ path }) => path.join('.')))
  return issues
    .filter(({ code, path }) => code !== 'custom' || !strange.has(path.join('.')))
    .flatMap((issue) => describeIssue(issue, base, document))
}

function describeIssue(issue: Issue, base: readonly (string | number)[], document: Whole): readonly Problem[] {
  const path = [...base, ...issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key))]
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = knownKeys(path, document.schema())
      return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, known) }))
    }
    case 'invalid_union': {
      if (issue.message !== 'Invalid input') return [expectation(path, issue.message, document)]
      // The branch that fits best explains best.
      const [best = []] = [...issue.errors].sort((left, right) => weight(left) - weight(right))
      return describeAll(best, path, document)
    }
    case 'invalid_value': {
      const values = issue.values.map(String)
      const found = valueAt(document.value, path)
      const near = typeof found === 'string' ? hint(found, values) : ''
      const meant = near.startsWith('; did')
      // A long list is read by nobody who is told which of it was meant.
      const { message } = expectation(
        path,
        meant && values.length > 24 ? 'a known value' : values.join(' | '),
        document,
      )
      return [{ path, message: meant ? message + near : message }]
    }
    case 'invalid_type':
      return [
        expectation(
          path,
          /^(?:Invalid|Expected)/.test(issue.message) ? (kinds[issue.expected] ?? issue.expected) : issue.message,
          document,
        ),
      ]
    case 'invalid_key': {
      const [{ message } = issue] = issue.issues
      return [{ path, message: `expected ${message}, found ${JSON.stringify(String(path.at(-1)))}` }]
    }
    case 'too_small':
      return [expectation(path, amount(issue.origin, 'at least', Number(issue.minimum)), document)]
    case 'too_big':
      return [expectation(path, amount(issue.origin, 'at most', Number(issue.maximum)), document)]
    default:
      return [expectation(path, issue.message, document)]
  }
}

/** What zod calls things, in the words of `show`. */
const kinds: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
}

function amount(origin: string, bound: string, limit: number): string {
  if (origin === 'array') return `a list of ${bound} ${limit} ${limit === 1 ? 'item' : 'items'}`
  if (origin === 'string') return limit === 1 ? 'a text that is not empty' : `a text of ${bound} ${limit} characters`
  return `${bound} ${limit}`
}

/** A branch that got deeper, and one that did not fail on its very type, is the one the operator meant. */
const weight = (issues: readonly Issue[]): number =>
  issues.length + (issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0) ? 1000 : 0)

function expectation(path: Problem['path'], expected: string, document: Whole): Problem {
  const found = valueAt(document.value, path)
  if (found === undefined) return { path, message: `${String(path.at(-1) ?? 'the document')} is required` }
  return { path, message: `expected ${expected}, found ${show(found)}` }
}

function unknownKey(key: string, known: readonly string[]): string {
  if (known.includes(key)) return `"${key}" cannot stand together with the other keys here`
  return `unknown key "${key}"${hint(key, known)}`
}

const hint = (name: string, known: readonly string[]): string => {
  const near = nearest(name, known)
  if (near) return `; did you mean "${near}"?`
  return known.length > 0 && known.length <= 24 ? `; known are ${known.join(', ')}` : ''
}

/** zod does not say which keys an object knows; the JSON Schema made from it does. */
function knownKeys(path: readonly (string | number)[], schema: object): readonly string[] {
  let nodes: readonly unknown[] = [schema]
  for (const key of path) nodes = nodes.flatMap(branches).flatMap((node) => step(node, key))
  return nodes.flatMap(branches).flatMap((node) => {
    const names = member(member(node, 'propertyNames'), 'enum')
    return [...Object.keys(member(node, 'properties') ?? {}), ...(Array.isArray(names) ? names.map(String) : [])]
  })
}

/** Made at the first mistake: a file with many does not wait for it each time. */
let schema: object | undefined
function configurationSchema(): object {
  schema ??= jsonSchema()
  return schema
}

/** A schema node and the alternatives below it. */
function branches(node: unknown): readonly unknown[] {
  const alternatives = ['anyOf', 'oneOf', 'allOf'].flatMap((name) => {
    const list: unknown = member(node, name)
    return Array.isArray(list) ? list.flatMap(branches) : []
  })
  return [node, ...alternatives]
}

function step(node: unknown, key: string | number): readonly unknown[] {
  const found =
    typeof key === 'number'
      ? member(node, 'items')
      : (member(member(node, 'properties'), key) ?? member(node, 'additionalProperties'))
  return found === undefined ? [] : [found]
}

const member = (node: unknown, name: string): object | undefined => {
  if (typeof node !== 'object' || node === null || !Object.hasOwn(node, name)) return undefined
  const value: unknown = (node as Record<string, unknown>)[name]
  return typeof value === 'object' && value !== null ? value : undefined
}

function valueAt(document: unknown, path: readonly (string | number)[]): unknown {
  let value = document
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string | number, unknown>)[key]
  }
  return value
}

/** A value as it fits into a message. */
function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (value === undefined || value === null) return 'nothing'
  if (typeof value === 'object') return 'a map'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
