import { admit } from '../../src/admission.ts'
import { type DenyReason, ok } from '../../src/denial.ts'
import { buildPipeline, type Passage } from '../../src/pipeline.ts'
import type { Policy, RoutedRequest } from '../../src/policy.ts'
import { Trace } from '../../src/trace.ts'
import { acceptAccessToken, type VerifiedToken } from '../../src/verify/access-token.ts'
import { type VerifiedBinding, verifyBinding } from '../../src/verify/binding.ts'
import { routedRequest } from './possession.ts'
import { buildClientKey, forgeProof, PROOF_TIME, proofInput, TOKEN } from './proofs.ts'

const key = await buildClientKey()

/** Genuine evidence, made by the real verifiers; new each time. */
export function evidence(claims: object = {}): { readonly token: VerifiedToken; readonly binding: VerifiedBinding } {
  const token = accepted({ cnf: { jkt: key.thumbprint }, ...claims }, 'DPoP')
  const { token: _, trace, ...proof } = proofInput(forgeProof(key))
  const binding = verifyBinding(token, { methods: ['dpop'], both: false }, { certificate: undefined, proof }, trace)
  if (!binding.ok) throw new Error(binding.detail)
  return { token, binding: binding.value }
}

/** A genuine token without confirmation. */
export const bearerOf = (claims: object): VerifiedToken => accepted(claims, 'Bearer')

function accepted(claims: object, scheme: 'DPoP' | 'Bearer'): VerifiedToken {
  const payload = {
    sub: 'user',
    client_id: 'client',
    jti: 'token',
    aud: 'https://api.example.com',
    ...claims,
    ...times,
  }
  const jws = { header: {}, payload, algorithm: 'ES256', signingInput: '', signature: Buffer.alloc(0) }
  const token = acceptAccessToken(
    { jws, issuer: 'https://as.example.com', kid: undefined },
    { raw: TOKEN, scheme },
    { server: 'as', audiences: [payload.aud], leeway: 5, maxLifetime: 600, mapClaims: false },
    PROOF_TIME,
    new Trace(),
  )
  if (!token.ok) throw new Error(token.detail)
  return token.value
}

const times = { iat: PROOF_TIME, exp: PROOF_TIME + 300 }

/** A policy out of somebody else's module: it returns whatever it likes. */
export const custom = (
  returned: (request: RoutedRequest, proven: unknown) => unknown,
  more: Partial<Policy> = {},
): Policy => ({
  name: 'custom',
  needs: [],
  yields: [],
  // What the types say about modules of others is a promise nobody keeps for us.
  evaluate: returned as Policy['evaluate'],
  ...more,
})

/** Does something, then passes. */
export const passing =
  (act: (request: RoutedRequest, proven: unknown) => unknown) =>
  (request: RoutedRequest, proven: unknown): unknown => {
    act(request, proven)
    return ok({})
  }

export const genuine = (): readonly Policy[] => {
  const { token, binding } = evidence()
  return [
    custom(() => ok({ token }), { name: 'first', yields: ['token'] }),
    custom(() => ok({ binding }), { name: 'second', needs: ['token'], yields: ['binding'] }),
  ]
}

/** What a pipeline makes of these policies. */
export const run = async (...policies: readonly Policy[]): Promise<Passage> =>
  await buildPipeline(policies)(routedRequest([]))

/** How a protected route ends with these policies. */
export async function ending(...policies: readonly Policy[]): Promise<DenyReason | 'allow' | 'exception'> {
  try {
    const { evidence: proven, denial } = await run(...policies)
    if (denial) return denial.reason
    const admission = admit('resource', proven)
    return admission.ok ? 'allow' : admission.reason
  } catch {
    return 'exception'
  }
}

/** Makes anything look like a promise. */
export const withThen = (object: object, then: unknown): object =>
  Object.assign(object, Object.fromEntries([['then', then]]))
