import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { API } from '../../demo/setting.ts'
import { edgeDocument, lines, sawLines, startTestEdge, type TestEdge, type Told } from '../support/edge.ts'
import { reasonOf } from '../support/edge-refusals.ts'

const require = { '/tenant': 'gold', '/contract/level': { min: 2, max: 5 }, '/entitlements': { allOf: ['reports'] } }
const HIGH = 'urn:bank:two-factor'

let edge: TestEdge
beforeAll(async () => {
  edge = await startTestEdge({
    document: {
      publicOrigins: [API],
      routes: [
        { name: 'step-up', path: '/step-up', stepUp: { acr: [HIGH], maxAge: '15m' } },
        { name: 'claims', path: '/claims', claims: { require } },
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
