import { request } from 'node:http'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { newSigningKey } from '../../demo/authorization-server.ts'
import { dpopHeaders, fetchToken, send } from '../../demo/client.ts'
import { findFree } from '../../demo/ports.ts'
import { API } from '../../demo/setting.ts'
import { edgeDocument, startTestEdge, type TestEdge } from '../support/edge.ts'
import { expectRefusal, reasonOf } from '../support/edge-refusals.ts'

const OPERATOR = 'kq0Jv1m7cXn2PzY5hR8tLw3sGd6fBa9eUi4oQxZyTjE'
const [adminPort = 0] = await findFree(1)
const [bank] = edgeDocument.authorizationServers
const pair = (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
  'sign',
  'verify',
])) as CryptoKeyPair

let edge: TestEdge

beforeAll(async () => {
  edge = await startTestEdge({
    document: {
      listen: { ...edgeDocument.listen, admin: `127.0.0.1:${adminPort}`, adminAccess: { tokens: [OPERATOR] } },
      authorizationServers: [bank],
    },
  })
})
afterAll(() => edge.stop())

const fetchOne = (): Promise<string> =>
  fetchToken(
    { issuer: edge.setting.authorizationServer.issuer, ca: edge.setting.edge.ca, resource: API },
    edge.setting.clients.dpop,
    'accounts',
    pair,
  )

/** A request of the client that the token was given to. */
const ask = async (token: string) =>
  await edge.ask({ headers: await dpopHeaders(token, pair, 'GET', `${API}/accounts`) })

/** Clients of `keepAsking`. */
const CLIENTS = 3

/** Rightful requests without a pause, a few at a time, until the end; tells how each was answered. */
function keepAsking(token: () => string) {
  const statuses: number[] = []
  let over = false
  let enough = { answers: 0, resolve: (): void => undefined }
  const one = async (): Promise<void> => {
    while (!over) {
      const url = `${API}/accounts`
      const { status } = await send(edge.setting.edge, { url, headers: await dpopHeaders(token(), pair, 'GET', url) })
      if (statuses.push(status) >= enough.answers) enough.resolve()
    }
  }
  const all = Promise.all(Array.from({ length: CLIENTS }, one))
  return {
    statuses,
    /** Resolves after so many more answers. */
    more: (answers: number): Promise<void> => {
      const { promise, resolve } = Promise.withResolvers<void>()
      enough = { answers: statuses.length + answers, resolve }
      return promise
    },
    end: async () => {
      over = true
      await all
    },
  }
}

/** What an operator does when keys have to be forgotten at once. */
function flush(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const headers = { authorization: `Bearer ${OPERATOR}` }
  const options = { host: '127.0.0.1', port: adminPort, path: '/keys/flush', method: 'POST', headers, agent: false }
  const call = request(options, (response) => {
    response.resume()
    response.on('end', () => resolve(response.statusCode ?? 0))
  })
  call.on('error', reject)
  call.end()
  return promise
}

test('JWK-03, T-72, as-rotate, as-withdraw keys change under load: nobody rightful is refused, one fetch for each change', async () => {
  const { authorizationServer } = edge.setting
  const fetched = authorizationServer.keyFetches
  const [first, second] = [authorizationServer.signingKey, await newSigningKey('as-2')]
  const old = await fetchOne()
  expect(await ask(old)).toMatchObject({ status: 200 })
  expect(fetched()).toBe(1)
  let current = old
  const load = keepAsking(() => current)
  onTestFinished(load.end)
  await load.more(50)

  // The server signs with the new key before anybody has seen it.
  authorizationServer.useKeys([second, first])
  const token = await fetchOne()
  const together = await Promise.all(Array.from({ length: 20 }, () => ask(token)))
  // Where the keys take longer to come than a request waits, it is told to come again.
  expect(together.map(({ status }) => status).filter((status) => status !== 200 && status !== 503)).toEqual([])
  expect(await ask(token)).toMatchObject({ status: 200 })
  expect(await ask(old)).toMatchObject({ status: 200 })
  await load.more(50)
  expect(fetched()).toBe(2)

  // Tokens under keys that nobody has cause no further fetch for a while.
  const strangers = Array.from({ length: 20 }, (_, index) => edge.mint({ header: { kid: `made-up-${index}` } }))
  const refused = await Promise.all(strangers.map((stranger) => edge.ask(edge.good({ token: stranger }))))
  expect(refused.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 401))
  expect(fetched()).toBe(2)

  // Withdrawn: believed until the keys are looked at again, which an operator can bring about.
  current = token
  authorizationServer.useKeys([second])
  await load.more(50)
  expect(await ask(old)).toMatchObject({ status: 200 })
  expect(new Set(load.statuses)).toEqual(new Set([200]))
  expect(await flush()).toBe(200)
  const flushed = load.statuses.length
  await load.more(50)
  await load.end()
  expect(fetched()).toBe(3)
  expect(load.statuses).not.toContain(401)
  // Those that were under way while there was no key are the only ones that may have to come again.
  expect(new Set(load.statuses.slice(flushed + CLIENTS))).toEqual(new Set([200]))
  const told = await ask(old)
  expectRefusal(told, { reason: 'token_key_unknown', status: 401, error: 'invalid_token', challenge: 'dpop' })
  expect(await reasonOf(edge, told.id)).toBe('token_key_unknown')
})

test('JWK-05, jwks-at-start the server is down: whoever has a token goes on, and what we cannot know is our trouble and no 401', async () => {
  const { authorizationServer } = edge.setting
  const token = await fetchOne()
  await authorizationServer.stop()
  expect(await ask(token)).toMatchObject({ status: 200 })

  // A service that starts now knows no key at all.
  await edge.setting.service().stop()
  const starting = edge.setting.restartService()
  const seen = new Set<number>()
  for (let answers = 0; answers < 20; answers += 1) seen.add((await ask(token)).status)
  expect([...seen]).toEqual([503])
  await authorizationServer.start()
  await starting
  const fresh = await ask(token)
  expect([fresh.status, await reasonOf(edge, fresh.id)]).toEqual([200, 'allowed'])

  // It may ask once about an unknown key, and gets no answer.
  await authorizationServer.stop()
  const told = await edge.ask(edge.good({ token: edge.mint({ header: { kid: 'as-3' } }) }))
  expect(told).toMatchObject({ status: 503, hits: 0 })
  expect(await reasonOf(edge, told.id)).toBe('keys_unavailable')
  expect(await ask(token)).toMatchObject({ status: 200 })
})
