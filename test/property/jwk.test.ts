import fc from 'fast-check'
import { calculateJwkThumbprint, importJWK } from 'jose'
import { expect, test } from 'vitest'
import { admitJwk, importJwk } from '../../src/verify/jwk.ts'
import { isObject } from '../../src/verify/strict-json.ts'
import { newServerKey } from '../support/jwks.ts'

const good = (['ES256', 'PS256', 'EdDSA'] as const).flatMap((shape) => {
  const { jwk, privateJwk } = newServerKey(shape)
  return [jwk, privateJwk]
})
const algorithms = { EC: 'ES256', RSA: 'PS256', OKP: 'EdDSA' } as const

const base64url = fc.uint8Array({ maxLength: 70 }).map((bytes) => Buffer.from(bytes).toString('base64url'))
const modulus = fc
  .uint8Array({ minLength: 250, maxLength: 520 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'))
const value = fc.oneof(
  fc.constantFrom<unknown>(
    'EC',
    'RSA',
    'OKP',
    'oct',
    'P-256',
    'P-384',
    'Ed25519',
    'AQAB',
    'Aw',
    'sig',
    'enc',
    'verify',
    '',
  ),
  fc.constantFrom<unknown>(undefined, null, 7, true, ['verify'], ['sign'], {}),
  base64url,
  modulus,
  fc.string(),
  fc.jsonValue({ maxDepth: 2 }),
)
const names = [
  'kty',
  'crv',
  'x',
  'y',
  'n',
  'e',
  'd',
  'use',
  'key_ops',
  'alg',
  'kid',
  'k',
  'x5c',
  '__proto__',
  'toString',
]
/** A good key with a few members replaced, added or taken away; and anything else. */
const candidate = fc.oneof(
  fc
    .tuple(fc.constantFrom(...good), fc.array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 3 }))
    .map(([jwk, changes]): unknown => ({ ...jwk, ...Object.fromEntries(changes) })),
  fc.dictionary(fc.constantFrom(...names), value),
  fc.anything(),
)

const usable = (jwk: Readonly<Record<string, unknown>>): boolean =>
  [undefined, 'sig'].includes(jwk.use as string | undefined) &&
  (jwk.key_ops === undefined || (Array.isArray(jwk.key_ops) && jwk.key_ops.includes('verify')))

test('JWK-06, JWK-07, JWK-08, DPOP-08 … DPOP-12 a key is admitted or not, never an exception', async () => {
  let admittedCount = 0
  await fc.assert(
    fc.asyncProperty(candidate, fc.constantFrom('proof' as const, 'set' as const), async (jwk, use) => {
      const admitted = admitJwk(jwk, use)
      if (!admitted.ok) return
      admittedCount += 1
      const { type, members, hasPrivate, thumbprint, alg, kid } = admitted.value
      if (!isObject(jwk)) throw new Error('not an object')
      expect([jwk.kty, jwk.alg, jwk.kid]).toEqual([type, alg, kid])
      expect(usable(jwk)).toBe(true)
      expect(hasPrivate && use === 'proof').toBe(false)
      for (const [name, member] of Object.entries(members)) expect(jwk[name]).toBe(member)
      expect(Object.keys(members).some((name) => ['d', 'p', 'q', 'k'].includes(name))).toBe(false)
      expect(thumbprint).toBe(await calculateJwkThumbprint(members))

      const imported = importJwk(admitted.value)
      const independent = await importJWK({ ...members }, algorithms[type]).then(
        () => true,
        () => false,
      )
      expect(imported.ok).toBe(independent)
      if (imported.ok) expect(imported.value.key.export({ format: 'jwk' })).toEqual(members)
    }),
    { numRuns: 3000 },
  )
  expect(admittedCount).toBeGreaterThan(300)
})

test('JWK-07 an RSA modulus is admitted exactly when it is odd, canonical and of 2048 to 4096 bits', () => {
  const [, , rsa] = good
  const sized = fc.oneof(
    fc.bigInt({ min: 2n ** 2046n, max: 2n ** 2050n }),
    fc.bigInt({ min: 2n ** 4094n, max: 2n ** 4098n }),
    fc.bigInt({ min: 0n, max: 2n ** 4200n }),
    fc.constantFrom(2n ** 2047n, 2n ** 2047n + 1n, 2n ** 2047n - 1n, 2n ** 4096n - 1n, 2n ** 4096n + 1n, 1n, 0n),
  )
  fc.assert(
    fc.property(sized, (number) => {
      const hex = number.toString(16)
      const n = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url')
      const bits = number.toString(2).length
      expect(admitJwk({ ...rsa, n }, 'set').ok).toBe(bits >= 2048 && bits <= 4096 && number % 2n === 1n)
    }),
    { numRuns: 2000 },
  )
})
