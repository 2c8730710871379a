import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { accessToken } from '../../src/policies/access-token.ts'
import { buildPolicy } from '../../src/policies/registry.ts'
import { senderConstraint } from '../../src/policies/sender-constraint.ts'
import type { Ports } from '../../src/policy.ts'
import { told, verdict } from '../support/answers.ts'
import { nonceMaker } from '../support/nonces.ts'
import { keyMemory, PROOF_TIME } from '../support/proofs.ts'
import {
  buildTestCheck,
  clientKey,
  document,
  goodRequest,
  ISSUER,
  keySource,
  memory,
  mintToken,
  ORIGIN,
  otherKey,
  proofFor,
  serverKey,
  testReplays,
  tokenParts,
} from '../support/spine.ts'
import { asked, authorizationServer, excepted, forgeBytes, signers } from '../support/tokens.ts'

const claims = (difference: object): Promise<string> => asked(mintToken({ claims: { ...difference } }))
/** Numbers as they are written, so that they need not be what JSON.stringify would write. */
const written = (name: string, text: string): Promise<string> => {
  const parts = tokenParts({ claims: { [name]: undefined } })
  return asked(
    forgeBytes(JSON.stringify(parts.header), `${JSON.stringify(parts.claims).slice(0, -1)},"${name}":${text}}`),
  )
}

describe('RFC 9068 section 4 (3) iss (JWT-06)', () => {
  test('JWT-06 exactly the configured one', async () => expect(await claims({ iss: ISSUER })).toBe('allow'))
  test.each([
    `${ISSUER}/`,
    `${ISSUER}.evil.example`,
    `${ISSUER}/tenant`,
    'https://as.example',
    'https://AS.example.com',
    'HTTPS://as.example.com',
    'http://as.example.com',
    'https://as.example.com:443',
    'https://as.example.com?',
    'https://as.example.com#',
    ' https://as.example.com',
    'https://as.example.com ',
    'https://as.example.com\0',
    'https://%61s.example.com',
    'https://аs.example.com',
    '',
    '__proto__',
    'as',
    undefined,
    null,
    1,
    true,
    [ISSUER],
    { iss: ISSUER },
  ])('JWT-06, T-43 %j is refused', async (iss) => expect(await claims({ iss })).toBe('token_issuer_unknown'))
})

describe('RFC 9068 section 4 (4) aud (JWT-07)', () => {
  test.each([ORIGIN, [ORIGIN], ['x', ORIGIN], [ORIGIN, ORIGIN], [ORIGIN, '', 'https://other.example']])(
    'JWT-07 %j',
    async (aud) => expect(await claims({ aud })).toBe('allow'),
  )
  test.each([
    undefined,
    null,
    '',
    [],
    [1],
    [ORIGIN, 1],
    [[ORIGIN]],
    [null, ORIGIN],
    { aud: ORIGIN },
    { 0: ORIGIN, length: 1 },
    1,
    true,
    `${ORIGIN}.evil.example`,
    `${ORIGIN}/`,
    `${ORIGIN}/accounts`,
    `${ORIGIN} x`,
    `x ${ORIGIN}`,
    `${ORIGIN},x`,
    'https://api.example',
    'https://API.example.com',
    'https://api.example.com:443',
    'api.example.com',
    '*',
    ['*'],
  ])('JWT-07, T-42 %j is refused', async (aud) => expect(await claims({ aud })).toBe('token_audience_mismatch'))
})

describe('FAPI 2.0 section 5.3.2.1 (13), RFC 7519 section 4.1 times (JWT-08, JWT-09, JWT-10, JWT-12)', () => {
  test.each<[string, object, string]>([
    ['JWT-08 exp a second ahead', { exp: PROOF_TIME + 1 }, 'allow'],
    ['JWT-08 exp now, within the leeway', { exp: PROOF_TIME }, 'allow'],
    ['JWT-08 exp 4 s ago', { exp: PROOF_TIME - 4 }, 'allow'],
    ['JWT-08 exp 5 s ago', { exp: PROOF_TIME - 5 }, 'token_expired'],
    ['JWT-08 exp 10 s ago', { exp: PROOF_TIME - 10 }, 'token_expired'],
    ['JWT-08 exp 0', { exp: 0 }, 'token_expired'],
    ['JWT-09 no nbf', { nbf: undefined }, 'allow'],
    ['JWT-09 nbf long ago', { nbf: 0 }, 'allow'],
    ['JWT-09 nbf 8 s ahead', { nbf: PROOF_TIME + 8 }, 'allow'],
    ['JWT-09 nbf 10 s ahead', { nbf: PROOF_TIME + 10 }, 'allow'],
    ['JWT-09 nbf 11 s ahead', { nbf: PROOF_TIME + 11 }, 'token_not_yet_valid'],
    ['JWT-09 nbf 61 s ahead', { nbf: PROOF_TIME + 61 }, 'token_not_yet_valid'],
    ['JWT-10 iat 8 s ahead', { iat: PROOF_TIME + 8 }, 'allow'],
    ['JWT-10 iat 10 s ahead', { iat: PROOF_TIME + 10 }, 'allow'],
    ['JWT-10 iat 11 s ahead', { iat: PROOF_TIME + 11 }, 'token_not_yet_valid'],
    ['JWT-10 iat 61 s ahead', { iat: PROOF_TIME + 61 }, 'token_not_yet_valid'],
    ['JWT-12 600 s from iat to exp', { iat: PROOF_TIME - 10, exp: PROOF_TIME + 590 }, 'allow'],
    ['JWT-12 601 s', { iat: PROOF_TIME - 10, exp: PROOF_TIME + 591 }, 'token_lifetime_exceeded'],
    ['JWT-12 a day', { exp: PROOF_TIME + 86_400 }, 'token_lifetime_exceeded'],
    ['JWT-12 the life counts from iat, not from now', { iat: PROOF_TIME - 599, exp: PROOF_TIME + 1 }, 'allow'],
    ['JWT-12 an iat of long ago hides nothing', { iat: 1, exp: PROOF_TIME + 1 }, 'token_lifetime_exceeded'],
  ])('%s', async (_, difference, expected) => expect(await claims(difference)).toBe(expected))

  test('JWT-12 the limit is the route’s', async () => {
    const routes = [{ path: '/accounts', accessToken: { maxLifetime: '2m' } }]
    const lasting = (seconds: number) => mintToken({ claims: { iat: PROOF_TIME, exp: PROOF_TIME + seconds } })
    const at = (seconds: number) => asked(lasting(seconds), { document: { ...document, routes } })
    expect([await at(120), await at(121)]).toEqual(['allow', 'token_lifetime_exceeded'])
  })
  const odd = ['"1800000100"', 'null', 'true', '[1800000100]', '{}', '-1', '1e13', '1800000100000', '"now"']
  test.each(['exp', 'iat', 'nbf'].flatMap((name) => odd.map((text) => [name, text] as const)))(
    'JWT-08, JWT-09, JWT-10 %s %s is no time',
    async (name, text) => expect(await written(name, text)).toBe('token_claims_invalid'),
  )
  test.each(['exp', 'iat', 'nbf'])('JWT-08, T-22 %s beyond every number is malformed', async (name) =>
    expect([await written(name, '1e400'), await written(name, '-1e400')]).toEqual([
      'token_malformed',
      'token_malformed',
    ]),
  )
  test('JWT-08 a fraction of a second and an exponent are numbers', async () =>
    expect([await written('exp', '1800000100.75'), await written('exp', '1.8000001e9')]).toEqual(['allow', 'allow']))
})

describe('RFC 9068 section 2.2 claims that have to be there (JWT-11)', () => {
  test('JWT-11 no other claim is needed', async () => {
    const { iss, exp, aud, sub, client_id, iat, jti, cnf, scope } = tokenParts().claims
    const token = await new SignJWT({ iss, exp, aud, sub, client_id, iat, jti, cnf, scope })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'as-1' })
      .sign(serverKey.privateKey)
    expect(await asked(token)).toBe('allow')
  })
  test.each(['sub', 'client_id', 'jti', 'iat', 'exp'])('JWT-11 without %s', async (name) =>
    expect(await claims({ [name]: undefined })).toBe('token_claims_invalid'),
  )
  test.each(
    ['sub', 'client_id', 'jti'].flatMap((name) =>
      [5, '', null, true, ['x'], { x: 'x' }].map((value) => [name, value] as const),
    ),
  )('JWT-11 %s %j', async (name, value) => expect(await claims({ [name]: value })).toBe('token_claims_invalid'))
  test('JWT-11 another name for client_id does not count', async () =>
    expect(await claims({ client_id: undefined, azp: 'client-1', cid: 'client-1' })).toBe('token_claims_invalid'))
})

describe('RFC 8725 section 3.12 claims are own members and typed (JWT-19, JWT-25)', () => {
  const inherited = JSON.stringify({ ...tokenParts().claims, sub: undefined }).slice(0, -1)
  test('JWT-19, T-37 a prototype in the payload gives nothing', async () => {
    const header = JSON.stringify(tokenParts().header)
    expect(await asked(forgeBytes(header, `${inherited},"__proto__":{"sub":"user-1"}}`))).toBe('token_claims_invalid')
    expect(await asked(forgeBytes(header, `${inherited},"sub":"user-1","__proto__":{"scope":"x"}}`))).toBe('allow')
  })
  test('JWT-19 a prototype in the header gives nothing', async () => {
    const { claims: payload } = tokenParts()
    const text = '{"kid":"as-1","alg":"ES256","__proto__":{"typ":"at+jwt"}}'
    expect(await asked(forgeBytes(text, JSON.stringify(payload)))).toBe('token_type_refused')
  })
  test.each(['constructor', 'toString', 'valueOf', 'hasOwnProperty', '__defineGetter__'])(
    'JWT-19, T-37 a claim named %s is one like others',
    async (name) => expect(await claims({ [name]: 'x' })).toBe('allow'),
  )
  test.each<[unknown, string]>([
    ['accounts', 'allow'],
    ['x accounts', 'allow'],
    [['accounts'], 'scope_insufficient'],
    [{ accounts: true }, 'scope_insufficient'],
    [undefined, 'scope_insufficient'],
    [null, 'scope_insufficient'],
    ['', 'scope_insufficient'],
    ['accounts2', 'scope_insufficient'],
    ['x,accounts', 'scope_insufficient'],
  ])('JWT-25, T-44 scope %j', async (scope, expected) => expect(await claims({ scope })).toBe(expected))
  test('JWT-25, T-44 scp is not scope', async () =>
    expect(await claims({ scope: undefined, scp: ['accounts'] })).toBe('scope_insufficient'))
})

describe('RFC 8725 section 3.8 issuers are kept apart (JWT-34)', () => {
  const other = { issuer: 'https://other.example', key: otherKey }
  function twoIssuers() {
    const clock = { now: PROOF_TIME }
    const theirs = keySource({ keys: [{ ...otherKey.jwk, kid: 'as-1' }] })
    const servers = [authorizationServer(), authorizationServer({ name: 'other', issuer: other.issuer, keys: theirs })]
    const ports: Ports = {
      servers: new Map(servers.map((server) => [server.name, server])),
      replays: testReplays(clock),
      proofKeys: keyMemory(),
      nonces: nonceMaker(),
      signedTokens: memory(),
    }
    const setting = { route: 'accounts', exceptions: new Set<string>() }
    const accounts = [
      buildPolicy('accessToken', accessToken.options.parse({}), ports, setting),
      buildPolicy('senderConstraint', senderConstraint.options.parse({}), ports, setting),
    ]
    const { ask } = buildTestCheck({ pipelines: { accounts } })
    return (token: string) => ask(goodRequest({ token, proof: proofFor(token, {}, clientKey) }))
  }
  const byOther = (iss: string) => mintToken({ claims: { iss }, header: { alg: otherKey.algorithm } }, otherKey)
  test('JWT-34 each is believed about its own tokens, and named', async () => {
    const ask = twoIssuers()
    for (const [token, iss] of [
      [mintToken(), ISSUER],
      [byOther(other.issuer), other.issuer],
    ] as const) {
      const response = await ask(token)
      expect([verdict(response), told(response, 'x-authz-issuer')]).toEqual(['allow', [iss]])
      expect([told(response, 'x-authz-subject'), told(response, 'x-authz-client-id')]).toEqual([
        ['user-1'],
        ['client-1'],
      ])
    }
  })
  test('JWT-02, JWT-34, att-jose-16 neither is believed about the other’s, the kid being the same', async () => {
    const ask = twoIssuers()
    expect(verdict(await ask(mintToken()))).toBe('allow')
    expect(verdict(await ask(byOther(ISSUER)))).toBe('token_signature_invalid')
    expect(verdict(await ask(mintToken({ claims: { iss: other.issuer } })))).toBe('token_key_unknown')
  })
})

test('T-40, JWT-24 a token of another kind has other claims as well as another type', async () => {
  const idToken = mintToken({
    header: { typ: 'JWT' },
    claims: { client_id: undefined, jti: undefined, scope: undefined, azp: 'client-1', nonce: 'n', aud: [ORIGIN] },
  })
  expect(await asked(idToken)).toBe('token_type_refused')
  expect(await excepted(idToken, 'tokenTypeJwt')).toBe('token_claims_invalid')
  expect(await asked(mintToken({ header: { alg: 'EdDSA' } }, signers.EdDSA))).toBe('allow')
})
