import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeProtectedHeader, exportJWK, generateKeyPair } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, dpopHeaders, fetchToken } from '../../demo/client.ts'
import { API } from '../../demo/setting.ts'
import { readSeen } from '../../demo/upstream.ts'
import { sawLines, startTestEdge, type TestEdge, type Told } from '../support/edge.ts'
import { reasonOf } from '../support/edge-refusals.ts'
import { type Bank, startBank } from './running.ts'

const newKey = async (): Promise<CryptoKeyPair> =>
  (await generateKeyPair('ES256', { extractable: true })) as CryptoKeyPair
const keys = { dpop: await newKey(), mtls: await newKey(), api: await newKey() }
const published = async (pair: CryptoKeyPair) => ({
  ...(await exportJWK(pair.publicKey)),
  ...{ kid: 'client-1', alg: 'ES256', use: 'sig' },
})
/** The key that the tokens of most tests are bound to. */
const proofKey = await newKey()

/** What becomes of tokens where a setting is left as Keycloak has it. */
const lacking = [
  ['header type', 'token_type_refused'],
  ['algorithm', 'token_algorithm_refused'],
  ['client_id', 'token_claims_invalid'],
  ['audience', 'token_audience_mismatch'],
] as const
const lackingClient = async (without: (typeof lacking)[number][0]) => ({
  ...{ id: `tpp-${without.replace(' ', '-')}`, jwk: await published(keys.dpop) },
  ...{ binding: 'dpop' as const, without },
})

const ends: (() => Promise<void>)[] = []
let bank: Bank
let edge: TestEdge

beforeAll(async () => {
  bank = await startBank(API, [
    { id: 'tpp-dpop', jwk: await published(keys.dpop), binding: 'dpop' },
    { id: 'tpp-mtls', jwk: await published(keys.mtls), binding: 'mtls' },
    ...(await Promise.all(lacking.map(async ([without]) => await lackingClient(without)))),
    { id: API, jwk: await published(keys.api), binding: 'none' },
  ])
  ends.push(bank.stop)
  const introspection = { clientId: API, key: 'api.jwk', cache: '0s', negativeCache: '0s' }
  edge = await startTestEdge({
    document: {
      authorizationServers: [
        { name: 'keycloak', issuer: bank.issuer, audiences: [API], revocation: { introspection } },
      ],
      outbound: { ca: join(bank.pki.directory, 'ca.pem') },
      routes: [
        { path: '/accounts', scopes: ['accounts'] },
        { path: '/payments', methods: ['POST'], scopes: ['payments'] },
        { path: '/asked', scopes: ['accounts'], accessToken: { forceIntrospection: true } },
      ],
    },
    files: { 'api.jwk': JSON.stringify({ ...(await exportJWK(keys.api.privateKey)), kid: 'client-1' }) },
    adapt: (bootstrap) => {
      const [, pki = ''] = /"([^"]*)\/server\.pem"/.exec(bootstrap) ?? []
      // One of the two that are called alike; the clients of Keycloak have theirs from this one.
      copyFileSync(join(bank.pki.directory, 'client-ca.pem'), join(pki, 'client-ca.pem'))
      return bootstrap
    },
  })
  ends.push(edge.stop)
})
afterAll(async () => {
  for (const end of ends.reverse()) await end()
})

/** A token of Keycloak, fetched by oauth4webapi. */
const fetch = (client: Client, scope = 'accounts', key?: CryptoKeyPair): Promise<string> =>
  fetchToken({ issuer: bank.issuer, ca: bank.pki.authority.certificate, resource: API }, client, scope, key)
const dpopClient = (): Client => ({ id: 'tpp-dpop', key: keys.dpop, certificate: undefined })
const mtlsClient = (): Client => ({ id: 'tpp-mtls', key: keys.mtls, certificate: bank.pki.client })

/** A request with a fresh proof. */
async function ask(token: string, path = '/accounts', key = proofKey, method = 'GET'): Promise<Told> {
  return await edge.ask({ path, method, headers: await dpopHeaders(token, key, method, API + path) })
}
const reason = async (told: Told) => [told.status, told.hits, await reasonOf(edge, told.id)]

describe('a DPoP-bound token of Keycloak', () => {
  let token: string
  beforeAll(async () => {
    token = await fetch(dpopClient(), 'accounts', proofKey)
  })

  test('is at+jwt, signed with PS256, bound with a member of its own beside jkt, for one audience as text', () => {
    expect(decodeProtectedHeader(token)).toMatchObject({ typ: 'at+jwt', alg: 'PS256' })
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    expect(claims).toMatchObject({
      ...{ iss: bank.issuer, aud: API, client_id: 'tpp-dpop', azp: 'tpp-dpop' },
      cnf: { jkt: expect.any(String), 'kc-jkt-type': 'DPoP' },
    })
  })
  test('passes, and the upstream is told whose it is', async () => {
    const told = await ask(token)
    expect(told).toMatchObject({ status: 200, hits: 1 })
    const seen = readSeen(told.body)
    expect(sawLines(seen, 'x-authz-client-id')).toEqual(['tpp-dpop'])
    expect(sawLines(seen, 'x-authz-issuer')).toEqual([bank.issuer])
    expect(sawLines(seen, 'x-authz-scope')).toEqual(['accounts'])
  })
  test('stolen, as Bearer: refused', async () => {
    const told = await edge.ask({ path: '/accounts', headers: { authorization: `Bearer ${token}` } })
    expect(await reason(told)).toEqual([401, 0, 'bound_token_as_bearer'])
  })
  test('with the proof of another key: refused', async () => {
    expect(await reason(await ask(token, '/accounts', await newKey()))).toEqual([401, 0, 'proof_key_mismatch'])
  })
  test('with a proof that was used: refused', async () => {
    const headers = await dpopHeaders(token, proofKey, 'GET', `${API}/accounts`)
    expect(await edge.ask({ path: '/accounts', headers })).toMatchObject({ status: 200 })
    expect(await reason(await edge.ask({ path: '/accounts', headers }))).toEqual([401, 0, 'proof_replayed'])
  })
  test('without the scope: refused, and with it let in', async () => {
    expect(await reason(await ask(token, '/payments', proofKey, 'POST'))).toEqual([403, 0, 'scope_insufficient'])
    const wider = await fetch(dpopClient(), 'payments', proofKey)
    expect(await ask(wider, '/payments', proofKey, 'POST')).toMatchObject({ status: 200 })
  })
  test('is asked about where that is demanded', async () => {
    const told = await ask(token, '/asked')
    expect([told.status, await reasonOf(edge, told.id)]).toEqual([200, 'allowed'])
  })
  test('is refused there once it is taken back', async () => {
    const revoked = await fetch(dpopClient(), 'accounts', proofKey)
    expect(await ask(revoked, '/asked')).toMatchObject({ status: 200 })
    await bank.revoke(dpopClient(), revoked, proofKey)
    expect(await reason(await ask(revoked, '/asked'))).toEqual([401, 0, 'token_inactive'])
  })
})

describe('a setting left as Keycloak has it', () => {
  test.each(lacking)('%s: %s', async (without, expected) => {
    const { id } = await lackingClient(without)
    const scope = without === 'audience' ? 'nowhere' : 'accounts'
    const token = await fetch({ id, key: keys.dpop, certificate: undefined }, scope, proofKey)
    expect(await reason(await ask(token))).toEqual([401, 0, expected])
  })
})

describe('a certificate-bound token of Keycloak', () => {
  test('passes with its certificate alone', async () => {
    const token = await fetch(mtlsClient())
    const headers = { authorization: `Bearer ${token}` }
    const { client, otherClient } = bank.pki
    expect(await edge.ask({ headers, certificate: client })).toMatchObject({ status: 200, hits: 1 })
    expect(await reason(await edge.ask({ headers, certificate: otherClient }))).toEqual([
      401,
      0,
      'certificate_mismatch',
    ])
    expect(await reason(await edge.ask({ headers }))).toEqual([401, 0, 'certificate_missing'])
  })
})

describe('Keycloak changes its keys', () => {
  const kidOf = (token: string) => decodeProtectedHeader(token).kid

  test('a token of the new key passes without a restart; one of a withdrawn key does not after one', async () => {
    const before = await fetch(dpopClient(), 'accounts', proofKey)
    await bank.addKey()
    const after = await fetch(dpopClient(), 'accounts', proofKey)
    expect(kidOf(after)).not.toBe(kidOf(before))
    // The keys were fetched a moment ago; a made-up kid could ask as well, so a new one has to wait its turn.
    let told = await ask(after)
    const end = Date.now() + 45_000
    while (told.status !== 200 && Date.now() < end) told = await ask(after)
    expect(told.status).toBe(200)
    expect(await ask(before)).toMatchObject({ status: 200 })

    await bank.withdrawKeys()
    await edge.setting.service().stop()
    await edge.setting.restartService()
    expect(await reason(await ask(before))).toEqual([401, 0, 'token_key_unknown'])
    expect(await ask(await fetch(dpopClient(), 'accounts', proofKey))).toMatchObject({ status: 200 })
  })
})
