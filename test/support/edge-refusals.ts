import { expect } from 'vitest'
import { answers } from '../../src/denial.ts'
import { lines, type TestEdge, type Told } from './edge.ts'
import { challengeLines, type Refusal } from './edge-reasons.ts'

/** The whole answer of a refusal, as the client gets it. */
export function expectRefusal(told: Told, refusal: Refusal): void {
  const { reason, status, error, retryAfter, allow } = refusal
  expect(told).toMatchObject({ status, hits: 0 })
  expect(lines(told, 'www-authenticate')).toEqual(challengeLines(refusal))
  expect(told.body).toBe(JSON.stringify({ error, error_description: answers[reason].description }))
  expect(lines(told, 'content-type')).toEqual(['application/json'])
  expect(lines(told, 'cache-control')).toEqual(['no-store'])
  const nonces = lines(told, 'dpop-nonce').map((nonce) => /^[A-Za-z0-9_-]{43}$/.test(nonce))
  expect(nonces).toEqual(error === 'use_dpop_nonce' ? [true] : [])
  expect(lines(told, 'retry-after')).toEqual(retryAfter === undefined ? [] : [retryAfter])
  expect(lines(told, 'allow')).toEqual(allow === undefined ? [] : [allow])
  // Written by the service alone; nothing of it is for clients.
  expect(lines(told, 'x-envoy-auth-partial-body')).toEqual([])
}

/** The reason in the log of the service. */
export const reasonOf = async ({ setting }: TestEdge, id: string): Promise<string | undefined> =>
  (await setting.service().decision(id))?.reason
