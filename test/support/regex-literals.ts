import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A regular expression as it stands in a source file. */
export interface Literal {
  readonly file: string
  readonly source: string
  readonly flags: string
}

/**
 * Comments, texts, templates (what stands in their holes is not looked at) and, where a value may begin, regular
 * expressions. What comes first wins, so a slash inside one of the others is never taken for the start of an expression.
 */
const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|(?<=(?:[=(,:![&|?{};>]|\breturn)\s*)\/(?<source>(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])*)\/(?<flags>[dgimsuvy]*)/g

/** Every regular expression literal of the product. */
export const productLiterals = (): readonly Literal[] => sources().flatMap(({ file, text }) => literalsOf(text, file))

/** Files that build an expression at run time, once for each time they do. */
export const builtExpressions = (): readonly string[] =>
  sources().flatMap(({ file, text }) => Array.from(text.matchAll(/\bRegExp\(/g), () => file))

export const literalsOf = (text: string, file = ''): readonly Literal[] =>
  Array.from(text.matchAll(TOKEN), ({ groups }) =>
    groups?.source === undefined ? [] : [{ file, source: groups.source, flags: groups.flags ?? '' }],
  ).flat()

const sources = (): readonly { readonly file: string; readonly text: string }[] =>
  globSync('src/**/*.ts', { cwd: root })
    .toSorted((one, other) => one.localeCompare(other))
    .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }))
