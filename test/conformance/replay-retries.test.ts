import { describe, expect, test } from 'vitest'
import { answered, verdict } from '../support/answers.ts'
import { certificate, freshReplays, otherCertificate } from '../support/possession.ts'
import { forgeText, PROOF_TIME } from '../support/proofs.ts'
import { overTheWire, received } from '../support/recordings.ts'
import { buildReplays, flood, TTL } from '../support/replays.ts'
import {
  boundTo,
  buildTestCheck,
  CALL,
  clientKey,
  goodRequest,
  mintToken,
  ORIGIN,
  type Order,
  otherKey,
  proofFor,
  tokenParts,
} from '../support/spine.ts'

describe('DPOP-50 a request that is denied', () => {
  /** What the first request is told, what the second with the same proof, and whether the store keeps the proof. */
  async function twice(first: Order, second: Order) {
    const replays = freshReplays()
    const { ask } = buildTestCheck({ replays })
    const denied = overTheWire(await ask(received(goodRequest({ id: 'first', ...first }))))
    const { size } = replays
    return {
      denied: verdict(denied),
      size,
      later: verdict(await ask(received(goodRequest({ id: 'second', ...second })))),
    }
  }

  test('403 for the scope: the proof was good, so it is spent', async () => {
    const token = mintToken({ claims: { scope: 'payments' } })
    const order = { token, proof: proofFor(token) }
    expect(await twice(order, order)).toEqual({ denied: 'scope_insufficient', size: 1, later: 'proof_replayed' })
  })
  test('a new proof is all it takes to try again', async () => {
    const token = mintToken({ claims: { scope: 'payments' } })
    const again = { token, path: '/dpop' }
    expect(await twice({ token }, again)).toEqual({ denied: 'scope_insufficient', size: 1, later: 'allow' })
  })
  test('429 and 503 for want of room: nothing was taken, so the proof may come again', async () => {
    for (const [capacity, thumbprint, reason] of [
      [20_000, clientKey.thumbprint, 'replay_quota'],
      [1000, 'others', 'replay_full'],
    ] as const) {
      const { claim, store, pass } = buildReplays({ capacity })
      flood(claim, 1000, { thumbprint, ttl: 20 })
      const { ask } = buildTestCheck({ replays: store() })
      const token = mintToken()
      const order = { token, proof: proofFor(token, { claims: { iat: PROOF_TIME } }) }
      expect(verdict(await ask(goodRequest({ ...order, id: 'first' })))).toBe(reason)
      // Only the store grows older; the request is judged at the same moment again.
      pass(TTL + 70)
      expect(verdict(await ask(goodRequest({ ...order, id: 'second' })))).toBe('allow')
      expect(verdict(await ask(goodRequest({ ...order, id: 'third' })))).toBe('proof_replayed')
    }
  })

  const token = mintToken()
  const dual = mintToken({ claims: { cnf: boundTo.both } })
  const parts = tokenParts()
  const forged = forgeText(otherKey, JSON.stringify(parts.header), JSON.stringify(parts.claims))
  const proof = proofFor(token)
  const spent = proofFor(dual)
  const good = { token, proof }
  const unspent: readonly (readonly [string, Order, Order])[] = [
    ['host_unknown', { ...good, host: 'evil.example' }, good],
    ['method_not_allowed', { ...good, method: 'OPTIONS' }, good],
    ['route_unknown', { ...good, path: '/none' }, good],
    ['token_in_query', { ...good, path: '/accounts?access_token=x' }, good],
    ['token_signature_invalid', { token: forged, proof: proofFor(forged) }, good],
    ['token_malformed', { ...good, token: 'x' }, good],
    ['bound_token_as_bearer', { ...good, scheme: 'Bearer' }, good],
    ['binding_refused', { ...good, path: '/mtls' }, good],
    ['binding_incomplete', { ...good, path: '/both' }, good],
    ['certificate_missing', { token: dual, proof: spent }, { token: dual, proof: spent, certificate }],
    [
      'certificate_mismatch',
      { token: dual, proof: spent, certificate: otherCertificate },
      { token: dual, proof: spent, certificate },
    ],
    ['proof_method_mismatch', { ...good, method: 'POST' }, good],
    ['proof_target_mismatch', { ...good, path: '/dpop' }, good],
    ['proof_token_mismatch', { ...good, token: mintToken() }, good],
    ['proof_repeated', { ...good, headers: [['dpop', proofFor(token)]] }, good],
    ['interaction_id_invalid', { ...good, path: '/strict-id', headers: [['x-fapi-interaction-id', 'x']] }, good],
  ]
  test.each(unspent)('ERR-12, T-17 %s leaves no trace: the proof is still good', async (reason, bad, later) =>
    expect(await twice(bad, later)).toEqual({
      denied: reason,
      size: 0,
      later: 'allow',
    }),
  )
  test('ERR-12, T-17 nobody can spend the jti of another with a proof of his own', async () => {
    const claims = { jti: 'the jti of the victim' }
    const burnt = { token, proof: proofFor(token, { claims }, otherKey) }
    const victim = { token, proof: proofFor(token, { claims }) }
    expect(await twice(burnt, victim)).toEqual({ denied: 'proof_key_mismatch', size: 0, later: 'allow' })
  })
  test('clients are told that the proof is the trouble, so that they make a new one', async () => {
    const { ask } = buildTestCheck()
    await ask(goodRequest({ ...good, id: 'first' }))
    const response = overTheWire(await ask(goodRequest({ ...good, id: 'second' })))
    expect(answered(response, 'www-authenticate').join()).toContain('error="invalid_dpop_proof"')
  })
})

describe('DPOP-50 a Check that Envoy sends again', () => {
  const build = () => {
    const replays = buildReplays()
    const { check, clock } = buildTestCheck({ replays: replays.store() })
    const token = mintToken()
    const order: Order = { token, proof: proofFor(token), id: '7137139012468521463' }
    return {
      ask: async (difference: Order = {}, peer = 'local') =>
        verdict(await check(goodRequest({ ...order, ...difference }), { ...CALL, peer })),
      pass: (seconds: number) => {
        replays.pass(seconds)
        clock.now = replays.now()
      },
    }
  }
  test('is the same request for two seconds', async () => {
    const { ask, pass } = build()
    for (const seconds of [0, 0.4, 0.6, 1]) {
      pass(seconds)
      expect(await ask()).toBe('allow')
    }
    pass(0.001)
    expect(await ask()).toBe('proof_replayed')
  })
  test.each([
    ['another stream', { id: '7137139012468521464' }],
    ['no stream id', { id: '' }],
    ['another query', { path: '/accounts?x=1' }],
    ['an empty query', { path: '/accounts?' }],
    ['another spelling of the authority', { host: 'api.example.com:443' }],
    ['another token', { token: mintToken() }],
  ] as const)('is a replay with %s', async (_, difference) => {
    const { ask } = build()
    expect(await ask()).toBe('allow')
    expect(await ask(difference)).not.toBe('allow')
    expect(await ask()).toBe('allow')
  })
  test('is a replay from another Envoy', async () => {
    const { ask } = build()
    expect(await ask({}, 'spiffe://example.com/one')).toBe('allow')
    expect(await ask({}, 'spiffe://example.com/two')).toBe('proof_replayed')
    expect(await ask({}, 'spiffe://example.com/one')).toBe('allow')
  })
  test('has no second chance without a stream id', async () => {
    const { ask } = build()
    expect(await ask({ id: '' })).toBe('allow')
    expect(await ask({ id: '' })).toBe('proof_replayed')
  })
  test('is denied again when it was denied', async () => {
    const { ask } = buildTestCheck()
    const token = mintToken({ claims: { scope: 'payments' } })
    const request = goodRequest({ token, proof: proofFor(token, { claims: { htu: `${ORIGIN}/accounts` } }) })
    for (const _ of [1, 2]) expect(verdict(await ask(request))).toBe('scope_insufficient')
  })
})
