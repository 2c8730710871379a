import { expect, test } from 'vitest'
import { claims } from '../../../src/policies/claims.ts'
import { evidence } from '../../support/modules.ts'
import { nonceMaker } from '../../support/nonces.ts'
import { freshReplays, routedRequest } from '../../support/possession.ts'
import { keyMemory } from '../../support/proofs.ts'
import { memory } from '../../support/spine.ts'

const options = claims.options.parse({ require: { '/tenant': 'gold' }, mapping: { as: { '/tenant': '/org' } } })

function judge(exceptions: readonly string[], claimed: object) {
  const ports = {
    ...{ servers: new Map(), replays: freshReplays(), proofKeys: keyMemory() },
    ...{ nonces: nonceMaker(), signedTokens: memory<unknown>() },
  }
  const evaluate = claims.create(options, ports, { route: 'accounts', exceptions: new Set(exceptions) })
  const result = evaluate(routedRequest(undefined, {}), evidence(claimed))
  if (result instanceof Promise) throw new Error('the policy waits for nothing')
  return result.ok ? 'ok' : result.reason
}

test('AZ-03 without the exception claims go by no other name, even if the options say so', () => {
  expect(judge(['claimMapping'], { org: 'gold' })).toBe('ok')
  expect(judge([], { org: 'gold' })).toBe('claims_insufficient')
  expect(judge([], { tenant: 'gold' })).toBe('ok')
})
test('AZ-03 claims are judged only once possession is shown', () =>
  expect([claims.needs, claims.yields]).toEqual([['token', 'binding'], []]))
