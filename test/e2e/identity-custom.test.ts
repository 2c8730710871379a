import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sawLines, startTestEdge, type TestEdge, withSettings } from '../support/edge.ts'
import { customDocument, rulesFor } from '../support/edge-custom.ts'
import { aliases, identityLines } from '../support/edge-identity.ts'
import { reasonOf } from '../support/edge-refusals.ts'

const rules = rulesFor(customDocument.identity)
const names = ['x-user-id', 'X_User_Id', 'x.user.id', 'x_user-id', 'x-client', 'X_CLIENT', 'x.client', ...aliases]
const spoofed = Object.fromEntries(names.map((name) => [name, ['admin', 'root']]))

describe.each([
  ['the printed rules', (): unknown => ({ regex: rules.earlyStrip })],
  // Envoy strips nothing, so that it is up to the service.
  ['the service alone', (): unknown => ({ regex: 'x-nothing-at-all' })],
])('HDR-16, att-header-01: identity under names of the operator, with %s', (_, earlyStrip) => {
  let edge: TestEdge
  beforeAll(async () => {
    edge = await startTestEdge({
      document: customDocument,
      adapt: withSettings({
        headers_with_underscores_action: () => 'ALLOW',
        safe_regex: earlyStrip,
        allow_expression: () => ({ regex: rules.allowExpression }),
      }),
    })
  })
  afterAll(() => edge.stop())
  const own = ({ seen }: Awaited<ReturnType<TestEdge['ask']>>) => identityLines(seen, 'x-user-id', 'x-client')

  test.each([false, true])('the upstream gets these and no other, and token and proof (HTTP/2: %s)', async (http2) => {
    const good = edge.good({ token: edge.mint({ claims: { sub: 'Zoë 100%', acr: 'high' } }), http2 })
    const told = await edge.ask({ ...good, headers: { ...spoofed, ...good.headers } })
    expect(told).toMatchObject({ status: 200, hits: 1 })
    expect(own(told)).toEqual({ 'x-user-id': 'Zo%C3%AB 100%25', 'x-client': 'tpp-1', 'x-authz-level': 'high' })
    for (const name of ['authorization', 'dpop']) expect(sawLines(told.seen, name)).toEqual([good.headers?.[name]])
  })
  test('a fact that the token lacks leaves no name for somebody else', async () => {
    const told = await edge.ask(edge.good({ headers: spoofed }))
    expect(own(told)).toEqual({ 'x-user-id': 'user-1', 'x-client': 'tpp-1' })
  })
  test('an open route tells nobody anything', async () => {
    const told = await edge.ask({ path: '/public/x', headers: spoofed })
    expect([told.status, own(told)]).toEqual([200, {}])
  })
  test('a bearer token by exception, and none that is bound', async () => {
    const authorization = `Bearer ${edge.mint({ claims: { cnf: undefined } })}`
    const told = await edge.ask({ path: '/bearer', headers: { ...spoofed, authorization } })
    expect([told.status, own(told)]).toEqual([200, { 'x-user-id': 'user-1', 'x-client': 'tpp-1' }])
    const bound = await edge.ask({ path: '/bearer', headers: { authorization: `Bearer ${edge.mint()}` } })
    expect([bound.status, bound.hits, await reasonOf(edge, bound.id)]).toEqual([401, 0, 'bound_token_as_bearer'])
    const elsewhere = await edge.ask({ headers: { authorization } })
    expect([elsewhere.status, elsewhere.hits, await reasonOf(edge, elsewhere.id)]).toEqual([401, 0, 'token_unbound'])
  })
})
