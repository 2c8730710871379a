import { sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { type Difference, PROOF_TIME } from '../support/proofs.ts'
import { compatDocument, document, ISSUER, keySource, mintToken, ORIGIN, tokenParts } from '../support/spine.ts'
import { asked, excepted, forgeBytes, signers } from '../support/tokens.ts'

const { privateKey } = signers.PS256
const rs256 = (difference: Difference = {}, alg = 'RS256', hash = 'sha256'): string => {
  const { header, claims } = tokenParts(difference)
  return forgeBytes(JSON.stringify({ ...header, alg }), JSON.stringify(claims), (input) =>
    sign(hash, Buffer.from(input), privateKey),
  )
}
const header = (members: Difference['header']) => mintToken({ header: members ?? {} })
const claims = (members: Difference['claims']) => mintToken({ claims: members ?? {} })

/** What each exception is for. `noRevocation` only settles what the configuration may say. */
const exceptions = {
  rs256: ['rs256'],
  tokenTypeJwt: ['tokenTypeJwt'],
  longLivedTokens: ['longLivedTokens', 'noRevocation'],
  claimMapping: ['claimMapping'],
  noRevocation: ['noRevocation'],
} as const
type Exception = keyof typeof exceptions

const loosened: readonly (readonly [string, string, Exception, string])[] = [
  ['JWT-03 RS256', rs256(), 'rs256', 'token_algorithm_refused'],
  ['JWT-01 typ JWT', header({ typ: 'JWT' }), 'tokenTypeJwt', 'token_type_refused'],
  ['JWT-01 no typ', header({ typ: undefined }), 'tokenTypeJwt', 'token_type_refused'],
  ['JWT-12 a day of life', claims({ exp: PROOF_TIME + 86_400 }), 'longLivedTokens', 'token_lifetime_exceeded'],
  ['JWT-11 azp', claims({ client_id: undefined, azp: 'c' }), 'claimMapping', 'token_claims_invalid'],
  ['JWT-11 cid', claims({ client_id: undefined, cid: 'c' }), 'claimMapping', 'token_claims_invalid'],
]

describe('each exception of profile compat loosens one check', () => {
  const names = Object.keys(exceptions) as readonly Exception[]
  test.each(loosened)('%s', async (_, token, own, otherwise) => {
    expect(await asked(token)).toBe(otherwise)
    for (const name of names)
      expect([name, await excepted(token, ...exceptions[name])]).toEqual([name, name === own ? 'allow' : otherwise])
  })
  test('JWT-25 scp grants scopes with claimMapping alone', async () => {
    const token = claims({ scope: undefined, scp: ['accounts'] })
    const routes = (name: Exception) => [{ path: '/accounts', scopes: ['accounts'], exceptions: exceptions[name] }]
    for (const name of names)
      expect([name, await asked(token, { document: { ...compatDocument, routes: routes(name) } })]).toEqual([
        name,
        name === 'claimMapping' ? 'allow' : 'scope_insufficient',
      ])
  })
})

describe('and nothing else: all of them together still refuse', () => {
  const all = Object.values(exceptions).flat()
  test.each<[string, string]>([
    ['token_algorithm_refused', header({ alg: 'none' })],
    ['token_algorithm_refused', header({ alg: 'HS256' })],
    ['token_algorithm_refused', rs256({}, 'RS384', 'sha384')],
    ['token_algorithm_refused', rs256({}, 'rs256')],
    ['token_algorithm_refused', rs256({}, 'RS1', 'sha1')],
    ['token_signature_invalid', rs256({}, 'RS256', 'sha1')],
    ['token_signature_invalid', rs256({}, 'PS256')],
    ['token_signature_invalid', mintToken({ header: { alg: 'RS256' } }, signers.PS256)],
    ['token_type_refused', header({ typ: 'dpop+jwt' })],
    ['token_type_refused', header({ typ: 'logout+jwt' })],
    ['token_type_refused', header({ typ: null })],
    ['token_type_refused', header({ typ: '' })],
    ['token_type_refused', header({ typ: ['JWT'] })],
    ['token_malformed', header({ jwk: signers.ES256.jwk })],
    ['token_malformed', header({ crit: ['exp'] })],
    ['token_issuer_unknown', claims({ iss: `${ISSUER}/` })],
    ['token_audience_mismatch', claims({ aud: 'https://other.example' })],
    ['token_audience_mismatch', claims({ aud: undefined })],
    ['token_expired', claims({ exp: PROOF_TIME - 5 })],
    ['token_expired', claims({ iat: PROOF_TIME - 90_000, exp: PROOF_TIME - 5 })],
    ['token_claims_invalid', claims({ exp: undefined })],
    ['token_claims_invalid', claims({ iat: undefined })],
    ['token_not_yet_valid', claims({ iat: PROOF_TIME + 11 })],
    ['token_not_yet_valid', claims({ nbf: PROOF_TIME + 11 })],
    ['token_claims_invalid', claims({ sub: undefined })],
    ['token_claims_invalid', claims({ jti: undefined })],
    ['token_claims_invalid', claims({ client_id: 7, azp: 'c' })],
    ['token_claims_invalid', claims({ client_id: undefined, azp: ['c'] })],
    ['token_unbound', claims({ cnf: undefined })],
    ['confirmation_unusable', claims({ cnf: {} })],
    ['token_key_unknown', header({ kid: 'as-2' })],
  ])('%s', async (expected, token) => expect(await excepted(token, ...all)).toBe(expected))
  test('a key that names PS256 does not verify RS256', async () => {
    const keys = keySource({ keys: [{ ...signers.PS256.jwk, kid: 'as-1', alg: 'PS256' }] })
    const changed = { ...compatDocument, routes: [{ path: '/accounts', exceptions: all }] }
    expect(await asked(rs256(), { document: changed, keys })).toBe('token_key_unknown')
  })
  test('T-28 HS256 with the public key stays refused where RS256 is taken', async () =>
    expect(await excepted(header({ alg: 'HS256' }), 'rs256')).toBe('token_algorithm_refused'))
})

describe('FAPI-RS-06 exceptions need the profile that is named after them', () => {
  test.each(Object.entries(exceptions))('%s', (_, names) => {
    const routes = [{ path: '/accounts', exceptions: names }]
    expect(readConfig({ ...compatDocument, routes }).ok).toBe(true)
    expect(readConfig({ ...document, routes }).ok).toBe(false)
  })
  test.each(['JWT', 'jwt', 'application/jwt', 'Application/JWT', 'logout+jwt', 'DPoP+jwt', 'application/secevent+jwt'])(
    'JWT-01, JWT-24 typ: [%s] would let tokens of other kinds in without an exception',
    (typ) => {
      const routes = [{ path: '/accounts', accessToken: { typ: ['at+jwt', typ] } }]
      expect(readConfig({ ...document, routes }).ok).toBe(false)
      expect(readConfig({ ...compatDocument, routes }).ok).toBe(false)
    },
  )
  test('JWT-01 a media type of its own may be configured', async () => {
    const changed = { ...document, routes: [{ path: '/accounts', accessToken: { typ: ['vnd.example+jwt'] } }] }
    expect(await asked(header({ typ: 'application/VND.example+jwt' }), { document: changed })).toBe('allow')
    expect(await asked(header({ typ: 'at+jwt' }), { document: changed })).toBe('token_type_refused')
  })
  test('no list of algorithms can name RS256, HS256 or none', () => {
    for (const name of ['RS256', 'HS256', 'none', 'ES384', 'es256', ''])
      for (const profile of ['fapi2-security', 'compat'])
        expect(
          readConfig({ ...document, profile, authorizationServers: [server({ algorithms: ['ES256', name] })] }).ok,
        ).toBe(false)
  })
})

describe('att-jose-15 an issuer that is half configured starts nothing', () => {
  const start = (members: object) => readConfig({ ...document, authorizationServers: [server(members)] })
  test('complete, it starts', () => expect(start({}).ok).toBe(true))
  test.each<[string, object]>([
    ['no issuer', { issuer: undefined }],
    ['an empty issuer', { issuer: '' }],
    ['an issuer over http', { issuer: 'http://as.example.com' }],
    ['an issuer with a query', { issuer: `${ISSUER}?a` }],
    ['no audience', { audiences: [] }],
    ['an empty audience', { audiences: [''] }],
    ['an audience that is no list', { audiences: ORIGIN }],
    ['no algorithm', { algorithms: [] }],
    ['keys over http', { keys: { uri: 'http://as.example.com/jwks' } }],
    ['keys from two places', { keys: { uri: `${ISSUER}/jwks`, file: 'jwks.json' } }],
    ['keys from nowhere', { keys: {} }],
    ['an option that is misspelled', { audience: [ORIGIN] }],
  ])('%s', (_, members) => {
    const reading = start(members)
    expect(!reading.ok && reading.problems.length > 0).toBe(true)
  })
  test('no authorization server at all', () => {
    expect(readConfig({ ...document, authorizationServers: [] }).ok).toBe(false)
    expect(readConfig({ ...document, authorizationServers: undefined }).ok).toBe(false)
  })
  test('what is left out means the strict default, never anything goes', () => {
    const authorizationServers = [server({ audiences: undefined })]
    const reading = readConfig({ publicOrigins: [ORIGIN], authorizationServers, routes: [{ path: '/accounts' }] })
    expect(reading).toMatchObject({
      ok: true,
      config: { authorizationServers: [{ audiences: [ORIGIN], algorithms: ['PS256', 'ES256', 'EdDSA', 'Ed25519'] }] },
    })
    expect(start({ audiences: undefined }).ok).toBe(false)
  })
})

function server(members: object): object {
  const all = { issuer: ISSUER, audiences: [ORIGIN], keys: { file: 'unread.json' }, ...members }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}
