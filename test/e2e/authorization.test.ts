import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { API } from '../../demo/setting.ts'
import { edgeDocument, lines, sawLines, startTestEdge, type TestEdge, type Told } from '../support/edge.ts'
import { reasonOf } from '../support/edge-refusals.ts'

const require = { '/tenant': 'gold', '/contract/level': { min: 2, max: 5 }, '/entitlements': { allOf: ['reports'] } }
const authorizationDetails = {
  ...{ type: 'payment_initiation', actions: ['initiate'] },
  match: {
    '/identifier': 'path:id',
    '/instructedAmount/amount': { from: 'body:/amount', as: 'decimal' },
    '/instructedAmount/currency': 'body:/currency',
    '/channel': 'query:channel',
  },
}
const HIGH = 'urn:bank:two-factor'

let edge: TestEdge
beforeAll(async () => {
  edge = await startTestEdge({
    document: {
      publicOrigins: [API],
      routes: [
        { name: 'step-up', path: '/step-up', stepUp: { acr: [HIGH], maxAge: '15m' } },
        { name: 'claims', path: '/claims', claims: { require } },
        { name: 'payment', path: '/payments/{id}', methods: ['POST'], authorizationDetails },
        ...edgeDocument.routes,
      ],
    },
  })
})
afterAll(() => edge.stop())

const now = (): number => Math.floor(Date.now() / 1000)

/** A request with a token that has these claims. */
const asked = (path: string, claims: Readonly<Record<string, unknown>>): Promise<Told> =>
  edge.ask(edge.good({ path, token: edge.mint({ claims }) }))

describe('AZ-07 … AZ-10 step-up through Envoy', () => {
  test('AZ-07 two factors a minute ago pass, and the upstream is told', async () => {
    const told = await asked('/step-up', { acr: HIGH, auth_time: now() - 60 })
    expect(told).toMatchObject({ status: 200, hits: 1 })
    expect(sawLines(told.seen, 'x-authz-acr')).toEqual([HIGH])
  })
  test.each<readonly [string, () => Readonly<Record<string, unknown>>]>([
    ['AZ-07 a password', () => ({ acr: 'urn:bank:password', auth_time: now() - 60 })],
    ['AZ-10 an hour ago', () => ({ acr: HIGH, auth_time: now() - 3600 })],
    ['AZ-10 tomorrow', () => ({ acr: HIGH, auth_time: now() + 86_400 })],
    ['AZ-09 nothing is said', () => ({})],
    ['JWT-33 a list', () => ({ acr: [HIGH], auth_time: now() })],
  ])('%s: 401, with what would do', async (_, claims) => {
    const told = await asked('/step-up', claims())
    expect(told).toMatchObject({ status: 401, hits: 0 })
    expect(await reasonOf(edge, told.id)).toBe('authentication_insufficient')
    expect(lines(told, 'www-authenticate')[0]).toContain(
      `error="insufficient_user_authentication", error_description="The user has to be authenticated in another way or again", acr_values="${HIGH}", max_age="900"`,
    )
  })
})

describe('AZ-03 claims through Envoy', () => {
  const good = { tenant: 'gold', contract: { level: 3 }, entitlements: ['alerts', 'reports'] }
  test('claims that are what the route asks for pass', async () =>
    expect(await asked('/claims', good)).toMatchObject({ status: 200, hits: 1 }))
  test.each<readonly [string, Readonly<Record<string, unknown>>]>([
    ['another tenant', { tenant: 'silver' }],
    ['a list where a text is asked for', { tenant: ['gold'] }],
    ['a level out of range', { contract: { level: 6 } }],
    ['a level as a text', { contract: { level: '3' } }],
    ['a list without the entitlement', { entitlements: ['alerts'] }],
    ['a text instead of a list', { entitlements: 'reports' }],
    ['a claim that is absent', { contract: undefined }],
  ])('%s: 403', async (_, claims) => {
    const told = await asked('/claims', { ...good, ...claims })
    expect(told).toMatchObject({ status: 403, hits: 0 })
    expect(lines(told, 'www-authenticate')).toEqual([])
    expect(await reasonOf(edge, told.id)).toBe('claims_insufficient')
  })
})

describe('AZ-05, AZ-06 authorization details through Envoy', () => {
  const detail = {
    ...{ type: 'payment_initiation', actions: ['initiate'], identifier: 'p-1', channel: 'web' },
    instructedAmount: { currency: 'EUR', amount: '123.50' },
  }
  interface Payment {
    readonly details?: unknown
    readonly path?: string
    readonly body?: string
    readonly type?: string
    readonly http2?: boolean
  }
  async function pay({
    details = [detail],
    path = '/payments/p-1?channel=web',
    body = paid,
    type,
    http2 = false,
  }: Payment = {}) {
    const token = edge.mint({ claims: { authorization_details: details } })
    const good = edge.good({ path, method: 'POST', token, body })
    const told = await edge.ask({
      ...good,
      http2,
      headers: { ...good.headers, 'content-type': type ?? 'application/json' },
    })
    return { told, reason: told.status === 200 ? 'allowed' : await reasonOf(edge, told.id) }
  }
  const paid = '{"amount":"123.50","currency":"EUR"}'

  test('AZ-06 the payment that was authorized passes, however its zeros are written', async () => {
    expect(await pay()).toMatchObject({ reason: 'allowed', told: { status: 200, hits: 1 } })
    expect(await pay({ body: '{"amount":123.5,"currency":"EUR"}' })).toMatchObject({ reason: 'allowed' })
  })
  test('ENV-13 a body that Envoy cuts, as it does over HTTP/2, is refused', async () => {
    const body = `${paid.slice(0, -1)},"more":"${'x'.repeat(66_000)}"}`
    expect(await pay({ body, http2: true })).toMatchObject({
      ...{ reason: 'details_body_truncated', told: { status: 413, hits: 0 } },
    })
  })
  test.each<readonly [string, number, string, Payment]>([
    ['AZ-05 an object instead of a list', 403, 'details_insufficient', { details: detail }],
    ['AZ-05 another type', 403, 'details_insufficient', { details: [{ ...detail, type: 'account_information' }] }],
    ['AZ-05 without the action', 403, 'details_insufficient', { details: [{ ...detail, actions: ['status'] }] }],
    ['AZ-06 another amount', 403, 'details_mismatch', { body: '{"amount":"1235.0","currency":"EUR"}' }],
    ['AZ-06 another currency', 403, 'details_mismatch', { body: '{"amount":"123.50","currency":"USD"}' }],
    ['AZ-06 another payment', 403, 'details_mismatch', { path: '/payments/p-2?channel=web' }],
    ['AZ-06 another channel', 403, 'details_mismatch', { path: '/payments/p-1?channel=pos' }],
    ['AZ-06 a parameter twice', 400, 'details_request_unusable', { path: '/payments/p-1?channel=web&channel=pos' }],
    [
      'AZ-06 a member twice',
      400,
      'details_request_unusable',
      { body: '{"amount":"123.50","amount":"9","currency":"EUR"}' },
    ],
    [
      'AZ-06 a member in two cases',
      400,
      'details_request_unusable',
      { body: '{"amount":"123.50","Amount":"9","currency":"EUR"}' },
    ],
    ['AZ-06 another format', 400, 'details_request_unusable', { type: 'text/plain' }],
  ])('%s: %d %s', async (_, status, reason, payment) =>
    expect(await pay(payment)).toMatchObject({ reason, told: { status, hits: 0 } }),
  )
})
