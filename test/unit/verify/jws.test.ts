import { sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { fits, readJws, verifySignature } from '../../../src/verify/jws.ts'
import { buildClientKey } from '../../support/proofs.ts'
import { base64url, forgeBytes, imported, jwsOf, pss, signatureOf, signers } from '../../support/tokens.ts'

const INPUT = 'eyJhbGciOiJFUzI1NiJ9.e30'
const keys = {
  ES256: imported(signers.ES256.jwk),
  PS256: imported(signers.PS256.jwk),
  EdDSA: imported(signers.EdDSA.jwk),
  Ed25519: imported(signers.Ed25519.jwk),
}
const algorithms = ['ES256', 'PS256', 'EdDSA', 'Ed25519'] as const
const holds = (algorithm: string, signature: Uint8Array, key = keys.ES256, input = INPUT): boolean =>
  verifySignature(jwsOf(algorithm, input, signature), key)

describe('RFC 7515 appendix A.3 (V-13)', () => {
  const vector = JSON.parse(
    readFileSync(new URL('../../vectors/rfc7515-es256.json', import.meta.url), 'utf8'),
  ) as Readonly<Record<'signingInput' | 'signature', string>> & { readonly jwk: object }
  const key = imported(vector.jwk)
  test('V-13 it is read, and its signature verifies', () => {
    const jws = readJws(`${vector.signingInput}.${vector.signature}`, 8192)
    expect(jws).toMatchObject({
      ok: true,
      value: { algorithm: 'ES256', signingInput: vector.signingInput, payload: { iss: 'joe', exp: 1300819380 } },
    })
    expect(jws.ok && verifySignature(jws.value, key)).toBe(true)
  })
  test('V-13 with one character of the payload changed it does not', () => {
    const jws = readJws(`${vector.signingInput.replace(/fQ$/, 'fSA')}.${vector.signature}`, 8192)
    expect(jws.ok && !verifySignature(jws.value, key)).toBe(true)
  })
})

describe('JWT-16, JWT-17 what is a compact JWS', () => {
  const good = forgeBytes('{"alg":"ES256"}', '{}')
  const [header = '', payload = '', signature = ''] = good.split('.')
  const problem = (compact: string, maxBytes = 8192): string => {
    const reading = readJws(compact, maxBytes)
    return reading.ok ? 'none' : reading.problem
  }
  test('three segments', () => expect(problem(good)).toBe('none'))
  test.each([
    '',
    '.',
    '..',
    '...',
    header,
    `${header}.${payload}`,
    `${header}.${payload}.`,
    `${header}..${signature}`,
    `.${payload}.${signature}`,
    `${good}.`,
    `${good}.${signature}`,
    `${good}.${signature}.${signature}`,
    `.${good}`,
  ])('"%s" has not', (compact) => expect(problem(compact)).toBe('it does not have three segments'))
  test.each([
    `${good}=`,
    `${good} `,
    ` ${good}`,
    `${good}\n`,
    `${header}=.${payload}.${signature}`,
    `${header}.${payload}=.${signature}`,
    `${header}.${payload}.${signature.slice(0, -1)}+`,
    `${header}.${payload}.*`,
  ])('"%s" is not canonical base64url', (compact) => expect(problem(compact)).toMatch(/not canonical base64url$/))
  test('the limit counts the whole text', () => {
    expect([problem(good, good.length), problem(good, good.length - 1)]).toEqual(['none', 'it is too long'])
  })
  test.each(['"text"', '[]', 'null', '1', '{"a":1,"a":2}', 'foo'])('a payload %s is no JWT', (text) =>
    expect(problem(forgeBytes('{"alg":"ES256"}', text))).toMatch(/^payload: /),
  )
  test.each(['"ES256"', '["ES256"]', 'null', '{"alg":"ES256","alg":"none"}', '{"alg":"ES256","\\u0061lg":"none"}'])(
    'a header %s is none',
    (text) => expect(problem(forgeBytes(text, '{}'))).toMatch(/^header: /),
  )
  test.each(['{}', '{"alg":null}', '{"alg":256}', '{"alg":["ES256"]}', '{"__proto__":{"alg":"ES256"}}'])(
    'JWT-04 %s names no algorithm',
    (text) => expect(problem(forgeBytes(text, '{}'))).toBe('alg is not a string'),
  )
  test.each([
    '"crit":[]',
    '"crit":["exp"]',
    '"crit":["alg"]',
    '"crit":["b64"],"b64":true',
    '"crit":["x"],"x":1',
    '"crit":"b64"',
    '"crit":null',
    '"crit":{}',
    '"crit":false',
  ])('JWT-13 %s is refused', (member) =>
    expect(problem(forgeBytes(`{"alg":"ES256",${member}}`, '{}'))).toMatch(/^crit /),
  )
  test.each(['false', 'true', 'null', '"false"', '0'])('JWT-14 b64: %s is refused', (value) =>
    expect(problem(forgeBytes(`{"alg":"ES256","b64":${value}}`, '{}'))).toMatch(/^b64 /),
  )
  test('what was signed is what stands before the last point', () => {
    const reading = readJws(good, 8192)
    expect(reading).toMatchObject({ ok: true, value: { signingInput: `${header}.${payload}` } })
  })
})

describe('JWT-05, JWT-28, JWK-09 which key serves which algorithm', () => {
  const names = ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519', 'none', 'HS256', 'ES384', 'Ed448', 'es256', '']
  test.each([
    ['EC', ['ES256']],
    ['RSA', ['PS256', 'RS256']],
    ['OKP', ['EdDSA', 'Ed25519']],
  ] as const)('%s: %j and no other', (type, served) =>
    expect(names.filter((name) => fits(name, { type, alg: undefined }))).toEqual(served),
  )
  test('a key that names an algorithm serves that one, by either name of Ed25519', () => {
    expect(names.filter((name) => fits(name, { type: 'RSA', alg: 'PS256' }))).toEqual(['PS256'])
    expect(names.filter((name) => fits(name, { type: 'OKP', alg: 'Ed25519' }))).toEqual(['EdDSA', 'Ed25519'])
    expect(names.filter((name) => fits(name, { type: 'OKP', alg: 'EdDSA' }))).toEqual(['EdDSA', 'Ed25519'])
    expect(names.filter((name) => fits(name, { type: 'EC', alg: 'ES384' }))).toEqual([])
  })
  test('a signature that would hold does not under another name', () => {
    const signature = signatureOf(signers.PS256, INPUT)
    expect(holds('PS256', signature, keys.PS256)).toBe(true)
    for (const name of ['RS256', 'ES256', 'PS384', 'none', '', 'ps256'])
      expect(holds(name, signature, keys.PS256), name).toBe(false)
    expect(holds('PS256', signature, { ...keys.PS256, alg: 'RS256' })).toBe(false)
  })
})

describe.each(algorithms)('%s', (algorithm) => {
  const signature = signatureOf(signers[algorithm], INPUT)
  const key = keys[algorithm]
  test('JWT-02 a signature by the key holds', () => expect(holds(algorithm, signature, key)).toBe(true))
  test('JWT-02 a signature over anything else does not', () =>
    expect(holds(algorithm, signature, key, `${INPUT}x`)).toBe(false))
  test('JWT-02 a signature by another key does not', async () => {
    const other = await buildClientKey(algorithm)
    expect(holds(algorithm, signatureOf(other, INPUT), key)).toBe(false)
  })
  test('no bit of it may differ', () => {
    for (let at = 0; at < signature.length; at += 1) {
      const bent = Buffer.from(signature)
      bent[at] = (bent[at] ?? 0) ^ (1 << (at % 8))
      expect(holds(algorithm, bent, key), `byte ${at}`).toBe(false)
    }
  })
  test('att-jose-04 every other length is refused, of zeros and of the signature cut or stretched', () => {
    for (let length = 0; length <= 300; length += 1) {
      expect(holds(algorithm, Buffer.alloc(length), key), `${length} zeros`).toBe(false)
      if (length === signature.length) continue
      const stretched = Buffer.concat([signature, Buffer.alloc(300)]).subarray(0, length)
      const padded = Buffer.concat([Buffer.alloc(300), signature]).subarray(-length || 601)
      expect([holds(algorithm, stretched, key), holds(algorithm, padded, key)], `${length}`).toEqual([false, false])
    }
  })
})

describe('JWT-26, att-jose-04 ES256', () => {
  test('T-61 the same signature in DER is refused', () => {
    const der = sign('sha256', Buffer.from(INPUT), signers.ES256.privateKey)
    expect(holds('ES256', der)).toBe(false)
  })
  const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
  const [zero, one, most] = [Buffer.alloc(32), Buffer.alloc(32, 0).fill(1, 31), Buffer.alloc(32, 255)]
  const above = Buffer.from(order).fill(0x52, 31)
  test.each([
    ['0', zero],
    ['n', order],
    ['n + 1', above],
    ['2^256 - 1', most],
  ])('att-jose-03 r or s of %s', (_, number) => {
    for (const other of [zero, one, order, most, signatureOf(signers.ES256, INPUT).subarray(0, 32)])
      for (const pair of [
        [number, other],
        [other, number],
      ])
        expect(holds('ES256', Buffer.concat(pair))).toBe(false)
  })
})

describe('JWT-27, att-jose-05 PS256', () => {
  const signed = (saltLength: number, hash = 'sha256') =>
    sign(hash, Buffer.from(INPUT), { key: signers.PS256.privateKey, ...pss(saltLength) })
  test('a salt of 32 bytes', () => expect(holds('PS256', signed(32), keys.PS256)).toBe(true))
  test.each([0, 1, 20, 31, 33, 64, 222])('a salt of %i bytes is refused', (length) =>
    expect(holds('PS256', signed(length), keys.PS256)).toBe(false),
  )
  test.each(['sha1', 'sha384', 'sha512'])('%s is refused', (hash) =>
    expect(holds('PS256', signed(32, hash), keys.PS256)).toBe(false),
  )
  test('PKCS #1 v1.5 by another name is refused, and the other way round', () => {
    const old = sign('sha256', Buffer.from(INPUT), signers.PS256.privateKey)
    expect([holds('PS256', old, keys.PS256), holds('RS256', old, keys.PS256)]).toEqual([false, true])
    expect(holds('RS256', signed(32), keys.PS256)).toBe(false)
  })
  test('att-jose-13 the zero byte in front cannot be left out (RFC 8017 section 8.1.2, step 1)', () => {
    let input = INPUT
    let signature = signatureOf(signers.PS256, input)
    for (let turn = 0; signature[0] !== 0; turn += 1) {
      input = `${INPUT}${turn}`
      signature = signatureOf(signers.PS256, input)
    }
    expect(holds('PS256', signature, keys.PS256, input)).toBe(true)
    expect(holds('PS256', signature.subarray(1), keys.PS256, input)).toBe(false)
  })
})

test('what looks like a signature in text is one of bytes', () => {
  const compact = forgeBytes('{"alg":"ES256"}', '{}', (input) =>
    Buffer.from(base64url(signatureOf(signers.ES256, input))),
  )
  const jws = readJws(compact, 8192)
  expect(jws.ok && !verifySignature(jws.value, keys.ES256)).toBe(true)
})
