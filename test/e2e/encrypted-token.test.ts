import { type CryptoKey, importJWK } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchToken } from '../../demo/client.ts'
import { API } from '../../demo/setting.ts'
import { edgeDocument, sawLines, startTestEdge, type TestEdge, type Told } from '../support/edge.ts'
import type { Refusal } from '../support/edge-reasons.ts'
import { expectRefusal, reasonOf } from '../support/edge-refusals.ts'
import { newSealingKey, seal, withSegment } from '../support/encrypted.ts'

const ours = newSealingKey('RSA', 'accounts-1')
const [bank] = edgeDocument.authorizationServers
let edge: TestEdge

const ask = (token: string): Promise<Told> => edge.ask(edge.good({ token }))

/** A token that the authorization server signed and encrypted, bound to the key of the test's client. */
async function encryptedToken(): Promise<string> {
  const { setting, key } = edge
  const load = async (jwk: typeof key.jwk) => (await importJWK(jwk, 'ES256', { extractable: true })) as CryptoKey
  const pair = { publicKey: await load(key.jwk), privateKey: await load(key.privateJwk) }
  const source = { issuer: setting.authorizationServer.issuer, ca: setting.edge.ca, resource: API }
  return await fetchToken(source, setting.clients.dpop, 'accounts', pair)
}

async function refused(token: string, reason: string): Promise<void> {
  const refusal = { reason, status: 401, error: 'invalid_token', challenge: 'dpop' } as Refusal
  const told = await ask(token)
  expectRefusal(told, refusal)
  expect(await reasonOf(edge, told.id)).toBe(reason)
}

beforeAll(async () => {
  edge = await startTestEdge({
    document: { authorizationServers: [{ ...bank, encryption: { keys: ['old.pem', 'accounts.jwk'] } }] },
    sealing: { alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: 'accounts-1', key: ours.publicKey },
    files: {
      'accounts.jwk': JSON.stringify({ ...ours.ours.key.export({ format: 'jwk' }), kid: 'accounts-1', use: 'enc' }),
      'old.pem': newSealingKey('P-256').ours.key.export({ type: 'pkcs8', format: 'pem' }) as string,
    },
  })
})
afterAll(() => edge.stop())

describe('JWT-23 encrypted tokens of a real authorization server', () => {
  test('pass, again and again, and the upstream is told whose they are', async () => {
    const token = await encryptedToken()
    expect(token.split('.')).toHaveLength(5)
    for (let time = 0; time < 2; time += 1) {
      const told = await ask(token)
      expect(told).toMatchObject({ status: 200, hits: 1 })
      expect(sawLines(told.seen, 'x-authz-client-id')).toEqual(['tpp-dpop'])
      expect(sawLines(told.seen, 'x-authz-scope')).toEqual(['accounts'])
      expect(sawLines(told.seen, 'authorization')).toEqual([])
    }
  })
  test('tampered with, T-39', async () => {
    const token = await encryptedToken()
    await refused(
      withSegment(token, 4, () => 'A'.repeat(22)),
      'token_malformed',
    )
    await refused(
      withSegment(token, 1, (one) => Buffer.alloc(256, one).toString('base64url')),
      'token_malformed',
    )
  })
  test('that say nothing but what anybody can encrypt', async () => {
    await refused(await seal('{"sub":"user-1"}', { key: ours }), 'token_malformed')
    const forged = withSegment(edge.mint(), 2, () => 'A'.repeat(342))
    await refused(await seal(forged, { key: ours }), 'token_signature_invalid')
  })
  test('att-jose-11 that are compressed', async () =>
    refused(await seal(edge.mint(), { key: ours, header: { zip: 'DEF' } }), 'token_malformed'))
  test('that are not encrypted at all', () => refused(edge.mint(), 'token_type_refused'))
})
