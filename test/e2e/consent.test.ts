import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Consent } from '../../demo/consent-service.ts'
import { API } from '../../demo/setting.ts'
import { edgeDocument, lines, sawLines, startTestEdge, type TestEdge, type Told } from '../support/edge.ts'
import type { Refusal } from '../support/edge-reasons.ts'
import { expectRefusal, reasonOf } from '../support/edge-refusals.ts'

/** The consent service of the setting, asked over mutual TLS. */
const http = {
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the service fills these in
  url: '${CONSENTS}/consents/{id}',
  certificate: '${PKI}/consent-client.pem',
  key: '${PKI}/consent-client.key',
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: see above
}
const policy = { id: { claim: 'consent_id' }, source: { http }, cache: '1s' }
const refused = { status: 403, error: 'access_denied', challenge: 'none' } as const
const unavailable = {
  ...{ reason: 'consent_unavailable', status: 503, error: 'temporarily_unavailable', challenge: 'none' },
  retryAfter: '2',
} as const satisfies Refusal

let edge: TestEdge
let issuer: string
let count = 0

beforeAll(async () => {
  edge = await startTestEdge({
    document: {
      publicOrigins: [API],
      routes: [
        {
          ...{ name: 'balances', path: '/accounts/{id}/balances', methods: ['GET'] },
          consent: { ...policy, permissions: { all: ['ReadBalances'] }, accounts: ['id'] },
        },
        { name: 'remembered', path: '/remembered', consent: { ...policy, cache: '5s' } },
        { name: 'pay', path: '/pay', methods: ['POST'], consent: { ...policy, single: ['POST'] } },
        ...edgeDocument.routes,
      ],
    },
  })
  issuer = edge.setting.authorizationServer.issuer
})
afterAll(() => edge.stop())

/** A new consent of the test's client and user. */
function grant(more: Partial<Consent> = {}): string {
  const consentId = more.consentId ?? `urn:bank:c-${++count}`
  edge.setting.consents.put({
    ...{ consentId, state: 'ACTIVE', issuer, clientId: 'tpp-1', subject: 'user-1' },
    ...{ permissions: ['ReadBalances'], accounts: ['DE-1'], ...more },
  })
  return consentId
}
const balances = (id: string, path = '/accounts/DE-1/balances'): Promise<Told> =>
  edge.ask(edge.good({ path, token: edge.mint({ claims: { consent_id: id } }) }))
const pay = (id: string): Promise<Told> =>
  edge.ask(edge.good({ path: '/pay', method: 'POST', token: edge.mint({ claims: { consent_id: id } }) }))

async function expectRefused(told: Told, reason: Parameters<typeof expectRefusal>[1]['reason']): Promise<void> {
  expectRefusal(told, reason === 'consent_unavailable' ? unavailable : { ...refused, reason })
  expect(await reasonOf(edge, told.id)).toBe(reason)
}

describe('AZ-11 … AZ-13 through Envoy', () => {
  test('AZ-11, AZ-15 an active consent passes, and the upstream is told its id', async () => {
    const id = grant()
    const told = await balances(id)
    expect(told).toMatchObject({ status: 200, hits: 1 })
    expect(sawLines(told.seen, 'x-authz-consent-id')).toEqual([id])
    expect(sawLines(told.seen, 'authorization')).toEqual([])
  })
  test('AZ-15 an id that the client sends itself does not get there', async () => {
    const good = edge.good()
    const told = await edge.ask({ ...good, headers: { ...good.headers, 'x-authz-consent-id': 'c-9' } })
    expect(sawLines(told.seen, 'x-authz-consent-id')).toEqual([])
  })
  test.each<readonly [Parameters<typeof expectRefused>[1], Partial<Consent>]>([
    ['consent_inactive', { state: 'REVOKED' }],
    ['consent_inactive', { state: 'AWAITING' }],
    ['consent_inactive', { expiresAt: 1 }],
    ['consent_spent', { state: 'CONSUMED' }],
    ['consent_foreign', { clientId: 'tpp-2' }],
    ['consent_foreign', { subject: 'user-2' }],
    ['consent_foreign', { issuer: 'https://other.example' }],
    ['consent_insufficient', { permissions: ['ReadAccountsBasic'] }],
    ['consent_insufficient', { accounts: ['DE-2'] }],
  ])('%s: %j', async (reason, more) => expectRefused(await balances(grant(more)), reason))
  test('one that does not exist, and a token that names none', async () => {
    await expectRefused(await balances('c-none'), 'consent_unknown')
    await expectRefused(await edge.ask(edge.good({ path: '/accounts/DE-1/balances' })), 'consent_missing')
  })
  test('two consents of one user at the same time, each for its own account', async () => {
    const [one, other] = [grant(), grant({ accounts: ['DE-2'] })]
    expect(await balances(one)).toMatchObject({ status: 200 })
    expect(await balances(other, '/accounts/DE-2/balances')).toMatchObject({ status: 200 })
    await expectRefused(await balances(one, '/accounts/DE-2/balances'), 'consent_insufficient')
  })
  test('AZ-14 revoked between two requests: refused as soon as nothing is remembered any more', async () => {
    const id = grant()
    expect(await balances(id)).toMatchObject({ status: 200 })
    edge.setting.consents.revoke(id)
    const begun = performance.now()
    let told = await balances(id)
    while (told.status === 200 && performance.now() - begun < 6000) told = await balances(id)
    await expectRefused(told, 'consent_inactive')
  })
})

describe('AZ-14 one use', () => {
  test('once, and not again', async () => {
    const id = grant()
    expect(await pay(id)).toMatchObject({ status: 200, hits: 1 })
    await expectRefused(await pay(id), 'consent_spent')
  })
  test('of many at the same moment one', async () => {
    const id = grant()
    const before = edge.setting.upstream.count()
    const told = await Promise.all(Array.from({ length: 10 }, () => pay(id)))
    // On a machine that is busy the one that was first may have waited too long; a second one never passes.
    expect(told.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
    expect(edge.setting.upstream.count() - before).toBe(told.filter(({ status }) => status === 200).length)
    expect(edge.setting.consents.asked().filter((one) => one.startsWith('POST')).length).toBeGreaterThan(1)
    expect((await pay(id)).status).toBe(403)
  })
  test('a service that says 200 and uses nothing up is not believed', async () => {
    const id = grant()
    edge.setting.consents.misbehave((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ ...consentLike(id) }))
    })
    await expectRefused(await pay(id), 'consent_unavailable')
    edge.setting.consents.misbehave(undefined)
  })
})

const consentLike = (consentId: string): object => ({
  ...{ consentId, state: 'ACTIVE', issuer, clientId: 'tpp-1', subject: 'user-1', permissions: ['ReadBalances'] },
  accounts: ['DE-1'],
})

describe('AZ-14 a consent service that is not well', () => {
  test.each<readonly [string, number, Record<string, string>, (id: string) => string]>([
    ['HTML', 200, { 'content-type': 'text/html' }, () => '<html>Sign in</html>'],
    ['another consent', 200, { 'content-type': 'application/json' }, () => JSON.stringify(consentLike('c-other'))],
    ['a list', 200, { 'content-type': 'application/json' }, (id) => JSON.stringify([consentLike(id)])],
    [
      'an unknown state',
      200,
      { 'content-type': 'application/json' },
      (id) => JSON.stringify({ ...consentLike(id), state: 'Authorised' }),
    ],
    [
      '1 MB',
      200,
      { 'content-type': 'application/json' },
      (id) => JSON.stringify({ ...consentLike(id), more: 'x'.repeat(1_048_576) }),
    ],
    ['a redirect', 302, { location: '/consents/c-other' }, () => ''],
  ])('lying: %s', async (_, status, headers, body) => {
    const id = grant()
    edge.setting.consents.misbehave((__, response) => {
      response.writeHead(status, headers)
      response.end(body(id))
    })
    const told = await balances(id)
    edge.setting.consents.misbehave(undefined)
    await expectRefused(told, 'consent_unavailable')
    expect(lines(told, 'location')).toEqual([])
  })
  test('slow: a request waits no longer than the timeout, and a consent that is remembered passes meanwhile', async () => {
    const [known, other] = [grant(), grant()]
    expect(await balances(known, '/remembered')).toMatchObject({ status: 200 })
    edge.setting.consents.misbehave(() => undefined)
    const remembered = await balances(known, '/remembered')
    const late = await balances(other)
    edge.setting.consents.misbehave(undefined)
    expect(remembered).toMatchObject({ status: 200 })
    await expectRefused(late, 'consent_unavailable')
  })
  test('killed, and back without anybody doing anything; other routes go on', async () => {
    const id = grant()
    await edge.setting.consents.stop()
    await expectRefused(await balances(id), 'consent_unavailable')
    await expectRefused(await pay(id), 'consent_unavailable')
    expect(await edge.ask(edge.good())).toMatchObject({ status: 200 })
    await edge.setting.consents.start()
    const begun = performance.now()
    let told = await balances(id)
    while (told.status !== 200 && performance.now() - begun < 8000) told = await balances(id)
    expect(told).toMatchObject({ status: 200 })
  })
})
