import { describe, expect, test } from 'vitest'
import { type Admission, admit, isAdmission } from '../../src/admission.ts'
import { encode, type Occasion } from '../../src/response.ts'
import { verifiedConsent } from '../support/consents.ts'
import { evidence } from '../support/modules.ts'
import { verifiedToken } from '../support/possession.ts'

const occasion: Occasion = {
  interactionId: '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
  headers: new Map(),
  route: 'accounts',
  challenges: undefined,
  verified: {},
}

function admitted(): Admission {
  const admission = admit('resource', evidence())
  if (!admission.ok) throw new Error(admission.detail)
  return admission.value
}

describe('what each kind of route demands', () => {
  test('resource: a token and the binding of this very token', () => {
    const { token, binding } = evidence()
    expect(admit('resource', { token, binding })).toMatchObject({ ok: true })
    expect(admit('resource', { token })).toMatchObject({ reason: 'internal_error' })
    expect(admit('resource', { binding })).toMatchObject({ reason: 'internal_error' })
    expect(admit('resource', {})).toMatchObject({ reason: 'internal_error' })
    expect(admit('resource', { token: evidence().token, binding })).toMatchObject({ reason: 'internal_error' })
  })
  test('AZ-12 a consent of another token, or one that nobody verified, is a fault of ours', () => {
    const { token, binding } = evidence()
    const consent = verifiedConsent(token)
    expect(admit('resource', { token, binding, consent })).toMatchObject({
      ok: true,
      value: { consent: { id: 'c-1' } },
    })
    for (const other of [verifiedConsent(evidence().token), { ...consent }, new Proxy(consent, {})])
      expect(admit('resource', { token, binding, consent: other })).toMatchObject({ reason: 'internal_error' })
  })
  test('bearer: a token without cnf, sent as Bearer', () => {
    expect(admit('bearer', { token: verifiedToken(undefined, 'Bearer') })).toMatchObject({ ok: true })
    expect(admit('bearer', {})).toMatchObject({ reason: 'internal_error' })
  })
  test.each([[{ jkt: 'x' }], [null], [{}], ['x'], [false], [0], ['']])(
    'HDR-09, MTLS-16 bearer: a token with cnf %j is refused',
    (cnf) =>
      expect(admit('bearer', { token: verifiedToken(cnf, 'Bearer') })).toMatchObject({
        reason: 'bound_token_as_bearer',
      }),
  )
  test('HDR-10 bearer: a token without cnf sent as DPoP is refused', () =>
    expect(admit('bearer', { token: verifiedToken(undefined, 'DPoP') })).toMatchObject({
      reason: 'token_not_dpop_bound',
    }))
  test('open: nothing', () => expect(admit('open', {})).toMatchObject({ ok: true, value: { kind: 'open' } }))
})

describe('only the gate makes an admission', () => {
  const copies: readonly (readonly [string, (admission: Admission) => unknown])[] = [
    ['made by hand', () => ({ kind: 'open' })],
    ['a spread copy', (admission) => ({ ...admission })],
    ['a JSON copy', (admission) => JSON.parse(JSON.stringify(admission))],
    ['a structured clone', () => structuredClone(admit('open', {}))],
    ['an heir', (admission) => Object.create(admission)],
    ['a Proxy', (admission) => new Proxy(admission, {})],
    ['nothing', () => undefined],
    ['null', () => null],
    ['a text', () => 'open'],
  ]
  test.each(copies)('%s is none', (_, copy) => {
    const admission = copy(admitted()) as Admission
    expect(isAdmission(admission)).toBe(false)
    const response = encode({ ok: true, admission, identity: { set: [], remove: [] } }, occasion)
    expect(response).toMatchObject({ status: { code: 13 }, deniedResponse: { status: { code: 500 } } })
  })
  test('the genuine one is', () => {
    const response = encode({ ok: true, admission: admitted(), identity: { set: [], remove: [] } }, occasion)
    expect(response.status.code).toBe(0)
  })
  test('it cannot be changed', () => expect(() => Object.assign(admitted(), { kind: 'open' })).toThrow(TypeError))
})
