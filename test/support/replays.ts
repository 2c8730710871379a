import { createHash } from 'node:crypto'
import { memoryReplays, type ReplayOptions } from '../../src/io/replays.ts'
import type { Claim, ReplayKey } from '../../src/ports.ts'
import { PROOF_TIME } from './proofs.ts'

/** What a route with these limits asks of the store: seconds an entry has to live, by the policy (DPOP-49). */
export const ttlOf = (maxAge: number, futureTolerance: number): number => maxAge + futureTolerance + 5

/** The lifetime under default options. */
export const TTL = ttlOf(60, 10)

/** Which claim differs from an ordinary one, and how. */
export interface Wanted {
  readonly digest?: string
  readonly thumbprint?: string
  readonly issuedAt?: number
  readonly ttl?: number
  readonly owner?: string
}

/**
 * A memory store with two clocks that move only when told: `pass` lets time go by, `step` sets the wall clock alone.
 * It remembers since long before PROOF_TIME unless told otherwise.
 */
export function buildReplays(options: Partial<ReplayOptions> = {}) {
  const clock = { wall: PROOF_TIME, monotonic: 1000 }
  const start = () =>
    memoryReplays({
      capacity: 10_000,
      afterRestart: 'accept',
      maxFuture: 10,
      wall: () => clock.wall,
      monotonic: () => clock.monotonic,
      ...options,
    })
  let store = start()
  const claim = ({
    digest = 'digest',
    thumbprint = 'thumbprint',
    ttl = TTL,
    owner = '',
    ...more
  }: Wanted = {}): Claim => {
    const key: ReplayKey = { digest: digestOf(digest), thumbprint, issuedAt: more.issuedAt ?? Math.floor(clock.wall) }
    const answer = store.claim(key, ttl, owner)
    if (answer instanceof Promise) throw new Error('the memory store answers at once')
    return answer
  }
  return {
    claim,
    /** The store itself; another one after a restart. */
    store: () => store,
    /** Seconds since the epoch, as the store sees it. */
    now: () => clock.wall,
    size: () => store.size,
    pass(seconds: number): void {
      clock.wall += seconds
      clock.monotonic += seconds
    },
    step(seconds: number): void {
      clock.wall += seconds
    },
    /** The process ends and starts again: the store is new, the machine and its clocks are not. */
    restart(): void {
      store = start()
    },
  }
}

/** Cases name their proofs; the store knows them by SHA-256. */
const digestOf = (name: string): string => createHash('sha256').update(name).digest('base64url')

/** So many claims of proofs nobody has seen; what the store said, each answer once. */
export function flood(
  claim: (wanted: Wanted) => Claim,
  count: number,
  wanted: Wanted & { readonly prefix?: string } = {},
) {
  const { prefix = 'flood', ...rest } = wanted
  return new Set(Array.from({ length: count }, (_, index) => claim({ ...rest, digest: `${prefix} ${index}` })))
}
