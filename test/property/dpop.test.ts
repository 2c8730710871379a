import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isVerifiedProof, verifyDpopProof } from '../../src/verify/dpop-proof.ts'
import { unescaped } from '../support/json-values.ts'
import {
  athOf,
  buildClientKey,
  forgeProof,
  forgeText,
  keyMemory,
  PROOF_TIME,
  proofInput,
  TARGET,
  TOKEN,
} from '../support/proofs.ts'

const [es256, ed25519] = await Promise.all([buildClientKey('ES256'), buildClientKey('EdDSA')])
const keys = keyMemory()
const verify = (lines: string | readonly string[]) => verifyDpopProof(proofInput(lines, { keys }))

test('DPOP-01, DPOP-04 anything at all in the field never throws and is no proof', () => {
  const part = fc.oneof(
    fc.base64String(),
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
    fc.string(),
  )
  const line = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.tuple(part, part, part).map((parts) => parts.join('.')),
  )
  fc.assert(
    fc.property(fc.array(line, { maxLength: 3 }), (lines) => {
      expect(verify(lines).ok).toBe(false)
    }),
    { numRuns: 2000 },
  )
})

test('DPOP-04, DPOP-15, V-09 a proof with any character changed, added or removed is no proof', () => {
  const proofs = [forgeProof(es256), forgeProof(ed25519)]
  const alphabet = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=.+/ ,\n\0\u0141']
  fc.assert(
    fc.property(
      fc.constantFrom(...proofs),
      fc.nat(2000),
      fc.nat(2),
      fc.constantFrom('', ...alphabet),
      (proof, position, removed, inserted) => {
        const at = position % proof.length
        const changed = proof.slice(0, at) + inserted + proof.slice(at + removed)
        expect(verify(changed).ok).toBe(changed === proof)
      },
    ),
    { numRuns: 5000 },
  )
})

/** What a claim has to be; everything else is refused. */
const right = {
  jti: (value: unknown) => typeof value === 'string' && value.length > 0 && value.length <= 256,
  htm: (value: unknown) => value === 'GET',
  ath: (value: unknown) => value === athOf(TOKEN),
  iat: (value: unknown) =>
    typeof value === 'number' && Math.floor(value) >= PROOF_TIME - 60 && Math.floor(value) <= PROOF_TIME + 10,
  exp: (value: unknown) => typeof value === 'number' && value > PROOF_TIME && value <= 2 ** 40,
  nbf: (value: unknown) => typeof value === 'number' && value >= 0 && value <= PROOF_TIME + 10,
  other: () => true,
} as const

test('DPOP-18, DPOP-20, DPOP-25 … DPOP-29, DPOP-33 a claim of any value passes only when it is right', () => {
  const value = fc.oneof(
    unescaped(fc.jsonValue()),
    fc.constantFrom('GET', 'get', athOf(TOKEN), PROOF_TIME, `${PROOF_TIME}`, PROOF_TIME * 1000),
    fc.integer({ min: PROOF_TIME - 100, max: PROOF_TIME + 100 }),
    fc.double({ min: PROOF_TIME - 62, max: PROOF_TIME + 12, noNaN: true }),
    fc.string({ minLength: 1, maxLength: 300, size: 'max' }),
  )
  const names = Object.keys(right) as (keyof typeof right)[]
  fc.assert(
    fc.property(fc.constantFrom(...names), value, (name, given) => {
      // As it arrives: JSON has no negative zero and no lone surrogates that survive UTF-8.
      const arrived: unknown = JSON.parse(Buffer.from(JSON.stringify(given)).toString())
      const result = verify(forgeProof(ed25519, { claims: { [name]: given } }))
      const tooLarge = JSON.stringify(given).length > 1000
      if (!tooLarge) expect([name, given, result.ok]).toEqual([name, given, right[name](arrived)])
      if (result.ok) expect(isVerifiedProof(result.value)).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

test('DPOP-05 … DPOP-09 a header member of any value passes only when it is right', () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>(
      'dpop+jwt',
      'JWT',
      'ES256',
      'EdDSA',
      'Ed25519',
      'none',
      es256.jwk,
      ed25519.jwk,
      es256.privateJwk,
    ),
  )
  fc.assert(
    fc.property(fc.constantFrom('typ', 'alg', 'jwk'), value, (name, given) => {
      const fitting = {
        typ: given === 'dpop+jwt',
        alg: given === 'EdDSA' || given === 'Ed25519',
        jwk: given === ed25519.jwk,
      }
      const result = verify(forgeProof(ed25519, { header: { [name]: given } }))
      expect([name, given, result.ok]).toEqual([name, given, fitting[name as keyof typeof fitting]])
    }),
    { numRuns: 2000 },
  )
})

test('DPOP-23, DPOP-24 every equivalent spelling of the URI passes, and the proof is for the one canonical URI', () => {
  const spelled = [...'https://api.example.com/accounts'].map((character, index) => {
    if (index < 23) return fc.constantFrom(character, character.toUpperCase())
    if (character === '/') return fc.constant(character)
    const hex = character.charCodeAt(0).toString(16)
    return fc.constantFrom(character, `%${hex}`, `%${hex.toUpperCase()}`)
  })
  const rest = fc.stringMatching(/^(?:\?[a-z0-9=&/?%2F]{0,20})?(?:#[a-z0-9/?]{0,20})?$/)
  const port = fc.constantFrom('', ':443', ':')
  fc.assert(
    fc.property(fc.tuple(...spelled), port, rest, (characters, chosen, tail) => {
      const text = characters.join('')
      const htu = `${text.slice(0, 23)}${chosen}${text.slice(23)}${tail.replaceAll('%', '%25')}`
      const result = verify(forgeProof(ed25519, { claims: { htu } }))
      expect(result).toMatchObject({ ok: true, value: { target: TARGET } })
    }),
    { numRuns: 1000 },
  )
})

test('DPOP-17 a payload of any JSON that is not these claims is no proof', () => {
  const header = JSON.stringify({ typ: 'dpop+jwt', alg: 'EdDSA', jwk: ed25519.jwk })
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string({ unit: 'binary' })), (payload) => {
      expect(verify(forgeText(ed25519, header, payload)).ok).toBe(false)
    }),
    { numRuns: 1000 },
  )
})
