import { describe, expect, test } from 'vitest'
import { answered, verdict } from '../support/answers.ts'
import { buildNonceCheck, nonceDocument, nonceOf, nonceReason } from '../support/nonce-spine.ts'
import { nonceMaker, secretOf } from '../support/nonces.ts'
import { answering, certificate } from '../support/possession.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import {
  boundTo,
  buildTestCheck,
  goodRequest,
  ISSUER,
  mintToken,
  ORIGIN,
  otherKey,
  proofFor,
} from '../support/spine.ts'

describe('DPOP-36 a nonce is required', () => {
  test('without one: 401 use_dpop_nonce with a nonce, and with that it passes', async () => {
    const { prove } = buildNonceCheck()
    const { response, reason, nonce } = await prove('/required')
    expect([reason, nonce]).toEqual(['nonce_missing', [nonceOf()]])
    expect(answered(response, 'www-authenticate')[0]).toBe(
      'DPoP error="use_dpop_nonce", error_description="A nonce is required in the DPoP proof", algs="ES256 PS256 EdDSA Ed25519"',
    )
    expect(response).toMatchObject({ status: { code: 16 }, deniedResponse: { status: { code: 401 } } })
    expect((await prove('/required', { nonce: nonce[0] })).reason).toBe('allow')
  })
  test('the refused proof is not used up: it was asked for a nonce, not claimed', async () => {
    const { prove } = buildNonceCheck()
    const jti = { jti: 'the-same-jti' }
    expect((await prove('/required', jti)).reason).toBe('nonce_missing')
    expect((await prove('/required', { ...jti, nonce: nonceOf() })).reason).toBe('allow')
    expect((await prove('/required', { ...jti, nonce: nonceOf() })).reason).toBe('proof_replayed')
  })
  test('where it is optional a proof without one passes and gets one', async () => {
    const { reason, nonce } = await buildNonceCheck().prove('/optional')
    expect([reason, nonce]).toEqual(['allow', [nonceOf()]])
  })
  test('a certificate-bound token needs none', async () => {
    const token = mintToken({ claims: { cnf: boundTo.mtls } })
    const { ask } = buildTestCheck({ document: nonceDocument })
    const request = goodRequest({ path: '/required', token, scheme: 'Bearer', proof: null, certificate })
    expect(verdict(await ask(request))).toBe('allow')
  })
  test('a token with both confirmations needs one as well', async () => {
    const order = { token: mintToken({ claims: { cnf: boundTo.both } }), certificate }
    const { prove } = buildNonceCheck()
    expect((await prove('/both', {}, order)).reason).toBe('nonce_missing')
    expect((await prove('/both', { nonce: nonceOf() }, order)).reason).toBe('allow')
  })
})

describe('DPOP-37, T-26, att-dpop-11 only nonces we issued recently, for this origin', () => {
  test.each([-2, -1, 0, 1])('of %i steps from now: accepted', async (steps) =>
    expect(await nonceReason('/required', { nonce: nonceOf(steps) })).toBe('allow'),
  )
  test.each<[string, string]>([
    ['expired', nonceOf(-3)],
    ['of the future', nonceOf(2)],
    ['for another public origin', nonceOf(0, 'https://mtls.example.com:8443')],
    ['for the issuer', nonceOf(0, ISSUER)],
    ['of another deployment', nonceMaker(secretOf.third).issue(ORIGIN, PROOF_TIME)],
    ['of an authorization server', 'eyJ7S_zG.eyJH0-Z.HX4w-7v'],
    ['cut off', nonceOf().slice(0, -1)],
    ['empty', ''],
    ['huge', 'n'.repeat(2000)],
  ])('%s: refused, with a fresh one', async (_, nonce) => {
    for (const path of ['/required', '/optional']) {
      const told = await buildNonceCheck().prove(path, { nonce })
      expect([told.reason, told.nonce]).toEqual(['nonce_refused', [nonceOf()]])
    }
  })
  test('every secret verifies, the first that is known for long signs', async () => {
    const { prove } = buildNonceCheck({ nonces: nonceMaker(secretOf.second, secretOf.first) })
    const newest = nonceMaker(secretOf.second).issue(ORIGIN, PROOF_TIME)
    expect(await prove('/required', { nonce: nonceOf() })).toMatchObject({ reason: 'allow', nonce: [newest] })
    expect(await prove('/required', { nonce: newest })).toMatchObject({ reason: 'allow', nonce: [] })
    const other = nonceMaker(secretOf.third).issue(ORIGIN, PROOF_TIME)
    expect(await prove('/required', { nonce: other })).toMatchObject({ reason: 'nonce_refused', nonce: [newest] })
  })
  test('DPOP-38, FAPI-CR-05 what goes out is 256 bits of HMAC in characters that a nonce may have', () => {
    expect(nonceOf()).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]{43}$/)
    expect(Buffer.from(nonceOf(), 'base64url').length).toBe(32)
  })
})

describe('DPOP-39 a good nonce that is not the newest is renewed with the answer', () => {
  test.each([
    [-2, [nonceOf()]],
    [-1, [nonceOf()]],
    [0, []],
    [1, []],
  ])('of %i steps from now', async (steps, renewed) => {
    const { response, nonce } = await buildNonceCheck().prove('/required', { nonce: nonceOf(steps) })
    expect(nonce).toEqual(renewed)
    // ERR-09: an answer with a nonce is kept by no cache; any other is the upstream's to say.
    expect(answered(response, 'cache-control')).toEqual(renewed.length > 0 ? ['no-store'] : [])
  })
  test('ERR-08, T-27 never two of them: ours takes the place of what the upstream says', async () => {
    const { response } = await buildNonceCheck().prove('/required', { nonce: nonceOf(-1) })
    if (!('okResponse' in response)) throw new Error('denied')
    const lines = response.okResponse.responseHeadersToAdd.filter(({ header }) => header.key === 'dpop-nonce')
    expect(lines.map(({ appendAction }) => appendAction)).toEqual(['OVERWRITE_IF_EXISTS_OR_ADD'])
  })
  test('ERR-09 a denial with a nonce is not stored', async () => {
    const { response } = await buildNonceCheck().prove('/required')
    expect(answered(response, 'cache-control')).toEqual(['no-store'])
  })
  test('the clock is stepped forth and back: one more round trip each time, then it goes on', async () => {
    // What the store makes of stepped clocks is another matter.
    const { prove, clock } = buildNonceCheck({ replays: answering('fresh') })
    let nonce = nonceOf()
    for (const now of [PROOF_TIME + 3600, PROOF_TIME, PROOF_TIME + 86_400]) {
      clock.now = now
      const token = mintToken({ claims: { iat: now - 1, exp: now + 290 } })
      const refused = await prove('/required', { iat: now, nonce }, { token })
      expect(refused.reason).toBe('nonce_refused')
      nonce = String(refused.nonce[0])
      expect((await prove('/required', { iat: now, nonce }, { token })).reason).toBe('allow')
    }
  })
})

describe('DPOP-40, DPOP-41 what the claim may be', () => {
  test('DPOP-40 a nonce nobody asked for is ignored, and none is offered', async () => {
    for (const nonce of ['of somebody else', nonceOf(), nonceOf(-3), '']) {
      const told = await buildNonceCheck().prove('/off', { nonce })
      expect([told.reason, told.nonce]).toEqual(['allow', []])
    }
  })
  test.each(['/required', '/optional', '/off'])('DPOP-41 on %s it has to be a string', async (path) => {
    for (const nonce of [7, null, true, [nonceOf()], { nonce: nonceOf() }])
      expect(await nonceReason(path, { nonce })).toBe('proof_claims_invalid')
  })
})

describe('DPOP-42, T-25 nonces are not for one use', () => {
  test('two proofs with the same nonce and different jti pass', async () => {
    const { prove } = buildNonceCheck()
    const reasons = await Promise.all(['a', 'b', 'c'].map((jti) => prove('/required', { jti, nonce: nonceOf() })))
    expect(reasons.map(({ reason }) => reason)).toEqual(['allow', 'allow', 'allow'])
  })
  test('the nonce does not make a used proof new', async () => {
    const { prove } = buildNonceCheck()
    expect((await prove('/required', { jti: 'a', nonce: nonceOf(-1) })).reason).toBe('allow')
    expect((await prove('/required', { jti: 'a', nonce: nonceOf() })).reason).toBe('proof_replayed')
  })
})

describe('T-24 a bad proof is told what is wrong with it, not to come back with a nonce', () => {
  const { prove } = buildNonceCheck()
  const bad: readonly (readonly [reason: string, claims: object, order?: Parameters<typeof goodRequest>[0]])[] = [
    ['proof_method_mismatch', { htm: 'POST' }],
    ['proof_target_mismatch', { htu: `${ORIGIN}/other` }],
    ['proof_token_mismatch', { ath: 'x' }],
    ['proof_claims_invalid', { jti: '' }],
    ['proof_expired', { iat: PROOF_TIME - 3600 }],
    ['proof_expired', { iat: PROOF_TIME + 61 }],
    ['proof_expired', { exp: PROOF_TIME - 1 }],
    ['proof_malformed', {}, { proof: 'a.b.c' }],
  ]
  test.each(bad.map(([reason, claims, order]) => ({ reason, claims, order })))(
    '$reason',
    async ({ reason, claims, order }) => {
      for (const nonce of [undefined, 'wrong', nonceOf()])
        expect((await prove('/required', { nonce, ...claims }, order)).reason).toBe(reason)
    },
  )
  test('proof_signature_invalid', async () => {
    const token = mintToken()
    const [header, payload] = proofFor(token, { claims: { htu: `${ORIGIN}/required` } }).split('.')
    const [, , signature] = proofFor(token).split('.')
    const proof = `${header}.${payload}.${signature}`
    expect((await prove('/required', {}, { token, proof })).reason).toBe('proof_signature_invalid')
  })
  test('a key that is not the token’s: asked for a nonce once, then told', async () => {
    const token = mintToken()
    const by = (nonce: string | undefined) =>
      proofFor(token, { claims: { htu: `${ORIGIN}/required`, nonce } }, otherKey)
    expect((await prove('/required', {}, { token, proof: by(undefined) })).reason).toBe('nonce_missing')
    expect((await prove('/required', {}, { token, proof: by(nonceOf()) })).reason).toBe('proof_key_mismatch')
  })
  test('a token that covers too little is told so, with a good nonce', async () =>
    expect((await prove('/admin', { nonce: nonceOf(-1) })).reason).toBe('scope_insufficient'))
})
