import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Problem } from '../problems.ts'

/** Plain data with its references replaced. */
export interface Interpolation {
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** Paths (as JSON) of the values a reference was replaced in, with what is written there. They may be secrets. */
  readonly written: ReadonlyMap<string, string>
  /** The values themselves with the reference each came from. */
  readonly references: ReadonlyMap<string, string>
  /** Files that were read, with their content. */
  readonly files: ReadonlyMap<string, string>
}

const MAX_FILE_BYTES = 65_536

/**
 * Replaces `${NAME}`, `${NAME:-default}` and `${file:/path}` in the scalars of parsed YAML, never in its text, so a
 * value cannot become structure. `$${` stands for `${`. A name without value and default is a problem. Paths are
 * relative to `directory`; `contents` stand for files, by absolute path, where the machine does not have them.
 */
export function interpolate(
  document: unknown,
  environment: NodeJS.ProcessEnv,
  directory: string,
  contents: ReadonlyMap<string, string> = new Map(),
): Interpolation {
  const problems: Problem[] = []
  const written = new Map<string, string>()
  const references = new Map<string, string>()
  const files = new Map<string, string>()

  const replace = (text: string, path: Problem['path']): string =>
    text.replaceAll(/\$\$\{|\$\{([^}]*)\}/g, (whole, reference: string | undefined) => {
      if (reference === undefined) return '${'
      written.set(JSON.stringify(path), text)
      const found = lookUp(reference, environment, directory, files, contents)
      if (!found.ok) problems.push({ path, message: `${whole}: ${found.problem}` })
      else if (found.foreign) references.set(found.value, whole)
      return found.ok ? found.value : ''
    })

  const walk = (value: unknown, path: Problem['path']): unknown => {
    if (typeof value === 'string') return value.includes('${') ? replace(value, path) : value
    if (Array.isArray(value)) return value.map((item: unknown, index) => walk(item, [...path, index]))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, [...path, key])]))
  }
  return { value: walk(document, []), problems, written, references, files }
}

type Found =
  | {
      readonly ok: true
      readonly value: string /** It is not in the configuration itself. */
      readonly foreign: boolean
    }
  | { readonly ok: false; readonly problem: string }

function lookUp(
  reference: string,
  environment: NodeJS.ProcessEnv,
  directory: string,
  files: Map<string, string>,
  contents: ReadonlyMap<string, string>,
): Found {
  if (reference.startsWith('file:')) {
    const path = resolve(directory, reference.slice('file:'.length))
    const content = contents.get(path)
    return content === undefined ? readSecret(path, files) : secret(content)
  }
  const [, name, fallback] = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(reference) ?? []
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax of the configuration is being named
  if (name === undefined) return { ok: false, problem: 'expected ${NAME}, ${NAME:-default} or ${file:/path}' }
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined
  if (value) return { ok: true, value, foreign: true }
  if (fallback !== undefined) return { ok: true, value: fallback, foreign: false }
  return { ok: false, problem: `${name} is not set and has no default` }
}

/** Without the line break at its end, which editors write. */
const secret = (content: string): Found => ({ ok: true, value: content.replace(/\r?\n$/, ''), foreign: true })

function readSecret(path: string, files: Map<string, string>): Found {
  try {
    // Remembered even when it cannot be read: it is watched, so its mending is noticed.
    files.set(path, '')
    const found = statSync(path)
    if (!found.isFile()) return { ok: false, problem: 'it is not a file' }
    if (found.size > MAX_FILE_BYTES) return { ok: false, problem: 'the file is larger than 64 KiB' }
    const content = readFileSync(path, 'utf8')
    files.set(path, content)
    return secret(content)
  } catch {
    return { ok: false, problem: 'the file cannot be read' }
  }
}
