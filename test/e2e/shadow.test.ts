import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Answer } from '../../demo/client.ts'
import {
  DARK_ISSUER,
  edgeDocument,
  sawLines,
  startTestEdge,
  type TestEdge,
  type Told,
  withSettings,
} from '../support/edge.ts'
import { expectRefusal, reasonOf } from '../support/edge-refusals.ts'
import { buildClientKey } from '../support/proofs.ts'

/** The routes of the other tests that ask for something; all of them in shadow, one of them no longer. */
const routes = [
  { name: 'public', path: '/public/**', methods: ['GET', 'HEAD'], open: true },
  { name: 'accounts', path: '/accounts/**', methods: ['GET', 'HEAD'], scopes: ['accounts'], mode: 'shadow' },
  { name: 'nonce', path: '/nonce', senderConstraint: { dpop: { nonce: 'required' } }, mode: 'shadow' },
  { name: 'over', path: '/over', scopes: ['admin'], mode: 'shadow', until: '2020-01-01' },
  { name: 'payments', path: '/payments', methods: ['POST'], scopes: ['payments'] },
]

const other = await buildClientKey()
let edge: TestEdge

beforeAll(async () => {
  edge = await startTestEdge({
    document: { ...edgeDocument, routes },
    // So that what clients forge comes as far as the service; the lock behind it stays.
    adapt: withSettings({ early_header_mutation_extensions: () => [] }),
  })
})
afterAll(() => edge.stop())

/** Every name of an answer but those that Envoy writes in its own time. */
const namesOf = ({ headers }: Answer): ReadonlySet<string> => new Set([...headers.keys()])

/** What the service wrote down about a request. */
async function recorded({ id }: Told) {
  const { decision, mode, would } = (await edge.setting.service().decision(id)) ?? {}
  return { decision, mode, would }
}

const forged = { 'x-authz-subject': 'admin', 'x.authz.scope': 'payments', 'client-cert': ':AAAA:' }

describe('what enforcement would refuse reaches the upstream as if nobody had looked', () => {
  test.each<readonly [string, () => Parameters<TestEdge['ask']>[0], string]>([
    ['no credentials', () => ({ path: '/accounts' }), 'credentials_missing'],
    ['no proof', () => ({ ...edge.good(), headers: { authorization: `DPoP ${edge.mint()}` } }), 'proof_missing'],
    ['the proof of another key', () => edge.good({ proofKey: other }), 'proof_key_mismatch'],
    ['another scope', () => edge.good({ token: edge.mint({ claims: { scope: 'other' } }) }), 'scope_insufficient'],
    ['a required nonce', () => edge.good({ path: '/nonce' }), 'nonce_missing'],
    [
      'keys that cannot be had, which is a fault of ours',
      () => edge.good({ token: edge.mint({ claims: { iss: DARK_ISSUER } }) }),
      'keys_unavailable',
    ],
  ])('%s', async (_, order, would) => {
    const asking = order()
    const told = await edge.ask({ ...asking, headers: { ...asking.headers, ...forged, 'x-other': 'stays' } })
    expect(told).toMatchObject({ status: 200, hits: 1 })
    expect(await recorded(told)).toEqual({ decision: 'allow', mode: 'shadow', would })
    const names = (told.seen?.headers ?? []).map(([name]) => name)
    expect(names.filter((name) => /authz|client.cert/.test(name))).toEqual([])
    expect(sawLines(told.seen, 'x-other')).toEqual(['stays'])
    for (const name of ['authorization', 'dpop'])
      expect(sawLines(told.seen, name)).toEqual(asking.headers?.[name] === undefined ? [] : [asking.headers[name]])
    // An open route adds one header to the answer; here there is not even that.
    const open = new Set(namesOf(await edge.ask({ path: '/public/x' })))
    expect(open.delete('x-fapi-interaction-id')).toBe(true)
    expect(namesOf(told)).toEqual(open)
  })
})

test('what enforcement would allow names its client, and token and proof go on', async () => {
  const asking = edge.good()
  const told = await edge.ask({ ...asking, headers: { ...asking.headers, ...forged } })
  expect(told).toMatchObject({ status: 200, hits: 1 })
  expect(await recorded(told)).toEqual({ decision: 'allow', mode: 'shadow', would: undefined })
  expect(sawLines(told.seen, 'x-authz-subject')).toEqual(['user-1'])
  expect(sawLines(told.seen, 'x.authz.scope')).toEqual([])
  expect(sawLines(told.seen, 'authorization')).toEqual([asking.headers?.authorization])
})

test('a proof is used up', async () => {
  const asking = edge.good()
  const told = [await edge.ask(asking), await edge.ask(asking)]
  expect(told).toMatchObject([{ status: 200 }, { status: 200 }])
  expect(await Promise.all(told.map(recorded))).toMatchObject([{ would: undefined }, { would: 'proof_replayed' }])
})

describe('what no shadow falls on is refused as ever', () => {
  test('a route whose shadow ended', async () => {
    const told = await edge.ask(edge.good({ path: '/over' }))
    expectRefusal(told, {
      ...{ reason: 'scope_insufficient', status: 403, error: 'insufficient_scope', challenge: 'dpop', scope: 'admin' },
    })
    expect(await recorded(told)).toMatchObject({ decision: 'deny', mode: undefined })
  })
  test.each([
    ['a route that enforces', { path: '/payments', method: 'POST' }, 401, 'credentials_missing'],
    ['a path nobody named', { path: '/nowhere' }, 403, 'route_unknown'],
    ['another method', { path: '/accounts', method: 'DELETE' }, 405, 'method_not_allowed'],
    [
      'a method for the upstream alone',
      { path: '/accounts', headers: { 'x-http-method-override': 'DELETE' } },
      400,
      'request_malformed',
    ],
  ])('%s', async (_, asking, status, reason) => {
    const told = await edge.ask(asking)
    expect(told).toMatchObject({ status, hits: 0 })
    expect(await reasonOf(edge, told.id)).toBe(reason)
  })
})

test('everybody who looks is told that it does not enforce', async () => {
  await edge.ask({ path: '/accounts' })
  const at = async (path: string): Promise<string> =>
    (await fetch(`http://127.0.0.1:${edge.setting.ports.metrics}${path}`)).text()
  expect(JSON.parse(await at('/readyz'))).toMatchObject({ enforcing: false, notEnforcing: ['accounts', 'nonce'] })
  const metrics = await at('/metrics')
  for (const line of ['{route="accounts"} 0', '{route="over"} 1', '{route="payments"} 1'])
    expect(metrics).toContain(`envoy_fapi_enforcing${line}`)
  expect(metrics).toMatch(/envoy_fapi_shadow_denials_total\{route="accounts",reason="credentials_missing"\} [1-9]/)
  const warned = edge.setting.service().lines().join('\n')
  expect(warned).toContain('route accounts does not enforce (mode: shadow), and no date ends that')
  expect(warned).toContain('route over enforces: its mode: shadow ended 2020-01-01T00:00:00Z')
})
