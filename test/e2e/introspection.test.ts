import { createPublicKey, X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { issue } from '../../tools/pki.ts'
import { edgeDocument, sawLines, startTestEdge, type TestEdge, type Told } from '../support/edge.ts'
import type { Refusal } from '../support/edge-reasons.ts'
import { expectRefusal, reasonOf } from '../support/edge-refusals.ts'
import { fetchBoundToken } from '../support/edge-tokens.ts'
import { buildClientKey } from '../support/proofs.ts'

const us = await buildClientKey()
const certified = issue(undefined, { name: 'accounts-tls', dns: ['accounts.example'], usage: 'client' })
const other = await buildClientKey()
const [bank] = edgeDocument.authorizationServers

/** What the authorization server knows of us: a key for assertions, and under another name a certificate. */
const asking = [
  { id: 'accounts-api', jwks: [{ ...us.jwk, kid: 'api-1', alg: 'ES256', use: 'sig' }] },
  {
    id: 'accounts-tls',
    jwks: [
      {
        ...createPublicKey(certified.certificate).export({ format: 'jwk' }),
        x5c: [new X509Certificate(certified.certificate).raw.toString('base64')],
      },
    ],
  },
]
const byAssertion = { clientId: 'accounts-api', key: 'api.jwk' }
const byCertificate = { clientId: 'accounts-tls', key: 'tls.key', certificate: 'tls.pem' }

/** The setting with an authorization server that gives opaque tokens and is asked about them. */
const start = (introspection: object): Promise<TestEdge> =>
  startTestEdge({
    document: { authorizationServers: [{ ...bank, revocation: { introspection } }] },
    asking,
    files: {
      'api.jwk': JSON.stringify({ ...us.privateJwk, kid: 'api-1' }),
      'tls.key': certified.key,
      'tls.pem': certified.certificate,
    },
  })

/** An opaque token, bound to the key of the test's client. */
async function opaqueToken(edge: TestEdge): Promise<string> {
  const token = await fetchBoundToken(edge)
  expect(token).not.toContain('.')
  return token
}

const inactive: Refusal = { reason: 'token_inactive', status: 401, error: 'invalid_token', challenge: 'dpop' }
const unavailable: Refusal = {
  ...{ reason: 'introspection_unavailable', status: 503, error: 'temporarily_unavailable', challenge: 'none' },
  retryAfter: '2',
}

describe.each([
  ['plain answers', { ...byAssertion, signed: false }],
  ['signed answers', { ...byAssertion, signed: true }],
  ['signed answers over mutual TLS', { ...byCertificate, signed: true }],
])('opaque tokens of a real authorization server, %s', (_, introspection) => {
  let edge: TestEdge
  let token: string
  const ask = (order: Parameters<TestEdge['good']>[0] = {}): Promise<Told> => edge.ask(edge.good({ token, ...order }))

  beforeAll(async () => {
    edge = await start({ ...introspection, cache: '1s', negativeCache: '1s' })
    token = await opaqueToken(edge)
  })
  afterAll(() => edge.stop())

  test('INT-01, INT-08 a bound token passes, and the upstream is told whose it is', async () => {
    const told = await ask()
    expect(told).toMatchObject({ status: 200, hits: 1 })
    expect(sawLines(told.seen, 'x-authz-client-id')).toEqual(['tpp-dpop'])
    expect(sawLines(told.seen, 'x-authz-scope')).toEqual(['accounts'])
    expect(sawLines(told.seen, 'authorization')).toEqual([])
  })
  test.each<readonly [string, Parameters<TestEdge['good']>[0], number, string]>([
    ['INT-06 with the proof of another key', { proofKey: other }, 401, 'proof_key_mismatch'],
    ['without its proof, as Bearer', { scheme: 'Bearer' }, 401, 'bound_token_as_bearer'],
    ['where it has not enough scope', { path: '/payments', method: 'POST' }, 403, 'scope_insufficient'],
  ])('%s', async (__, order, status, reason) => {
    const told = await ask(order)
    expect(told).toMatchObject({ status, hits: 0 })
    expect(await reasonOf(edge, told.id)).toBe(reason)
  })
  test('a JWT of the same server passes without being asked about; a tampered one is not asked about', async () => {
    const jwt = edge.mint()
    expect(await ask({ token: jwt })).toMatchObject({ status: 200 })
    const told = await ask({ token: `${jwt.slice(0, -8)}AAAAAAAA` })
    expect(await reasonOf(edge, told.id)).toBe('token_signature_invalid')
  })
  test('INT-02 a token the server never gave', async () => {
    const told = await ask({ token: 'nobody-ever-got-this-token' })
    expectRefusal(told, inactive)
    expect(await reasonOf(edge, told.id)).toBe('token_inactive')
  })
  test('INT-07 a revoked token passes no longer than it is remembered', async () => {
    const revoked = await opaqueToken(edge)
    expect(await ask({ token: revoked })).toMatchObject({ status: 200 })
    const begun = performance.now()
    await edge.setting.authorizationServer.revoke(revoked)
    let told = await ask({ token: revoked })
    while (told.status === 200 && performance.now() - begun < 10_000) told = await ask({ token: revoked })
    expectRefusal(told, inactive)
    expect(await ask()).toMatchObject({ status: 200 })
  })
  test('INT-03 a server that is gone costs nobody a token: 503, and a JWT still passes', async () => {
    const late = await opaqueToken(edge)
    await edge.setting.authorizationServer.stop()
    const told = await ask({ token: late })
    expectRefusal(told, unavailable)
    expect(await reasonOf(edge, told.id)).toBe('introspection_unavailable')
    expect(await ask({ token: edge.mint() })).toMatchObject({ status: 200 })
  })
})

test('a client the server does not let ask gets no tokens through, and nobody a 401', async () => {
  const edge = await start({ ...byAssertion, clientId: 'somebody-else' })
  try {
    expectRefusal(await edge.ask(edge.good({ token: await opaqueToken(edge) })), unavailable)
  } finally {
    await edge.stop()
  }
})
