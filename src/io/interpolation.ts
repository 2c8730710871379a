import { readFileSync, statSync } from 'node:fs'
import type { Problem } from '../problems.ts'

/** Plain data with its references replaced. */
export interface Interpolation {
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** Paths (as JSON) of the values a reference was replaced in; they may be secrets. */
  readonly hidden: ReadonlySet<string>
  /** Files that were read, with their content. */
  readonly files: ReadonlyMap<string, string>
}

const MAX_FILE_BYTES = 65_536

/**
 * Replaces `${NAME}`, `${NAME:-default}` and `${file:/path}` in the scalars of parsed YAML, never in its text, so a
 * value cannot become structure. `$${` stands for `${`. A name without value and default is a problem.
 */
export function interpolate(document: unknown, environment: NodeJS.ProcessEnv): Interpolation {
  const problems: Problem[] = []
  const hidden = new Set<string>()
  const files = new Map<string, string>()

  const replace = (text: string, path: Problem['path']): string =>
    text.replaceAll(/\$\$\{|\$\{([^}]*)\}/g, (whole, reference: string | undefined) => {
      if (reference === undefined) return '${'
      hidden.add(JSON.stringify(path))
      const resolved = resolve(reference, environment, files)
      if (resolved.ok) return resolved.value
      problems.push({ path, message: `${whole}: ${resolved.problem}` })
      return ''
    })

  const walk = (value: unknown, path: Problem['path']): unknown => {
    if (typeof value === 'string') return value.includes('${') ? replace(value, path) : value
    if (Array.isArray(value)) return value.map((item: unknown, index) => walk(item, [...path, index]))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, [...path, key])]))
  }
  return { value: walk(document, []), problems, hidden, files }
}

type Resolved = { readonly ok: true; readonly value: string } | { readonly ok: false; readonly problem: string }

function resolve(reference: string, environment: NodeJS.ProcessEnv, files: Map<string, string>): Resolved {
  if (reference.startsWith('file:')) return readSecret(reference.slice('file:'.length), files)
  const [, name, fallback] = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(reference) ?? []
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax of the configuration is being named
  if (name === undefined) return { ok: false, problem: 'expected ${NAME}, ${NAME:-default} or ${file:/path}' }
  const value = environment[name] || fallback
  return value === undefined ? { ok: false, problem: `${name} is not set and has no default` } : { ok: true, value }
}

function readSecret(path: string, files: Map<string, string>): Resolved {
  try {
    if (statSync(path).size > MAX_FILE_BYTES) return { ok: false, problem: 'the file is larger than 64 KiB' }
    const content = readFileSync(path, 'utf8')
    files.set(path, content)
    return { ok: true, value: content.replace(/\r?\n$/, '') }
  } catch {
    return { ok: false, problem: 'the file cannot be read' }
  }
}
