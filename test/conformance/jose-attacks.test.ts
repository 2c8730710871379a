import { createHmac, createPublicKey } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import { fetchJson } from '../../src/io/fetch.ts'
import { buildKeySource } from '../../src/io/keys.ts'
import { verdict } from '../support/answers.ts'
import { stillClock } from '../support/clock.ts'
import { serverWith } from '../support/key-sources.ts'
import { buildClientKey, PROOF_TIME } from '../support/proofs.ts'
import {
  buildTestCheck,
  goodRequest,
  ISSUER,
  keySource,
  mintToken,
  ORIGIN,
  serverJwks,
  serverKey,
  tokenParts,
} from '../support/spine.ts'
import { authority, json, startStub } from '../support/stub-servers.ts'
import { asked, base64url, excepted, forgeBytes, signatureOf, signerJwks, signers } from '../support/tokens.ts'

const attacker = await buildClientKey()
const parts = tokenParts()
/** A token whose header and claims are text, so that it need not be what JSON.stringify would write. */
const spelled = (header: string | Uint8Array, payload: string | Uint8Array = JSON.stringify(parts.claims)) =>
  asked(forgeBytes(header, payload))
const headerText = (members: object = {}): string => JSON.stringify({ ...parts.header, ...members })

describe('att-jose-01, T-29 unsecured tokens and algorithms that are no text', () => {
  test.each(['none', 'None', 'NONE', 'nOnE', 'n\\u006fne', ' none', 'none\\u0000', ''])(
    'att-jose-01 alg "%s"',
    async (alg) => {
      const header = `{"typ":"at+jwt","kid":"as-1","alg":"${alg}"}`
      for (const signed of [
        () => Buffer.alloc(1),
        () => Buffer.alloc(64),
        (input: string) => signatureOf(serverKey, input),
      ])
        expect(await asked(forgeBytes(header, JSON.stringify(parts.claims), signed))).toBe('token_algorithm_refused')
      expect(await asked(`${base64url(header)}.${base64url(JSON.stringify(parts.claims))}.`)).toBe('token_malformed')
    },
  )
  test.each(['null', '0', 'true', '[]', '["ES256"]', '{}', '{"alg":"ES256"}'])('att-jose-01 alg %s', async (alg) =>
    expect(await spelled(`{"typ":"at+jwt","kid":"as-1","alg":${alg}}`)).toBe('token_malformed'),
  )
  test('att-jose-01 no alg', async () => expect(await spelled('{"typ":"at+jwt","kid":"as-1"}')).toBe('token_malformed'))
  test('T-30 the JSON serialisation, whose alg may stand unprotected, is no token', async () => {
    const [head, payload, signature] = mintToken().split('.')
    const flat = JSON.stringify({ protected: head, payload, signature, header: { alg: 'none' } })
    for (const token of [flat, base64url(flat), `${base64url(flat)}.${payload}.${signature}`])
      expect(await asked(token)).toMatch(/^(credentials_(malformed|repeated)|token_malformed)$/)
  })
})

describe('att-jose-02, T-28 the public key as an HMAC secret', () => {
  const secrets = (jwk: object): readonly (readonly [string, string | Buffer])[] => {
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
    const pem = key.export({ type: 'spki', format: 'pem' }).toString()
    const { n = '', x = '', y = '' } = key.export({ format: 'jwk' })
    return [
      ['PEM', pem],
      ['PEM without its last line break', pem.trimEnd()],
      ['PEM on one line', pem.replaceAll('\n', '')],
      ['DER', key.export({ type: 'spki', format: 'der' })],
      ['JWK', JSON.stringify({ ...jwk, kid: 'as-1', use: 'sig' })],
      ['JWK of the required members', JSON.stringify(key.export({ format: 'jwk' }))],
      ['JWK Set', JSON.stringify(serverJwks)],
      ['modulus or coordinate', Buffer.from(n || x, 'base64url')],
      ['modulus or coordinate as text', n || x],
      ['both coordinates', Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])],
      ['kid', 'as-1'],
      ['nothing', ''],
    ]
  }
  const all = Object.entries({ ES256: signers.ES256, PS256: signers.PS256, EdDSA: signers.EdDSA }).flatMap(
    ([type, { jwk }]) => secrets(jwk).map(([name, secret]) => [type, name, secret] as const),
  )
  test.each(all)('att-jose-02 %s key, %s', async (type, _, secret) => {
    for (const [alg, hash] of [
      ['HS256', 'sha256'],
      ['HS512', 'sha512'],
      ['hs256', 'sha256'],
    ] as const) {
      const token = forgeBytes(headerText({ alg }), JSON.stringify(parts.claims), (input) =>
        createHmac(hash, secret).update(input).digest(),
      )
      expect([await asked(token), await excepted(token, 'rs256')]).toEqual(Array(2).fill('token_algorithm_refused'))
    }
    const relabelled = forgeBytes(headerText({ alg: type }), JSON.stringify(parts.claims), (input) =>
      createHmac('sha256', secret).update(input).digest(),
    )
    expect(await asked(relabelled)).toBe('token_signature_invalid')
  })
  test('att-jose-02 a shared secret in the key set is no key', async () => {
    const secret = Buffer.alloc(32, 1)
    const keys = keySource({ keys: [{ kty: 'oct', k: base64url(secret), kid: 'as-1', alg: 'HS256' }, serverKey.jwk] })
    const token = forgeBytes(headerText({ alg: 'HS256' }), JSON.stringify(parts.claims), (input) =>
      createHmac('sha256', secret).update(input).digest(),
    )
    expect(await asked(token, { keys })).toBe('token_algorithm_refused')
  })
})

describe('att-jose-09, T-31, JWT-15 keys that the token brings along', async () => {
  const hook = await startStub(json(() => ({ keys: [{ ...attacker.jwk, kid: 'as-1' }] })))
  const honest = await startStub(json(() => serverJwks))
  const source = buildKeySource(serverWith({ uri: `${honest.origin}/jwks` }), {
    fetch: (url) => fetchJson(url, { ca: [authority.certificate] }),
    monotonic: stillClock().monotonic,
    observe: () => undefined,
    schedule: () => () => undefined,
  })
  afterAll(async () => {
    await source.close()
    await Promise.all([hook.close(), honest.close()])
  })
  const carried: Readonly<Record<string, unknown>> = {
    jwk: { ...attacker.jwk, kid: 'as-1', alg: 'ES256' },
    jku: `${hook.origin}/jwks`,
    x5u: `${hook.origin}/chain.pem`,
    x5c: ['MIIB'],
    x5t: 'AAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'x5t#S256': 'A'.repeat(43),
  }
  test.each(Object.keys(carried))('att-jose-09 %s beside a signature of the attacker', async (name) => {
    const { ask } = buildTestCheck({ keys: source })
    const decide = async (header: object, key = attacker): Promise<string> =>
      verdict(await ask(goodRequest({ token: mintToken({ header: { [name]: carried[name], ...header } }, key) })))
    const bringsKey = ['jwk', 'jku', 'x5u'].includes(name)
    expect(await decide({})).toBe(bringsKey ? 'token_malformed' : 'token_signature_invalid')
    expect(await decide({ kid: undefined })).toBe(bringsKey ? 'token_malformed' : 'token_signature_invalid')
    expect(await decide({ kid: 'new' })).toBe(bringsKey ? 'token_malformed' : 'token_key_unknown')
    expect(await decide({}, serverKey)).toBe(bringsKey ? 'token_malformed' : 'allow')
    expect(hook.hits).toEqual([])
    expect(honest.hits.every((path) => path === '/jwks')).toBe(true)
  })
  test.each(['jwk', 'jku', 'x5u'])('att-jose-09 %s of any type is refused, also the server’s own', async (name) => {
    for (const value of [null, '', 7, [], {}, serverKey.jwk, `${ISSUER}/jwks`])
      expect(await asked(mintToken({ header: { [name]: value } }))).toBe('token_malformed')
  })
})

describe('att-jose-10, T-32, JWT-20 kid is only compared', () => {
  test.each([
    '../../dev/null',
    '../../../../etc/passwd',
    '/proc/self/environ',
    'file:///etc/passwd',
    'https://evil.example/jwks',
    "' OR 1=1 --",
    "x' UNION SELECT 'AAAA",
    '`id`',
    '$(id)',
    '__proto__',
    'constructor',
    'toString',
    'a\r\nSet-Cookie: x',
    'as-1\0',
    '\u001b[31m',
    'as-1,as-1',
    'ａｓ-1',
    'k'.repeat(256),
  ])('att-jose-10 %j', async (kid) => {
    const { ask, records } = buildTestCheck({ keys: keySource(signerJwks) })
    expect(verdict(await ask(goodRequest({ token: mintToken({ header: { kid } }) })))).toBe('token_key_unknown')
    expect(JSON.stringify(records)).not.toContain(JSON.stringify(kid).slice(1, -1))
  })
  test.each([7, null, true, ['as-1'], { kid: 'as-1' }, 'k'.repeat(257)])('att-jose-10 %j is malformed', async (kid) =>
    expect(await asked(mintToken({ header: { kid } }))).toBe('token_malformed'),
  )
  test('att-jose-10 a kid of a megabyte costs nothing', async () =>
    expect(await asked(mintToken({ header: { kid: 'k'.repeat(1_000_000) } }))).toBe('header_too_large'))
})

describe('att-jose-14, T-40, JWT-24 other tokens of the same issuer and key', () => {
  const times = { iat: PROOF_TIME - 10, exp: PROOF_TIME + 290 }
  const kinds: readonly (readonly [string, string, object])[] = [
    ['an ID token', 'JWT', { sub: 'user-1', aud: 'client-1', nonce: 'n', auth_time: PROOF_TIME, at_hash: 'x' }],
    ['an ID token for us', 'JWT', { sub: 'user-1', aud: [ORIGIN, 'client-1'], azp: 'client-1' }],
    ['a client assertion', 'client-authentication+jwt', { iss: 'client-1', sub: 'client-1', aud: ISSUER, jti: 'j' }],
    ['a logout token', 'logout+jwt', { sub: 'user-1', aud: 'client-1', jti: 'j', events: {}, sid: 's' }],
    [
      'a request object',
      'oauth-authz-req+jwt',
      { iss: 'client-1', aud: ISSUER, client_id: 'client-1', scope: 'accounts' },
    ],
    ['an authorization response', 'JWT', { aud: 'client-1', code: 'c', state: 's' }],
    [
      'a status list',
      'statuslist+jwt',
      { sub: `${ISSUER}/status`, ttl: 60, status_list: { bits: 1, lst: 'eNrbuRgAAhcBXQ' } },
    ],
    ['an introspection answer', 'token-introspection+jwt', { aud: ORIGIN, token_introspection: { active: true } }],
    ['a security event', 'secevent+jwt', { aud: ORIGIN, jti: 'j', events: {} }],
    ['a DPoP proof', 'dpop+jwt', { jti: 'j', htm: 'GET', htu: `${ORIGIN}/accounts` }],
  ]
  test.each(kinds)('att-jose-14 %s', async (_, typ, members) => {
    const token = (claims: object, type: string) =>
      forgeBytes(headerText({ typ: type }), JSON.stringify({ iss: ISSUER, ...times, ...claims }))
    expect(await asked(token(members, typ))).toBe('token_type_refused')
    // Even with every claim of an access token the type gives it away, and with the type of one its claims do.
    expect(await asked(token({ ...parts.claims, ...members, iss: ISSUER }, typ))).toBe('token_type_refused')
    expect(await asked(token(members, 'at+jwt'))).toMatch(/^token_(claims_invalid|issuer_unknown)$/)
    expect(await excepted(token(members, typ), 'tokenTypeJwt')).not.toBe('allow')
  })
})

test('att-jose-16 a token decides nothing about where keys come from', async () => {
  for (const name of ['jku', 'x5u', 'jwks_uri', 'iss', 'jwks'])
    expect(await asked(mintToken({ header: { [name]: 'https://evil.example' } }, attacker))).not.toBe('allow')
})
