import { describe, expect, test } from 'vitest'
import type { CheckRequest } from '../../src/wire.ts'
import { answered, flaws, removed, told, verdict } from '../support/answers.ts'
import { certificate, certificateThumbprint, freshReplays } from '../support/possession.ts'
import { athOf, forgeProof, PROOF_TIME } from '../support/proofs.ts'
import { overTheWire, received } from '../support/recordings.ts'
import { checkRequest, forms } from '../support/requests.ts'
import {
  boundTo,
  buildTestCheck,
  clientKey,
  compatDocument,
  document,
  goodRequest,
  mintToken,
  ORIGIN,
  type Order,
  otherKey,
  proofFor,
} from '../support/spine.ts'

const tokens = {
  dpop: mintToken(),
  mtls: mintToken({ claims: { cnf: boundTo.mtls } }),
  both: mintToken({ claims: { cnf: boundTo.both } }),
  unbound: mintToken({ claims: { cnf: undefined } }),
} as const

async function judged(request: CheckRequest, changed: object = document) {
  const replays = freshReplays()
  const response = overTheWire(await buildTestCheck({ document: changed, replays }).ask(received(request)))
  expect(flaws(response)).toEqual([])
  return { response, said: verdict(response), claimed: replays.size }
}
const asked = async (order: Order, changed?: object): Promise<string> =>
  (await judged(goodRequest(order), changed)).said

/** A route under the given senderConstraint options instead of all others. */
const constrained = (senderConstraint: object): object => ({
  ...document,
  routes: [{ name: 'accounts', path: '/accounts', senderConstraint }],
})

/** What may stand in a DPoP field: a good proof, somebody else's, an old one, nonsense, several. */
const fields: readonly (readonly [string, readonly string[]])[] = [
  ['a good proof', [proofFor(tokens.mtls)]],
  ['a good proof by another key', [proofFor(tokens.mtls, {}, otherKey)]],
  ['a proof for another token', [proofFor(tokens.dpop)]],
  ['an old proof', [proofFor(tokens.mtls, { claims: { iat: PROOF_TIME - 3600 } })]],
  ['nonsense', ['nonsense']],
  ['nothing', ['']],
  ['two proofs', [proofFor(tokens.mtls), proofFor(tokens.mtls)]],
  ['64 kB', ['a'.repeat(65_536)]],
]

describe.each(forms)('DPOP-34 a proof where no token is needed, headers %s', (form) => {
  test.each(fields)('%s is ignored', async (_, lines) => {
    const headers = lines.map((line) => ['dpop', line] as const)
    const { response, said, claimed } = await judged(checkRequest({ path: '/public/x', headers }, form))
    expect(said).toBe('allow')
    expect(claimed).toBe(0)
    for (const name of ['x-authz-subject', 'x-authz-binding', 'x-authz-thumbprint'])
      expect(told(response, name)).toEqual([])
  })
  test('where a token is needed, a proof alone is no credentials', async () => {
    const { response, said, claimed } = await judged(checkRequest({ headers: [['dpop', proofFor('x')]] }, form))
    expect(said).toBe('credentials_missing')
    expect(claimed).toBe(0)
    for (const challenge of answered(response, 'www-authenticate')) expect(challenge).not.toContain('error')
  })
})

test('DPOP-34 on a route for bearer tokens a proof is ignored too, and a bound token is refused', async () => {
  const order: Order = { path: '/bearer', scheme: 'Bearer', proof: proofFor(tokens.unbound) }
  expect(await asked({ ...order, token: tokens.unbound }, compatDocument)).toBe('allow')
  for (const token of [tokens.dpop, tokens.mtls, tokens.both])
    expect(await asked({ ...order, token, certificate }, compatDocument)).not.toBe('allow')
})

describe.each(forms)('DPOP-35 a proof beside a certificate-bound token, headers %s', (form) => {
  const request = (lines: readonly string[]) =>
    goodRequest({
      token: tokens.mtls,
      scheme: 'Bearer',
      certificate,
      proof: null,
      headers: lines.map((line) => ['dpop', line] as const),
      form,
    })
  test.each(fields)('%s is ignored by default: it names nobody and is not recorded', async (_, lines) => {
    const { response, said, claimed } = await judged(request(lines))
    expect(said).toBe('allow')
    expect(claimed).toBe(0)
    expect(told(response, 'x-authz-binding')).toEqual(['mtls'])
    expect(told(response, 'x-authz-thumbprint')).toEqual([certificateThumbprint])
    expect(removed(response)).toContain('dpop')
  })
  test.each(fields)('%s is refused with 400 when the route says so', async (_, lines) => {
    const strict = constrained({ dpop: { proofBesideBearer: 'refuse' } })
    const { response, said, claimed } = await judged(request(lines), strict)
    expect(said).toBe('proof_beside_bearer')
    expect(claimed).toBe(0)
    expect('deniedResponse' in response && response.deniedResponse.status.code).toBe(400)
    const challenge = answered(response, 'www-authenticate').find((line) => line.startsWith('Bearer'))
    expect(challenge).toContain('error="invalid_request"')
  })
  test('no proof is what such a route wants, and a bound key is shown as everywhere', async () => {
    const strict = constrained({ dpop: { proofBesideBearer: 'refuse' } })
    expect((await judged(request([]), strict)).said).toBe('allow')
    expect(await asked({ token: tokens.dpop, form }, strict)).toBe('allow')
    expect(await asked({ token: tokens.both, certificate, form }, strict)).toBe('allow')
  })
  test('a proof never stands in for the certificate', async () => {
    for (const proofBesideBearer of ['ignore', 'refuse']) {
      const changed = constrained({ dpop: { proofBesideBearer } })
      const order: Order = { token: tokens.mtls, scheme: 'Bearer', form }
      expect(await asked(order, changed)).toBe('certificate_missing')
    }
  })
})

describe('HDR-09 … HDR-12, DPOP-31 scheme and binding', () => {
  const rows: readonly (readonly [keyof typeof tokens, string, string])[] = [
    ['dpop', 'DPoP', 'allow'],
    ['dpop', 'Bearer', 'bound_token_as_bearer'],
    ['mtls', 'DPoP', 'token_not_dpop_bound'],
    ['mtls', 'Bearer', 'allow'],
    ['both', 'DPoP', 'allow'],
    ['both', 'Bearer', 'bound_token_as_bearer'],
    ['unbound', 'DPoP', 'token_unbound'],
    ['unbound', 'Bearer', 'token_unbound'],
  ]
  test.each(rows)('a token bound by %s under %s: %s', async (kind, scheme, expected) => {
    const token = tokens[kind]
    for (const spelling of [scheme, scheme.toLowerCase(), scheme.toUpperCase()]) {
      const { response, said, claimed } = await judged(goodRequest({ token, scheme: spelling, certificate }))
      expect(said).toBe(expected)
      expect(claimed).toBe(expected === 'allow' && scheme === 'DPoP' ? 1 : 0)
      if (expected === 'allow') continue
      expect('deniedResponse' in response && response.deniedResponse.status.code).toBe(401)
      const [used, other] = [scheme, scheme === 'DPoP' ? 'Bearer' : 'DPoP'].map((name) =>
        answered(response, 'www-authenticate').find((line) => line.split(' ', 1)[0] === name),
      )
      expect(used).toContain('error="invalid_token"')
      expect(other).not.toContain('error')
    }
  })
  test('HDR-09 with and without a proof: the scheme is refused before the proof is looked at', async () => {
    for (const proof of [proofFor(tokens.dpop), 'nonsense', null])
      expect(await asked({ token: tokens.dpop, scheme: 'Bearer', proof })).toBe('bound_token_as_bearer')
  })
  test('DPOP-31, ERR-11 a proof of another key is a bad token, not a bad proof', async () => {
    const proof = proofFor(tokens.dpop, {}, otherKey)
    const { response, said } = await judged(goodRequest({ token: tokens.dpop, proof }))
    expect(said).toBe('proof_key_mismatch')
    const challenge = answered(response, 'www-authenticate').find((line) => line.startsWith('DPoP'))
    expect(challenge).toContain('error="invalid_token", error_description="Invalid DPoP key binding"')
  })
})

describe('MTLS-15, HDR-12 what a route accepts', () => {
  const rows: readonly (readonly [object, keyof typeof tokens, string])[] = [
    [{ methods: ['dpop'] }, 'dpop', 'allow'],
    [{ methods: ['dpop'] }, 'mtls', 'binding_refused'],
    [{ methods: ['dpop'] }, 'both', 'allow'],
    [{ methods: ['mtls'] }, 'dpop', 'binding_refused'],
    [{ methods: ['mtls'] }, 'mtls', 'allow'],
    [{ methods: ['mtls'] }, 'both', 'allow'],
    [{ both: true }, 'dpop', 'binding_incomplete'],
    [{ both: true }, 'mtls', 'binding_incomplete'],
    [{ both: true }, 'both', 'allow'],
    [{ methods: ['dpop'] }, 'unbound', 'token_unbound'],
    [{ both: true }, 'unbound', 'token_unbound'],
  ]
  test.each(rows)('%j, a token bound by %s: %s', async (options, kind, expected) => {
    const scheme = kind === 'mtls' ? 'Bearer' : 'DPoP'
    expect(await asked({ token: tokens[kind], scheme, certificate }, constrained(options))).toBe(expected)
  })
  test('naming one method never spares a token the other that it is bound by', async () => {
    expect(await asked({ token: tokens.both }, constrained({ methods: ['dpop'] }))).toBe('certificate_missing')
    const withoutProof: Order = { token: tokens.both, certificate, proof: null }
    expect(await asked(withoutProof, constrained({ methods: ['mtls'] }))).toBe('proof_missing')
  })
  test.each([
    [{ methods: ['dpop'] }, ['DPoP']],
    [{ methods: ['mtls'] }, ['Bearer']],
    [{ both: true }, ['DPoP']],
    [{}, ['DPoP', 'Bearer']],
  ])('ERR-06 %j challenges with %j', async (options, schemes) => {
    const { response } = await judged(checkRequest(), constrained(options))
    expect(answered(response, 'www-authenticate').map((line) => line.split(' ', 1)[0])).toEqual(schemes)
  })
  test('DPOP-26, DPOP-06 the limits of the route are those that count', async () => {
    const aged = (iat: number) => proofFor(tokens.dpop, { claims: { iat } })
    const wide = constrained({ dpop: { maxAge: '300s', futureTolerance: '60s', algorithms: ['EdDSA'] } })
    const token = mintToken({ claims: { cnf: { jkt: otherKey.thumbprint } } })
    for (const [iat, expected] of [
      [PROOF_TIME - 300, 'allow'],
      [PROOF_TIME - 301, 'proof_expired'],
      [PROOF_TIME + 60, 'allow'],
      [PROOF_TIME + 61, 'proof_expired'],
    ] as const)
      expect(await asked({ token, proof: proofFor(token, { claims: { iat } }, otherKey) }, wide)).toBe(expected)
    expect(await asked({ token: tokens.dpop, proof: aged(PROOF_TIME) }, wide)).toBe('proof_algorithm_refused')
    expect(await asked({ token: tokens.dpop, proof: aged(PROOF_TIME - 61) })).toBe('proof_expired')
  })
  test('T-38 the size of a proof is the route’s to bound', async () => {
    const claims = { htu: `${ORIGIN}/accounts`, ath: athOf(tokens.dpop), pad: 'x'.repeat(3000) }
    const order: Order = { token: tokens.dpop, proof: forgeProof(clientKey, { claims }) }
    expect(await asked(order)).toBe('proof_malformed')
    expect(await asked(order, constrained({ dpop: { maxHeaderBytes: 8192 } }))).toBe('allow')
  })
})
