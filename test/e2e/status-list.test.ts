import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findFree } from '../../demo/ports.ts'
import { edgeDocument, startTestEdge, type TestEdge, type Told } from '../support/edge.ts'
import type { Refusal } from '../support/edge-reasons.ts'
import { expectRefusal, reasonOf } from '../support/edge-refusals.ts'
import { ALL_STATUSES, at, packed } from '../support/status-lists.ts'

const [port = 0] = await findFree(1)
const LIST = `https://localhost:${port}/lists/1`
const [bank] = edgeDocument.authorizationServers
let edge: TestEdge
let server: Server | undefined
const asked: string[] = []

/** The status lists of the authorization server, signed by its key, on a server of their own. */
async function serveLists({ setting, mint }: TestEdge): Promise<Server> {
  const { certificate, key } = setting.pki.authorizationServer
  // The key of the authorization server signs whatever it is given.
  const list = mint({
    header: { typ: 'statuslist+jwt' },
    claims: { sub: LIST, exp: undefined, ttl: 600, status_list: packed(ALL_STATUSES) },
  })
  const lists = createServer({ cert: certificate, key }, (request, response) => {
    asked.push(request.url ?? '')
    response.writeHead(200, { 'content-type': 'application/statuslist+jwt' })
    response.end(list)
  })
  lists.listen(port, '127.0.0.1')
  await once(lists, 'listening')
  return lists
}

const ask = (claims: object): Promise<Told> => edge.ask(edge.good({ token: edge.mint({ claims: { ...claims } }) }))
const degraded = async (): Promise<unknown> => {
  const ready = await fetch(`http://127.0.0.1:${edge.setting.ports.metrics}/readyz`)
  return ((await ready.json()) as { degraded: unknown }).degraded
}
const fetches = async (result: string): Promise<boolean> => {
  const text = await (await fetch(`http://127.0.0.1:${edge.setting.ports.metrics}/metrics`)).text()
  return new RegExp(`^envoy_fapi_status_list_fetches_total\\{server="bank",result="${result}"\\} [1-9]`, 'm').test(text)
}

const unavailable: Refusal = {
  ...{ reason: 'revocation_unavailable', status: 503, error: 'temporarily_unavailable', challenge: 'none' },
  retryAfter: '2',
}
const refusal = (reason: 'token_revoked' | 'token_claims_invalid'): Refusal => ({
  ...{ reason, status: 401, error: 'invalid_token', challenge: 'dpop' },
})

beforeAll(async () => {
  edge = await startTestEdge({
    document: {
      authorizationServers: [{ ...bank, revocation: { statusList: { hosts: [`localhost:${port}`] } } }],
    },
  })
})
afterAll(async () => {
  server?.close()
  server?.closeAllConnections()
  await edge.stop()
})

describe('status lists through a real Envoy', () => {
  test('TSL-10 while their server is down: 503, and tokens without a status pass', async () => {
    const told = await ask(at(0, LIST))
    expectRefusal(told, unavailable)
    expect(await reasonOf(edge, told.id)).toBe('revocation_unavailable')
    expect(await degraded()).toEqual(['status lists of bank'])
    expect(await fetches('failed')).toBe(true)
    expect(await ask({})).toMatchObject({ status: 200, hits: 1 })
  })
  test('TSL-07 once it is up, a token passes by its status', async () => {
    server = await serveLists(edge)
    const begun = performance.now()
    let told = await ask(at(0, LIST))
    while (told.status === 503 && performance.now() - begun < 15_000) told = await ask(at(0, LIST))
    expect(told).toMatchObject({ status: 200, hits: 1 })
    expect(await degraded()).toEqual([])
    expect(await fetches('loaded')).toBe(true)
  })
  test.each([1, 2, 3])('TSL-07 status %d is refused', async (index) => {
    const told = await ask(at(index, LIST))
    expectRefusal(told, refusal('token_revoked'))
    expect(await reasonOf(edge, told.id)).toBe('token_revoked')
  })
  test.each([
    ['TSL-06 an index beyond the list', at(4, LIST)],
    ['TSL-03 a list at another place', at(0, 'https://169.254.169.254/lists/1')],
    ['TSL-02 an index that is none', at('0', LIST)],
  ])('%s', async (_, claims) => expectRefusal(await ask(claims), refusal('token_claims_invalid')))
  test('TSL-08 one fetch is enough for all of them', () => expect(asked).toEqual(['/lists/1']))
})
