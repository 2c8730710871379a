import { describe, expect, test } from 'vitest'
import { type Answer, answers, type DenyReason, deny, ok } from '../../src/denial.ts'

const table: readonly (readonly [DenyReason, Answer])[] = Object.entries(answers).map(([reason, answer]) => [
  // The keys of the table are the reasons.
  reason as DenyReason,
  answer,
])

describe.each(table)('%s', (_, { status, error, description, challenge, retryAfter }) => {
  test('ERR-05 the public text may stand in a quoted string and in JSON as it is', () => {
    expect(description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
    expect(error).toMatch(/^[a-z_]+$/)
    expect(description.length).toBeLessThanOrEqual(100)
  })
  test('ERR-01 a 401 has a challenge, and an error of the server has none', () => {
    if (status === 401) expect(challenge).not.toBe('none')
    if (status >= 429) expect(challenge).toBe('none')
  })
  test('ERR-04 the error belongs to the status', () => {
    const statuses: Readonly<Record<string, readonly number[]>> = {
      invalid_request: [400, 405, 413, 431],
      invalid_token: [401],
      invalid_dpop_proof: [401],
      use_dpop_nonce: [401],
      insufficient_scope: [403],
      insufficient_user_authentication: [401],
      access_denied: [403],
      too_many_requests: [429],
      temporarily_unavailable: [503],
      server_error: [500],
    }
    expect(statuses[error]).toContain(status)
  })
  test('503 and 429 say when to come back, and nothing else does', () => {
    expect(retryAfter !== undefined).toBe(status === 503 || status === 429)
    if (retryAfter !== undefined) expect(retryAfter).toBeGreaterThanOrEqual(1)
  })
})

test('ERR-06 a bad proof is told in the DPoP challenge, ambiguous credentials in all of them', () => {
  const reasons = (challenge: Answer['challenge']) =>
    table.filter(([, answer]) => answer.challenge === challenge).map(([reason]) => reason)
  const ofProofs = ['invalid_dpop_proof', 'use_dpop_nonce']
  expect(table.filter(([, { error }]) => ofProofs.includes(error)).map(([reason]) => reason)).toEqual(reasons('dpop'))
  expect(reasons('every')).toEqual(['credentials_repeated'])
  expect(reasons('bare')).toEqual(['credentials_missing'])
})

test('a refusal keeps what it is given, and nothing is ok by accident', () => {
  expect(deny('scope_insufficient', 'why', { scope: ['a'] })).toEqual({
    ok: false,
    reason: 'scope_insufficient',
    detail: 'why',
    scope: ['a'],
  })
  expect(ok(undefined)).toEqual({ ok: true, value: undefined })
  expect(deny('internal_error', '', { retryAfter: 7 })).toMatchObject({ ok: false, retryAfter: 7 })
})
