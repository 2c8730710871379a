import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { keyTypes } from '../mint/keys.ts'
import { type Authorities, type PkiFile, type PkiState, readAuthority, STATE_FILE } from '../mint/pki.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { readBounded } from './bounded-file.ts'

/** Bytes of the state: a hundred for each certificate. */
const MAX_STATE = 1_048_576
const MAX_KEY = 65_536

const issuer = z.enum(['root', 'intermediate', 'stranger', 'self'])
const serial = z.string().regex(/^(?:[0-9a-f]{2}){1,20}$/)
/** What `mint pki` writes; whatever else says that it is a development PKI is none. */
const stateSchema: z.ZodType<PkiState> = z.object({
  development: z.literal(true),
  keyType: z.enum(keyTypes),
  statusUrl: z
    .string()
    .optional()
    .transform((url) => url),
  issued: z.array(z.object({ name: z.string(), issuer, serial })),
  revoked: z.array(z.object({ serial, issuer, at: z.number(), by: z.enum(['crl', 'ocsp', 'both']) })),
  listNumber: z
    .int()
    .min(0)
    .max(2 ** 40),
})

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
    const { success, data } = stateSchema.safeParse(state)
    return success ? read(data) : unknown
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
    // One that was left behind would keep the mode it has.
    rmSync(`${target}.new`, { force: true })
    writeFileSync(`${target}.new`, text, { mode: secret ? 0o600 : 0o644, flag: 'wx' })
    renameSync(`${target}.new`, target)
  }
}
