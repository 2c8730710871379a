import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import type { Claim, ReplayStore } from '../../src/ports.ts'
import type { CheckResponse } from '../../src/wire.ts'
import { answered, flaws, verdict } from '../support/answers.ts'
import { withThen } from '../support/modules.ts'
import { certificate, freshReplays } from '../support/possession.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import { overTheWire, received } from '../support/recordings.ts'
import { buildReplays, flood, TTL } from '../support/replays.ts'
import { forms } from '../support/requests.ts'
import {
  boundTo,
  buildTestCheck,
  clientKey,
  document,
  goodRequest,
  mintToken,
  ORIGIN,
  type Order,
  otherKey,
  proofFor,
} from '../support/spine.ts'

/** Sends requests that bring the same token and proof, each on a stream of its own unless told. */
function buildClient(replays: ReplayStore = freshReplays(), order: Order = {}) {
  const { ask, clock } = buildTestCheck({ replays })
  const token = order.token ?? mintToken()
  const proof = order.proof ?? proofFor(token)
  let streams = 0
  const send = async (difference: Order = {}): Promise<CheckResponse> =>
    await ask(received(goodRequest({ token, proof, id: `${++streams}`, ...order, ...difference })))
  const sent = async (difference: Order = {}): Promise<string> => verdict(await send(difference))
  return { send, sent, clock }
}

const httpStatus = (response: CheckResponse): number =>
  'deniedResponse' in response ? response.deniedResponse.status.code : 200

describe('DPOP-43 a proof is good for one request', () => {
  test.each(forms)('first and second use, headers %s', async (form) => {
    const { sent, send } = buildClient(undefined, { form })
    expect(await sent()).toBe('allow')
    const second = overTheWire(await send())
    expect(verdict(second)).toBe('proof_replayed')
    expect(flaws(second)).toEqual([])
    expect(httpStatus(second)).toBe(401)
    const [challenge, ...more] = answered(second, 'www-authenticate').filter((line) => line.startsWith('DPoP'))
    expect(challenge).toMatch(
      /^DPoP error="invalid_dpop_proof", error_description="[^"]+", algs="ES256 PS256 EdDSA Ed25519"$/,
    )
    expect(more).toEqual([])
  })
  test('a new proof for the same token passes', async () => {
    const token = mintToken()
    const { sent } = buildClient(undefined, { token })
    for (const _ of [1, 2, 3]) expect(await sent({ proof: proofFor(token) })).toBe('allow')
  })
  test('a token bound to a certificate alone is good for many requests and leaves no entry', async () => {
    const replays = freshReplays()
    const token = mintToken({ claims: { cnf: boundTo.mtls } })
    const { sent } = buildClient(replays, { token, scheme: 'Bearer', certificate })
    for (const _ of [1, 2, 3]) expect(await sent()).toBe('allow')
    expect(replays.size).toBe(0)
  })
})

describe('DPOP-44, T-21, att-dpop-04 what makes two proofs the same', () => {
  const claims = { jti: 'one and the same' }
  test('the same jti by another key passes', async () => {
    const { sent } = buildClient()
    const first = mintToken()
    const second = mintToken({ claims: { cnf: { jkt: otherKey.thumbprint } } })
    expect(await sent({ token: first, proof: proofFor(first, { claims }) })).toBe('allow')
    expect(await sent({ token: second, proof: proofFor(second, { claims }, otherKey) })).toBe('allow')
    expect(await sent({ token: first, proof: proofFor(first, { claims }) })).toBe('proof_replayed')
    expect(await sent({ token: second, proof: proofFor(second, { claims }, otherKey) })).toBe('proof_replayed')
  })
  test('the same jti for another URI passes', async () => {
    const token = mintToken()
    const { sent } = buildClient(undefined, { token })
    for (const path of ['/accounts', '/accounts/42', '/dpop']) {
      const proof = proofFor(token, { claims: { ...claims, htu: ORIGIN + path } })
      expect(await sent({ path, proof })).toBe('allow')
      expect(await sent({ path, proof })).toBe('proof_replayed')
    }
  })
  test.each([
    ['another token', { token: mintToken() }],
    ['another query', { path: '/accounts?x=1' }],
    ['another method', { method: 'POST' }],
    ['another spelling of the host', { host: 'API.example.com:443' }],
  ] as const)('the same jti for %s is a replay', async (_, difference) => {
    const { sent } = buildClient()
    const first = mintToken()
    expect(await sent({ token: first, proof: proofFor(first, { claims }) })).toBe('allow')
    const { token = first, method = 'GET', ...order }: Order = difference
    const proof = proofFor(token, { claims: { ...claims, htm: method } })
    expect(await sent({ ...order, token, method, proof })).toBe('proof_replayed')
  })
  test('the same jti spelled with another htu is a replay', async () => {
    const token = mintToken()
    const { sent } = buildClient(undefined, { token })
    const spell = (htu: string) => proofFor(token, { claims: { ...claims, htu } })
    expect(await sent({ proof: spell(`${ORIGIN}/accounts`) })).toBe('allow')
    for (const htu of ['HTTPS://API.EXAMPLE.COM/accounts', `${ORIGIN}:443/accounts`, `${ORIGIN}/%61ccounts?a#b`])
      expect(await sent({ proof: spell(htu) })).toBe('proof_replayed')
  })
})

describe('DPOP-45, T-20, att-dpop-05 copies at the same moment', () => {
  /** A store that answers after some turns, and not in the order it was asked. */
  const delayed = (store: ReplayStore): ReplayStore => {
    let asked = 0
    return {
      claim: async (...question) => {
        const answer = store.claim(...question)
        for (let turns = (asked++ * 5) % 17; turns > 0; turns--) await Promise.resolve()
        return answer
      },
    }
  }
  test.each([
    [50, 'at once', freshReplays()],
    [200, 'at once', freshReplays()],
    [50, 'later', delayed(freshReplays())],
    [200, 'later', delayed(freshReplays())],
  ] as const)('of %i copies exactly one passes, with a store that answers %s', async (count, _, replays) => {
    const { sent } = buildClient(replays)
    const said = await Promise.all(Array.from({ length: count }, async () => await sent()))
    expect(said.filter((word) => word === 'allow')).toHaveLength(1)
    expect(said.filter((word) => word === 'proof_replayed')).toHaveLength(count - 1)
  })
})

describe('DPOP-46, T-18 a store without room', () => {
  test('att-dpop-02 503 for what is new, 401 for what is old, and no setting makes either an allow', async () => {
    const full = buildReplays({ capacity: 1000 })
    const { sent, send } = buildClient(full.store())
    expect(await sent()).toBe('allow')
    flood(full.claim, 999, { thumbprint: 'others' })
    const token = mintToken()
    const fresh = { token, proof: proofFor(token) }
    const refused = overTheWire(await send(fresh))
    expect(verdict(refused)).toBe('replay_full')
    expect(httpStatus(refused)).toBe(503)
    expect(answered(refused, 'retry-after')).toEqual(['5'])
    expect(flaws(refused)).toEqual([])
    expect(await sent()).toBe('proof_replayed')
    full.pass(TTL + 10)
    expect(await sent(fresh)).toBe('allow')
  })
  test('replay-flood, att-dpop-02 one key that takes too much gets 429, others are served', async () => {
    const { claim, store } = buildReplays({ capacity: 20_000 })
    const { sent, send } = buildClient(store())
    flood(claim, 1000, { thumbprint: clientKey.thumbprint })
    const refused = overTheWire(await send())
    expect(verdict(refused)).toBe('replay_quota')
    expect(httpStatus(refused)).toBe(429)
    expect(answered(refused, 'retry-after')).toEqual(['5'])
    expect(flaws(refused)).toEqual([])
    const token = mintToken({ claims: { cnf: { jkt: otherKey.thumbprint } } })
    expect(await sent({ token, proof: proofFor(token, {}, otherKey) })).toBe('allow')
  })
})

test('unauth-flood: 20,000 proofs whose tokens nobody issued leave the store as it was', async () => {
  const replays = buildReplays({ capacity: 20_000 })
  const { ask } = buildTestCheck({ replays: replays.store() })
  // Signed by the client in the name of the authorization server.
  const token = mintToken({}, clientKey)
  const refused = Array.from({ length: 20_000 }, async () => verdict(await ask(goodRequest({ token }))))
  expect(new Set(await Promise.all(refused))).toEqual(new Set(['token_signature_invalid']))
  expect(replays.size()).toBe(0)
  expect(verdict(await ask(goodRequest()))).toBe('allow')
  expect(replays.size()).toBe(1)
})

describe('DPOP-47 a store in trouble', () => {
  const answering = (answer: unknown): ReplayStore => ({ claim: () => answer as Claim })
  const throwing: ReplayStore = {
    claim: () => {
      throw new Error('boom')
    },
  }
  test.each([
    ['says it is unavailable', answering('unavailable'), 'replay_unavailable', 503],
    ['does not know', answering('unknown'), 'replay_unknown', 503],
    ['rejects', { claim: () => Promise.reject(new Error('boom')) }, 'replay_unavailable', 503],
    ['throws', throwing, 'internal_error', 500],
    ['answers garbage', answering('OK'), 'replay_unavailable', 503],
    ['answers garbage later', answering(Promise.resolve(1)), 'replay_unavailable', 503],
    ['answers nothing', answering(undefined), 'replay_unavailable', 503],
    ['answers with something like a promise', answering(withThen({}, undefined)), 'replay_unavailable', 503],
  ] as const)('that %s allows nothing', async (_, replays, reason, status) => {
    const response = overTheWire(await buildClient(replays).send())
    expect(verdict(response)).toBe(reason)
    expect(httpStatus(response)).toBe(status)
    expect(flaws(response)).toEqual([])
  })
  test('that does not answer in time allows nothing, whatever it says later', async () => {
    const late = Promise.withResolvers<Claim>()
    const timer = () => ({ elapsed: Promise.resolve(), cancel: () => {} })
    const { ask } = buildTestCheck({ replays: { claim: () => late.promise }, surroundings: { timer } })
    const response = await ask(goodRequest())
    late.resolve('fresh')
    expect(verdict(response)).toBe('deadline')
    expect(flaws(overTheWire(response))).toEqual([])
  })
})

describe('DPOP-48 memory is for one replica', () => {
  test('two stores know nothing of each other', async () => {
    const token = mintToken()
    const order = { token, proof: proofFor(token) }
    expect(await buildClient(freshReplays(), order).sent()).toBe('allow')
    expect(await buildClient(freshReplays(), order).sent()).toBe('allow')
  })
  test('so a configuration with several replicas is refused', () => {
    expect(readConfig({ ...document, replicas: 1 }).ok).toBe(true)
    const reading = readConfig({ ...document, replicas: 2 })
    expect(reading).toMatchObject({ ok: false, problems: [{ path: ['replicas'] }] })
  })
})

describe('DPOP-49, T-19, T-79, att-dpop-06 a proof that is dated ahead', () => {
  test.each([10, 8, 0, -30])('by %i s, sent every second until its age refuses it, passes once', async (lead) => {
    const { store, pass, now } = buildReplays()
    const token = mintToken()
    const proof = proofFor(token, { claims: { iat: PROOF_TIME + lead } })
    const { sent, clock } = buildClient(store(), { token, proof })
    const said: string[] = []
    for (let second = 0; second <= lead + 60 + 5; second++, pass(1)) {
      clock.now = now()
      said.push(await sent())
    }
    const [first, ...rest] = said
    expect(first).toBe('allow')
    expect(rest.slice(0, lead + 60)).toEqual(Array.from({ length: lead + 60 }, () => 'proof_replayed'))
    expect(new Set(rest.slice(lead + 60))).toEqual(new Set(['proof_expired']))
  })
})
