import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Claim, ReplayStore } from '../../../src/ports.ts'
import { Trace } from '../../../src/trace.ts'
import {
  type Attempt,
  answering,
  certificateThumbprint,
  constrain,
  freshReplays,
  otherCertificate,
  shownAs,
  verdict,
  verifiedToken,
} from '../../support/possession.ts'
import { buildClientKey, type Difference, forgeProof, PROOF_TIME, TARGET } from '../../support/proofs.ts'

const [key, otherKey] = await Promise.all([buildClientKey(), buildClientKey('EdDSA')])
const bound = { jkt: key.thumbprint }
const both = { ...bound, 'x5t#S256': certificateThumbprint }
const proof = (difference: Difference = {}): string => forgeProof(key, difference)

/** A good attempt that differs as told. */
const attempt = (difference: Partial<Attempt> = {}): Attempt => ({
  token: verifiedToken(bound),
  proof: proof(),
  ...difference,
})

describe('what the store is asked', () => {
  const asked = async (difference: Partial<Attempt> = {}) => {
    const replays = answering('fresh')
    expect(await verdict(attempt({ ...difference, replays }))).toBe('allow')
    expect(replays.asked).toHaveLength(1)
    const [question] = replays.asked
    if (!question) throw new Error('nobody asked')
    return question
  }

  test('DPOP-44 the digest is over thumbprint, canonical htu and jti', async () => {
    const htu = 'HTTPS://API.EXAMPLE.COM:443/%61ccounts?x#y'
    const question = await asked({ proof: proof({ claims: { jti: 'one', htu } }) })
    const digest = createHash('sha256').update(`${key.thumbprint}\0${TARGET}\0one`).digest('base64url')
    expect(question.key).toEqual({ digest, thumbprint: key.thumbprint, issuedAt: PROOF_TIME })
  })
  test('DPOP-44 however htu is spelled and whoever signed again, it is the same proof', async () => {
    const digests = new Set<string>()
    for (const htu of [TARGET, TARGET, `${TARGET}?`, `${TARGET}#`, 'https://API.example.com/accounts', `${TARGET}?a=b`])
      digests.add((await asked({ proof: proof({ claims: { jti: 'one', htu } }) })).key.digest)
    expect(digests.size).toBe(1)
  })
  test.each([
    [60, 10, 75],
    [10, 60, 75],
    [300, 60, 365],
    [10, 10, 25],
  ])('DPOP-49 with %i s and %i s ahead it is to remember for %i s', async (maxAge, futureTolerance, ttl) => {
    const options = { dpop: { maxAge: `${maxAge}s`, futureTolerance: `${futureTolerance}s` } }
    expect((await asked({ options })).ttl).toBe(ttl)
  })
  test('DPOP-49 the date of a proof that is ahead of the clock is told as it is', async () => {
    const ahead = proof({ claims: { iat: PROOF_TIME + 10 } })
    expect((await asked({ proof: ahead })).key.issuedAt).toBe(PROOF_TIME + 10)
  })
  test('the owner names Envoy, stream, method, authority, path, query and token', async () => {
    const usual = await asked()
    expect((await asked()).owner).toBe(usual.owner)
    const others: readonly Partial<Attempt>[] = [
      { request: { peer: 'spiffe://example.com/other' } },
      { attributes: { id: 'stream-2' } },
      { attributes: { method: 'POST' }, proof: proof({ claims: { htm: 'POST' } }) },
      { attributes: { authority: 'api.example.com:443' } },
      { attributes: { path: '/accounts/' } },
      { attributes: { query: 'a' } },
      { attributes: { query: '' } },
      { attributes: { path: '/accounts/"', query: 'x' } },
    ]
    const owners = new Set([usual.owner])
    for (const difference of others) owners.add((await asked(difference)).owner)
    const token = verifiedToken(bound, 'DPoP', 'another-token')
    const ath = createHash('sha256').update('another-token').digest('base64url')
    owners.add((await asked({ token, proof: proof({ claims: { ath } }) })).owner)
    expect(owners.size).toBe(2 + others.length)
  })
  test('parts of the owner do not run into each other', async () => {
    const split = await asked({ attributes: { authority: 'a', path: '/b' } })
    const joined = await asked({ attributes: { authority: 'a/', path: 'b' } })
    expect(split.owner).not.toBe(joined.owner)
  })
  test('a request without stream id has no owner', async () =>
    expect((await asked({ attributes: { id: '' } })).owner).toBe(''))
  test('no secret reaches the store', async () => {
    const sent = proof({ claims: { jti: 'a jti that tells a story' } })
    const text = JSON.stringify(await asked({ proof: sent }))
    for (const secret of [verifiedToken(bound).raw, sent, 'story']) expect(text).not.toContain(secret)
  })
})

describe('unauth-flood, ERR-12, T-17, DPOP-50 a proof that fails any other check is never shown to the store', () => {
  const token = verifiedToken(bound)
  const broken = `${proof().split('.').slice(0, 2).join('.')}.${'A'.repeat(86)}`
  const failing: readonly (readonly [string, Partial<Attempt>])[] = [
    ['token_unbound', { token: verifiedToken(undefined) }],
    ['confirmation_unusable', { token: verifiedToken({ kid: 'x' }) }],
    ['binding_incomplete', { options: { both: true } }],
    ['binding_refused', { options: { methods: ['mtls'] } }],
    ['bound_token_as_bearer', { token: verifiedToken(bound, 'Bearer') }],
    ['token_not_dpop_bound', { token: verifiedToken({ 'x5t#S256': certificateThumbprint }) }],
    ['certificate_missing', { token: verifiedToken(both) }],
    ['certificate_unusable', { token: verifiedToken(both), attributes: { certificate: shownAs('x') } }],
    ['certificate_mismatch', { token: verifiedToken(both), attributes: { certificate: shownAs(otherCertificate) } }],
    ['proof_missing', { proof: undefined }],
    ['proof_repeated', { proof: [proof(), proof()] }],
    ['proof_malformed', { proof: 'x' }],
    ['proof_type_refused', { proof: proof({ header: { typ: 'JWT' } }) }],
    ['proof_algorithm_refused', { proof: proof({ header: { alg: 'none' } }) }],
    ['proof_key_refused', { proof: proof({ header: { jwk: {} } }) }],
    ['proof_claims_invalid', { proof: proof({ claims: { jti: '' } }) }],
    ['proof_claims_invalid', { proof: proof({ claims: { iat: 'x' } }) }],
    ['proof_method_mismatch', { proof: proof({ claims: { htm: 'PUT' } }) }],
    ['proof_target_mismatch', { proof: proof({ claims: { htu: 'https://evil.example/' } }) }],
    ['proof_token_mismatch', { proof: proof({ claims: { ath: 'x' } }) }],
    ['proof_signature_invalid', { proof: broken }],
    ['proof_expired', { proof: proof({ claims: { iat: PROOF_TIME - 61 } }) }],
    ['proof_expired', { proof: proof({ claims: { exp: PROOF_TIME } }) }],
    ['proof_expired', { proof: proof({ claims: { nbf: PROOF_TIME + 60 } }) }],
    ['proof_key_mismatch', { proof: forgeProof(otherKey) }],
  ]
  test.each(failing)('%s', async (reason, difference) => {
    const asked = answering('fresh')
    const replays = freshReplays()
    expect(await verdict({ token, proof: proof(), ...difference, replays: asked })).toBe(reason)
    expect(asked.asked).toEqual([])
    expect(await verdict({ token, proof: proof(), ...difference, replays })).toBe(reason)
    expect(replays.size).toBe(0)
  })
  test('a good one is', async () => {
    const replays = freshReplays()
    expect(await verdict(attempt({ replays }))).toBe('allow')
    expect(replays.size).toBe(1)
  })
})

describe('what the store answers', () => {
  const answers: readonly (readonly [Claim, string])[] = [
    ['fresh', 'allow'],
    ['mine', 'allow'],
    ['used', 'proof_replayed'],
    ['quota', 'replay_quota'],
    ['full', 'replay_full'],
    ['unknown', 'replay_unknown'],
    ['unavailable', 'replay_unavailable'],
  ]
  test.each(answers)('DPOP-43, DPOP-46, DPOP-47 %s: %s, at once and later', async (answer, expected) => {
    expect(await verdict(attempt({ replays: answering(answer) }))).toBe(expected)
    expect(await verdict(attempt({ replays: answering(Promise.resolve(answer)) }))).toBe(expected)
  })
  const garbage: readonly unknown[] = [
    undefined,
    null,
    true,
    1,
    '',
    'FRESH',
    'fresh ',
    'ok',
    'OK',
    'toString',
    '__proto__',
    'constructor',
    {},
    [],
    ['fresh'],
    ['used'],
    { ok: true },
    Symbol('fresh'),
    () => 'fresh',
    new String('fresh'),
    { toString: () => 'fresh' },
  ]
  test.each(garbage.map((answer) => [answer]))('DPOP-47 anything else, like %s, is a refusal', async (answer) => {
    // What the types say about a broken store is a promise nobody keeps.
    const replays = (value: unknown): ReplayStore => ({ claim: () => value as Claim })
    for (const value of [answer, Promise.resolve(answer)]) {
      const said = await verdict(attempt({ replays: replays(value) }))
      expect(['replay_unavailable', 'proof_replayed']).toContain(said)
    }
  })
  test('DPOP-47 a store that throws is a fault, one that rejects is unavailable', async () => {
    const throwing: ReplayStore = {
      claim: () => {
        throw new Error('boom')
      },
    }
    await expect(async () => await verdict(attempt({ replays: throwing }))).rejects.toThrow('boom')
    const rejecting: ReplayStore = { claim: () => Promise.reject(new Error('boom')) }
    expect(await verdict(attempt({ replays: rejecting }))).toBe('replay_unavailable')
  })
  test('the answer is in the trace', async () => {
    for (const [answer, expected] of answers) {
      const trace = new Trace()
      await constrain(attempt({ replays: answering(answer), request: { trace } }))
      const result = expected === 'allow' ? 'pass' : 'fail'
      expect(trace.entries.at(-1)).toMatchObject({ check: 'proof unused', result, found: answer })
    }
  })
})
