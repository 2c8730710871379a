import { expect, test } from 'vitest'
import type { CheckRequest, CheckResponse } from '../../src/wire.ts'
import { flaws, verdict } from '../support/answers.ts'
import { overTheWire, received } from '../support/recordings.ts'
import { buildTestCheck, CALL } from '../support/spine.ts'
import { type Chance, chanceOf } from './chance.ts'
import { compose, type Draft, goodDraft, type Mutation } from './draft.ts'
import { jwsMutations } from './jws-mutations.ts'
import { proofMutations } from './proof-mutations.ts'
import { requestMutations } from './request-mutations.ts'
import { essence, mangle } from './structure.ts'
import { tokenMutations } from './token-mutations.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 4000)
const SEED = Number(process.env.FUZZ_SEED ?? 1)
/** Runs that share one service, so that its memories are part of the test. */
const SHARED = 5000

const mutations: readonly Mutation[] = [
  ...jwsMutations('token', 'sub'),
  ...jwsMutations('proof', 'htm'),
  ...tokenMutations,
  ...proofMutations,
  ...requestMutations,
]
const breaking = mutations.filter(({ effect }) => effect === 'breaks')
const harmless = mutations.filter(({ effect }) => effect === 'harmless')

/** What was done, and whether the request has to pass. */
interface Trial {
  readonly name: string
  readonly request: CheckRequest
  readonly expected: 'allow' | 'deny'
}

type Build = (chance: Chance) => Trial

/** One change; alone, so that no other can undo it or hide what it does. */
const mutated: Build = (chance) => {
  const draft = goodDraft(chance)
  const mutation = suitable(chance.coin(0.6) ? breaking : harmless, draft, chance)
  mutation.apply(draft, chance)
  return { name: mutation.name, request: compose(draft), expected: mutation.effect === 'breaks' ? 'deny' : 'allow' }
}

const control: Build = (chance) => ({ name: 'control', request: compose(goodDraft(chance)), expected: 'allow' })

/** Noise where token, proof, path or certificate should be. */
const noise: Build = (chance) => {
  const draft = goodDraft(chance)
  const [token, proof] = [chance.text(400), chance.text(400)]
  const place = chance.below(3)
  if (place === 0) draft.authorization = () => [chance.coin(0.5) ? `DPoP ${token}` : token]
  if (place === 1) draft.dpop = () => [proof]
  if (place === 2) draft.path = `/${chance.text(60)}`
  // Without a key bound to the token nobody asks for a proof, whatever stands in its place.
  const expected = place === 1 && draft.kind === 'mtls' ? 'allow' : 'deny'
  return { name: `noise ${place}`, request: compose(draft), expected }
}

/** A message of valid types with members gone, emptied, doubled or odd. It may pass only if it still says the same. */
const mangled: Build = (chance) => {
  const draft = goodDraft(chance)
  const request = received(compose(draft))
  const odd = received(mangle(request, chance))
  const bound = draft.kind !== 'dpop'
  const expected = essence(odd, bound) === essence(request, bound) ? 'allow' : 'deny'
  return { name: 'mangled', request: odd, expected }
}

function suitable(list: readonly Mutation[], draft: Draft, chance: Chance): Mutation {
  const mutation = chance.pick(list)
  return mutation.fits && !mutation.fits(draft) ? suitable(list, draft, chance) : mutation
}

/** Of a hundred runs. */
const plan: readonly (readonly [number, Build])[] = [
  [10, control],
  [62, mutated],
  [10, noise],
  [18, mangled],
]

function planned(chance: Chance): Build {
  let left = chance.below(100)
  for (const [share, build] of plan) {
    if (left < share) return build
    left -= share
  }
  return control
}

const problemsOf = (response: CheckResponse, expected: Trial['expected']): readonly string[] => {
  const reason = verdict(response)
  return [
    ...flaws(overTheWire(response)),
    ...((reason === 'allow') === (expected === 'allow') ? [] : [`${reason} instead of ${expected}`]),
    ...(reason === 'internal_error' ? ['internal error'] : []),
  ]
}

test(`${RUNS} random and mutated requests end as they must`, { timeout: 600_000 }, async () => {
  const tally = new Map<string, number>()
  let service = buildTestCheck()
  for (let run = 0; run < RUNS; run += 1) {
    if (run % SHARED === 0) service = buildTestCheck()
    const chance = chanceOf(SEED * 1_000_003 + run)
    const { name, request, expected } = planned(chance)(chance)
    const response = await service.check(request, CALL)
    const problems = [...problemsOf(response, expected), ...service.errors.map(String)]
    if (problems.length > 0)
      expect.fail(`run ${run} of FUZZ_SEED=${SEED}, ${name}: ${problems.join(', ')}\n${JSON.stringify(request)}`)
    const outcome = `${name}: ${verdict(response)}`
    tally.set(outcome, (tally.get(outcome) ?? 0) + 1)
    service.records.length = 0
  }
  // A fuzzer that allows nothing, or denies all for one reason, tests nothing.
  expect(tally.get('control: allow')).toBeGreaterThan(RUNS / 20)
  expect(new Set([...tally.keys()].map((outcome) => outcome.split(': ').at(-1))).size).toBeGreaterThan(
    RUNS >= 4000 ? 35 : 5,
  )
})
