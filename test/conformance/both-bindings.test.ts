import { describe, expect, test } from 'vitest'
import { verdict } from '../support/answers.ts'
import { certificate, otherCertificate } from '../support/possession.ts'
import {
  boundTo,
  buildTestCheck,
  document,
  goodRequest,
  mintToken,
  ORIGIN,
  otherKey,
  proofFor,
} from '../support/spine.ts'

/** What a route may say about bindings. */
const routes = {
  '/either': {},
  '/dpop': { methods: ['dpop'] },
  '/mtls': { methods: ['mtls'] },
  '/both': { both: true },
  '/both-nonce': { both: true, dpop: { nonce: 'optional' } },
} as const
const accepted: Readonly<Record<keyof typeof routes, readonly (keyof typeof boundTo)[]>> = {
  '/either': ['dpop', 'mtls', 'both'],
  '/dpop': ['dpop', 'both'],
  '/mtls': ['mtls', 'both'],
  '/both': ['both'],
  '/both-nonce': ['both'],
}
const constrained = {
  ...document,
  routes: Object.entries(routes).map(([path, senderConstraint]) => ({ path, senderConstraint })),
}
const shown = ['own', 'other', 'none'] as const
const paths = Object.keys(routes) as (keyof typeof routes)[]
const kinds = Object.keys(boundTo) as (keyof typeof boundTo)[]

describe('MTLS-15, T-46, FAPI-RS-05 a token is as good as every confirmation it names, on any route', () => {
  const { ask } = buildTestCheck({ document: constrained })
  const cases = paths.flatMap((path) => kinds.map((kind) => ({ path, kind })))
  test.each(cases)('a token bound by $kind on $path passes with exactly what it names', async ({ path, kind }) => {
    const token = mintToken({ claims: { cnf: boundTo[kind] } })
    const scheme = kind === 'mtls' ? 'Bearer' : 'DPoP'
    const claims = { htu: ORIGIN + path }
    const proofs = { own: () => proofFor(token, { claims }), other: () => proofFor(token, { claims }, otherKey) }
    const certificates = { own: { certificate }, other: { certificate: otherCertificate }, none: {} }
    for (const key of shown)
      for (const leaf of shown) {
        const proof = key === 'none' ? null : proofs[key]()
        const said = verdict(await ask(goodRequest({ path, token, scheme, proof, ...certificates[leaf] })))
        const holds = (kind === 'mtls' || key === 'own') && (kind === 'dpop' || leaf === 'own')
        expect([key, leaf, said === 'allow']).toEqual([key, leaf, holds && accepted[path].includes(kind)])
      }
  })
})
