import { hash } from 'node:crypto'
import { memoryReplays } from '../src/io/replays.ts'
import type { Nonces, ReplayStore } from '../src/ports.ts'
import { Trace } from '../src/trace.ts'
import { buildNonces } from '../src/verify/nonce.ts'
import { type FreshnessRules, judgeFreshness } from '../src/verify/proof-freshness.ts'

/** How regions keep a proof from being used in each of them. */
export interface Choice {
  readonly name: string
  readonly rules: FreshnessRules
  /** Proofs are claimed in the region that the thumbprint of their key selects, whichever region they come to. */
  readonly home: boolean
  /** Each region has nonce secrets of its own. */
  readonly ownSecrets: boolean
}

/** What of a proof matters here. */
export interface Proof {
  readonly key: string
  readonly jti: string
  readonly issuedAt: number
  readonly nonce: string | undefined
}

export interface Verdict {
  readonly passes: boolean
  /** What the client is to use next; undefined when nothing was said. */
  readonly nonce: string | undefined
}

/** Round trips between the regions, milliseconds. */
const DISTANCES = [
  [0, 90, 160],
  [90, 0, 220],
  [160, 220, 0],
] as const
export const REGIONS = DISTANCES.length
/** A claim where the store is. */
const CLAIM = 1
/** Of a client to the nearest region. */
const TO_NEAREST = 20
const STEP = 60
const TARGET = 'https://api.bank.example/accounts'
export const START = 1_800_000_000

const distance = (from: number, to: number): number => DISTANCES[from]?.[to] ?? 0
export const roundTrip = (nearest: number, region: number): number => TO_NEAREST + distance(nearest, region)

/** Three regions under one choice, at the time of the clock. Freshness, nonces and store are the product's. */
export function buildWorld({ rules, home, ownSecrets }: Choice) {
  const clock = { now: START, lost: undefined as number | undefined }
  const regions = DISTANCES.map((_, index) => buildRegion(ownSecrets ? index : 0, clock))
  const storeOf = (key: string, region: number): number =>
    home ? Number.parseInt(key.slice(0, 8), 16) % REGIONS : region

  return {
    clock,
    /** Milliseconds until a proof of that key is claimed. */
    claimTime: (key: string, region: number): number => CLAIM + distance(region, storeOf(key, region)),
    judge(proof: Proof, region: number): Verdict {
      const { nonces } = at(regions, region)
      const claims = proof.nonce === undefined ? {} : { nonce: proof.nonce }
      const moment = { target: TARGET, rules, now: clock.now, nonces, trace: new Trace() }
      const fresh = judgeFreshness(claims, proof.issuedAt, moment)
      if (!fresh.ok) return { passes: false, nonce: fresh.nonce }
      const place = storeOf(proof.key, region)
      if (place === clock.lost) return { passes: false, nonce: undefined }
      return { passes: claim(at(regions, place), proof, rules) === 'fresh', nonce: fresh.value }
    },
  }
}

export type World = ReturnType<typeof buildWorld>

interface Region {
  readonly nonces: Nonces
  readonly store: ReplayStore
}

function buildRegion(secret: number, clock: { readonly now: number }): Region {
  const now = (): number => clock.now
  return {
    nonces: buildNonces({ secrets: [{ secret: `secrets of ${secret}`, since: 0 }], step: STEP, monotonic: now }),
    store: memoryReplays({
      ...{ capacity: 5_000_000, afterRestart: 'accept', maxFuture: 10 },
      ...{ wall: now, monotonic: now },
    }),
  }
}

function claim({ nonces, store }: Region, { key, jti, issuedAt }: Proof, rules: FreshnessRules) {
  const window = Math.max(rules.maxAge + rules.futureTolerance, rules.relaxIat ? nonces.lifetime : 0)
  const digest = hash('sha256', `${key}\0${TARGET}\0${jti}`, 'base64url')
  return store.claim({ digest, thumbprint: key, issuedAt }, window + 5, '')
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index]
  if (item === undefined) throw new Error(`there is no region ${index}`)
  return item
}
