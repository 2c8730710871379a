import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { attempt, parseDer } from '../../../../src/verify/x509/der.ts'
import { isSignedWith, isSignedWithLater, signatureAlgorithmOf } from '../../../../src/verify/x509/signature.ts'
import { authority, newKeysOf } from '../../../support/chains.ts'
import { hex, sequence } from '../../../support/ocsp-pki.ts'

const SHA_1 = hex('300906052b0e03021a0500')
const SHA_256 = hex('300d06096086480165030402010500')
const SHA_384 = hex('300d06096086480165030402020500')
const tagged = (tag: number, content: Buffer): Buffer => Buffer.concat([Buffer.of(tag, content.length), content])
const mask = (digest: Buffer): Buffer => sequence(hex('06092a864886f70d010108'), digest)
const number = (value: number): Buffer => Buffer.of(2, 1, value)

interface Parameters {
  readonly hash: Buffer
  readonly mask: Buffer
  readonly salt: Buffer
  readonly trailer: Buffer
}
const pss: Parameters = {
  hash: tagged(0xa0, SHA_256),
  mask: tagged(0xa1, mask(SHA_256)),
  salt: tagged(0xa2, number(32)),
  trailer: Buffer.alloc(0),
}
const identifierOf = (parts: Partial<Parameters>): Buffer =>
  sequence(hex('06092a864886f70d01010a'), sequence(...Object.values({ ...pss, ...parts })))
const algorithmOf = (identifier: Buffer) => attempt(() => signatureAlgorithmOf(parseDer(identifier)))

describe('X5-11 RSASSA-PSS', () => {
  test.each<[string, Partial<Parameters>]>([
    ['with one digest and a salt as long as it', {}],
    ['with the trailer that is the default', { trailer: tagged(0xa3, number(1)) }],
  ])('%s is taken', (_, parts) =>
    expect(algorithmOf(identifierOf(parts))).toEqual({
      ok: true,
      value: { family: 'pss', digest: 'sha256', saltLength: 32 },
    }),
  )
  test.each<[string, Partial<Parameters>]>([
    ['another digest for the mask', { mask: tagged(0xa1, mask(SHA_384)) }],
    ['SHA-1 for the mask', { mask: tagged(0xa1, mask(SHA_1)) }],
    [
      'SHA-1 throughout',
      { hash: tagged(0xa0, SHA_1), mask: tagged(0xa1, mask(SHA_1)), salt: tagged(0xa2, number(20)) },
    ],
    ['a shorter salt', { salt: tagged(0xa2, number(20)) }],
    ['no salt at all', { salt: tagged(0xa2, number(0)) }],
    ['the digest of the default, SHA-1', { hash: Buffer.alloc(0) }],
    ['the mask of the default', { mask: Buffer.alloc(0) }],
    ['the salt of the default', { salt: Buffer.alloc(0) }],
    ['another trailer', { trailer: tagged(0xa3, number(2)) }],
  ])('with %s is not', (_, parts) => expect(algorithmOf(identifierOf(parts))).toEqual({ ok: true, value: undefined }))
})

describe('X5-11 the parameters of an algorithm', () => {
  test.each<[string, Buffer, string | undefined]>([
    ['RSA has to have a NULL', sequence(hex('06092a864886f70d01010b'), hex('0500')), 'rsa'],
    ['RSA without any', sequence(hex('06092a864886f70d01010b')), undefined],
    ['ECDSA has none', sequence(hex('06082a8648ce3d040302')), 'ecdsa'],
    ['ECDSA with a NULL', sequence(hex('06082a8648ce3d040302'), hex('0500')), undefined],
    ['Ed25519 has none', sequence(hex('06032b6570')), 'ed25519'],
    ['SHA-1 with RSA', sequence(hex('06092a864886f70d010105'), hex('0500')), undefined],
    ['SHA-1 with ECDSA', sequence(hex('06072a8648ce3d0401')), undefined],
  ])('%s', (_, identifier, family) => {
    const algorithm = algorithmOf(identifier)
    expect(algorithm.ok && algorithm.value?.family).toBe(family)
  })
})

describe('X5-12 who signed something', () => {
  const signed = Buffer.from('what is signed')
  const rsa = { family: 'rsa', digest: 'sha256' } as const
  const ecdsa = { family: 'ecdsa', digest: 'sha256' } as const
  const strong = newKeysOf('rsa')
  const weak = newKeysOf('rsa', 1024)
  const curve = newKeysOf('p256')
  const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  test.each([
    ['a key of 2048 bits', strong, 'rsa', rsa, true],
    ['a key of 1024 bits', weak, 'rsa', rsa, false],
    ['a key on P-256', curve, 'p256', ecdsa, true],
    ['a key on another curve', koblitz, 'p256', ecdsa, false],
    // Node looks at the key alone, and would find the signature right.
    ['an RSA key under the name of ECDSA', strong, 'rsa', ecdsa, false],
    ['an EC key under the name of RSA', curve, 'p256', rsa, false],
  ] as const)('%s', async (_, keys, kind, algorithm, expected) => {
    const { key } = authority('signer', undefined, { keys, kind }).certificate
    const document = { signed, algorithm, signature: sign('sha256', signed, keys.privateKey) }
    expect(isSignedWith(document, key)).toBe(expected)
    expect(await isSignedWithLater(document, key)).toBe(expected)
  })
  test('nobody did under an algorithm that is not known', () => {
    const { key } = authority('signer', undefined, { keys: strong, kind: 'rsa' }).certificate
    const signature = sign('sha256', signed, strong.privateKey)
    expect(isSignedWith({ signed, signature, algorithm: undefined }, key)).toBe(false)
  })
})
