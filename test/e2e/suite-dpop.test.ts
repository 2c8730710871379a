import { constants, sign } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dpopHeaders } from '../../demo/client.ts'
import { API } from '../../demo/setting.ts'
import { type Asking, lines, startTestEdge, type TestEdge, type Told } from '../support/edge.ts'
import { reasonOf } from '../support/edge-refusals.ts'
import { athOf, buildClientKey, type Difference, forgeProof, mintProof } from '../support/proofs.ts'

// The proofs that the FAPI 2.0 test plan of the OpenID conformance suite sends to a resource endpoint, each to its own
// test, and a little more of the same kind.

const ACCOUNTS = `${API}/accounts`
const seconds = (): number => Math.floor(Date.now() / 1000)
const other = await buildClientKey()
const rsa = await buildClientKey('PS256')
const edwards = await buildClientKey('EdDSA')

let edge: TestEdge
/** One token for all, as the suite does it. */
let token: string

beforeAll(async () => {
  edge = await startTestEdge()
  token = edge.mint()
})
afterAll(() => edge.stop())

const tell = (proof: string | readonly string[], more: Asking = {}): Promise<Told> =>
  edge.ask({ ...more, headers: { authorization: `DPoP ${token}`, dpop: proof, ...more.headers } })
const claimsFor = (claims: Difference['claims'] = {}) => ({
  ...{ htu: ACCOUNTS, iat: seconds(), ath: athOf(token) },
  ...claims,
})
/** Signed by jose, so what passes is not what only our own forger would make. */
const minted = (claims?: Difference['claims'], header: Difference['header'] = {}): Promise<string> =>
  mintProof(edge.key, { claims: claimsFor(claims), header })
const forged = (claims?: Difference['claims'], header: Difference['header'] = {}, key = edge.key): string =>
  forgeProof(key, { claims: claimsFor(claims), header })

const expectAccepted = (told: Told): void => expect(told).toMatchObject({ status: 200, hits: 1 })
/** The suite takes 400 and 401; ours is always the one of RFC 9449 section 7.1, with the error in the DPoP challenge. */
async function expectRefused(told: Told, reason: string, error = 'invalid_dpop_proof'): Promise<void> {
  expect(told).toMatchObject({ status: 401, hits: 0 })
  expect(lines(told, 'www-authenticate')[0]).toMatch(new RegExp(`^DPoP error="${error}", .*algs="`))
  expect(await reasonOf(edge, told.id)).toBe(reason)
}

describe('suite: DPoP, has to pass', () => {
  test('DPOP-15: a proof by the client library', async () => {
    const usage = { name: 'ECDSA', namedCurve: 'P-256' }
    const privateKey = await crypto.subtle.importKey('jwk', edge.key.privateJwk, usage, true, ['sign'])
    const publicKey = await crypto.subtle.importKey('jwk', edge.key.jwk, usage, true, ['verify'])
    for (const skew of [0, -10, 8])
      expectAccepted(
        await edge.ask({ headers: await dpopHeaders(token, { privateKey, publicKey }, 'GET', ACCOUNTS, skew) }),
      )
  })
  test.each([
    ['DPOP-26, T-23: iat 10 s ago', () => ({ iat: seconds() - 10 }), {}],
    ['DPOP-26, T-23: iat 8 s ahead', () => ({ iat: seconds() + 8 }), {}],
    ['DPOP-28: nbf now, exp in 5 minutes', () => ({ nbf: seconds(), exp: seconds() + 300 }), {}],
    ['DPOP-23, T-09: htu with query and fragment', () => ({ htu: `${ACCOUNTS}?a=b#c` }), {}],
    ['DPOP-24: htu in upper case', () => ({ htu: 'HTTPS://API.BANK.EXAMPLE/accounts' }), {}],
    ['DPOP-24, T-06: htu with the default port', () => ({ htu: 'https://api.bank.example:443/accounts' }), {}],
    ['DPOP-33: another claim', () => ({ tx_id_key: 'abc' }), {}],
    ['DPOP-14: another header parameter', () => ({}), { tx_id: 123 }],
    ['DPOP-05: typ in upper case', () => ({}), { typ: 'DPoP+JWT' }],
  ])('%s', async (_, claims, header) => {
    expectAccepted(await tell(await minted(claims(), header)))
  })
  test('DPOP-23: htu without the query of the request', async () => {
    expectAccepted(await tell(await minted(), { path: '/accounts?from=2026-01-01&to=%2F' }))
  })
  test.each(['DPOP', 'dpop', 'DPoP', 'dPoP'])('DPOP-02: the field name %s', async (name) => {
    const headers = { authorization: `DPoP ${token}`, [name]: await minted() }
    expectAccepted(await edge.ask({ headers }))
  })
  test.each([
    ['PS256', rsa],
    ['EdDSA', edwards],
    ['Ed25519', { ...edwards, algorithm: 'Ed25519' as const }],
  ])('DPOP-06: a key for %s', async (_, key) => {
    const bound = edge.mint({ claims: { cnf: { jkt: key.thumbprint } } })
    expectAccepted(await edge.ask(edge.good({ token: bound, proofKey: key })))
  })
})

const without = (name: string): readonly [string, Difference['claims'], Difference['header']] => [
  `without ${name}`,
  ['jti', 'htm', 'htu', 'iat', 'ath'].includes(name) ? { [name]: undefined } : {},
  ['typ', 'alg', 'jwk'].includes(name) ? { [name]: undefined } : {},
]

describe('suite: DPoP, has to fail', () => {
  test.each([
    ['DPOP-05', 'proof_type_refused', ...without('typ')],
    ['DPOP-06', 'proof_malformed', ...without('alg')],
    ['DPOP-07', 'proof_key_refused', ...without('jwk')],
    ['DPOP-18', 'proof_claims_invalid', ...without('jti')],
    ['DPOP-20', 'proof_method_mismatch', ...without('htm')],
    ['DPOP-22', 'proof_target_mismatch', ...without('htu')],
    ['DPOP-25', 'proof_claims_invalid', ...without('iat')],
    ['DPOP-29, T-15', 'proof_token_mismatch', ...without('ath')],
    ['DPOP-05', 'proof_type_refused', 'wrong typ', {}, { typ: 'dpop+jwt+wrongyousee' }],
    ['DPOP-06', 'proof_algorithm_refused', 'none, with a signature', {}, { alg: 'none' }],
    ['DPOP-06', 'proof_algorithm_refused', 'None', {}, { alg: 'None' }],
    ['DPOP-06', 'proof_algorithm_refused', 'HS256', {}, { alg: 'HS256' }],
    ['DPOP-18', 'proof_claims_invalid', 'blank jti', { jti: '' }, {}],
    ['DPOP-20', 'proof_method_mismatch', 'htm PUT', { htm: 'PUT' }, {}],
    ['DPOP-20', 'proof_method_mismatch', 'htm in lower case', { htm: 'get' }, {}],
    ['DPOP-22', 'proof_target_mismatch', 'another path', { htu: `${API}/payments` }, {}],
    ['DPOP-22', 'proof_target_mismatch', 'another host', { htu: 'https://other.example/accounts' }, {}],
    ['DPOP-22', 'proof_target_mismatch', 'another scheme', { htu: 'http://api.bank.example/accounts' }, {}],
    ['DPOP-24', 'proof_target_mismatch', 'another port', { htu: 'https://api.bank.example:8443/accounts' }, {}],
    ['DPOP-29', 'proof_token_mismatch', 'wrong ath', { ath: athOf('another token') }, {}],
    ['DPOP-13', 'proof_malformed', 'crit', {}, { crit: ['b64'] }],
  ])('%s, %s: %s', async (_, reason, __, claims, header) => {
    await expectRefused(await tell(forged(claims, header)), reason)
  })
  test.each([
    ['an hour ago', -3600],
    ['an hour ahead', 3600],
    ['61 s ahead', 61],
  ])('DPOP-26: iat %s', async (_, skew) => {
    await expectRefused(await tell(await minted({ iat: seconds() + skew })), 'proof_expired')
  })
  test.each([
    ['exp an hour ago', () => ({ exp: seconds() - 3600 })],
    ['nbf an hour ahead', () => ({ nbf: seconds() + 3600 })],
  ])('DPOP-28: %s', async (_, claims) => {
    await expectRefused(await tell(await minted(claims())), 'proof_expired')
  })
  test('DPOP-06: RS256, properly signed with the key that the token is bound to', async () => {
    const bound = edge.mint({ claims: { cnf: { jkt: rsa.thumbprint } } })
    const [header, payload] = forgeProof(rsa, {
      claims: { htu: ACCOUNTS, iat: seconds(), ath: athOf(bound) },
      header: { alg: 'RS256' },
    }).split('.')
    const key = { key: rsa.privateKey, padding: constants.RSA_PKCS1_PADDING }
    const signature = sign('sha256', Buffer.from(`${header}.${payload}`), key).toString('base64url')
    const dpop = `${header}.${payload}.${signature}`
    await expectRefused(await tell(dpop, { headers: { authorization: `DPoP ${bound}` } }), 'proof_algorithm_refused')
  })
  test('DPOP-06: none, without a signature', async () => {
    const [header, payload] = forged({}, { alg: 'none' }).split('.')
    await expectRefused(await tell(`${header}.${payload}.`), 'proof_malformed')
  })
  test('DPOP-15: a bad signature', async () => {
    const [header, payload, signature = ''] = forged().split('.')
    const bytes = Buffer.from(signature, 'base64url')
    bytes[10] = (bytes[10] ?? 0) ^ 1
    await expectRefused(await tell(`${header}.${payload}.${bytes.toString('base64url')}`), 'proof_signature_invalid')
  })
  test('DPOP-08: the private key in the header', async () => {
    await expectRefused(await tell(forged({}, { jwk: edge.key.privateJwk })), 'proof_key_refused')
  })
  test.each([
    ['two segments', (proof: string) => proof.split('.').slice(0, 2).join('.')],
    ['four segments', (proof: string) => `${proof}.x`],
    ['five segments', (proof: string) => `${proof}.x.y`],
    ['padding', (proof: string) => `${proof}==`],
  ])('DPOP-04, DPOP-16: %s', async (_, change) => {
    await expectRefused(await tell(change(await minted())), 'proof_malformed')
  })
  test('DPOP-31, T-13: another key than that of the token', async () => {
    await expectRefused(await tell(forged({}, {}, other)), 'proof_key_mismatch', 'invalid_token')
  })
  test('DPOP-03, T-12: no proof', async () => {
    await expectRefused(await edge.ask({ headers: { authorization: `DPoP ${token}` } }), 'proof_missing')
  })
  test.each([
    ['no proof', () => Promise.resolve([])],
    ['a good proof', async () => [await minted()]],
  ])('HDR-09, T-11: Bearer and %s', async (_, proofs) => {
    const told = await tell(await proofs(), { headers: { authorization: `Bearer ${token}` } })
    expect(told).toMatchObject({ status: 401, hits: 0 })
    expect(lines(told, 'www-authenticate')[1]).toMatch(/^Bearer error="invalid_token"/)
    expect(await reasonOf(edge, told.id)).toBe('bound_token_as_bearer')
  })
})

describe('suite: DPOP-01, T-01: one proof and no more', () => {
  test.each([
    ['two lines', async () => [await minted(), await minted()]],
    ['the same line twice', async () => Array.from({ length: 2 }).fill(await minted()) as string[]],
    ['one line with a comma', async () => [`${await minted()},${await minted()}`]],
    ['an empty one before it', async () => ['', await minted()]],
    ['a comma before it', async () => [`,${await minted()}`]],
  ])('%s', async (_, proofs) => {
    await expectRefused(await tell(await proofs()), 'proof_repeated')
  })
})

describe('suite: DPOP-43, DPOP-44: a proof is good for one request', () => {
  test('a jti a second time, in the same proof and in another', async () => {
    const jti = 'a-jti-that-is-used-again'
    const proof = await minted({ jti })
    expectAccepted(await tell(proof))
    await expectRefused(await tell(proof), 'proof_replayed')
    await expectRefused(await tell(await minted({ jti, iat: seconds() - 3 })), 'proof_replayed')
    await expectRefused(await tell(proof, { http2: true }), 'proof_replayed')
  })
  test('ERR-12, T-17: a proof that was refused for another reason spends nothing', async () => {
    const jti = 'a-jti-of-a-bad-proof'
    await expectRefused(await tell(forged({ jti, ath: athOf('another token') })), 'proof_token_mismatch')
    expectAccepted(await tell(await minted({ jti })))
  })
  test('DPOP-45, T-20: of copies sent at once one passes', async () => {
    const proof = await minted()
    const told = await Promise.all(Array.from({ length: 20 }, () => tell(proof)))
    const statuses = told.map(({ status }) => status)
    expect([statuses.filter((one) => one === 200).length, new Set(statuses)]).toEqual([1, new Set([200, 401])])
  })
})

test('suite: after all that a good proof still passes', async () => {
  expectAccepted(await tell(await minted()))
})
