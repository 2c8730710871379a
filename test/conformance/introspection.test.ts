import { describe, expect, test } from 'vitest'
import type { Introspector, Statement } from '../../src/ports.ts'
import { answered, verdict } from '../support/answers.ts'
import { askingDocument, oracle, told } from '../support/introspected.ts'
import { activeAnswer, OPAQUE } from '../support/introspection.ts'
import { certificate } from '../support/possession.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import {
  boundTo,
  buildTestCheck,
  compatDocument,
  goodRequest,
  mintToken,
  type Order,
  otherKey,
  proofFor,
} from '../support/spine.ts'

describe('INT-02, T-71 only active: true is active', () => {
  test('true', async () => expect(await told(activeAnswer())).toBe('allow'))
  test.each<readonly [string, unknown]>([
    ['false', false],
    ['"true"', 'true'],
    ['1', 1],
    ['null', null],
    ['nothing', undefined],
  ])('%s is not', async (_, active) => expect(await told(activeAnswer({ active }))).toBe('token_inactive'))
})

describe('INT-04 the answer is judged like the claims of a JWT', () => {
  test.each<readonly [string, object]>([
    ['without iss', { iss: undefined }],
    ['several audiences', { aud: ['https://other.example', 'https://api.example.com'] }],
    ['without sub: the client stands for itself', { sub: undefined }],
    ['without iat, with little of its life left', { iat: undefined, exp: PROOF_TIME + 600 }],
    ['without jti', { jti: undefined }],
    ['without token_type', { token_type: undefined }],
    ['exp a moment ago, within the leeway', { exp: PROOF_TIME - 4 }],
  ])('%s', async (_, difference) => expect(await told(activeAnswer(difference))).toBe('allow'))
  test.each<readonly [string, object, string]>([
    ['another iss', { iss: 'https://other.example' }, 'token_issuer_unknown'],
    ['an iss that is no text', { iss: null }, 'token_issuer_unknown'],
    ['aud of another resource', { aud: 'https://other.example' }, 'token_audience_mismatch'],
    ['no aud', { aud: undefined }, 'token_audience_mismatch'],
    ['expired', { exp: PROOF_TIME - 5 }, 'token_expired'],
    ['no exp', { exp: undefined }, 'token_claims_invalid'],
    ['exp as text', { exp: String(PROOF_TIME + 60) }, 'token_claims_invalid'],
    ['not valid yet', { nbf: PROOF_TIME + 11 }, 'token_not_yet_valid'],
    ['issued in the future', { iat: PROOF_TIME + 11 }, 'token_not_yet_valid'],
    ['iat as text', { iat: 'now' }, 'token_claims_invalid'],
    ['a longer life than the route takes', { iat: PROOF_TIME - 400, exp: PROOF_TIME + 201 }, 'token_lifetime_exceeded'],
    ['the same without iat', { iat: undefined, exp: PROOF_TIME + 601 }, 'token_lifetime_exceeded'],
    ['no client_id', { client_id: undefined }, 'token_claims_invalid'],
    ['client_id as a number', { client_id: 1 }, 'token_claims_invalid'],
    ['sub null', { sub: null }, 'token_claims_invalid'],
    ['jti empty', { jti: '' }, 'token_claims_invalid'],
    ['another scope', { scope: 'payments' }, 'scope_insufficient'],
    ['no scope', { scope: undefined }, 'scope_insufficient'],
  ])('%s', async (_, difference, reason) => expect(await told(activeAnswer(difference))).toBe(reason))
  test.each(['iss', 'sub', 'iat', 'jti', 'scope', 'token_type'])('%s can be required', async (name) => {
    const whole = activeAnswer({ jti: 'token-1' })
    expect(await told(whole, {}, { required: [name] })).toBe('allow')
    const { [name]: _, ...rest } = whole
    expect(await told(rest, {}, { required: [name] })).toBe('token_claims_invalid')
  })
  test('JWT-30 a token that is asked about may live as long as the route says, another JWT may not', async () => {
    const config = { ...askingDocument, routes: [{ path: '/accounts', accessToken: { maxLifetime: '2h' } }] }
    const hours = { iat: PROOF_TIME - 10, exp: PROOF_TIME + 3590 }
    expect(await told(activeAnswer(hours), {}, { config })).toBe('allow')
    expect(await told(activeAnswer({ ...hours, exp: PROOF_TIME + 7191 }), {}, { config })).toBe(
      'token_lifetime_exceeded',
    )
    expect(await told(activeAnswer(), { token: mintToken({ claims: hours }) }, { config })).toBe(
      'token_lifetime_exceeded',
    )
    expect(await told(activeAnswer(), { token: mintToken() }, { config })).toBe('allow')
  })
  test('the upstream is told what the server said', async () => {
    const { introspector } = oracle(activeAnswer({ sub: undefined, acr: 'urn:sca' }))
    const { ask, records } = buildTestCheck({ document: askingDocument, introspection: introspector })
    await ask(goodRequest({ token: OPAQUE }))
    expect(records[0]?.evidence.token).toMatchObject({
      ...{ subject: 'client-1', clientId: 'client-1', issuer: 'https://as.example.com', acr: 'urn:sca', server: 'as' },
    })
  })
})

describe('INT-05 token_type agrees with the binding', () => {
  test.each(['DPoP', 'dpop', 'DPOP'])('%s for a token bound to a key', async (type) =>
    expect(await told(activeAnswer({ token_type: type }))).toBe('allow'),
  )
  test.each<readonly [string, unknown]>([
    ['Bearer', 'Bearer'],
    ['access_token', 'access_token'],
    ['a list', ['DPoP']],
    ['null', null],
  ])('%s is refused', async (_, type) =>
    expect(await told(activeAnswer({ token_type: type }))).toBe('token_claims_invalid'),
  )
  test('Bearer for a token bound to a certificate alone', async () => {
    const answer = activeAnswer({ token_type: 'Bearer', cnf: boundTo.mtls })
    expect(await told(answer, { scheme: 'Bearer', proof: null, certificate })).toBe('allow')
  })
})

describe('INT-06, MTLS-04 the binding in the answer is checked here, for nobody else sees the proof', () => {
  test('MTLS-04 the certificate of the answer', async () => {
    const order = { scheme: 'Bearer', proof: null } as const
    const answer = activeAnswer({ token_type: undefined, cnf: boundTo.mtls })
    expect(await told(answer, { ...order, certificate })).toBe('allow')
    expect(await told(answer, order)).toBe('certificate_missing')
  })
  test.each<readonly [string, object, Order, string]>([
    ['no proof', {}, { proof: null }, 'proof_missing'],
    ['a proof by another key', {}, { proof: proofFor(OPAQUE, {}, otherKey) }, 'proof_key_mismatch'],
    ['a proof for another token', {}, { proof: proofFor('another') }, 'proof_token_mismatch'],
    ['sent as Bearer', {}, { scheme: 'Bearer', proof: null }, 'bound_token_as_bearer'],
    ['bound to nothing', { cnf: undefined }, {}, 'token_unbound'],
    ['cnf of another kind', { cnf: { kid: '1' } }, {}, 'confirmation_unusable'],
    ['cnf within the claims of somebody else', { cnf: undefined, user: { cnf: boundTo.dpop } }, {}, 'token_unbound'],
  ])('%s', async (_, difference, order, reason) => expect(await told(activeAnswer(difference), order)).toBe(reason))
  test('a bearer route takes what is bound to nothing, as it takes such a JWT', async () => {
    const config = { ...compatDocument, authorizationServers: askingDocument.authorizationServers }
    const answer = activeAnswer({ token_type: 'Bearer', cnf: undefined })
    expect(await told(answer, { path: '/bearer', scheme: 'Bearer', proof: null }, { config })).toBe('allow')
  })
})

describe('INT-03 no answer is no verdict on the token', () => {
  test('503 with a time to come again and without a challenge', async () => {
    const { introspector } = oracle({ kind: 'unavailable', detail: 'no answer' })
    const { ask } = buildTestCheck({ document: askingDocument, introspection: introspector })
    const response = await ask(goodRequest({ token: OPAQUE }))
    expect(verdict(response)).toBe('introspection_unavailable')
    expect(response).toMatchObject({ deniedResponse: { status: { code: 503 } } })
    expect([answered(response, 'www-authenticate'), answered(response, 'retry-after')]).toEqual([[], ['2']])
  })
  test('inactive is 401 with a challenge', async () => {
    const { introspector } = oracle({ active: false })
    const { ask } = buildTestCheck({ document: askingDocument, introspection: introspector })
    const response = await ask(goodRequest({ token: OPAQUE }))
    expect(response).toMatchObject({ deniedResponse: { status: { code: 401 } } })
    expect(answered(response, 'www-authenticate')[0]).toContain('error="invalid_token"')
  })
})

test('a request waits no longer than its budget, and the answer serves the next one', async () => {
  const { promise, resolve } = Promise.withResolvers<Statement>()
  let known: Statement | undefined
  const introspector: Introspector = { required: [], ask: () => known ?? promise }
  const timer = () => ({ elapsed: Promise.resolve(), cancel: () => undefined })
  const { ask } = buildTestCheck({ document: askingDocument, introspection: introspector, surroundings: { timer } })
  expect(verdict(await ask(goodRequest({ token: OPAQUE })))).toBe('deadline')
  known = { kind: 'active', claims: JSON.parse(JSON.stringify(activeAnswer())) }
  resolve(known)
  expect(verdict(await ask(goodRequest({ token: OPAQUE })))).toBe('allow')
})
