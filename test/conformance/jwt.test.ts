import { sign } from 'node:crypto'
import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { answers } from '../../src/denial.ts'
import { buildClientKey } from '../support/proofs.ts'
import { document, keySource, mintToken, otherKey, serverKey, tokenParts } from '../support/spine.ts'
import { asked, forgeBytes, pss, signatureOf, signerJwks, signers } from '../support/tokens.ts'

const named = (header: object): string => mintToken({ header: { ...header } })
const strangers = await Promise.all(Array.from({ length: 5 }, () => buildClientKey()))
const algorithms = ['ES256', 'PS256', 'EdDSA', 'Ed25519'] as const

test('the answer to a bad token is 401 invalid_token, whatever is bad about it', () => {
  const reasons = Object.entries(answers).filter(([reason]) => /^token_(?!in_)/.test(reason))
  expect(reasons.length).toBeGreaterThan(10)
  for (const [, answer] of reasons) expect(answer).toMatchObject({ status: 401, error: 'invalid_token' })
})

describe('RFC 9068 section 2.1 typ (JWT-01)', () => {
  test.each(['at+jwt', 'AT+JWT', 'At+jwt', 'application/at+jwt', 'APPLICATION/AT+JWT'])(
    'JWT-01, T-41 %s',
    async (typ) => expect(await asked(named({ typ }))).toBe('allow'),
  )
  test.each([
    undefined,
    'JWT',
    'jwt',
    'dpop+jwt',
    'logout+jwt',
    'client-authentication+jwt',
    'oauth-authz-req+jwt',
    'token-introspection+jwt',
    'secevent+jwt',
    'statuslist+jwt',
    'application/jwt',
    'at+jwt ',
    ' at+jwt',
    'at+jwt;charset=utf-8',
    'at',
    'at+jwtx',
    'text/at+jwt',
    'application/application/at+jwt',
    'application/ at+jwt',
    '',
    1,
    null,
    true,
    ['at+jwt'],
    { typ: 'at+jwt' },
  ])('JWT-01 %j is refused', async (typ) => expect(await asked(named({ typ }))).toBe('token_type_refused'))
})

describe('RFC 9068 section 4 (5), FAPI 2.0 section 5.4.1 signatures (JWT-02, JWT-03, JWT-28, FAPI-CR-02)', () => {
  test.each(algorithms)('JWT-03, FAPI-CR-02 %s', async (alg) =>
    expect(await asked(mintToken({ header: { alg } }, signers[alg]))).toBe('allow'),
  )
  test.each(algorithms)('JWT-02 %s by a token of an independent implementation', async (alg) => {
    const { header, claims } = tokenParts({ header: { alg } })
    const token = await new SignJWT(claims).setProtectedHeader(header).sign(signers[alg].privateKey)
    expect(await asked(token)).toBe('allow')
  })
  test.each(algorithms)('JWT-02 %s by another key of the same kid is refused', async (alg) => {
    const stranger = await buildClientKey(alg)
    expect(await asked(mintToken({ header: { alg } }, stranger))).toBe('token_signature_invalid')
  })
  test('JWT-03, FAPI-CR-02 RS256 is refused although the signature would hold', async () => {
    const { header, claims } = tokenParts({ header: { alg: 'RS256' } })
    const token = await new SignJWT(claims).setProtectedHeader(header).sign(signers.PS256.privateKey)
    expect(await asked(token)).toBe('token_algorithm_refused')
  })
  test.each([
    'RS256',
    'RS384',
    'ES384',
    'ES512',
    'ES256K',
    'PS384',
    'PS512',
    'HS256',
    'HS512',
    'Ed448',
    'ML-DSA-44',
    'dir',
  ])('JWT-03, FAPI-CR-02 %s is refused', async (alg) =>
    expect(await asked(named({ alg }))).toBe('token_algorithm_refused'),
  )
  test.each(['none', 'None', 'NONE', 'nOnE', 'none ', 'es256', 'Es256', 'ES256 ', 'eddsa', 'ed25519', '', 'null'])(
    'JWT-04, FAPI-CR-03 "%s" is refused',
    async (alg) => expect(await asked(named({ alg }))).toBe('token_algorithm_refused'),
  )
  test('JWT-02, FAPI-CR-03 no signature is malformed, whatever alg says', async () => {
    for (const alg of ['none', 'ES256']) {
      const [header, payload] = named({ alg }).split('.')
      expect(await asked(`${header}.${payload}.`)).toBe('token_malformed')
      expect(await asked(`${header}.${payload}`)).toBe('token_malformed')
    }
  })
  test('JWT-04 the list is the issuer’s own, neither the token’s nor the key set’s', async () => {
    const document = {
      publicOrigins: ['https://api.example.com'],
      authorizationServers: [{ issuer: tokenParts().claims.iss, algorithms: ['PS256'] }],
      routes: [{ path: '/accounts' }],
    }
    const token = mintToken({ header: { alg: 'PS256' } }, signers.PS256)
    expect([await asked(token, { document }), await asked(mintToken(), { document })]).toEqual([
      'allow',
      'token_algorithm_refused',
    ])
  })
  test('JWT-28 EdDSA and Ed25519 are two names for one, also when the key has a name', async () => {
    for (const alg of ['EdDSA', 'Ed25519']) {
      const keys = keySource({ keys: [{ ...signers.EdDSA.jwk, kid: 'as-1', alg }] })
      for (const signer of [signers.EdDSA, signers.Ed25519])
        expect(await asked(mintToken({ header: { alg: signer.algorithm } }, signer), { keys })).toBe('allow')
    }
  })
})

test('JWT-28 who accepts EdDSA accepts both names; who accepts Ed25519 alone, that one', async () => {
  const [server] = document.authorizationServers
  const accepting = (...accepted: readonly string[]) => ({
    document: { ...document, authorizationServers: [{ ...server, algorithms: accepted }] },
    keys: keySource(signerJwks),
  })
  const named = (alg: 'EdDSA' | 'Ed25519') => mintToken({ header: { alg } }, signers[alg])
  for (const alg of ['EdDSA', 'Ed25519'] as const)
    expect(await asked(named(alg), accepting('ES256', 'EdDSA'))).toBe('allow')
  expect(await asked(named('Ed25519'), accepting('Ed25519'))).toBe('allow')
  expect(await asked(named('EdDSA'), accepting('Ed25519'))).toBe('token_algorithm_refused')
})

describe('RFC 8725 section 3.1 the key fits the algorithm (JWT-05, JWK-09)', () => {
  const only = (jwk: object) => ({ keys: keySource({ keys: [{ ...jwk, kid: 'as-1' }] }) })
  test.each(algorithms)('JWT-05 %s finds its own key among all of one kid', async (alg) =>
    expect(await asked(mintToken({ header: { alg } }, signers[alg]), { keys: keySource(signerJwks) })).toBe('allow'),
  )
  test.each([
    ['ES256', signers.PS256],
    ['ES256', signers.EdDSA],
    ['PS256', signers.ES256],
    ['PS256', signers.EdDSA],
    ['EdDSA', signers.ES256],
    ['Ed25519', signers.PS256],
  ] as const)('JWT-05 %s by a key of another type', async (alg, signer) =>
    expect(await asked(mintToken({ header: { alg } }, signer), only(signer.jwk))).toBe('token_key_unknown'),
  )
  test('JWT-05 a key for encryption signs nothing', async () =>
    expect(
      await asked(mintToken({ header: { alg: 'PS256' } }, signers.PS256), {
        keys: keySource({ keys: [{ ...signers.PS256.jwk, kid: 'as-1', use: 'enc' }, otherKey.jwk] }),
      }),
    ).toBe('token_key_unknown'))
  test('JWK-09 a key for RS256 is none for PS256', async () => {
    const token = mintToken({ header: { alg: 'PS256' } }, signers.PS256)
    expect(await asked(token, only({ ...signers.PS256.jwk, alg: 'PS256' }))).toBe('allow')
    expect(await asked(token, only({ ...signers.PS256.jwk, alg: 'RS256' }))).toBe('token_key_unknown')
  })
})

describe('RFC 7518 sections 3.4 and 3.5 (JWT-26, JWT-27)', () => {
  const { header, claims } = tokenParts()
  const withSignature = (signed: (input: string) => Uint8Array, alg = 'ES256') =>
    asked(forgeBytes(JSON.stringify({ ...header, alg }), JSON.stringify(claims), signed))
  test('JWT-26 r and s of 32 bytes each', async () =>
    expect(await withSignature((input) => signatureOf(serverKey, input))).toBe('allow'))
  test.each<[string, (input: string) => Uint8Array]>([
    ['DER', (input) => sign('sha256', Buffer.from(input), serverKey.privateKey)],
    ['zeros', () => Buffer.alloc(64)],
    ['s left out', (input) => signatureOf(serverKey, input).subarray(0, 32)],
    ['a byte more', (input) => Buffer.concat([signatureOf(serverKey, input), Buffer.of(0)])],
    ['a byte less', (input) => signatureOf(serverKey, input).subarray(0, 63)],
    [
      's and r',
      (input) =>
        Buffer.concat([signatureOf(serverKey, input).subarray(32), signatureOf(serverKey, input).subarray(0, 32)]),
    ],
    [
      'SHA-384',
      (input) => sign('sha384', Buffer.from(input), { key: serverKey.privateKey, dsaEncoding: 'ieee-p1363' }),
    ],
    ['over the payload alone', (input) => signatureOf(serverKey, input.split('.')[1] ?? '')],
  ])('JWT-26 %s is refused', async (_, signed) => expect(await withSignature(signed)).toBe('token_signature_invalid'))

  const { privateKey } = signers.PS256
  test('JWT-27 a salt of 32 bytes', async () =>
    expect(
      await withSignature((input) => sign('sha256', Buffer.from(input), { key: privateKey, ...pss(32) }), 'PS256'),
    ).toBe('allow'))
  test.each([0, 20, 31, 33, 222])('JWT-27 a salt of %i bytes is refused', async (length) =>
    expect(
      await withSignature((input) => sign('sha256', Buffer.from(input), { key: privateKey, ...pss(length) }), 'PS256'),
    ).toBe('token_signature_invalid'),
  )
  test('JWT-27 PKCS #1 v1.5 labelled PS256 is refused', async () =>
    expect(await withSignature((input) => sign('sha256', Buffer.from(input), privateKey), 'PS256')).toBe(
      'token_signature_invalid',
    ))
})

describe('JWT-21, JWT-22, JWT-20 looking for the key', () => {
  const set = (count: number, kid?: string) =>
    keySource({ keys: [...strangers.slice(0, count), serverKey].map(({ jwk }) => ({ ...jwk, ...(kid && { kid }) })) })
  test('JWT-21, FAPI-CR-07 of keys with one kid the last one may be the right one', async () =>
    expect(await asked(mintToken(), { keys: set(1, 'as-1') })).toBe('allow'))
  test('JWT-22 without kid up to four keys are tried', async () => {
    const token = named({ kid: undefined })
    expect([await asked(token, { keys: set(3) }), await asked(token, { keys: set(4) })]).toEqual([
      'allow',
      'token_key_unknown',
    ])
  })
  test.each(['as-2', 'AS-1', 'as-1 ', '', '__proto__'])('JWT-20 kid "%s" is no key', async (kid) =>
    expect(await asked(named({ kid }))).toBe('token_key_unknown'),
  )
})
