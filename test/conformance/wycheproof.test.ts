import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { admitJwk, importJwk } from '../../src/verify/jwk.ts'
import { readJws, verifySignature } from '../../src/verify/jws.ts'
import { findKeys, readKeySet } from '../../src/verify/key-set.ts'
import { imported, jwsOf } from '../support/tokens.ts'

const vectors = (path: string): unknown =>
  JSON.parse(readFileSync(new URL(`../vectors/${path}`, import.meta.url), 'utf8'))

type Case = readonly [id: number, comment: string, message: string, signature: string, result: 'valid' | 'invalid']
interface Suite {
  readonly algorithm: string
  readonly groups: readonly { readonly jwk: object; readonly tests: readonly Case[] }[]
}

/** The cases our verifier answers otherwise than the suite says, and how many it looked at. */
function disagreements(name: string, expected: (result: Case[4]) => boolean) {
  const { algorithm, groups } = vectors(`wycheproof/${name}.json`) as Suite
  const found: string[] = []
  let count = 0
  for (const { jwk, tests } of groups) {
    const key = imported(jwk)
    for (const [id, comment, message, signature, result] of tests) {
      const input = Buffer.from(message, 'hex').toString('latin1')
      const holds = verifySignature(jwsOf(algorithm, input, Buffer.from(signature, 'hex')), key)
      if (holds !== expected(result)) found.push(`${id} ${comment}`)
      count += 1
    }
  }
  return { count, found }
}

describe('Wycheproof signatures with the primitives of this runtime', () => {
  const asLabelled = (result: Case[4]): boolean => result === 'valid'
  test('att-jose-03, JWT-26 ECDSA P-256, r and s', () =>
    expect(disagreements('es256-p1363', asLabelled)).toEqual({ count: 262, found: [] }))
  test('att-jose-03, att-jose-04, T-61 ECDSA P-256 in DER: never, not even the valid ones (RFC 7518 section 3.4)', () =>
    expect(disagreements('es256-der', () => false)).toEqual({ count: 484, found: [] }))
  test('att-jose-06, JWT-28 Ed25519', () =>
    expect(disagreements('ed25519', asLabelled)).toEqual({ count: 151, found: [] }))
  test('att-jose-05, JWT-27 RSA-PSS 2048, SHA-256, MGF1 with SHA-256, salt 32', () =>
    expect(disagreements('ps256', asLabelled)).toEqual({ count: 108, found: [] }))
})

type Compact = readonly [id: number, comment: string, jws: string, result: 'valid' | 'invalid']
type KeyCase = readonly [id: number, comment: string, difference: object, result: 'invalid']
const jose = vectors('wycheproof/jose.json') as {
  readonly jwk: Readonly<Record<string, string>>
  readonly jws: readonly Compact[]
  readonly keys: readonly KeyCase[]
}

/** Splits without reading the payload: that of these vectors is the text `foo`, which no JWT may be. */
function signatureHolds(compact: string, jwk: unknown): boolean {
  const [header = '', payload = '', signature = '', ...rest] = compact.split('.')
  if (rest.length > 0) return false
  const key = imported(jwk)
  const { alg } = JSON.parse(Buffer.from(header, 'base64url').toString() || '{}') as { readonly alg?: string }
  return verifySignature(jwsOf(String(alg), `${header}.${payload}`, Buffer.from(signature, 'base64url')), key)
}

describe('Wycheproof JSON Web Signature, group es256', () => {
  test.each(jose.jws)('JWT-16, JWT-18 %i %s: our reader takes no payload that is no JSON object', (_, __, compact) =>
    expect(readJws(compact, 8192).ok).toBe(false),
  )
  const whole = jose.jws.filter(([, , compact]) => /^[^.]+\.[^.]*\.[^.]+$/.test(compact) && compact.startsWith('eyJ'))
  test.each(whole)('JWT-02, JWT-05, JWT-15 %i %s: the signature alone is judged as the suite says', (...row) => {
    const [, , compact, result] = row
    expect(signatureHolds(compact, jose.jwk)).toBe(result === 'valid')
  })
  test('there is one that holds', () => expect(whole.filter(([, , , result]) => result === 'valid')).toHaveLength(1))
})

describe('Wycheproof JSON Web Key', () => {
  test.each(jose.keys)('JWK-06, JWK-09 %i %s %j is no key for ES256', (_, __, difference) => {
    const set = readKeySet({ keys: [{ ...jose.jwk, ...difference }] })
    expect(set.ok && findKeys(set.value, 'kid-ec-sign', 'ES256').kind).not.toBe('found')
  })
  test('the key they differ from is one', () => {
    const set = readKeySet({ keys: [jose.jwk] })
    expect(set.ok && findKeys(set.value, 'kid-ec-sign', 'ES256').kind).toBe('found')
  })
})

describe('RFC 7520 and RFC 8037, the cookbook', () => {
  const rows = vectors('jose-cookbook/jws.json') as readonly {
    readonly title: string
    readonly jwk: Readonly<Record<string, string>>
    readonly compact: string
  }[]
  const row = (title: string) => {
    const found = rows.find((each) => each.title === title)
    if (!found) throw new Error(title)
    return found
  }
  test.each(['RSA v1.5 Signature', 'Ed25519 signing'])('JWT-02 %s verifies', (title) => {
    const { jwk, compact } = row(title)
    expect(signatureHolds(compact, jwk)).toBe(true)
    expect(signatureHolds(compact.replace('.', '.A'), jwk)).toBe(false)
  })
  test('JWT-03, FAPI-CR-02 PS384 does not, although the key is fit for PS256', () => {
    const { jwk, compact } = row('RSA-PSS Signature')
    expect(imported(jwk).type).toBe('RSA')
    expect(signatureHolds(compact, jwk)).toBe(false)
  })
  test.each(['ECDSA Signature', 'HMAC-SHA2 Integrity Protection'])(
    'JWT-03, JWK-06 the key of %s is none for us',
    (title) => {
      const admitted = admitJwk(row(title).jwk, 'set')
      expect(admitted.ok && importJwk(admitted.value).ok).toBe(false)
    },
  )
})
