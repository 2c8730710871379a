import { expect } from 'vitest'
import { answered, flaws, verdict } from './answers.ts'
import { nonceMaker, STEP } from './nonces.ts'
import { PROOF_TIME } from './proofs.ts'
import { overTheWire } from './recordings.ts'
import { buildTestCheck, document, goodRequest, mintToken, ORIGIN, proofFor } from './spine.ts'

const constrained = (path: string, dpop: object, more: object = {}): object => ({
  path,
  senderConstraint: { dpop, ...more },
})
/** Routes that differ in what they say about nonces. */
export const nonceDocument = {
  ...document,
  routes: [
    constrained('/required', { nonce: 'required' }),
    constrained('/optional', { nonce: 'optional' }),
    constrained('/off', {}),
    constrained('/relaxed', { nonce: 'required', relaxIat: true }),
    constrained('/relaxed-optional', { nonce: 'optional', relaxIat: true }),
    constrained('/both', { nonce: 'required' }, { both: true }),
    { ...constrained('/admin', { nonce: 'required' }), scopes: ['admin'] },
  ],
}
/** What the service under test issues in a step, counted from the one that PROOF_TIME begins. */
export const nonceOf = (steps = 0, origin = ORIGIN): string => nonceMaker().issue(origin, PROOF_TIME + steps * STEP)

export function buildNonceCheck(options: Parameters<typeof buildTestCheck>[0] = {}) {
  const { ask, ...more } = buildTestCheck({ document: nonceDocument, ...options })
  /** What came of a request whose proof holds these claims, and the nonce it was answered with. */
  const prove = async (path: string, claims: object = {}, order: Parameters<typeof goodRequest>[0] = {}) => {
    const { token = mintToken() } = order
    const proof = order.proof ?? proofFor(token, { claims: { htu: ORIGIN + path, ...claims } })
    const response = overTheWire(await ask(goodRequest({ path, ...order, token, proof })))
    expect(flaws(response)).toEqual([])
    return { response, reason: verdict(response), nonce: answered(response, 'dpop-nonce') }
  }
  return { ...more, prove }
}
export const nonceReason = async (path: string, claims: object = {}): Promise<string> =>
  (await buildNonceCheck().prove(path, claims)).reason
