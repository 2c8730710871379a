import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import type { Crl } from '../verify/x509/crl.ts'
import { indexLists, openList } from '../verify/x509/crl-lists.ts'
import type { CrlIssuer, CrlTask, CrlWork } from './crl-worker.ts'

/** A list, and whether keys signed it, by their hash: of large lists that is found out while they are read. */
export interface ReadList {
  readonly list: Crl
  readonly signers: ReadonlyMap<string, boolean>
}

/** Reads lists without keeping anybody waiting. The bytes are given away. `issuers`: whose they may be. */
export interface CrlReader {
  readonly read: (bytes: Buffer, issuers?: readonly CrlIssuer[]) => Promise<Reading<readonly ReadList[]>>
  readonly close: () => void
}

/** Bytes that are read at once: that takes less than starting a thread. */
const SMALL = 65_536
/** Milliseconds for one reading. */
const TIMEOUT = 30_000
/** What a thread may use besides the lists themselves; those in PEM take some for their text. */
const LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 16 }
/** Compiled or not, the program of the thread lies beside this one. */
const PROGRAM = new URL(`./crl-worker${extname(import.meta.url)}`, import.meta.url)

/** Large lists are read by a thread that ends with its work, one list at a time. Whoever asks limits how many wait. */
export function buildCrlReader(timeout = TIMEOUT): CrlReader {
  let turn: Promise<unknown> = Promise.resolve()
  let closed = false
  let stop = (): void => undefined
  const work = (bytes: Buffer, issuers: readonly CrlIssuer[]): Promise<CrlWork> => {
    if (closed) return Promise.resolve(unreadable('the configuration changed'))
    const { promise, resolve } = Promise.withResolvers<CrlWork>()
    const worker = new Worker(PROGRAM, { resourceLimits: LIMITS })
    const end = (outcome: CrlWork): void => {
      clearTimeout(timer)
      resolve(outcome)
      void worker.terminate()
    }
    const timer = setTimeout(() => end(unreadable('the list could not be read in time')), timeout)
    stop = () => end(unreadable('the configuration changed'))
    worker.once('message', end)
    worker.once('error', () => end(unreadable('the list could not be read')))
    worker.once('exit', () => end(unreadable('the list could not be read')))
    const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : Buffer.from(new Uint8Array(bytes).buffer)
    const told = issuers.map(({ subject, key, keyUsage }) => ({ subject, key, keyUsage }))
    worker.postMessage({ bytes: whole, issuers: told } satisfies CrlTask, [whole.buffer as ArrayBuffer])
    return promise
  }
  return {
    read: async (bytes, issuers = []) => {
      if (bytes.length < SMALL) return open(indexLists(bytes))
      // A thread that cannot even be started must not keep those behind it waiting for ever.
      const done = turn.then(() => work(bytes, issuers)).catch(() => unreadable('the list could not be read'))
      turn = done
      return open(await done)
    },
    close: () => {
      closed = true
      stop()
    },
  }
}

/** Buffers come from another thread as plain arrays of octets. */
function open(work: CrlWork | ReturnType<typeof indexLists>): Reading<readonly ReadList[]> {
  if (!work.ok) return work
  const found: ReadList[] = []
  for (const { der, index, ...more } of work.value) {
    const list = openList({ der: Buffer.from(der.buffer, der.byteOffset, der.byteLength), index })
    if (!list.ok) return list
    found.push({ list: list.value, signers: 'signers' in more ? more.signers : new Map() })
  }
  return read(found)
}
