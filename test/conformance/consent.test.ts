import { describe, expect, test } from 'vitest'
import { flaws, verdict } from '../support/answers.ts'
import { consentOf, telling } from '../support/consents.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import { overTheWire } from '../support/recordings.ts'
import { buildTestCheck, compatDocument, document, goodRequest, mintToken, type Order } from '../support/spine.ts'

const service = { http: { url: 'https://consents.example/consents/{id}', key: 'k', certificate: 'c' } }
const route = (consent: object, path = '/accounts/{id}/balances') => ({
  ...document,
  routes: [{ name: 'consented', path, consent: { id: { claim: 'consent_id' }, source: service, ...consent } }],
})
const balances = route({ permissions: { all: ['ReadBalances'] }, accounts: ['id'] })

interface Try {
  readonly document?: object
  readonly answer?: unknown
  readonly used?: unknown
  readonly claims?: object
  readonly order?: Order
}

async function attempt({
  document: changed = balances,
  answer = consentOf(),
  used,
  claims = {},
  order = {},
}: Try = {}) {
  const told = used === undefined ? telling(answer) : telling(answer, used)
  const { ask, records } = buildTestCheck({ document: changed, consents: told.source })
  const token = mintToken({ claims: { consent_id: 'c-1', ...claims } })
  const request = goodRequest({ path: '/accounts/22289/balances', token, ...order })
  const response = overTheWire(await ask(request))
  expect(flaws(response)).toEqual([])
  return { ...told, response, reason: verdict(response), trace: records[0]?.trace.entries ?? [], records }
}
const reason = async (one: Try = {}): Promise<string> => (await attempt(one)).reason

describe('AZ-11 the consent that the token names is looked up and in force', () => {
  test('it passes, with its id and what it was asked for', async () => {
    const { response, asked } = await attempt({ order: { headers: [['x-fapi-interaction-id', ID]] } })
    expect(verdict(response)).toBe('allow')
    expect(JSON.stringify(response)).toContain('x-authz-consent-id')
    expect(asked).toMatchObject([
      { id: 'c-1', clientId: 'client-1', subject: 'user-1', interactionId: ID, fresh: false },
    ])
  })
  test.each(['AWAITING', 'REJECTED', 'REVOKED', 'EXPIRED'])('%s is 403', async (state) => {
    const { response } = await attempt({ answer: consentOf({ state }) })
    expect(response).toMatchObject({ deniedResponse: { status: { code: 403 } } })
    expect(verdict(response)).toBe('consent_inactive')
  })
  test('CONSUMED is spent, and counts where the route says so', async () => {
    const answer = consentOf({ state: 'CONSUMED' })
    expect(await reason({ answer })).toBe('consent_spent')
    expect(await reason({ answer, document: route({ states: ['ACTIVE', 'CONSUMED'] }) })).toBe('allow')
  })
  test('404 is 403; no answer, and a state that is not known, are 503', async () => {
    expect(await reason({ answer: 'absent' })).toBe('consent_unknown')
    for (const answer of [undefined, consentOf({ state: 'Authorised' }), consentOf({ state: 'active' })]) {
      const { response } = await attempt({ answer: answer ?? null })
      expect(response).toMatchObject({ deniedResponse: { status: { code: 503 } } })
      expect(verdict(response)).toBe('consent_unavailable')
    }
  })
  test('the id of a claim path, of a list of them, of a scope', async () => {
    const at = (id: object) => route({ id })
    expect(await reason({ document: at({ claim: '/fdx/id' }), claims: { fdx: { id: 'c-1' } } })).toBe('allow')
    expect(await reason({ document: at({ claim: ['other', 'consent_id'] }) })).toBe('allow')
    expect(await reason({ document: at({ claim: ['other', 'consent_id'] }), claims: { other: 'c-2' } })).toBe(
      'consent_missing',
    )
    expect(await reason({ document: at({ scope: 'consent:{id}' }), claims: { scope: 'a consent:c-1' } })).toBe('allow')
    for (const scope of ['consent:', 'xconsent:c-1', 'CONSENT:c-1', 'consent:c-1 consent:c-2'])
      expect(await reason({ document: at({ scope: 'consent:{id}' }), claims: { scope } })).toBe('consent_missing')
  })
  test.each([undefined, null, 7, true, ['c-1'], { id: 'c-1' }, '', ' c-1', 'c 1', 'c\n1', '.', '..', 'x'.repeat(257)])(
    'no consent id: %j',
    async (id) => {
      const { reason: got, asked } = await attempt({ claims: { consent_id: id } })
      expect([got, asked.length]).toEqual(['consent_missing', 0])
    },
  )
  test('whoever has not shown possession has nothing looked up', async () => {
    const { reason: got, asked } = await attempt({ order: { proof: null } })
    expect([got, asked.length]).toEqual(['proof_missing', 0])
  })
  test('the introspection member counts only where somebody was asked', async () => {
    const [server] = document.authorizationServers
    const asking = { introspection: { clientId: 'us', key: 'k', cache: '5s' } }
    const changed = {
      ...route({ id: { introspection: 'consent_id' } }),
      authorizationServers: [{ ...server, revocation: asking }],
    }
    expect(await reason({ document: changed })).toBe('consent_missing')
  })
})

describe('AZ-11 the consent that stands in the token itself', () => {
  const inToken = route({ source: { claim: '/consent' }, permissions: { all: ['ReadBalances'] } })
  const own = { consentId: 'c-1', state: 'ACTIVE', permissions: ['ReadBalances'] }
  test('is taken, and need not say again whose it is', async () => {
    expect(await reason({ document: inToken, claims: { consent: own } })).toBe('allow')
    expect(await reason({ document: inToken, claims: { consent: { ...own, clientId: 'client-1' } } })).toBe('allow')
  })
  test.each([
    ['consent_foreign', { clientId: 'client-2' }],
    ['consent_foreign', { subject: 'user-2' }],
    ['consent_inactive', { state: 'REVOKED' }],
    ['consent_inactive', { expiresAt: PROOF_TIME }],
    ['consent_insufficient', { permissions: [] }],
    ['consent_unavailable', { consentId: 'c-2' }],
    ['consent_unavailable', { permissions: 'ReadBalances' }],
    ['consent_unavailable', { state: undefined }],
  ])('%s: %j', async (expected, more) =>
    expect(await reason({ document: inToken, claims: { consent: { ...own, ...more } } })).toBe(expected),
  )
  test('none, or one that is no object', async () => {
    expect(await reason({ document: inToken })).toBe('consent_unknown')
    for (const consent of [null, 'ACTIVE', [own], true, 1])
      expect(await reason({ document: inToken, claims: { consent } })).toBe('consent_unavailable')
  })
})

describe('AZ-12 a consent of this issuer, client and user', () => {
  test.each([
    { issuer: 'https://other.example' },
    { clientId: 'client-2' },
    { subject: 'user-2' },
    { subject: 'USER-1' },
  ])('not %j', async (more) => {
    const { response } = await attempt({ answer: consentOf(more) })
    expect(response).toMatchObject({ deniedResponse: { status: { code: 403 } } })
    expect(verdict(response)).toBe('consent_foreign')
  })
  test('a service that tells of another consent than it was asked for is not believed', async () =>
    expect(await reason({ answer: consentOf({ consentId: 'c-2' }) })).toBe('consent_unavailable'))
  test.each(['issuer', 'clientId', 'subject', 'consentId', 'state', 'permissions'])('without %s', async (name) =>
    expect(await reason({ answer: consentOf({ [name]: undefined }) })).toBe('consent_unavailable'),
  )
  test('JWT-35 a token of the client itself, without a user, has nothing looked up', async () => {
    const { reason: got, asked } = await attempt({ claims: { sub: 'client-1' } })
    expect([got, asked.length]).toEqual(['consent_missing', 0])
  })
})

describe('AZ-13 permissions, accounts and expiry', () => {
  test('all, any, and those of a method', async () => {
    const by = (permissions: object) => route({ permissions })
    const none = { GET: [], POST: [], PUT: [], PATCH: [], DELETE: [] }
    const answer = consentOf({ permissions: ['A', 'B'] })
    expect(await reason({ answer, document: by({ all: ['A', 'B'] }) })).toBe('allow')
    expect(await reason({ answer, document: by({ all: ['A', 'C'] }) })).toBe('consent_insufficient')
    expect(await reason({ answer, document: by({ any: ['C', 'B'] }) })).toBe('allow')
    expect(await reason({ answer, document: by({ any: ['C', 'D'] }) })).toBe('consent_insufficient')
    expect(await reason({ answer, document: by({ methods: { ...none, GET: ['C'] } }) })).toBe('consent_insufficient')
    const head = { answer, order: { method: 'HEAD' } }
    expect(await reason({ ...head, document: by({ methods: { ...none, GET: ['C'] } }) })).toBe('consent_insufficient')
    expect(await reason({ ...head, document: by({ methods: { ...none, POST: ['C'] } }) })).toBe('allow')
    for (const near of ['a', 'A ', 'AB', 'toString', '__proto__'])
      expect(await reason({ answer, document: by({ all: [near] }) })).toBe('consent_insufficient')
  })
  test('only accounts of the list, and none where there is no list', async () => {
    expect(await reason({ order: { path: '/accounts/22290/balances' } })).toBe('consent_insufficient')
    for (const accounts of [[], undefined, ['2228'], ['222890'], ['*']])
      expect(await reason({ answer: consentOf({ accounts }) })).toBe('consent_insufficient')
  })
  test('until it ends, and not at that moment', async () => {
    expect(await reason({ answer: consentOf({ expiresAt: PROOF_TIME + 1 }) })).toBe('allow')
    expect(await reason({ answer: consentOf({ expiresAt: undefined }) })).toBe('allow')
    for (const expiresAt of [PROOF_TIME, PROOF_TIME - 1, 0])
      expect(await reason({ answer: consentOf({ expiresAt }) })).toBe('consent_inactive')
  })
  test.each([
    { permissions: 'ReadBalances' },
    { permissions: { 0: 'ReadBalances', length: 1 } },
    { permissions: [['ReadBalances']] },
    { permissions: ['ReadBalances', 1] },
    { permissions: null },
    { accounts: '22289' },
    { accounts: null },
    { accounts: [22289] },
    { expiresAt: '2099-01-01T00:00:00Z' },
    { expiresAt: null },
    { expiresAt: -1 },
    { expiresAt: 1e300 },
    { state: ['ACTIVE'] },
    { state: true },
    { subject: ['user-1'] },
    { clientId: 1 },
    { issuer: '' },
    { consentId: ['c-1'] },
  ])('of the wrong type, nothing of it counts: %j', async (more) =>
    expect(await reason({ answer: consentOf(more) })).toBe('consent_unavailable'),
  )
  test.each([[[consentOf()]], ['ACTIVE'], [true], [1], [null], [{}], [{ consent: consentOf() }]])(
    'something else than a consent: %j',
    async (answer) => expect(await reason({ answer })).toBe('consent_unavailable'),
  )
  test('explain: each comparison is written down with what was found and what was wanted', async () => {
    const { trace } = await attempt({ answer: consentOf({ subject: 'user-2' }) })
    expect(trace.at(-1)).toMatchObject({ check: 'consent user', result: 'fail', found: 'user-2', expected: 'user-1' })
    const checks = (await attempt()).trace.map(({ check }) => check)
    for (const check of ['id', 'issuer', 'client', 'user', 'state', 'expiry', 'permissions', 'account'])
      expect(checks).toContain(`consent ${check}`)
  })
})

describe('AZ-14 a consent that is good for one use', () => {
  const payments = { ...route({ single: ['POST'] }, '/payments') }
  const pay: Try = { document: payments, order: { path: '/payments', method: 'POST' } }
  test('is asked for afresh and used up once everything else holds', async () => {
    const { reason: got, asked, keys } = await attempt(pay)
    expect([got, keys.length]).toEqual(['allow', 1])
    expect(asked).toMatchObject([{ fresh: true }])
  })
  test('other methods use nothing up', async () => {
    const { reason: got, keys } = await attempt({ ...pay, order: { path: '/payments' } })
    expect([got, keys.length]).toEqual(['allow', 0])
  })
  test.each([
    ['consent_inactive', consentOf({ state: 'REVOKED' })],
    ['consent_foreign', consentOf({ subject: 'user-2' })],
    ['consent_unavailable', consentOf({ consentId: 'c-2' })],
    ['consent_unknown', 'absent'],
  ])('%s: nothing is used up', async (expected, answer) => {
    const { reason: got, keys } = await attempt({ ...pay, answer })
    expect([got, keys.length]).toEqual([expected, 0])
  })
  test.each([
    ['consent_spent', 'spent'],
    ['consent_unknown', 'absent'],
    ['consent_unavailable', null],
    ['consent_unavailable', consentOf()],
    ['consent_unavailable', consentOf({ state: 'REVOKED' })],
    ['consent_unavailable', consentOf({ state: 'CONSUMED', subject: 'user-2' })],
    ['consent_unavailable', consentOf({ state: 'CONSUMED', clientId: 'client-2' })],
    ['consent_unavailable', consentOf({ state: 'CONSUMED', consentId: 'c-2' })],
  ])('%s: an answer that does not say that this one is used up is none (%j)', async (expected, used) =>
    expect(await reason({ ...pay, used })).toBe(expected),
  )
})

test('AZ-15 the id of the consent is told to the upstream only where it was verified', async () => {
  const { response } = await attempt()
  const headers = 'okResponse' in response ? response.okResponse.headers : []
  const told = headers.find(({ header }) => header.key === 'x-authz-consent-id')
  expect(told?.header.value).toBe('c-1')
  const { ask } = buildTestCheck({ document: { ...document, routes: [{ path: '/accounts' }] } })
  const forged = await ask(goodRequest({ headers: [['x-authz-consent-id', 'c-9']] }))
  expect(JSON.stringify('okResponse' in forged && forged.okResponse.headers)).not.toContain('consent-id')
})

test('AZ-11 bearer tokens are judged alike where those are taken', async () => {
  const consent = { id: { claim: 'consent_id' }, source: service }
  const open = { ...compatDocument, routes: [{ path: '/accounts', exceptions: ['bearerTokens'], consent }] }
  const token = mintToken({ claims: { consent_id: 'c-1', cnf: undefined } })
  const order = { scheme: 'Bearer', proof: null, path: '/accounts', token }
  expect(await reason({ document: open, order })).toBe('allow')
  expect(await reason({ document: open, order, answer: consentOf({ subject: 'x' }) })).toBe('consent_foreign')
})

const ID = 'aaaaaaaa-0000-4000-8000-000000000001'
