import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildReplays, ttlOf } from '../support/replays.ts'

/** Few keys and little room, so that every answer comes up. */
const CAPACITY = 8
const MAX_FUTURE = 60
const windows = [
  { maxAge: 10, futureTolerance: 10 },
  { maxAge: 60, futureTolerance: 10 },
  { maxAge: 10, futureTolerance: 60 },
  { maxAge: 300, futureTolerance: 60 },
] as const

/** A proof somebody made, and when it was fresh; everything that ever was, nothing is ever forgotten here. */
interface Known {
  readonly thumbprint: string
  readonly issuedAt: number
  /** Monotonic; undefined until the store has taken it. */
  claimed?: { readonly at: number; readonly ttl: number; readonly owner: string; readonly process: number }
}

/** What a store that keeps a list and looks at all of it would know. */
interface Model {
  /** Whether what an earlier process may have taken is refused. */
  readonly refusing: boolean
  readonly proofs: Map<string, Known>
  at: number
  process: number
  longest: number
  /** When the present process started; monotonic. */
  begun: number
  /** The same by the wall clock, as late as any claim since then has made it seem. */
  started: number
  /** The latest date that the store has a reason not to be sure about. */
  doubtful: number
}

type Real = ReturnType<typeof buildReplays>
type Command = fc.Command<Model, Real>

const alive = (model: Model, life: (ttl: number) => number): readonly Known[] =>
  [...model.proofs.values()].filter(
    ({ claimed }) => claimed?.process === model.process && model.at - claimed.at < life(claimed.ttl),
  )
/** Has to be remembered still. */
const certain = (model: Model): readonly Known[] => alive(model, (ttl) => ttl)
/** May be remembered still: entries wait for their bucket to end, and for the longest window of all. */
const possible = (model: Model): readonly Known[] => alive(model, () => model.longest + MAX_FUTURE + 50)

const newest = ({ proofs }: Model): number =>
  Math.max(Number.NEGATIVE_INFINITY, ...[...proofs.values()].filter(({ claimed }) => claimed).map((p) => p.issuedAt))

interface Choice {
  /** How many proofs ago the proof was made; undefined makes a new one. */
  readonly ago?: number
  readonly thumbprint?: string
  /** Seconds the date of a new proof is ahead of the clock. */
  readonly lead?: number
  readonly window: number
  readonly owner: string
}

function choose({ proofs }: Model, { ago, thumbprint = '', lead = 0 }: Choice, now: number): readonly [string, Known] {
  const known = ago === undefined ? undefined : [...proofs].at(-1 - ago)
  if (known) return known
  const made = { thumbprint, issuedAt: Math.floor(now) + lead }
  const digest = `proof ${proofs.size}`
  proofs.set(digest, made)
  return [digest, made]
}

/** Claims a proof, old or new, as the policy would: only when the window of the route takes it. */
const claimed = (choice: Choice): Command => ({
  check: () => true,
  run: (model, real) => {
    const { maxAge, futureTolerance } = windows[choice.window] ?? windows[0]
    const { owner } = choice
    const [digest, proof] = choose(model, choice, real.now())
    const { issuedAt, thumbprint } = proof
    if (issuedAt < real.now() - maxAge || issuedAt > real.now() + futureTolerance) return

    const ttl = ttlOf(maxAge, futureTolerance)
    model.started = Math.max(model.started, model.begun + real.now() - model.at)
    if (model.refusing) model.doubtful = Math.max(model.doubtful, model.started + MAX_FUTURE)
    if (ttl > model.longest && model.longest > 0) model.doubtful = Math.max(model.doubtful, newest(model))
    model.longest = Math.max(model.longest, ttl)
    const answer = real.claim({ digest, thumbprint, issuedAt, ttl, owner })
    expect(allowed(model, proof, owner), answer).toContain(answer)
    if (answer === 'fresh') proof.claimed = { at: model.at, ttl, owner, process: model.process }
  },
  toString: () => `claim(${JSON.stringify(choice)})`,
})

/** Every answer that is right. */
function allowed(model: Model, proof: Known, owner: string): readonly string[] {
  const [sure, maybe] = [certain(model), possible(model)]
  if (sure.includes(proof)) {
    const { claimed: entry } = proof
    const same = entry !== undefined && owner !== '' && entry.owner === owner && model.at - entry.at <= 2
    return [same ? 'mine' : 'used']
  }
  const ofKey = (proofs: readonly Known[]): number =>
    proofs.filter(({ thumbprint }) => thumbprint === proof.thumbprint).length
  const beyondMemory = proof.claimed?.process !== model.process && proof.issuedAt > model.started + MAX_FUTURE
  const once = proof.claimed === undefined || beyondMemory
  return [
    ...(maybe.includes(proof) ? ['used'] : []),
    ...(proof.issuedAt <= model.doubtful ? ['unknown'] : []),
    ...(ofKey(maybe) >= CAPACITY ? ['quota'] : []),
    ...(maybe.length >= CAPACITY ? ['full'] : []),
    ...(once && ofKey(sure) < CAPACITY && sure.length < CAPACITY ? ['fresh'] : []),
  ]
}

const passed = (seconds: number): Command => ({
  check: () => true,
  run: (model, real) => {
    real.pass(seconds)
    model.at += seconds
    expect(real.size()).toBeGreaterThanOrEqual(certain(model).length)
    expect(real.size()).toBeLessThanOrEqual(Math.min(CAPACITY, possible(model).length))
  },
  toString: () => `pass(${seconds})`,
})

const stepped = (seconds: number): Command => ({
  check: () => true,
  run: (model, real) => {
    real.step(seconds)
    if (seconds < 0) model.doubtful = Math.max(model.doubtful, newest(model))
  },
  toString: () => `step(${seconds})`,
})

const restarted: Command = {
  check: () => true,
  run: (model, real) => {
    real.restart()
    model.process += 1
    model.longest = 0
    model.begun = model.at
    model.started = real.now()
  },
  toString: () => 'restart()',
}

const usual = { window: fc.nat(windows.length - 1), owner: fc.constantFrom('', 'a', 'b') }
const others = fc
  .record({
    ...usual,
    thumbprint: fc.constantFrom('a', 'a', 'a', 'b'),
    lead: fc.integer({ min: -20, max: MAX_FUTURE }),
  })
  .map(claimed)
const repeated = fc.record({ ...usual, ago: fc.nat(12) }).map(claimed)
/** Parts of a second that the sums of both clocks and of the model hold exactly. */
const parts = fc.nat(2048).map((part) => part / 1024)
const passing = fc.oneof(fc.nat(3), fc.nat(30), fc.nat(100), fc.nat(400), parts).map(passed)
const stepping = fc.oneof(fc.integer({ min: -8, max: 8 }), fc.integer({ min: -500, max: 500 })).map(stepped)
/** Time goes by and the clock is set back to where it was. */
const rewinding = fc.integer({ min: 50, max: 500 }).map(
  (seconds): Command => ({
    check: () => true,
    run: (model, real) => {
      for (const command of [passed(seconds), stepped(-seconds)]) void command.run(model, real)
    },
    toString: () => `rewind(${seconds})`,
  }),
)

function begin(afterRestart: 'refuse' | 'accept'): { readonly model: Model; readonly real: Real } {
  const real = buildReplays({ capacity: CAPACITY, maxFuture: MAX_FUTURE, afterRestart })
  const model = {
    refusing: afterRestart === 'refuse',
    proofs: new Map(),
    at: 0,
    process: 0,
    longest: 0,
    begun: 0,
    started: real.now(),
    doubtful: Number.NEGATIVE_INFINITY,
  }
  return { model, real }
}

const even = [others, others, repeated, repeated, passing]
const uneven = [...even, stepping, rewinding]
const many = { maxCommands: 200, size: 'max' } as const

test('DPOP-43 … DPOP-46, DPOP-49 with clocks that run evenly, every answer is what a naive list would say', () => {
  fc.assert(
    fc.property(fc.commands(even, many), (commands) => {
      fc.modelRun(() => begin('accept'), commands)
    }),
    { numRuns: 500 },
  )
})

test('att-ops-01, T-79 with a wall clock that is set at will, nothing is fresh twice', () => {
  fc.assert(
    fc.property(fc.commands(uneven, many), (commands) => {
      fc.modelRun(() => begin('accept'), commands)
    }),
    { numRuns: 500 },
  )
})

test('att-dpop-07, att-ops-01 with processes that start again as well, nothing is fresh twice', () => {
  fc.assert(
    fc.property(fc.commands([...uneven, ...even, fc.constant(restarted)], many), (commands) => {
      fc.modelRun(() => begin('refuse'), commands)
    }),
    { numRuns: 500 },
  )
})
