import { describe, expect, test } from 'vitest'
import { ok } from '../../../src/denial.ts'
import { Trace } from '../../../src/trace.ts'
import { type BindingRules, isVerifiedBinding, type Shown, verifyBinding } from '../../../src/verify/binding.ts'
import {
  certificate,
  certificateThumbprint,
  otherCertificate,
  shownAs,
  verifiedToken,
} from '../../support/possession.ts'
import { buildClientKey, forgeProof, proofInput, TOKEN } from '../../support/proofs.ts'

const [key, otherKey] = await Promise.all([buildClientKey(), buildClientKey('EdDSA')])
const good = forgeProof(key)

const confirmations = {
  none: undefined,
  key: { jkt: key.thumbprint },
  certificate: { 'x5t#S256': certificateThumbprint },
  both: { jkt: key.thumbprint, 'x5t#S256': certificateThumbprint },
} as const
const certificates = { right: certificate, other: otherCertificate, garbage: '%zz', missing: undefined } as const
const proofs = {
  right: good,
  other: forgeProof(otherKey),
  broken: `${good.split('.').slice(0, 2).join('.')}.${'A'.repeat(86)}`,
  missing: undefined,
} as const
const routes: readonly BindingRules[] = [
  { methods: ['dpop', 'mtls'], both: false },
  { methods: ['dpop', 'mtls'], both: true },
  { methods: ['dpop'], both: false },
  { methods: ['mtls'], both: false },
]

interface Situation {
  readonly cnf: keyof typeof confirmations
  readonly scheme: 'DPoP' | 'Bearer'
  readonly certificate: keyof typeof certificates
  readonly proof: keyof typeof proofs
  readonly rules: BindingRules
}

const keysOf = <K extends string>(record: Readonly<Record<K, unknown>>): readonly K[] =>
  // The records above have no other members.
  Object.keys(record) as K[]

const situations: readonly Situation[] = keysOf(confirmations).flatMap((cnf) =>
  (['DPoP', 'Bearer'] as const).flatMap((scheme) =>
    keysOf(certificates).flatMap((shownCertificate) =>
      keysOf(proofs).flatMap((proof) =>
        routes.map((rules) => ({ cnf, scheme, certificate: shownCertificate, proof, rules })),
      ),
    ),
  ),
)

/** What the requirements say, in the order of ERR-12. */
function expected({ cnf, scheme, certificate: shown, proof, rules }: Situation): string {
  const [bindsKey, bindsCertificate] = [cnf === 'key' || cnf === 'both', cnf === 'certificate' || cnf === 'both']
  if (cnf === 'none') return 'token_unbound'
  if (rules.both && cnf !== 'both') return 'binding_incomplete'
  const accepted = (bindsKey && rules.methods.includes('dpop')) || (bindsCertificate && rules.methods.includes('mtls'))
  if (!accepted) return 'binding_refused'
  if (bindsKey && scheme === 'Bearer') return 'bound_token_as_bearer'
  if (!bindsKey && scheme === 'DPoP') return 'token_not_dpop_bound'
  if (bindsCertificate && shown !== 'right')
    return { other: 'certificate_mismatch', garbage: 'certificate_unusable', missing: 'certificate_missing' }[shown]
  if (bindsKey && proof !== 'right')
    return { other: 'proof_key_mismatch', broken: 'proof_signature_invalid', missing: 'proof_missing' }[proof]
  return 'allow'
}

function show(certificateShown: string | undefined, proof: string | undefined) {
  const { token: _, trace, ...input } = proofInput(proof)
  const presented = certificateShown === undefined ? undefined : shownAs(certificateShown)
  return { shown: { certificate: presented, proof: input } satisfies Shown, trace, keys: input.keys }
}

function judge(situation: Situation) {
  const { shown, trace } = show(certificates[situation.certificate], proofs[situation.proof])
  const token = verifiedToken(confirmations[situation.cnf], situation.scheme)
  return verifyBinding(token, situation.rules, shown, trace)
}

test('HDR-09 … HDR-12, MTLS-01, MTLS-02, MTLS-15, DPOP-31, T-46 every combination of token, scheme, proof and certificate', () => {
  const wrong = situations
    .map((situation) => ({ situation, result: judge(situation) }))
    .map(({ situation, result }) => ({ situation, said: result.ok ? 'allow' : result.reason }))
    .filter(({ situation, said }) => said !== expected(situation))
  expect(wrong).toEqual([])
  const allowed = situations.filter((situation) => expected(situation) === 'allow')
  expect(situations).toHaveLength(4 * 2 * 4 * 4 * 4)
  // A key with any certificate on two routes, a certificate with any proof on two, both on all four.
  expect(allowed).toHaveLength(8 + 8 + 4)
})

describe('what was shown', () => {
  const any = routes[0] as BindingRules
  const bind = (cnf: keyof typeof confirmations, shownCertificate?: string, proof?: string) => {
    const { shown, trace } = show(shownCertificate, proof)
    const token = verifiedToken(confirmations[cnf], cnf === 'certificate' ? 'Bearer' : 'DPoP')
    const result = verifyBinding(token, any, shown, trace)
    if (!result.ok) throw new Error(result.detail)
    return { token, trace, binding: result.value }
  }

  test('DPOP-35 is named by what the token is bound to, never by what came along', () => {
    expect(bind('key', certificate, good).binding).toMatchObject({
      methods: ['dpop'],
      thumbprint: key.thumbprint,
      certificateThumbprint: undefined,
      proof: { thumbprint: key.thumbprint },
    })
    expect(bind('certificate', certificate, good).binding).toMatchObject({
      methods: ['mtls'],
      thumbprint: certificateThumbprint,
      certificateThumbprint,
      proof: undefined,
    })
    expect(bind('both', certificate, good).binding).toMatchObject({
      methods: ['dpop', 'mtls'],
      thumbprint: key.thumbprint,
      certificateThumbprint,
      proof: { thumbprint: key.thumbprint },
    })
  })
  test('belongs to the token it was shown for', () => {
    const { token, binding } = bind('key', undefined, good)
    expect(binding.token).toBe(token)
  })
  test('is sealed: a copy is no evidence, and nobody can change it', () => {
    const { binding } = bind('both', certificate, good)
    expect(isVerifiedBinding(binding)).toBe(true)
    for (const forged of [{ ...binding }, Object.create(binding), structuredClone({ methods: ['dpop'] }), null, 'x'])
      expect(isVerifiedBinding(forged)).toBe(false)
    expect(Object.isFrozen(binding)).toBe(true)
    expect(Object.isFrozen(binding.methods)).toBe(true)
    expect(Object.isFrozen(binding.proof)).toBe(true)
  })
  test('a refusal is no binding', () => {
    const { shown, trace } = show(undefined, undefined)
    const refused = verifyBinding(verifiedToken(confirmations.key), any, shown, trace)
    expect(isVerifiedBinding(refused)).toBe(false)
  })
  test('leaves a trace of every comparison, and no secret', () => {
    const { trace } = bind('both', certificate, good)
    const names = trace.entries.map(({ check }) => check)
    for (const name of ['token is bound', 'scheme fits binding', 'client certificate', 'token x5t#S256', 'token jkt'])
      expect(names).toContain(name)
    expect(trace.entries.filter(({ result }) => result === 'fail')).toEqual([])
    const text = JSON.stringify(trace.entries)
    for (const secret of [TOKEN, good, certificate, key.jwk.x ?? 'x']) expect(text).not.toContain(secret)
  })
  test('ERR-12 the proof is looked at last: a wrong certificate costs no signature', () => {
    const { shown, trace, keys } = show(otherCertificate, good)
    verifyBinding(verifiedToken(confirmations.both), any, shown, trace)
    expect(trace.entries.map(({ check }) => check).filter((check) => check.startsWith('proof'))).toEqual([])
    expect(keys.get(key.thumbprint)).toBeUndefined()
  })
})

describe('MTLS-16, MTLS-17, T-47, T-48 confirmations that cannot be checked', () => {
  const judged = (cnf: unknown): string => {
    const { shown } = show(certificate, good)
    const results = (['DPoP', 'Bearer'] as const).flatMap((scheme) =>
      routes.map((rules) => verifyBinding(verifiedToken(cnf, scheme), rules, shown, new Trace())),
    )
    return [...new Set(results.map((result) => (result.ok ? 'allow' : result.reason)))].join()
  }
  const thumbprint = certificateThumbprint
  test.each([
    [null],
    ['x'],
    [7],
    [[]],
    [{}],
    [{ kid: '1' }],
    [{ jwk: { kty: 'EC' } }],
    [{ jku: 'https://evil.example' }],
    [{ 'x5t#S512': thumbprint }],
    [{ x5t: thumbprint }],
    [{ 'x5t#s256': thumbprint }],
    [{ 'x5t#S256': [thumbprint] }],
    [{ 'x5t#S256': `${thumbprint}=` }],
    [{ jkt: thumbprint, 'x5t#S256': null }],
    [{ jkt: '', 'x5t#S256': thumbprint }],
  ])('%j', (cnf) => expect(judged(cnf)).toBe('confirmation_unusable'))
  test('MTLS-16 an unknown member beside a known one changes nothing', () => {
    const { shown, trace } = show(undefined, good)
    const token = verifiedToken({ jkt: key.thumbprint, foo: 1, kid: 'x' })
    expect(verifyBinding(token, routes[0] as BindingRules, shown, trace)).toMatchObject(ok({ methods: ['dpop'] }))
  })
})
