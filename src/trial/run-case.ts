import {
  type Cases,
  clientNames,
  type Expectation,
  momentOf,
  type ProofDifference,
  type RequestMap,
  type TestCase,
  type TokenDifference,
} from './cases-schema.ts'
import { compare, type Difference } from './compare.ts'
import { absoluteUrl, askAbout, type SentRequest } from './envoy.ts'
import { type Good, goodRequest } from './good-request.ts'
import { mintProof, mintToken, type SentToken } from './minting.ts'
import { type Outcome, readOutcome } from './outcome.ts'
import type { World } from './world.ts'

/** One request of a case and how it compares with what was expected. */
export interface StepResult {
  readonly outcome: Outcome
  readonly differences: readonly Difference[]
}

/** What the requests of one case leave for those after them. */
interface Past {
  token: SentToken | undefined
  proof: string | undefined
  challenge: string | undefined
}

type Step = Omit<TestCase, 'name' | 'at' | 'steps' | 'expect'> & {
  readonly expect: Expectation
  readonly wait: number
}

/** Runs one case in a world of its own; it goes on after a step that ended otherwise than expected. */
export async function runCase(one: TestCase, cases: Cases, world: World): Promise<readonly StepResult[]> {
  world.begin(momentOf(one.at, momentOf(cases.now, 0)))
  const past: Past = { token: undefined, proof: undefined, challenge: undefined }
  const results: StepResult[] = []
  for (const step of stepsOf(one)) {
    world.clock.now += step.wait
    if (step.consents) world.consents.tell(step.consents, world.holder(step.client ?? clientNames(cases)[0]))
    const answered = await world.ask(prepare(step, cases, world, past))
    const outcome = readOutcome(answered)
    past.challenge = outcome.answer.get('dpop-nonce') ?? past.challenge
    results.push({ outcome, differences: compare(outcome, step.expect) })
  }
  return results
}

/** What a step does not say is as the case says. */
function stepsOf({ name: _name, at: _at, steps, expect, ...common }: TestCase): readonly Step[] {
  if (steps) return steps.map((step) => ({ ...common, ...withoutUndefined(step) }))
  return expect ? [{ ...common, expect, wait: 0 }] : []
}

const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T

const noDifference: TokenDifference = { introspection: 'active', claims: {}, header: {} }

/** The request with what it carries, as Envoy asks about it. */
function prepare(step: Step, cases: Cases, world: World, past: Past) {
  const { config, rules, keyring, servers, clock, id } = world
  const client = step.client ?? clientNames(cases)[0]
  const bare = readRequest(step.request)
  const request: SentRequest = {
    ...bare,
    url: absoluteUrl(bare.url, config),
    headers: Object.entries(bare.headers).flatMap(([name, value]) =>
      [value].flat().map((line) => [name, line] as const),
    ),
    certificate: undefined,
    id: id(),
  }
  const good = goodRequest(askAbout(request, config), rules, config)

  const token = chooseToken(step, good, past, (difference) =>
    mintToken(
      difference,
      good,
      world.holder(difference.client ?? client),
      { now: clock.now, id: id() },
      {
        config,
        servers,
        keyring,
      },
    ),
  )
  const proof = chooseProof(step.proof, token, past, (difference) => {
    // A client that signs with another algorithm than its own has to take another key.
    const { algorithm = world.holder(client).algorithm } = difference
    const signer = { algorithm, key: keyring(`client ${difference.key ?? client}`, algorithm) }
    const { url, method } = request
    return mintProof(difference, signer, {
      method,
      url,
      token,
      nonce: good.nonce ? world.nonces.issue(originOf(url), clock.now) : undefined,
      challenge: past.challenge,
      now: clock.now,
      id: id(),
    })
  })
  past.token = token ?? past.token
  past.proof = proof ?? past.proof

  const needed = good.certificate || token?.bind === 'mtls' || token?.bind === 'both'
  const shown = step.certificate ?? (needed ? client : 'none')
  return askAbout(
    {
      ...request,
      headers: [
        ...(token ? [['authorization', `${token.scheme} ${token.raw}`] as const] : []),
        ...(proof === undefined ? [] : [['dpop', proof] as const]),
        ...request.headers,
      ],
      certificate: shown === 'none' ? undefined : world.holder(shown).certificate,
    },
    config,
  )
}

function readRequest(request: Step['request']): RequestMap {
  if (request === undefined) throw new Error('a checked case has a request')
  if (typeof request !== 'string') return request
  const [, method = 'GET', url = '/'] = /^(?:([A-Z]+) )?(\S+)$/.exec(request) ?? []
  return { method, url, headers: {}, extensions: {} }
}

const originOf = (url: string): string => /^https:\/\/[^/?#]*/.exec(url)?.[0].toLowerCase().replace(/:443$/, '') ?? ''

function chooseToken(
  { token, proof }: Step,
  good: Good,
  past: Past,
  mint: (difference: TokenDifference) => SentToken,
): SentToken | undefined {
  // The same proof is for the same token, unless another is named.
  if (token === 'again' || (token === undefined && proof === 'again')) return past.token
  if (token === 'none' || (token === undefined && !good.token)) return undefined
  return mint(token ?? noDifference)
}

function chooseProof(
  proof: Step['proof'],
  token: SentToken | undefined,
  past: Past,
  mint: (difference: ProofDifference) => string,
): string | undefined {
  if (proof === 'again') return past.proof
  const wanted = token?.bind === 'dpop' || token?.bind === 'both'
  if (proof === 'none' || (proof === undefined && !wanted)) return undefined
  return mint(proof ?? { claims: {}, header: {} })
}
