import { describe, expect, test } from 'vitest'
import { answered, flaws, verdict } from '../support/answers.ts'
import { certificate } from '../support/possession.ts'
import { overTheWire } from '../support/recordings.ts'
import {
  boundTo,
  buildTestCheck,
  compatDocument,
  document,
  goodRequest,
  mintToken,
  type Order,
} from '../support/spine.ts'

/** The routes of the test documents, replaced. */
const withRoutes = (...routes: readonly object[]) => ({ ...document, routes })

async function asked(changed: object, order: Order = {}, scope: unknown = 'accounts') {
  const { ask } = buildTestCheck({ document: changed })
  const response = overTheWire(await ask(goodRequest({ token: mintToken({ claims: { scope } }), ...order })))
  expect(flaws(response)).toEqual([])
  return response
}
const reason = async (...order: Parameters<typeof asked>): Promise<string> => verdict(await asked(...order))

const accounts = withRoutes({ path: '/accounts', scopes: ['accounts'] })

describe('AZ-01, FAPI-RS-04 the scope covers the route', () => {
  test('enough is allowed, too little is 403 insufficient_scope with what is needed', async () => {
    expect(await reason(accounts)).toBe('allow')
    const response = await asked(withRoutes({ path: '/accounts', scopes: ['accounts', 'balances'] }))
    expect(response).toMatchObject({ status: { code: 7 }, deniedResponse: { status: { code: 403 } } })
    expect(answered(response, 'www-authenticate')).toEqual([
      'DPoP error="insufficient_scope", error_description="The access token does not cover this request", ' +
        'scope="accounts balances", algs="ES256 PS256 EdDSA Ed25519"',
      'Bearer',
    ])
  })
  test('a scope for GET is none for POST', async () => {
    const methods = { GET: ['accounts'], POST: ['payments'], PUT: [], PATCH: [], DELETE: ['payments'] }
    const byMethod = withRoutes({ path: '/accounts', scopes: { methods } })
    expect(await reason(byMethod)).toBe('allow')
    expect(await reason(byMethod, { method: 'HEAD' })).toBe('allow')
    expect(await reason(byMethod, { method: 'POST' })).toBe('scope_insufficient')
    expect(await reason(byMethod, { method: 'POST' }, 'payments')).toBe('allow')
    expect(await reason(byMethod, { method: 'HEAD' }, 'payments')).toBe('scope_insufficient')
  })
  test('a token bound to a certificate is judged alike', async () => {
    const order = { scheme: 'Bearer', proof: null, certificate }
    const token = (scope: string) => mintToken({ claims: { scope, cnf: boundTo.mtls } })
    expect(await reason(accounts, { ...order, token: token('accounts') })).toBe('allow')
    expect(await reason(accounts, { ...order, token: token('payments') })).toBe('scope_insufficient')
  })
  test('so is one without binding where those are taken', async () => {
    const routes = [{ path: '/accounts', exceptions: ['bearerTokens'], scopes: ['accounts'] }]
    const order = { scheme: 'Bearer', proof: null }
    const token = (scope: string) => mintToken({ claims: { scope, cnf: undefined } })
    const open = { ...compatDocument, routes }
    expect(await reason(open, { ...order, token: token('accounts') })).toBe('allow')
    expect(await reason(open, { ...order, token: token('payments') })).toBe('scope_insufficient')
  })
  test('whoever has not shown possession is not told what scope is missing', async () => {
    const response = await asked(accounts, { proof: null }, 'other')
    expect([verdict(response), answered(response, 'www-authenticate').join().includes('scope=')]).toEqual([
      'proof_missing',
      false,
    ])
  })
  test('a route is not satisfied by what another asks', async () => {
    const two = withRoutes(
      { path: '/accounts', scopes: ['accounts'] },
      { path: '/payments', methods: ['POST'], scopes: ['payments'] },
    )
    expect(await reason(two, { path: '/payments', method: 'POST' })).toBe('scope_insufficient')
    expect(await reason(two, { path: '/payments', method: 'POST' }, 'payments')).toBe('allow')
  })
})

describe('AZ-02, T-45 names apart by blanks, whole and with case', () => {
  test.each(['accounts', 'x accounts', 'accounts x', 'accounts accounts', 'accounts:read accounts'])(
    '%j',
    async (scope) => expect(await reason(accounts, {}, scope)).toBe('allow'),
  )
  test.each([
    'accounts:read',
    'accounts:readall',
    'account',
    'ACCOUNTS',
    'accounts.read',
    'accounts,payments',
    'payments,accounts',
    'accounts\tpayments',
    'accounts\npayments',
    'accounts;payments',
    'accounts+payments',
    'acc ounts',
    '*',
    'accounts*',
    '"accounts"',
  ])('not %j', async (scope) => expect(await reason(accounts, {}, scope)).toBe('scope_insufficient'))
})

describe('T-37, att-claims-01 names of the language are scopes like any other', () => {
  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', '0'])('%s', async (name) => {
    const changed = withRoutes({ path: '/accounts', scopes: [name] })
    expect(await reason(changed, {}, 'accounts')).toBe('scope_insufficient')
    expect(await reason(changed, {}, name)).toBe('allow')
    expect(await reason(accounts, {}, name)).toBe('scope_insufficient')
  })
})

describe('AZ-04, T-44 no scope claim, or one that is no string, is insufficient', () => {
  test.each([
    [null],
    [''],
    [' '],
    [1],
    [true],
    [['accounts']],
    [['accounts', 'payments']],
    [{ accounts: true }],
    [{ toString: 'accounts' }],
    [[['accounts']]],
  ])('%j', async (scope) => expect(await reason(accounts, {}, scope)).toBe('scope_insufficient'))
  test('none at all', async () =>
    expect(await reason(accounts, { token: mintToken({ claims: { scope: undefined } }) })).toBe('scope_insufficient'))
  test('scp is read only where the route says that claims go by other names', async () => {
    const token = mintToken({ claims: { scope: undefined, scp: ['accounts'] } })
    expect(await reason(accounts, { token })).toBe('scope_insufficient')
    const mapped = {
      ...compatDocument,
      routes: [{ path: '/accounts', exceptions: ['claimMapping'], scopes: ['accounts'] }],
    }
    expect(await reason(mapped, { token })).toBe('allow')
    for (const scp of [[['accounts']], ['accounts:read'], ['accounts', 7], { 0: 'accounts' }]) {
      const odd = mintToken({ claims: { scope: undefined, scp } })
      expect(await reason(mapped, { token: odd })).toBe('scope_insufficient')
    }
  })
})

describe('AZ-03 a scope that carries a value', () => {
  const consent = withRoutes(
    { path: '/accounts', scopes: { parameter: { scope: 'consent:{consentId}', fact: 'consentId' } } },
    { path: '/consents/{id}', scopes: { parameter: { scope: 'consent:{id}', fact: 'id' } } },
  )
  test('any value where the path names none', async () => {
    expect(await reason(consent, {}, 'consent:urn:bancoex:C1DD33123')).toBe('allow')
    for (const scope of ['consent:', 'consent', 'xconsent:1', 'CONSENT:1', 'consent :1'])
      expect(await reason(consent, {}, scope)).toBe('scope_insufficient')
  })
  test('the value of the path where it names one', async () => {
    const at = (id: string, scope: string) => reason(consent, { path: `/consents/${id}` }, scope)
    expect(await at('42', 'consent:42')).toBe('allow')
    expect(await at('42', 'consent:7 consent:42')).toBe('allow')
    expect(await at('urn:bancoex:C1', 'consent:urn:bancoex:C1')).toBe('allow')
    expect(await at('%C3%A9', 'consent:é')).toBe('claim_unusable')
    for (const scope of ['consent:43', 'consent:4', 'consent:420', 'consent:', 'consent:__proto__', 'consent:%34%32'])
      expect(await at('42', scope)).toBe('scope_insufficient')
    expect(await at('__proto__', 'consent:x')).toBe('scope_insufficient')
  })
  test('a name that is nothing but its value, or too long for a challenge, is still a refusal', async () => {
    const whole = withRoutes({ path: '/consents/{id}', scopes: { parameter: { scope: '{id}', fact: 'id' } } })
    expect(await reason(whole, { path: '/consents/7' }, '7')).toBe('allow')
    const refused = await asked(whole, { path: '/consents/7' }, '8')
    expect([verdict(refused), answered(refused, 'www-authenticate')[0]]).toEqual([
      'scope_insufficient',
      expect.not.stringContaining('scope='),
    ])
    const many = Array.from({ length: 100 }, (_, index) => `s${index}`)
    expect(await reason(withRoutes({ path: '/accounts', scopes: many }), {}, 'x')).toBe('scope_insufficient')
    const long = withRoutes({ path: '/accounts', scopes: ['a'.repeat(300), 'b'] })
    expect(answered(await asked(long, {}, 'x'), 'www-authenticate')[0]).toContain('scope="b"')
  })
})
