import { hash, randomUUID } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ServerConfig } from '../config.ts'
import { type KeySet, readKeySet } from '../verify/key-set.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { own, readJsonObject } from '../verify/strict-json.ts'
import type { ReadKeys } from './key-places.ts'

export type KeyCacheEvent =
  /** Stored keys are in use, fetched so many seconds ago. */
  | { readonly kind: 'recalled'; readonly keys: number; readonly age: number }
  /** Stored keys were not used, or could not be stored or taken away. */
  | { readonly kind: 'unstored'; readonly problem: string }

/** The last good set of one server on disk, for a start while the server is down. */
export interface KeyCache {
  /** In the background, one after the other. */
  readonly save: (keys: KeySet) => void
  readonly forget: () => void
  /** Everything asked for so far is done. */
  readonly settled: () => Promise<void>
  /** What is stored, unless it is older than so many seconds. */
  readonly recall: (maxStale: number) => (ReadKeys & { readonly age: number }) | undefined
}

/** Bytes; a hundred RSA keys of 4096 bits fit. */
const MAX_BYTES = 262_144
/** How far the clock of whoever stored may have been ahead of ours, seconds. */
const MAX_AHEAD = 5

/** Undefined where the configuration names no directory. `wall` counts seconds since the epoch. */
export function openKeyCache(
  { issuer, keys }: ServerConfig,
  wall: () => number,
  observe: (event: KeyCacheEvent) => void,
): KeyCache | undefined {
  if ('file' in keys || keys.cacheDir === undefined) return undefined
  const place = 'uri' in keys ? keys.uri : 'discovery'
  // The name tells servers apart; what is inside is compared, because files can be renamed.
  const file = join(keys.cacheDir, `${hash('sha256', JSON.stringify([issuer, place]), 'hex')}.json`)
  let last = Promise.resolve()
  const afterwards = (work: () => Promise<void>): void => {
    last = last.then(work).catch((error: NodeJS.ErrnoException) => {
      observe({ kind: 'unstored', problem: `${file}: ${error.code ?? error.message}` })
    })
  }
  return {
    save: (set) => {
      const text = JSON.stringify({ issuer, place, fetchedAt: wall(), keys: publicMembers(set) })
      afterwards(() => replaceFile(file, text))
    },
    forget: () => afterwards(() => rm(file, { force: true })),
    settled: () => last,
    recall: (maxStale) => {
      const bytes = readOwn(file)
      if (bytes === undefined) return undefined
      const stored = bytes.ok ? readStored(bytes.value, { issuer, place, now: wall(), maxStale }) : bytes
      if (!stored.ok) {
        observe({ kind: 'unstored', problem: `${file}: ${stored.problem}` })
        return undefined
      }
      const { keys: found, age } = stored.value
      observe({ kind: 'recalled', keys: found.keys.length, age })
      return stored.value
    },
  }
}

/** Nothing but what verifies signatures: a set may have been published with private parts. */
const publicMembers = ({ keys }: KeySet): readonly object[] =>
  keys.map(({ key, kid, alg }) => ({ ...key.export({ format: 'jwk' }), kid, alg }))

/** Whole or not at all, and readable by nobody else. */
async function replaceFile(file: string, text: string): Promise<void> {
  if (Buffer.byteLength(text) > MAX_BYTES) throw new Error(`the keys need more than ${MAX_BYTES} bytes`)
  const aside = `${file}.${randomUUID()}.tmp`
  try {
    await writeFile(aside, text, { mode: 0o600, flag: 'wx', flush: true })
    await rename(aside, file)
  } catch (error) {
    await rm(aside, { force: true })
    throw error
  }
}

/** A regular file that is ours and that nobody else may write; undefined when there is none. */
function readOwn(file: string): Reading<Buffer> | undefined {
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) return unreadable('it is not a file')
    if (stat.uid !== process.getuid?.() || (stat.mode & 0o022) !== 0) return unreadable('others may have written it')
    if (stat.size > MAX_BYTES) return unreadable(`it is larger than ${MAX_BYTES} bytes`)
    const bytes = Buffer.alloc(MAX_BYTES)
    return read(bytes.subarray(0, readSync(descriptor, bytes)))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'it cannot be read'
    return code === 'ENOENT' ? undefined : unreadable(code)
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

interface Expected {
  readonly issuer: string
  readonly place: string
  readonly now: number
  readonly maxStale: number
}

/** Judged like a set that was just fetched, and for whom and when it was. */
function readStored(bytes: Buffer, expected: Expected): Reading<ReadKeys & { readonly age: number }> {
  const document = readJsonObject(bytes, { members: 20_000, depth: 16 })
  if (!document.ok) return document
  const stored = document.value
  if (own(stored, 'issuer') !== expected.issuer || own(stored, 'place') !== expected.place)
    return unreadable('it holds the keys of another place')
  const fetchedAt = own(stored, 'fetchedAt')
  if (typeof fetchedAt !== 'number') return unreadable('it does not say when they were fetched')
  const age = expected.now - fetchedAt
  if (age < -MAX_AHEAD) return unreadable('it is from the future')
  if (age > expected.maxStale) return unreadable('it is too old')
  const keys = readKeySet(stored)
  return keys.ok ? read({ keys: keys.value, text: bytes.toString('latin1'), age: Math.max(0, age) }) : keys
}
