import { describe, expect, test } from 'vitest'
import { acceptSignedAnswer, readIntrospection, readSignedAnswer } from '../../../src/verify/introspection.ts'
import { hasJwtForm } from '../../../src/verify/jws.ts'
import { activeAnswer, CLIENT, ISSUER, signedAnswer } from '../../support/introspection.ts'
import { buildClientKey, PROOF_TIME } from '../../support/proofs.ts'
import { mintToken, serverKey } from '../../support/spine.ts'
import { base64url, imported, signers } from '../../support/tokens.ts'

const rules = { issuer: ISSUER, clientId: CLIENT, algorithms: ['ES256', 'PS256', 'EdDSA', 'Ed25519'] }
const key = imported(serverKey.jwk)

/** `active`, `inactive`, or what is wrong with a signed answer. */
function outcome(compact: string, keys = [key], now = PROOF_TIME): string {
  const answer = readSignedAnswer(compact, rules, 16_384)
  const accepted = answer.ok ? acceptSignedAnswer(answer.value, keys, rules, now) : answer
  if (!accepted.ok) return accepted.problem
  return accepted.value.active ? 'active' : 'inactive'
}

describe('INT-02, T-71 active is the boolean true and nothing else', () => {
  test('true', () => expect(readIntrospection({ active: true, sub: 'x' })).toMatchObject({ active: true }))
  test.each<readonly [string, unknown]>([
    ['false', false],
    ['the text true', 'true'],
    ['1', 1],
    ['null', null],
    ['an object', { valueOf: true }],
    ['a list', [true]],
  ])('%s is not active', (_, active) => expect(readIntrospection({ active })).toEqual({ active: false }))
  test.each([
    ['missing', '{"sub":"x"}'],
    ['inherited by name', '{"__proto__":{"active":true}}'],
    ['spelled otherwise', '{"Active":true}'],
  ])('%s is not active', (_, text) =>
    expect(readIntrospection(JSON.parse(text) as Record<string, unknown>)).toEqual({ active: false }),
  )
  test('what the answer says cannot be changed by whoever gets it', () => {
    const answer = readIntrospection({ active: true, authorization_details: [{ amount: { value: 1 } }] })
    if (!answer.active) throw new Error('it is active')
    const details = answer.claims.authorization_details as readonly [{ readonly amount: object }]
    expect([answer.claims, details, details[0], details[0].amount].every(Object.isFrozen)).toBe(true)
  })
})

describe('INT-08 a signed answer is verified with the keys of the server', () => {
  test.each(Object.entries(signers))('%s', (_, signer) =>
    expect(outcome(signedAnswer(activeAnswer(), {}, signer), [imported(signer.jwk)])).toBe('active'),
  )
  test('an answer that says inactive', () => expect(outcome(signedAnswer({ active: false }))).toBe('inactive'))
  test('by another key', async () => {
    const other = await buildClientKey()
    expect(outcome(signedAnswer(activeAnswer(), {}, other))).toContain('no key of the issuer')
  })
  test('with claims of another answer', () => {
    const [header, , signature] = signedAnswer({ active: false }).split('.')
    const [, claims] = signedAnswer(activeAnswer()).split('.')
    expect(outcome(`${header}.${claims}.${signature}`)).toContain('no key of the issuer')
  })
  test.each([
    ['none', { alg: 'none' }, 'alg is not accepted'],
    ['an algorithm that is not accepted', { alg: 'RS256' }, 'alg is not accepted'],
    ['a key of its own', { jwk: serverKey.jwk }, 'brings its own key'],
    ['the place of its key', { jku: 'https://evil.example/jwks' }, 'brings its own key'],
    ['a kid that is no text', { kid: 1 }, 'kid is not a short string'],
    ['critical extensions', { crit: ['exp'] }, 'crit names extensions'],
  ])('%s', (_, header, problem) => expect(outcome(signedAnswer(activeAnswer(), { header }))).toContain(problem))
  test.each([
    ['plain JSON', JSON.stringify(activeAnswer())],
    ['nothing', ''],
    ['five segments', 'a.b.c.d.e'],
  ])('%s is no signed answer', (_, text) => expect(outcome(text)).toBe('it does not have three segments'))
  test('one that is too long', () =>
    expect(outcome(signedAnswer(activeAnswer({ more: 'x'.repeat(16_000) })))).toBe('it is too long'))
})

describe('INT-09 typ is that of an introspection response', () => {
  test.each([
    'token-introspection+jwt',
    'application/token-introspection+jwt',
    'Token-Introspection+JWT',
    'APPLICATION/TOKEN-INTROSPECTION+JWT',
  ])('%s', (typ) => expect(outcome(signedAnswer(activeAnswer(), { header: { typ } }))).toBe('active'))
  test.each([
    'JWT',
    'at+jwt',
    'introspection+jwt',
    'token-introspection',
    'x/token-introspection+jwt',
    '',
    1,
    undefined,
  ])('%s is refused', (typ) =>
    expect(outcome(signedAnswer(activeAnswer(), { header: { typ } }))).toContain('typ is not'),
  )
})

describe('INT-10 claims of a signed answer', () => {
  test.each([
    ['aud among others', { aud: ['https://other.example', CLIENT] }],
    ['iat a minute ago', { iat: PROOF_TIME - 60 }],
    ['iat a minute ahead', { iat: PROOF_TIME + 60 }],
  ])('%s', (_, claims) => expect(outcome(signedAnswer(activeAnswer(), { claims }))).toBe('active'))
  test.each<readonly [string, object, string]>([
    ['another iss', { iss: `${ISSUER}/` }, 'iss is not the issuer'],
    ['no iss', { iss: undefined }, 'iss is not the issuer'],
    ['another aud', { aud: 'another-api' }, 'aud does not name'],
    ['no aud', { aud: undefined }, 'aud does not name'],
    ['an aud that only begins like ours', { aud: `${CLIENT}-2` }, 'aud does not name'],
    ['an aud within a list in a list', { aud: [[CLIENT]] }, 'aud does not name'],
    ['no iat', { iat: undefined }, 'iat is not the time'],
    ['iat as text', { iat: String(PROOF_TIME) }, 'iat is not the time'],
    ['iat too far ahead', { iat: PROOF_TIME + 61 }, 'iat is not the time'],
    ['iat too long ago: an answer kept for later', { iat: PROOF_TIME - 61 }, 'iat is not the time'],
    [
      'data at top level',
      { ...activeAnswer(), iss: ISSUER, aud: CLIENT, iat: PROOF_TIME, token_introspection: undefined },
      'token_introspection is not',
    ],
    ['data as text', { token_introspection: JSON.stringify(activeAnswer()) }, 'token_introspection is not'],
    ['data as a list', { token_introspection: [activeAnswer()] }, 'token_introspection is not'],
  ])('%s', (_, claims, problem) => expect(outcome(signedAnswer(activeAnswer(), { claims }))).toContain(problem))
  test('active beside the data instead of within is inactive', () =>
    expect(outcome(signedAnswer({ sub: 'x' }, { claims: { active: true } }))).toBe('inactive'))
})

describe('INT-12 what has the form of a JWT', () => {
  const header = base64url('{"alg":"ES256"}')
  test.each([
    ['a JWT', mintToken()],
    ['one without a proper payload', `${header}.x.y`],
    ['one with an empty signature', `${header}.e30.`],
    ['a header with a member twice', `${base64url('{"alg":"none","alg":"ES256"}')}.e30.AAAA`],
    ['padded base64', `${Buffer.from('{"a":1}').toString('base64')}.e30.AAAA`],
  ])('%s', (_, token) => expect(hasJwtForm(token)).toBe(true))
  test.each([
    ['two segments', `${header}.e30`],
    ['four segments', `${header}.e30.AAAA.AAAA`],
    ['five segments', `${header}.e30.AAAA.AAAA.AAAA`],
    ['a header that is no JSON', 'abc.def.ghi'],
    ['a header that is a list', `${base64url('[1]')}.e30.AAAA`],
    ['a header that is text', `${base64url('"x"')}.e30.AAAA`],
    ['nothing', '..'],
  ])('%s has another form', (_, token) => expect(hasJwtForm(token)).toBe(false))
})
