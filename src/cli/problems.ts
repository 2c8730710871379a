import { relative } from 'node:path'
import type { PlacedProblem } from '../io/config-file.ts'
import type { Place } from '../io/yaml-file.ts'

/** The whole list of configuration problems, one per line: `file:line:column: key: message`. */
export function spellProblems(problems: readonly PlacedProblem[]): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  return `${spellLines(problems)}${count}, nothing was started or changed\n`
}

/** One problem per line, file by file. */
export function spellLines(problems: readonly PlacedProblem[]): string {
  const files = problems.map(({ file }) => file)
  return inOrder(problems, files)
    .map(({ key, message, ...place }) => `${spellPlace(place)}: ${key ? `${key}: ` : ''}${message}\n`)
    .join('')
}

/** Sorted by file, as these stand, then by place. */
export const inOrder = <P extends Place>(places: readonly P[], files: readonly string[]): readonly P[] =>
  places.toSorted(
    (one, other) =>
      files.indexOf(one.file) - files.indexOf(other.file) || one.line - other.line || one.column - other.column,
  )

/** `file:line:column`, the file as it is called from here when it is below. */
export function spellPlace({ file, line, column }: Place): string {
  const near = relative('.', file)
  return `${near === '' || near.startsWith('..') ? file : near}:${line}:${column}`
}
