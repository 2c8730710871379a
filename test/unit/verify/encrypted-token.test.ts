import { createPrivateKey, type JsonWebKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  findCandidates,
  hasJweForm,
  MAX_ATTEMPTS,
  openToken,
  readSealedToken,
  type SealedToken,
} from '../../../src/verify/encrypted-token.ts'
import {
  curve,
  forgeSealed,
  montgomery,
  newSealingKey,
  recipient,
  rsa,
  seal,
  withSegment,
} from '../../support/encrypted.ts'

const TYPES = ['at+jwt']
const MAX_BYTES = 8192
const CONTENT = 'what is inside'

function sealed(token: string, maxBytes = MAX_BYTES): SealedToken {
  const reading = readSealedToken(token, TYPES, maxBytes)
  if (!reading.ok) throw new Error(reading.problem)
  return reading.value
}

function problemOf(token: string, maxBytes = MAX_BYTES): string {
  const reading = readSealedToken(token, TYPES, maxBytes)
  return reading.ok ? 'none' : reading.problem
}

const open = async (token: string, ...recipients: readonly ReturnType<typeof recipient>[]) => {
  const reading = sealed(token)
  return await openToken(reading, findCandidates(reading, recipients.length > 0 ? recipients : [recipient()]))
}

/** A good token encrypted for the curve, with another header. */
const agreed = async (change: (header: Record<string, unknown>) => object, key = curve): Promise<string> =>
  withSegment(await seal(CONTENT, { key }), 0, (segment) => {
    const header = JSON.parse(Buffer.from(segment, 'base64url').toString()) as Record<string, unknown>
    return Buffer.from(JSON.stringify({ ...header, ...change(header) })).toString('base64url')
  })

describe('INT-12 what claims to be an encrypted token', () => {
  test.each([
    ['five segments with a header', forgeSealed(CONTENT), true],
    ['a header that only lenient readers take', 'eyB9.a.b.c.d', true],
    ['three segments', 'e30.e30.AA', false],
    ['six segments', `${forgeSealed(CONTENT)}.`, false],
    ['five segments without a header', 'a.b.c.d.e', false],
    ['five empty segments', '....', false],
    ['a header that is a list', 'W10.a.b.c.d', false],
  ])('%s', (_, token, claims) => expect(hasJweForm(token)).toBe(claims))
})

describe('JWT-23 the form of an encrypted token', () => {
  test.each([rsa, curve, montgomery])('by jose for $ours.shape', async (key) =>
    expect(sealed(await seal(CONTENT, { key }))).toMatchObject({ shape: key.ours.shape, kid: key.ours.kid }),
  )
  test('as long as it may be, and no longer', () => {
    const token = forgeSealed(CONTENT)
    expect(problemOf(token, token.length)).toBe('none')
    expect(problemOf(token, token.length - 1)).toBe('it is too long')
  })
  test.each<[string, number, (segment: string) => string]>([
    ['a segment is not canonical base64url', 0, (one) => `${one}=`],
    ['a segment is not canonical base64url', 1, (one) => one.replace(/.$/, '+')],
    ['a segment is not canonical base64url', 3, (one) => `${one}!`],
    ['header: it is not JSON', 0, () => 'e30x'],
    ['a segment is of the wrong length', 2, () => ''],
    ['a segment is of the wrong length', 2, () => 'A'.repeat(22)],
    ['a segment is of the wrong length', 3, () => ''],
    ['a segment is of the wrong length', 4, () => 'A'.repeat(20)],
    ['a segment is of the wrong length', 4, () => 'A'.repeat(43).replace(/.$/, 'A')],
    ['the encrypted key is of the wrong length', 1, () => ''],
    ['the encrypted key is of the wrong length', 1, () => 'A'.repeat(340)],
    ['the encrypted key is of the wrong length', 1, () => 'A'.repeat(684)],
  ])('%s: segment %d', (problem, index, change) =>
    expect(problemOf(withSegment(forgeSealed(CONTENT), index, change))).toBe(problem),
  )
  test.each(['crit', 'zip', 'p2c', 'p2s', 'b64', 'jwk', 'jku', 'x5u'])('header: %s', (name) =>
    expect(problemOf(forgeSealed(CONTENT, { [name]: null }))).toBe(`header: ${name} is not accepted`),
  )
  test.each<[string, object]>([
    ['alg is not accepted for encryption', { alg: 'RSA1_5' }],
    ['alg is not accepted for encryption', { alg: undefined }],
    ['alg is not accepted for encryption', { alg: ['RSA-OAEP-256'] }],
    ['enc is not accepted', { enc: 'A192GCM' }],
    ['enc is not accepted', { enc: 'toString' }],
    ['cty does not say that a signed token is inside', { cty: undefined }],
    ['cty does not say that a signed token is inside', { cty: ['JWT'] }],
    ['cty does not say that a signed token is inside', { cty: 'dpop+jwt' }],
    ['kid is not a short string', { kid: null }],
    ['kid is not a short string', { kid: 'k'.repeat(257) }],
    ['epk is not a JSON object', { alg: 'ECDH-ES' }],
  ])('%s: %j', (problem, header) => {
    const token = forgeSealed(CONTENT, header)
    const direct = 'alg' in header && header.alg === 'ECDH-ES'
    expect(problemOf(direct ? withSegment(token, 1, () => '') : token)).toBe(problem)
  })
  test.each<[string, (epk: Record<string, unknown>) => unknown]>([
    ['none', (epk) => epk],
    ['epk is not a JSON object', () => undefined],
    ['epk is not a JSON object', () => 'epk'],
    ['epk holds a private key', (epk) => ({ ...epk, d: epk.x })],
    ['epk is neither on P-256 nor X25519', (epk) => ({ ...epk, crv: 'P-384' })],
    ['epk is neither on P-256 nor X25519', (epk) => ({ ...epk, kty: 'OKP' })],
    ['epk is neither on P-256 nor X25519', (epk) => ({ ...epk, y: undefined })],
    ['epk is neither on P-256 nor X25519', (epk) => ({ ...epk, x: `${String(epk.x)}A` })],
    ['epk is neither on P-256 nor X25519', (epk) => ({ ...epk, crv: 'Ed25519', kty: 'OKP' })],
  ])('an ephemeral key: %s', async (problem, change) =>
    expect(problemOf(await agreed(({ epk }) => ({ epk: change(epk as Record<string, unknown>) })))).toBe(problem),
  )
  test.each([
    ['none', 'QWxpY2U'],
    ['apu or apv is not short base64url', 'QWxpY2U='],
    ['apu or apv is not short base64url', 'A'.repeat(260)],
    ['apu or apv is not short base64url', 7],
  ])('what is mixed into the agreement: %s, %j', async (problem, value) => {
    expect(problemOf(await agreed(() => ({ apu: value })))).toBe(problem)
    expect(problemOf(await agreed(() => ({ apv: value })))).toBe(problem)
  })
  test.each([
    ['ECDH-ES', 24],
    ['ECDH-ES+A128KW', 0],
    ['ECDH-ES+A128KW', 32],
    ['ECDH-ES+A256KW', 48],
  ])('%s with an encrypted key of %d bytes', async (alg, length) => {
    const token = await seal(CONTENT, { key: curve, header: { alg } })
    expect(problemOf(token)).toBe('none')
    const wrong = withSegment(token, 1, () => Buffer.alloc(length).toString('base64url'))
    expect(problemOf(wrong)).toBe('the encrypted key is of the wrong length')
  })
})

describe('JWT-23 which keys are tried', () => {
  const names = (token: string, ...recipients: readonly ReturnType<typeof recipient>[]) =>
    findCandidates(sealed(token), recipients).map(({ recipient: { issuer }, key: { kid } }) => [issuer, kid])
  const A = 'https://as.example.com'
  const B = 'https://b.example.com'
  const second = newSealingKey('RSA', 'rsa-2').ours
  const nameless = { ...second, kid: undefined }

  test('the one that is named', () => {
    expect(names(forgeSealed(CONTENT), recipient({ keys: [second, rsa.ours] }))).toEqual([[A, 'rsa-1']])
    expect(names(forgeSealed(CONTENT, { kid: 'gone' }), recipient())).toEqual([])
  })
  test('one without a name may be meant by any', () =>
    expect(names(forgeSealed(CONTENT, { kid: 'gone' }), recipient({ keys: [nameless, rsa.ours] }))).toEqual([
      [A, undefined],
    ]))
  test('all that fit when none is named, in their order', () =>
    expect(
      names(forgeSealed(CONTENT, { kid: undefined }), recipient({ keys: [second, curve.ours, rsa.ours] })),
    ).toEqual([
      [A, 'rsa-2'],
      [A, 'rsa-1'],
    ]))
  test('those of the issuer that is named', () => {
    const both = [recipient(), recipient({ issuer: B })]
    expect(names(forgeSealed(CONTENT, { iss: B }), ...both)).toEqual([[B, 'rsa-1']])
    expect(names(forgeSealed(CONTENT), ...both)).toEqual([
      [A, 'rsa-1'],
      [B, 'rsa-1'],
    ])
    expect(names(forgeSealed(CONTENT, { iss: [B] }), ...both)).toEqual([])
  })
  test('an RSA key of another length is not tried', () =>
    expect(names(forgeSealed(CONTENT), recipient({ keys: [{ ...rsa.ours, modulus: 384 }] }))).toEqual([]))
  test('att-jose-11 never more than so many', () => {
    const many = Array.from({ length: MAX_ATTEMPTS + 1 }, () => nameless)
    expect(names(forgeSealed(CONTENT), recipient({ keys: many }))).toHaveLength(MAX_ATTEMPTS)
  })
})

interface Example {
  readonly title: string
  readonly jwk: JsonWebKey & { readonly crv: 'P-256' | 'X25519'; readonly kid: string }
  readonly enc: SealedToken['encoding']
  readonly plaintext: string
  readonly compact: string
}
const examples = JSON.parse(
  readFileSync(new URL('../../vectors/jose-cookbook/jwe.json', import.meta.url), 'utf8'),
) as readonly Example[]

describe('JWT-23 the examples of RFC 7520 section 5.5 and of the cookbook for Curve25519', () => {
  test('there are two', () => expect(examples).toHaveLength(2))
  test.each(examples)('$title', async ({ jwk, enc, plaintext, compact }) => {
    // They say nothing of a token inside, so their form alone would keep them from being opened.
    expect(problemOf(compact)).toBe('cty does not say that a signed token is inside')
    const key = { key: createPrivateKey({ key: jwk, format: 'jwk' }), kid: jwk.kid, modulus: undefined }
    const token = { compact, header: {}, algorithm: 'ECDH-ES', encoding: enc, kid: jwk.kid, wrapped: 0 } as const
    const candidates = findCandidates({ ...token, shape: jwk.crv }, [
      recipient({ keys: [newSealingKey(jwk.crv).ours, { ...key, shape: jwk.crv }] }),
    ])
    const opened = await openToken({ ...token, shape: jwk.crv }, candidates)
    expect(opened.ok && Buffer.from(opened.value.compact, 'latin1').toString()).toBe(plaintext)
  })
})

describe('JWT-23 opening', () => {
  test.each([rsa, curve, montgomery])('gives what is inside, and whose it is: $ours.shape', async (key) =>
    expect(await open(await seal(CONTENT, { key }))).toEqual({
      ok: true,
      value: { compact: CONTENT, issuer: 'https://as.example.com' },
    }),
  )
  test('by the second key when the first is not the one', async () => {
    const keys = [newSealingKey('RSA').ours, rsa.ours]
    const token = forgeSealed(CONTENT, { kid: undefined })
    expect(await open(token, recipient({ keys }))).toMatchObject({ ok: true })
    expect(await open(token, recipient({ keys: keys.slice(0, 1) }))).toMatchObject({ ok: false })
  })
  test('without a key that fits', async () =>
    expect(await openToken(sealed(forgeSealed(CONTENT)), [])).toEqual({
      ok: false,
      problem: 'it cannot be decrypted',
    }))
  test.each<[string, (epk: Record<string, unknown>) => object]>([
    ['a point off the curve', (epk) => ({ ...epk, y: epk.x })],
    ['the point at the beginning', (epk) => ({ ...epk, x: 'A'.repeat(43), y: 'A'.repeat(43) })],
  ])('%s opens nothing', async (_, change) => {
    const token = await agreed(({ epk }) => ({ epk: change(epk as Record<string, unknown>) }))
    expect(await open(token)).toEqual({ ok: false, problem: 'it cannot be decrypted' })
  })
  test.each([0, 1, 224].map((first) => Buffer.from([first, ...new Array<number>(31).fill(0)]).toString('base64url')))(
    'X25519 point of low order %s opens nothing',
    async (x) => {
      const token = await agreed(({ epk }) => ({ epk: { ...(epk as object), x } }), montgomery)
      expect(await open(token)).toEqual({ ok: false, problem: 'it cannot be decrypted' })
    },
  )
  test.each([0, 1, 2, 3, 4])('whatever changes in segment %d opens nothing', async (index) => {
    for (const key of [rsa, curve]) {
      const token = await seal(CONTENT, { key, header: { alg: key === curve ? 'ECDH-ES+A256KW' : 'RSA-OAEP-256' } })
      const changed = withSegment(token, index, (segment) => {
        const bytes = Buffer.from(segment, 'base64url')
        if (index === 0) return Buffer.from(bytes.toString().replace('"JWT"', '"jwt"')).toString('base64url')
        bytes[0] = (bytes[0] ?? 0) ^ 1
        return bytes.toString('base64url')
      })
      expect(changed).not.toBe(token)
      expect(await open(changed)).toEqual({ ok: false, problem: 'it cannot be decrypted' })
    }
  })
  test('att-jose-11 what is compressed is not unpacked, even if a reader let it pass', async () => {
    const token = await seal(CONTENT.repeat(1000), { header: { zip: 'DEF' } })
    const reading = { ...sealed(await seal(CONTENT)), compact: token }
    expect(await openToken(reading, findCandidates(reading, [recipient()]))).toMatchObject({ ok: false })
  })
})
