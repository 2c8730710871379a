import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Authorities, type PkiFile, type PkiState, readAuthority, STATE_FILE } from '../mint/pki.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { isObject, own } from '../verify/strict-json.ts'
import { readBounded } from './bounded-file.ts'

/** Bytes of the state: a hundred for each certificate. */
const MAX_STATE = 1_048_576
const MAX_KEY = 65_536

/** A development PKI as it lies on disk. */
export interface PkiDirectory {
  readonly state: PkiState
  readonly authorities: Authorities
}

/** Reads what `mint pki` wrote there. */
export function readPki(directory: string): Reading<PkiDirectory> {
  const state = readState(directory)
  if (!state.ok) return state
  try {
    const authority = (name: string) =>
      readAuthority(textOf(directory, `${name}.pem`), textOf(directory, `${name}.key`))
    const [root, intermediate, stranger] = [authority('root'), authority('intermediate'), authority('stranger-ca')]
    return read({ state: state.value, authorities: { root, intermediate, stranger } })
  } catch (error) {
    return unreadable(`${directory}: ${error instanceof Error ? error.message : 'it cannot be read'}`)
  }
}

/** What a directory has issued and revoked, read anew. */
export function readState(directory: string): Reading<PkiState> {
  const bytes = readBounded(join(directory, STATE_FILE), MAX_STATE)
  const unknown = unreadable(`${directory} is no development PKI: mint pki --out ${directory} makes one`)
  if (!bytes.ok) return unknown
  try {
    const state: unknown = JSON.parse(bytes.value.toString())
    if (!isObject(state) || own(state, 'development') !== true) return unknown
    // Nobody but these commands writes it, into a directory of development keys.
    return read(state as unknown as PkiState)
  } catch {
    return unknown
  }
}

function textOf(directory: string, name: string): string {
  const bytes = readBounded(join(directory, name), MAX_KEY)
  if (!bytes.ok) throw new Error(`${name}: ${bytes.problem}`)
  return bytes.value.toString('latin1')
}

/** Writes each file at once, keys for their owner alone. Whoever reads sees the old one or the new one. */
export function writePkiFiles(directory: string, files: readonly PkiFile[]): void {
  for (const { path, text, secret } of files) {
    const target = join(directory, path)
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 })
    writeFileSync(`${target}.new`, text, { mode: secret ? 0o600 : 0o644 })
    renameSync(`${target}.new`, target)
  }
}
