import { createPublicKey, type KeyObject } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { admitJwk, hasPrivateMember, importJwk } from '../../../src/verify/jwk.ts'
import { newServerKey } from '../../support/jwks.ts'
import { buildClientKey } from '../../support/proofs.ts'

const ec = newServerKey('ES256')
const rsa = newServerKey('PS256')
const okp = newServerKey('EdDSA')
const uses = ['proof', 'set'] as const

const problem = (jwk: unknown, use: (typeof uses)[number] = 'set'): string => {
  const admitted = admitJwk(jwk, use)
  return admitted.ok ? 'none' : admitted.problem
}
function publicKey(jwk: unknown, use: (typeof uses)[number]): KeyObject {
  const admitted = admitJwk(jwk, use)
  const key = admitted.ok ? importJwk(admitted.value) : admitted
  if (!key.ok) throw new Error(key.problem)
  return key.value.key
}
/** A modulus of so many bits: the first bit and the last are ones unless told. */
const modulus = (bits: number, last = 1): string => {
  const bytes = Buffer.alloc(Math.ceil(bits / 8))
  bytes[0] = 1 << ((bits - 1) % 8)
  bytes[bytes.length - 1] = last
  return bytes.toString('base64url')
}
const coordinate = (length: number): string => Buffer.alloc(length, 7).toString('base64url')

describe.each(uses)('keys that may verify, in a %s', (use) => {
  test.each([
    ['EC', ec],
    ['RSA', rsa],
    ['OKP', okp],
  ] as const)('%s', (type, { jwk }) => {
    const admitted = admitJwk({ ...jwk, kid: 'k', use: 'sig', key_ops: ['verify'], x5c: ['x'], ext: true }, use)
    expect(admitted).toMatchObject({ ok: true, value: { type, kid: 'k', alg: undefined, hasPrivate: false } })
    expect(publicKey(jwk, use).equals(createPublicKey({ key: jwk, format: 'jwk' }))).toBe(true)
  })
  test.each<[string, object]>([
    ['EC without crv', { ...ec.jwk, crv: undefined }],
    ['EC on P-384', { ...ec.jwk, crv: 'P-384' }],
    ['EC on secp256k1', { ...ec.jwk, crv: 'secp256k1' }],
    ['EC by its long name', { ...ec.jwk, crv: 'prime256v1' }],
    ['EC without y', { ...ec.jwk, y: undefined }],
    ['EC with x of 31 bytes', { ...ec.jwk, x: coordinate(31) }],
    ['EC with x of 33 bytes', { ...ec.jwk, x: coordinate(33) }],
    ['EC with x padded', { ...ec.jwk, x: `${ec.jwk.x}=` }],
    ['EC with x in another spelling', { ...ec.jwk, x: `${'A'.repeat(42)}B` }],
    ['EC with x as a number', { ...ec.jwk, x: 7 }],
    ['OKP on Ed448', newServerKey('Ed448').jwk],
    ['OKP on X25519', newServerKey('X25519').jwk],
    ['OKP without x', { ...okp.jwk, x: undefined }],
    ['OKP with x of 57 bytes', { ...okp.jwk, x: coordinate(57) }],
    ['RSA without n', { ...rsa.jwk, n: undefined }],
    ['RSA without e', { ...rsa.jwk, e: undefined }],
    ['a shared secret', { kty: 'oct', k: 'AAAA' }],
    ['no kty', { ...ec.jwk, kty: undefined }],
    ['kty in lower case', { ...ec.jwk, kty: 'ec' }],
    ['kty as a list', { ...ec.jwk, kty: ['EC'] }],
    ['kty that is inherited', Object.create({ ...ec.jwk })],
    ['use: enc', { ...ec.jwk, use: 'enc' }],
    ['use: null', { ...ec.jwk, use: null }],
    ['key_ops without verify', { ...ec.jwk, key_ops: ['sign'] }],
    ['key_ops that are none', { ...ec.jwk, key_ops: [] }],
    ['key_ops as text', { ...ec.jwk, key_ops: 'verify' }],
    ['alg as a number', { ...ec.jwk, alg: 256 }],
    ['kid as a number', { ...ec.jwk, kid: 1 }],
    ['kid of 257 characters', { ...ec.jwk, kid: 'k'.repeat(257) }],
  ])('JWK-06 %s is not admitted', (_, jwk) => {
    const present = Object.fromEntries(Object.entries(jwk).filter(([, value]) => value !== undefined))
    expect(admitJwk(present, use).ok).toBe(false)
  })
  test.each([null, undefined, '', 'EC', 7, true, [], [ec.jwk]])('%j is no key', (jwk) =>
    expect(problem(jwk, use)).toBe('the key is not a JSON object'),
  )
})

describe('rsa-cost, JWK-07, FAPI-CR-04, att-jose-05 RSA by size and exponent, before anything is imported', () => {
  const sized = (bits: number, last?: number) => problem({ kty: 'RSA', e: 'AQAB', n: modulus(bits, last) })
  test.each([2048, 2049, 3072, 4095, 4096])('%i bits', (bits) => expect(sized(bits)).toBe('none'))
  test.each([8, 512, 1024, 2040, 2047, 4097, 4104, 16_384])('not %i bits', (bits) =>
    expect(sized(bits)).toMatch(/bits/),
  )
  test('not an even modulus', () => expect(sized(2048, 2)).toBe('the RSA modulus is even'))
  test('not with zero bytes in front', () => {
    const n = Buffer.concat([Buffer.of(0), Buffer.from(rsa.jwk.n ?? '', 'base64url')]).toString('base64url')
    expect(problem({ ...rsa.jwk, n })).toBe('the RSA modulus is not canonical base64url')
  })
  test.each(['AQ', 'Aw', 'EQ', 'AAEAAQ', 'AQAB=', 'AQAC', 'AgAB', '', coordinate(256), 65537])(
    'exponent %j is refused',
    (e) => expect(problem({ ...rsa.jwk, e })).toBe('the RSA exponent is not 65537'),
  )
})

describe('JWK-08, DPOP-08 private members', () => {
  test.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'])('%s', (name) => {
    for (const value of ['AQAB', '', null, []]) {
      const jwk = { ...ec.jwk, [name]: value }
      expect([hasPrivateMember(jwk), problem(jwk, 'proof')]).toEqual([true, 'the key holds private members'])
      expect(admitJwk(jwk, 'set')).toMatchObject({ ok: true, value: { hasPrivate: true } })
    }
  })
  test.each([ec, rsa, okp])('a private key becomes a public one', ({ privateJwk, jwk }) => {
    expect(publicKey(privateJwk, 'set').type).toBe('public')
    const admitted = admitJwk(privateJwk, 'set')
    expect(admitted.ok && admitted.value.members).toEqual(jwk)
  })
})

test('JWT-15 nothing but the public members reaches the import', () => {
  const admitted = admitJwk({ ...ec.jwk, x5u: 'https://evil.example', x5c: ['AAAA'], kid: 'k' }, 'set')
  expect(admitted.ok && admitted.value.members).toEqual({ crv: 'P-256', kty: 'EC', x: ec.jwk.x, y: ec.jwk.y })
})

test('DPOP-32 the thumbprint is that of an independent implementation, whatever else the key holds', async () => {
  for (const algorithm of ['ES256', 'PS256', 'EdDSA'] as const) {
    const { jwk, thumbprint } = await buildClientKey(algorithm)
    const members = Object.entries({ kid: 'k', use: 'sig', alg: algorithm, ...jwk, z: 1 }).reverse()
    expect(admitJwk(Object.fromEntries(members), 'set')).toMatchObject({ value: { thumbprint } })
  }
})

describe('a key of the right shape that is none', () => {
  test.each<[string, object]>([
    ['a point beside the curve', { ...ec.jwk, y: ec.jwk.x }],
    ['the point at zero', { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) }],
    ['coordinates of the field size', { ...ec.jwk, x: '_____wAAAAEAAAAAAAAAAAAAAAD_______________8' }],
  ])('%s cannot be imported', (_, jwk) => {
    const admitted = admitJwk(jwk, 'set')
    expect(admitted.ok && importJwk(admitted.value)).toEqual({ ok: false, problem: 'the key cannot be imported' })
  })
})
