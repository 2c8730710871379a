import { relative } from 'node:path'
import type { PlacedProblem } from '../io/config-file.ts'

/** The whole list of configuration problems, one per line: `file:line:column: key: message`. */
export function spellProblems(problems: readonly PlacedProblem[]): string {
  const files = problems.map(({ file }) => file)
  const sorted = problems.toSorted(
    (one, other) =>
      files.indexOf(one.file) - files.indexOf(other.file) || one.line - other.line || one.column - other.column,
  )
  const lines = sorted.map(({ file, line, column, key, message }) => {
    const near = relative('.', file)
    const name = near.startsWith('..') ? file : near
    return `${name}:${line}:${column}: ${key ? `${key}: ` : ''}${message}\n`
  })
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  return `${lines.join('')}${count}, nothing was started or changed\n`
}
