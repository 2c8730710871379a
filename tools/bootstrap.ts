import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

/** Where a shipped bootstrap is run instead of where its comments say. */
export interface Place {
  /** Directory in place of /etc/envoy-fapi/pki. */
  readonly pki: string
  readonly ports: { readonly edge: number; readonly admin: number; readonly check: number; readonly upstream: number }
}

const PKI = '/etc/envoy-fapi/pki/'

/** The ports that stand in the shipped files, and what listens there. */
const shipped: ReadonlyMap<unknown, keyof Place['ports']> = new Map([
  [8443, 'edge'],
  [9901, 'admin'],
  [9191, 'check'],
  [8080, 'upstream'],
])

/**
 * The shipped bootstrap on loopback, with other ports and another PKI directory, and not a setting more: what is run
 * here is what users get. Envoy reads the result as a .json file.
 */
export function placeBootstrap(file: string, { pki, ports }: Place): string {
  // Anchors are written out, so that every filter chain stands there in full.
  const tree: unknown = parse(readFileSync(file, 'utf8'), { maxAliasCount: -1 })
  const place = (value: unknown, key: string): unknown => {
    if (Array.isArray(value)) return value.map((item) => place(item, key))
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, place(member, name)]))
    if (key === 'address' && value === '0.0.0.0') return '127.0.0.1'
    if (key === 'port_value') return ports[known(shipped.get(value), `port ${value}`, file)]
    if (key === 'filename' && typeof value === 'string')
      return `${pki}/${known(value.split(PKI)[1], `the path ${value}`, file)}`
    return value
  }
  return `${JSON.stringify(place(tree, ''), undefined, 1)}\n`
}

function known<T>(value: T | undefined, what: string, file: string): T {
  if (value === undefined) throw new Error(`${file} names ${what}, for which there is no substitute`)
  return value
}

/** Envoy's complaint about a bootstrap file; undefined when it takes it. Certificate files have to exist. */
export function validateBootstrap(envoy: string, file: string): string | undefined {
  try {
    execFileSync(envoy, ['--mode', 'validate', '-c', file], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 30_000,
    })
    return undefined
  } catch (error) {
    return error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
  }
}
