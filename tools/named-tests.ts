import { globSync, readFileSync } from 'node:fs'

/** Test files, sorted, by the id they name in a string; a range such as `DPOP-36 … DPOP-42` names all of it. */
export type NamedTests = ReadonlyMap<string, readonly string[]>

/** Comments, and code do not count: an id in a title or a table does. */
const token = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/g
const range = /([A-Z][A-Z-]*|att-[a-z]+)-(\d\d) ?(?:…|–|\.\.\.?|to) ?(?:\1-)?(\d\d)\b/g
const single = /(?<![A-Za-z0-9-])(?:[A-Z][A-Z0-9]*(?:-[A-Z]+)?|att-[a-z]+)-\d\d(?![0-9])/g

/** Which of the ids each test file names. */
export function namedTests(ids: ReadonlySet<string>): NamedTests {
  const named = new Map<string, string[]>()
  for (const file of globSync('test/**/*.test.ts').sort()) {
    for (const id of idsIn(readFileSync(file, 'utf8'))) {
      if (!ids.has(id)) continue
      const files = named.get(id) ?? []
      named.set(id, files)
      files.push(file)
    }
  }
  return named
}

/** Every id in the strings of a source text, ranges written out. */
export function idsIn(source: string): ReadonlySet<string> {
  const strings = [...source.matchAll(token)].map(([text]) => text).filter((text) => !text.startsWith('/'))
  return new Set(strings.flatMap((text) => [...spelledOut(text), ...(text.match(single) ?? [])]))
}

function spelledOut(text: string): readonly string[] {
  return [...text.matchAll(range)].flatMap(([, prefix = '', first = '', last = '']) => {
    const length = Math.max(0, Number(last) - Number(first) + 1)
    return Array.from({ length }, (_, step) => `${prefix}-${String(Number(first) + step).padStart(2, '0')}`)
  })
}

/** What rows wait for, by id: a part of the product that does not exist yet. An id of ours that is no row is a mistake. */
export function readWaiting(known: ReadonlySet<string>, ours: (id: string) => boolean): ReadonlyMap<string, string> {
  const all = Object.entries(JSON.parse(readFileSync('docs/waiting.json', 'utf8')) as Record<string, string>)
  const waiting = new Map(all.filter(([id]) => ours(id)))
  for (const id of waiting.keys()) if (!known.has(id)) throw new Error(`docs/waiting.json names ${id}, which is no row`)
  return waiting
}

/** Links to the tests, relative to a README one folder below test/, and what the rest of the row waits for. */
export function whereTested(id: string, named: NamedTests, waiting: ReadonlyMap<string, string>): string {
  const links = (named.get(id) ?? []).map((file) => `[${file.slice('test/'.length)}](../${file.slice('test/'.length)})`)
  const rest = waiting.get(id)
  if (rest === undefined) return links.join(', ') || '**nothing**'
  return [...links, `waits for: ${rest}`].join('; ')
}

/** A Markdown cell: no line break, no unescaped bar, no markup by accident. */
export const cell = (text: string): string => text.replaceAll(/[\\|<>*`[\]]/g, '\\$&').replaceAll(/\s+/g, ' ')
