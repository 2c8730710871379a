import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findKeys, type KeySet, readKeySet } from '../../../src/verify/key-set.ts'
import { newServerKey } from '../../support/jwks.ts'

const ec = newServerKey('ES256')
const rsa = newServerKey('PS256')
const okp = newServerKey('EdDSA')

function setOf(...keys: readonly unknown[]): KeySet {
  const set = readKeySet({ keys })
  if (!set.ok) throw new Error(set.problem)
  return set.value
}
const kids = (set: KeySet): readonly (string | undefined)[] => set.keys.map(({ kid }) => kid)
/** How many keys were found, or why none. */
const found = (set: KeySet, kid: string | undefined, algorithm: string) => {
  const search = findKeys(set, kid, algorithm)
  return search.kind === 'found' ? search.keys.length : search.kind
}

describe('JWK-06, FAPI-CR-04 what cannot be used is left out alone', () => {
  const good = { ...ec.jwk, kid: 'good' }
  const p256 = ec.jwk.x ?? ''
  test.each<[string, unknown]>([
    ['for encryption', { ...ec.jwk, use: 'enc' }],
    ['not for verifying', { ...ec.jwk, key_ops: ['sign'] }],
    ['with odd operations', { ...ec.jwk, key_ops: 'verify' }],
    ['a shared secret', { kty: 'oct', k: 'c2VjcmV0' }],
    ['of an unknown type', { kty: 'AKP', pub: p256 }],
    ['of the type of another member', { ...rsa.jwk, kty: 'EC' }],
    ['JWK-07 RSA of 1024 bits', newServerKey('RSA1024').jwk],
    ['JWK-07 RSA with the exponent 3', { ...rsa.jwk, e: 'Aw' }],
    ['T-70 P-192', { ...ec.jwk, crv: 'P-192' }],
    ['T-70 sect163k1', { ...ec.jwk, crv: 'sect163k1' }],
    ['P-384', newServerKey('ES384').jwk],
    ['X25519', newServerKey('X25519').jwk],
    ['Ed448', newServerKey('Ed448').jwk],
    ['not on its curve', { ...ec.jwk, x: ec.jwk.y, y: ec.jwk.x }],
    ['with a short coordinate', { ...ec.jwk, x: p256.slice(1) }],
    ['with a number as kid', { ...ec.jwk, kid: 1 }],
    ['with a kid of 257 characters', { ...ec.jwk, kid: 'k'.repeat(257) }],
    ['null', null],
    ['a text', 'key'],
    ['a list', [ec.jwk]],
    ['empty', {}],
  ])('%s', (_, bad) => {
    const set = setOf(bad, good, bad)
    expect(kids(set)).toEqual(['good'])
    expect(set.skipped).toEqual([expect.stringMatching(/^key 0: /), expect.stringMatching(/^key 2: /)])
    expect(readKeySet({ keys: [bad] }).ok).toBe(false)
  })
  test.each([
    ['use and key_ops that fit', { use: 'sig', key_ops: ['verify', 'sign'] }],
    ['members nobody knows', { x5c: ['AAAA'], foo: 1 }],
    ['a kid of 256 characters', { kid: 'k'.repeat(256) }],
    ['an empty kid', { kid: '' }],
  ])('%s are no reason', (_, members) => expect(setOf({ ...ec.jwk, ...members }).keys).toHaveLength(1))
})

describe('JWK-08 private members are dropped and reported', () => {
  test('the public part serves', () => {
    const set = setOf({ ...ec.privateJwk, kid: 'a' }, { ...rsa.privateJwk, kid: 'b' })
    expect(kids(set)).toEqual(['a', 'b'])
    expect(set.leaked).toBe(true)
    for (const { key } of set.keys) {
      expect(key.type).toBe('public')
      expect(JSON.stringify(key.export({ format: 'jwk' }))).not.toMatch(/"(d|p|q|dp|dq|qi)"/)
    }
  })
  test.each<[string, unknown, boolean]>([
    ['a public set', okp.jwk, false],
    ['a private key for encryption', { ...rsa.privateJwk, use: 'enc' }, true],
    ['a shared secret', { kty: 'oct', k: 'c2VjcmV0' }, true],
    ['a private key of a curve we do not use', newServerKey('ES384').privateJwk, true],
  ])('%s beside a usable key', (_, jwk, leaked) => expect(setOf(ec.jwk, jwk).leaked).toBe(leaked))
})

describe('JWK-04, att-jose-17 the shape of a set', () => {
  const copies = (length: number) => ({ keys: Array.from({ length }, () => ec.jwk) })
  test('100 keys are taken, 101 are not', () => {
    expect(readKeySet(copies(100)).ok).toBe(true)
    expect(readKeySet(copies(101))).toEqual({ ok: false, problem: 'it has more than 100 keys' })
  })
  test.each<[string, Record<string, unknown>]>([
    ['{}', {}],
    ['keys: []', { keys: [] }],
    ['keys: null', { keys: null }],
    ['keys: {}', { keys: {} }],
    ['keys: a text', { keys: 'keys' }],
    ['keys that are inherited', Object.create({ keys: [ec.jwk] })],
    ['a lone key', { ...ec.jwk }],
  ])('%s', (_, document) => expect(readKeySet(document).ok).toBe(false))
  test('whatever a server sends, reading it is a value', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('keys', 'x', '__proto__'), fc.jsonValue()), (document) => {
        const set = readKeySet(document)
        if (set.ok) expect(set.value.keys.length).toBeGreaterThan(0)
      }),
    )
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (keys) => {
        expect(readKeySet({ keys }).ok).toBe(false)
      }),
    )
  })
})

describe('JWT-21, FAPI-CR-07 keys of one kid are told apart', () => {
  const twins = setOf({ ...ec.jwk, kid: 'k' }, { ...rsa.jwk, kid: 'k' }, { ...okp.jwk, kid: 'k' })
  test.each(['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519'])('%s finds the one that fits', (algorithm) =>
    expect(found(twins, 'k', algorithm)).toBe(1),
  )
  test('all that fit are tried, four at most', () => {
    const same = (length: number) => setOf(...Array.from({ length }, () => ({ ...ec.jwk, kid: 'k' })))
    expect([found(same(2), 'k', 'ES256'), found(same(4), 'k', 'ES256'), found(same(9), 'k', 'ES256')]).toEqual([
      2, 4, 4,
    ])
  })
  test.each(['none', 'HS256', 'ES384', 'es256', '', '__proto__'])('%s fits no key', (algorithm) => {
    expect([found(twins, 'k', algorithm), found(twins, undefined, algorithm)]).toEqual(['unknown', 'unknown'])
  })
})

describe('JWK-09 a key that names an algorithm serves that one', () => {
  const named = (alg: string) => setOf({ ...rsa.jwk, kid: 'k', alg })
  test('PS256', () =>
    expect([found(named('PS256'), 'k', 'PS256'), found(named('PS256'), 'k', 'RS256')]).toEqual([1, 'unknown']))
  test('RS256', () =>
    expect([found(named('RS256'), 'k', 'PS256'), found(named('RS256'), 'k', 'RS256')]).toEqual(['unknown', 1]))
  test('JWT-28 EdDSA has two names', () => {
    const set = setOf({ ...okp.jwk, kid: 'old', alg: 'EdDSA' }, { ...okp.jwk, kid: 'new', alg: 'Ed25519' })
    for (const kid of ['old', 'new']) expect([found(set, kid, 'EdDSA'), found(set, kid, 'Ed25519')]).toEqual([1, 1])
  })
})

describe('JWT-22 a token without kid', () => {
  const anonymous = (length: number) =>
    setOf(...Array.from({ length }, () => newServerKey('ES256').jwk), { ...okp.jwk, kid: 'other' })
  test.each([
    [1, 1],
    [4, 4],
    [5, 'unknown'],
    [99, 'unknown'],
  ])('%i keys that fit: %s', (length, expected) => expect(found(anonymous(length), undefined, 'ES256')).toBe(expected))
  test('the others do not count', () => expect(found(anonymous(50), undefined, 'EdDSA')).toBe(1))
})

describe('JWT-20, att-jose-10 kid is only compared', () => {
  const set = setOf({ ...ec.jwk, kid: 'a' }, { ...okp.jwk })
  test.each([
    'A',
    'a ',
    '',
    '../../etc/passwd',
    '__proto__',
    'constructor',
    'toString',
    'undefined',
    'a\u0000',
    "' or 1=1",
  ])('"%s" is no key', (kid) =>
    expect([found(set, kid, 'ES256'), found(set, kid, 'EdDSA')]).toEqual(['unknown', 'unknown']),
  )
  test('such a name may be the name of a key', () =>
    expect(found(setOf({ ...ec.jwk, kid: '__proto__' }), '__proto__', 'ES256')).toBe(1))
  test('a refusal does not repeat it', () =>
    expect(JSON.stringify(findKeys(set, 'sneaky', 'ES256'))).not.toContain('sneaky'))
})
