import { describe, expect, test } from 'vitest'
import { readKeySet } from '../../src/verify/key-set.ts'
import { read } from '../../src/verify/reading.ts'
import { verdict } from '../support/answers.ts'
import { newServerKey } from '../support/jwks.ts'
import { buildTestSource, serverWith } from '../support/key-sources.ts'
import { buildClientKey } from '../support/proofs.ts'
import { buildTestCheck, goodRequest, keySource, mintToken, serverKey } from '../support/spine.ts'
import { asked, signers } from '../support/tokens.ts'

const good = { ...serverKey.jwk, kid: 'as-1' }
const stranger = newServerKey('ES256').jwk
const withKeys = (...keys: readonly object[]) => ({ keys: keySource({ keys }) })

describe('RFC 7517 section 5 keys that are no use (JWK-06)', () => {
  const rsa = { ...signers.PS256.jwk, kid: 'as-1' }
  const ps256 = mintToken({ header: { alg: 'PS256' } }, signers.PS256)
  test.each<[string, object]>([
    ['nothing about its use', {}],
    ['use: sig', { use: 'sig' }],
    ['key_ops with verify', { key_ops: ['verify'] }],
    ['alg: PS256', { alg: 'PS256' }],
    ['members nobody knows', { x5c: ['AAAA'], ext: true, iat: 1 }],
  ])('JWK-06 with %s it serves', async (_, members) =>
    expect(await asked(ps256, withKeys({ ...rsa, ...members }))).toBe('allow'),
  )
  test.each<[string, object]>([
    ['use: enc', { use: 'enc' }],
    ['use: SIG', { use: 'SIG' }],
    ['key_ops: [sign]', { key_ops: ['sign'] }],
    ['key_ops: []', { key_ops: [] }],
    ['alg: RS256', { alg: 'RS256' }],
    ['alg: RSA-OAEP-256', { alg: 'RSA-OAEP-256' }],
    ['alg: PS384', { alg: 'PS384' }],
    ['alg: ps256', { alg: 'ps256' }],
    ['kty: oct', { kty: 'oct' }],
    ['the exponent 3', { e: 'Aw' }],
  ])('JWK-06, JWK-09 with %s it does not, and the others do', async (_, members) => {
    const keys = withKeys({ ...rsa, ...members }, good)
    expect([await asked(ps256, keys), await asked(mintToken(), keys)]).toEqual(['token_key_unknown', 'allow'])
  })
})

describe('FAPI 2.0 section 5.4.1 (2, 3) sizes (JWK-07, FAPI-CR-04)', () => {
  test.each([2048, 3072, 4096])('JWK-07 RSA of %i bits', async (bits) => {
    const key = await buildClientKey('PS256', bits)
    const token = mintToken({ header: { alg: 'PS256' } }, key)
    expect(await asked(token, withKeys({ ...key.jwk, kid: 'as-1' }))).toBe('allow')
  })
  test.each([1024, 2047])('JWK-07 RSA of %i bits verifies nothing', async (bits) => {
    const key = await buildClientKey('PS256', bits)
    const token = mintToken({ header: { alg: 'PS256' } }, key)
    expect(await asked(token, withKeys({ ...key.jwk, kid: 'as-1' }, { ...stranger, kid: 'x' }))).toBe(
      'token_key_unknown',
    )
  })
  test.each(['ES384', 'Ed448', 'X25519', 'RSA1024'] as const)('JWK-07, T-70 a set of %s alone is no set', (shape) =>
    expect(readKeySet({ keys: [newServerKey(shape).jwk] }).ok).toBe(false),
  )
})

describe('private and shared keys in a set (JWK-08)', () => {
  test('JWK-08 the public part serves, and the leak is told', async () => {
    const document = { keys: [{ ...serverKey.privateJwk, kid: 'as-1' }] }
    expect(await asked(mintToken(), { keys: keySource(document) })).toBe('allow')
    expect(readKeySet(document)).toMatchObject({ ok: true, value: { leaked: true } })
    expect(JSON.stringify(readKeySet(document))).not.toContain(serverKey.privateJwk.d)
  })
  test('JWK-08 a set without any is silent', () =>
    expect(readKeySet({ keys: [good] })).toMatchObject({ ok: true, value: { leaked: false, skipped: [] } }))
})

describe('keys through a source that fetches (JWK-03, JWK-04, JWK-05, JWT-22)', () => {
  function serving(...keys: readonly object[]) {
    let document: object = { keys }
    const built = buildTestSource(
      () => read(JSON.parse(JSON.stringify(document))),
      serverWith({ uri: 'https://as.example.com/jwks' }),
    )
    const { ask } = buildTestCheck({ keys: built.source })
    const decide = async (token: string): Promise<string> => verdict(await ask(goodRequest({ token })))
    const change = (...to: readonly object[]): void => {
      document = { keys: to }
    }
    return { ...built, decide, change }
  }
  test('JWK-03, JWT-31 a key that was withdrawn is gone with the next look, also for a token that was remembered', async () => {
    const { source, decide, change } = serving(good, { ...stranger, kid: 'x' })
    await source.load()
    const token = mintToken()
    expect([await decide(token), await decide(token)]).toEqual(['allow', 'allow'])
    change({ ...stranger, kid: 'x' })
    await source.load()
    expect(await decide(token)).toBe('token_key_unknown')
    change(good)
    await source.load()
    expect(await decide(token)).toBe('allow')
  })
  test('JWK-03, JWT-31 the same kid for another key is another key', async () => {
    const { source, decide, change } = serving(good)
    await source.load()
    const token = mintToken()
    expect(await decide(token)).toBe('allow')
    change({ ...stranger, kid: 'as-1' })
    await source.load()
    expect(await decide(token)).toBe('token_signature_invalid')
  })
  test('JWK-05 a set that cannot be read leaves the last one, remembered tokens included', async () => {
    const { source, decide, change } = serving(good)
    await source.load()
    const token = mintToken()
    expect(await decide(token)).toBe('allow')
    change({ kty: 'EC' })
    await source.load()
    expect([await decide(token), await decide(mintToken())]).toEqual(['allow', 'allow'])
  })
  test('JWK-04, JWT-22 a token without kid and a hundred keys: no key is tried', async () => {
    const many = Array.from({ length: 99 }, () => stranger)
    const { source, decide } = serving(...many, { ...serverKey.jwk })
    await source.load()
    expect(source.size).toBe(100)
    expect(await decide(mintToken({ header: { kid: undefined } }))).toBe('token_key_unknown')
  })
  test('JWT-22 a set of one key needs no kid', async () => {
    const { source, decide } = serving(serverKey.jwk)
    await source.load()
    expect(await decide(mintToken({ header: { kid: undefined } }))).toBe('allow')
    expect(await decide(mintToken())).toBe('token_key_unknown')
  })
})
