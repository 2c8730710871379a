import { createHash, randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { boundedCache } from '../src/io/caches.ts'
import { memoryReplays } from '../src/io/replays.ts'

const PROOFS = 1_000_000
const TOKENS = 100_000
const CLIENTS = 1000
/** Seconds a proof is remembered under default options. */
const LIFETIME = 75

/** Bytes, on the heap and beside it, once everything else is collected. */
export interface Memory {
  /** Per used proof, of a million that are alive. */
  readonly replayEntry: number
  /** Per cached token, of a hundred thousand. */
  readonly cachedToken: number
}

export async function measureMemory(): Promise<Memory> {
  return { replayEntry: (await growth(fillReplays)) / PROOFS, cachedToken: (await growth(fillTokens)) / TOKENS }
}

/** Used proofs of a thousand clients that came one by one over a lifetime, all live at its end. */
function fillReplays(): object {
  const start = Math.floor(Date.now() / 1000)
  let passed = 0
  const replays = memoryReplays({
    capacity: PROOFS,
    afterRestart: 'accept',
    maxFuture: 10,
    wall: () => start + passed,
    monotonic: () => passed,
  })
  const thumbprints = Array.from({ length: CLIENTS }, hash)
  for (let entry = 0; entry < PROOFS; entry += 1) {
    passed = (entry / PROOFS) * LIFETIME
    const thumbprint = thumbprints[entry % CLIENTS] ?? ''
    const claim = replays.claim({ digest: hash(), thumbprint, issuedAt: start + Math.floor(passed) }, LIFETIME, hash())
    if (claim !== 'fresh') throw new Error(`the replay store says ${String(claim)}`)
  }
  return replays
}

/** Access tokens whose signature is known to hold, under the keys the accessToken policy gives them. */
function fillTokens(): object {
  const tokens = boundedCache<true>(TOKENS, 60)
  for (let entry = 0; entry < TOKENS; entry += 1) tokens.set(`${hash()}.1.as`, true)
  return tokens
}

const hash = (): string => createHash('sha256').update(randomUUID()).digest('base64url')

/** Bytes by which memory is larger while what was made is held. */
async function growth(make: () => object): Promise<number> {
  const held: object[] = []
  const before = await settledMemory()
  held.push(make())
  const after = await settledMemory()
  // Also keeps what is measured from being collected before this line.
  if (held.length !== 1) throw new Error('nothing was made')
  return after - before
}

async function settledMemory(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc?.()
    await setImmediate()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
