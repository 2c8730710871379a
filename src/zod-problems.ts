import type { z } from 'zod'
import { jsonSchema } from './config-json-schema.ts'
import { nearest, type Problem } from './problems.ts'

type Issue = z.core.$ZodIssue

/** zod's issues in the operator's words, each with what was found and what is expected. */
export const describeIssues = (issues: readonly Issue[], document: unknown): readonly Problem[] =>
  issues.flatMap((issue) => describeIssue(issue, [], document))

function describeIssue(issue: Issue, base: readonly (string | number)[], document: unknown): readonly Problem[] {
  const path = [...base, ...issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key))]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: `unknown key "${key}"${hint(key, knownKeys(path))}`,
      }))
    case 'invalid_union': {
      // The branch that fits best explains best.
      const [best] = [...issue.errors].sort((left, right) => weight(left) - weight(right))
      return best ? best.flatMap((inner) => describeIssue(inner, path, document)) : [{ path, message: issue.message }]
    }
    case 'invalid_value': {
      const values = issue.values.map(String)
      const found = valueAt(document, path)
      const near = typeof found === 'string' ? hint(found, values) : ''
      return [{ path, message: `expected ${values.join(' | ')}, found ${show(found)}${near}` }]
    }
    case 'invalid_type':
      return [{ path, message: expectation(path, issue.expected, issue.message, valueAt(document, path)) }]
    default:
      return [{ path, message: `expected ${lower(issue.message)}, found ${show(valueAt(document, path))}` }]
  }
}

/** A branch that got deeper, and one that did not fail on its very type, is the one the operator meant. */
const weight = (issues: readonly Issue[]): number =>
  issues.length + (issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0) ? 1000 : 0)

function expectation(path: Problem['path'], expected: string, message: string, found: unknown): string {
  if (found === undefined) return `${String(path.at(-1) ?? 'the document')} is required`
  return `expected ${/^(?:Invalid|Expected)/.test(message) ? expected : message}, found ${show(found)}`
}

const lower = (message: string): string =>
  message.replace(/^Too (?:small|big): expected /, '').replace(/^Invalid /, 'a valid ')

const hint = (name: string, known: readonly string[]): string => {
  const near = nearest(name, known)
  if (near) return `; did you mean "${near}"?`
  return known.length > 0 && known.length <= 24 ? `; known are ${known.join(', ')}` : ''
}

/** zod does not say which keys an object knows; the JSON Schema made from it does. */
function knownKeys(path: readonly (string | number)[]): readonly string[] {
  let nodes: readonly unknown[] = [jsonSchema()]
  for (const key of path) nodes = nodes.flatMap(branches).flatMap((node) => step(node, key))
  return nodes.flatMap(branches).flatMap((node) => Object.keys(member(node, 'properties') ?? {}))
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
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'a map'
  if (value === undefined) return 'nothing'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
