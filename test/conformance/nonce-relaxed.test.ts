import { describe, expect, test } from 'vitest'
import { buildNonceCheck, nonceOf, nonceReason } from '../support/nonce-spine.ts'
import { STEP } from '../support/nonces.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import { mintToken } from '../support/spine.ts'

describe('DPOP-27, DPOP-26 with a good nonce iat may be any time ago where relaxIat says so', () => {
  const hourAgo = { iat: PROOF_TIME - 3600 }
  test.each([
    ['/relaxed', 'allow'],
    ['/relaxed-optional', 'allow'],
    ['/required', 'proof_expired'],
    ['/optional', 'proof_expired'],
    ['/off', 'proof_expired'],
  ])('an hour ago with a fresh nonce on %s: %s', async (path, reason) =>
    expect(await nonceReason(path, { ...hourAgo, nonce: nonceOf() })).toBe(reason),
  )
  test.each(['/relaxed', '/relaxed-optional'])('on %s without a nonce it is asked for one', async (path) =>
    expect(await nonceReason(path, hourAgo)).toBe('nonce_missing'),
  )
  test('where nonces are optional a proof of now needs none', async () =>
    expect(await nonceReason('/relaxed-optional', {})).toBe('allow'))
  test('with a nonce that is too old it is refused', async () =>
    expect(await nonceReason('/relaxed', { ...hourAgo, nonce: nonceOf(-3) })).toBe('nonce_refused'))
  test.each([11, 61, 3600])('%i s ahead fails whatever the nonce says', async (ahead) =>
    expect(await nonceReason('/relaxed', { iat: PROOF_TIME + ahead, nonce: nonceOf() })).toBe('proof_expired'),
  )
  test('exp and nbf count all the same', async () => {
    for (const claims of [{ exp: PROOF_TIME - 1 }, { nbf: PROOF_TIME + 11 }])
      expect(await nonceReason('/relaxed', { ...hourAgo, ...claims, nonce: nonceOf() })).toBe('proof_expired')
  })
  test('DPOP-49 it is used once, as long as its nonce lives', async () => {
    const { prove, clock } = buildNonceCheck()
    // Issued by a replica whose clock is a step ahead: nobody accepts it for longer.
    const claims = { ...hourAgo, jti: 'once', nonce: nonceOf(1) }
    const token = mintToken()
    expect((await prove('/relaxed', claims, { token })).reason).toBe('allow')
    for (let age = 1; age < 4 * STEP; age += 1) {
      clock.now = PROOF_TIME + age
      expect((await prove('/relaxed', claims, { token, id: `again-${age}` })).reason).toBe('proof_replayed')
    }
    clock.now = PROOF_TIME + 4 * STEP
    expect((await prove('/relaxed', claims, { token })).reason).toBe('nonce_refused')
  })
})
