// What replay protection means with several regions, each with a store of its own. `node bench/regions.ts` prints the
// table of docs/regions.md; clocks, clients and distances are made up, and the same in every run.
import { hash } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import type { FreshnessRules } from '../src/verify/proof-freshness.ts'
import { buildWorld, type Choice, type Proof, REGIONS, roundTrip, START, type World } from './region-world.ts'

const plain: FreshnessRules = { maxAge: 60, futureTolerance: 10, nonce: 'off', relaxIat: false }
const choose = (name: string, rules: Partial<FreshnessRules>, more: Partial<Choice> = {}): Choice => ({
  ...{ name, rules: { ...plain, ...rules }, home: false, ownSecrets: false },
  ...more,
})
export const choices = {
  apart: choose('a store in each region, no more', {}),
  short: choose('the same with `maxAge: 10s`', { maxAge: 10 }),
  shared: choose('the same with `nonce: required`, secrets in common', { nonce: 'required' }),
  home: choose('each key has a home region', {}, { home: true }),
  bound: choose('`nonce: required`, each region has its own secrets', { nonce: 'required' }, { ownSecrets: true }),
  relaxed: choose('that and `relaxIat: true`', { nonce: 'required', relaxIat: true }, { ownSecrets: true }),
} as const satisfies Readonly<Record<string, Choice>>

/** What came of one choice. */
export interface Outcome {
  /** How often one proof passed at the most, its sender's use counted. */
  readonly uses: number
  /** Seconds after its use for which a stolen proof still passed somewhere. */
  readonly window: number
  /** Milliseconds a request waits for its claim and for further round trips. */
  readonly median: number
  readonly p99: number
  /** Of 1,000 honest requests: further round trips, refused, refused while a region is lost. */
  readonly trips: number
  readonly refused: number
  readonly refusedInLoss: number
}

/** How much of it is played. Seconds. */
export interface Length {
  readonly duration: number
  readonly clients: number
}
const full: Length = { duration: 900, clients: 200 }

/** A client asks about once in so many seconds, and one time in fifty it comes to another region. */
const PAUSE = 10
const MOVES = 0.02
/** The thief takes this many proofs of clients whose clock is ahead, waits with each a second longer, then tries it
 * everywhere once a second, up to that many seconds after its use. */
const STOLEN = 250
const PATIENCE = 250
/** For the last minute one region is lost; its clients go to another. */
const LOSS = 60
const LOST = 0
const REFUGE = 1

/** Seconds a client's clock is ahead. Two in a hundred are wrong by more than people notice. */
const AHEAD = 9.5
const skewOf = (client: number): number => {
  if (client % 100 === 57) return -45
  if (client % 100 === 83) return -300
  return [0, 0.5, -0.5, 1, -1, 2, -2, 5, -5, AHEAD][client % 10] ?? 0
}

interface Client {
  readonly key: string
  readonly skew: number
  readonly nearest: number
  region: number
  nonce: string | undefined
}

/** How one honest request went. */
interface Request {
  readonly proof: Proof
  readonly passes: boolean
  readonly trips: number
  readonly latency: number
}

interface Theft {
  readonly proof: Proof
  readonly at: number
  /** Seconds the thief waits. */
  readonly delay: number
  uses: number
  last: number
}

/** Plays one choice: honest clients and a thief, second by second. */
export function simulate(choice: Choice, { duration, clients: count }: Length = full): Outcome {
  const world = buildWorld(choice)
  const random = series(9449)
  const clients = Array.from({ length: count }, (_, index) => buildClient(index))
  const [calm, loss, thefts]: [Request[], Request[], Theft[]] = [[], [], []]
  for (let second = 0; second < duration; second += 1) {
    world.clock.lost = second < duration - LOSS ? undefined : LOST
    const due = clients.filter(() => random() < 1 / PAUSE).map((client) => ({ client, at: random() }))
    for (const { client, at } of due.toSorted((one, other) => one.at - other.at)) {
      world.clock.now = START + second + at
      const request = ask(world, client, random, `${second} ${at}`)
      if (world.clock.lost === undefined) calm.push(request)
      else loss.push(request)
      if (request.passes && client.skew === AHEAD && thefts.length < STOLEN)
        thefts.push({ proof: request.proof, at: world.clock.now, delay: thefts.length, uses: 1, last: world.clock.now })
    }
    world.clock.now = START + second + 1
    for (const theft of thefts) tryEverywhere(world, theft)
  }
  return summarize(calm, loss, thefts)
}

function buildClient(index: number): Client {
  const nearest = index % REGIONS
  return { key: hash('sha256', `key ${index}`), skew: skewOf(index), nearest, region: nearest, nonce: undefined }
}

/** As client libraries do: asked for a nonce, they try once more with it. */
function ask(world: World, client: Client, random: () => number, name: string): Request {
  if (random() < MOVES) client.region = Math.floor(random() * REGIONS)
  if (client.region === world.clock.lost) client.region = REFUGE
  const { key, region } = client
  const attempt = (trips: number, waited: number): Request => {
    const issuedAt = Math.floor(world.clock.now + client.skew)
    const proof = { key, jti: `${name} ${key} ${trips}`, issuedAt, nonce: client.nonce }
    const { passes, nonce } = world.judge(proof, region)
    client.nonce = nonce ?? client.nonce
    if (!passes && nonce !== undefined && trips === 0) return attempt(1, roundTrip(client.nearest, region))
    return { proof, passes, trips, latency: waited + world.claimTime(key, region) }
  }
  return attempt(0, 0)
}

function tryEverywhere({ clock, judge }: World, theft: Theft): void {
  const age = clock.now - theft.at
  if (age < theft.delay || age > PATIENCE) return
  for (let region = 0; region < REGIONS; region += 1) {
    if (!judge(theft.proof, region).passes) continue
    theft.uses += 1
    theft.last = clock.now
  }
}

function summarize(calm: readonly Request[], loss: readonly Request[], thefts: readonly Theft[]): Outcome {
  const latencies = calm.map(({ latency }) => latency).toSorted((one, other) => one - other)
  const quantile = (part: number): number => latencies[Math.floor(part * (latencies.length - 1))] ?? 0
  const per1000 = (requests: readonly Request[], count: (request: Request) => number): number =>
    Math.round((requests.reduce((sum, request) => sum + count(request), 0) / requests.length) * 1000)
  const refusal = ({ passes }: Request): number => (passes ? 0 : 1)
  return {
    uses: Math.max(...thefts.map(({ uses }) => uses)),
    window: Math.ceil(Math.max(...thefts.map(({ at, last }) => last - at))),
    median: quantile(0.5),
    p99: quantile(0.99),
    trips: per1000(calm, ({ trips }) => trips),
    refused: per1000(calm, refusal),
    refusedInLoss: per1000(loss, refusal),
  }
}

/** Numbers below one, the same in every run (mulberry32). */
function series(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The table of docs/regions.md. */
export function regionsTable(): string {
  const rows = Object.values(choices).map((choice) => {
    const { uses, window, median, p99, trips, refused, refusedInLoss } = simulate(choice)
    const cells = [choice.name, uses, `${window} s`, `${median} / ${p99} ms`, trips, refused, refusedInLoss]
    return `| ${cells.join(' | ')} |`
  })
  const heads = [
    'choice',
    'uses of one proof, at most',
    'stolen, it passes elsewhere for',
    'claim and further trips, median / p99',
    'further trips of 1,000',
    'honest refused of 1,000',
    'refused of 1,000 while a region is lost',
  ]
  return [`| ${heads.join(' | ')} |`, `|${heads.map(() => '---').join('|')}|`, ...rows].join('\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.stdout.write(`${regionsTable()}\n`)
