import { createHash, randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { boundedCache } from '../src/io/caches.ts'
import { memoryReplays } from '../src/io/replays.ts'

const ENTRIES = 100_000
const CLIENTS = 1000

/** Bytes of the heap that 100,000 entries take once everything else is collected. */
export interface Memory {
  readonly replayEntries: number
  readonly cachedTokens: number
}

export async function measureMemory(): Promise<Memory> {
  return { replayEntries: await growth(fillReplays), cachedTokens: await growth(fillTokens) }
}

/** Used proofs of a thousand clients, all live. */
function fillReplays(): object {
  const replays = memoryReplays({
    capacity: ENTRIES,
    afterRestart: 'accept',
    maxFuture: 10,
    wall: () => Date.now() / 1000,
    monotonic: () => performance.now() / 1000,
  })
  const thumbprints = Array.from({ length: CLIENTS }, hash)
  const issuedAt = Math.floor(Date.now() / 1000)
  for (let entry = 0; entry < ENTRIES; entry += 1) {
    const thumbprint = thumbprints[entry % CLIENTS] ?? ''
    const claim = replays.claim({ digest: hash(), thumbprint, issuedAt }, 600, hash())
    if (claim !== 'fresh') throw new Error(`the replay store says ${String(claim)}`)
  }
  return replays
}

/** Access tokens whose signature is known to hold, under the keys the accessToken policy gives them. */
function fillTokens(): object {
  const tokens = boundedCache<true>(ENTRIES, 60)
  for (let entry = 0; entry < ENTRIES; entry += 1) tokens.set(`${hash()}.1.as`, true)
  return tokens
}

const hash = (): string => createHash('sha256').update(randomUUID()).digest('base64url')

/** Bytes the heap is larger while what was made is held. */
async function growth(make: () => object): Promise<number> {
  const held: object[] = []
  const before = await settledHeap()
  held.push(make())
  const after = await settledHeap()
  // Also keeps what is measured from being collected before this line.
  if (held.length !== 1) throw new Error('nothing was made')
  return after - before
}

async function settledHeap(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc?.()
    await setImmediate()
  }
  return process.memoryUsage().heapUsed
}
