import { sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { importJwk, type VerificationKey } from '../../../src/verify/jwk.ts'
import { type Jws, verifySignature } from '../../../src/verify/jws.ts'
import { buildClientKey } from '../../support/proofs.ts'

const client = await buildClientKey('ES256')
const { kty = '', crv = '', x = '', y = '' } = client.jwk
const key = usable(
  importJwk({
    members: { kty, crv, x, y },
    type: 'EC',
    kid: undefined,
    alg: undefined,
    hasPrivate: false,
    thumbprint: client.thumbprint,
  }),
)

function usable(imported: ReturnType<typeof importJwk>): VerificationKey {
  if (!imported.ok) throw new Error(imported.problem)
  return imported.value
}

const jwsOf = (signingInput: string, signature: Buffer): Jws => ({
  header: {},
  payload: {},
  algorithm: 'ES256',
  signingInput,
  signature,
})

/** A signature over some text, made by node:crypto in the form JWS wants, whose r and s satisfy the condition. */
function signedUntil(wanted: (r: Buffer, s: Buffer) => boolean): Jws {
  for (let attempt = 0; attempt < 100_000; attempt += 1) {
    const input = `attempt ${attempt}`
    const signature = sign('sha256', Buffer.from(input), { key: client.privateKey, dsaEncoding: 'ieee-p1363' })
    if (wanted(signature.subarray(0, 32), signature.subarray(32))) return jwsOf(input, signature)
  }
  throw new Error('no such signature was found')
}

const first = (number: Buffer): number => number[0] ?? 0

describe('JWT-05 ES256 signatures of RFC 7518 section 3.4, whatever numbers r and s are', () => {
  test.each<[string, (r: Buffer, s: Buffer) => boolean]>([
    ['both need a sign byte', (r, s) => first(r) >= 0x80 && first(s) >= 0x80],
    ['neither needs one', (r, s) => first(r) < 0x80 && first(s) < 0x80 && first(r) > 0 && first(s) > 0],
    ['r starts with a zero byte', (r) => first(r) === 0 && (r[1] ?? 0) < 0x80],
    ['s starts with a zero byte', (_, s) => first(s) === 0 && (s[1] ?? 0) < 0x80],
    ['r starts with a zero byte and needs a sign byte', (r) => first(r) === 0 && (r[1] ?? 0) >= 0x80],
  ])('%s', (_, wanted) => {
    const signed = signedUntil(wanted)
    expect(verifySignature(signed, key)).toBe(true)
    expect(verifySignature({ ...signed, signingInput: `${signed.signingInput}.` }, key)).toBe(false)
  })

  test.each([
    ['zero r and s', Buffer.alloc(64)],
    ['zero r', Buffer.concat([Buffer.alloc(32), Buffer.alloc(32, 1)])],
    ['zero s', Buffer.concat([Buffer.alloc(32, 1), Buffer.alloc(32)])],
    ['r and s above the order of the curve', Buffer.alloc(64, 0xff)],
    ['ones', Buffer.concat([Buffer.alloc(31), Buffer.of(1), Buffer.alloc(31), Buffer.of(1)])],
  ])('%s verify nothing', (_, signature) => {
    expect(verifySignature(jwsOf('text', signature), key)).toBe(false)
  })

  test('a zero byte more or less makes another spelling of the same numbers, and none is accepted', () => {
    const signed = signedUntil((_, s) => first(s) === 0)
    const [r, s] = [signed.signature.subarray(0, 32), signed.signature.subarray(32)]
    const shorter = Buffer.concat([r, s.subarray(1)])
    const longer = Buffer.concat([r, Buffer.of(0), s])
    expect(verifySignature(signed, key)).toBe(true)
    expect(verifySignature({ ...signed, signature: shorter }, key)).toBe(false)
    expect(verifySignature({ ...signed, signature: longer }, key)).toBe(false)
  })

  test('a DER signature is no JWS signature, not even one of 64 bytes', () => {
    const der = sign('sha256', Buffer.from('text'), client.privateKey)
    expect(verifySignature(jwsOf('text', der), key)).toBe(false)
    expect(verifySignature(jwsOf('text', der.subarray(0, 64)), key)).toBe(false)
  })
})
