import { describe, expect, test } from 'vitest'
import { verdict } from '../support/answers.ts'
import { certificate, freshReplays } from '../support/possession.ts'
import { buildClientKey, forgeText, PROOF_TIME } from '../support/proofs.ts'
import { received } from '../support/recordings.ts'
import { buildReplays } from '../support/replays.ts'
import { forms } from '../support/requests.ts'
import {
  boundTo,
  buildTestCheck,
  clientKey,
  document,
  goodRequest,
  mintToken,
  type Order,
  otherKey,
  proofFor,
  tokenParts,
} from '../support/spine.ts'

const ps256 = await buildClientKey('PS256')

/** One service and what it makes of requests; each is on a stream of its own. */
function serve(replays = freshReplays(), changed: object = document) {
  const { ask, clock, records } = buildTestCheck({ replays, document: changed })
  let streams = 0
  const asked = async (order: Order): Promise<string> =>
    verdict(await ask(received(goodRequest({ id: `${++streams}`, ...order }))))
  const lastCheck = (): string | undefined => records.at(-1)?.trace.entries.at(-1)?.check
  return { asked, lastCheck, clock, replays }
}

describe.each(forms)('att-dpop-01 no proof is not nothing to check, headers %s', (form) => {
  const token = mintToken()
  const dual = mintToken({ claims: { cnf: boundTo.both } })
  test.each(['/accounts', '/accounts/42', '/dpop', '/strict-id'])('on %s', async (path) => {
    const { asked, replays } = serve()
    const good = proofFor(token, { claims: { htu: `https://api.example.com${path}` } })
    for (const proof of [good, 'x', null])
      expect(await asked({ token, path, form, proof, scheme: 'Bearer' })).toBe('bound_token_as_bearer')
    expect(await asked({ token, path, form, proof: 'x' })).toBe('proof_malformed')
    expect(await asked({ token, path, form, proof: null })).toBe('proof_missing')
    expect(await asked({ token, path, form, certificate, proof: null })).toBe('proof_missing')
    expect(await asked({ token: dual, path, form, certificate, proof: null })).toBe('proof_missing')
    expect(await asked({ token: dual, path, form })).toBe('certificate_missing')
    expect(replays.size).toBe(0)
  })
})

describe('att-dpop-02 a store that is full', () => {
  test('of capacity and one proofs the first is still refused', async () => {
    const { claim, store } = buildReplays({ capacity: 300 })
    const { asked } = serve(store())
    const token = mintToken()
    const first = { token, proof: proofFor(token) }
    expect(await asked(first)).toBe('allow')
    for (let index = 1; index < 300; index++) claim({ digest: `${index}`, thumbprint: `${index % 7}` })
    expect(await asked({ token })).toBe('replay_full')
    expect(await asked(first)).toBe('proof_replayed')
  })
})

describe('att-dpop-03, T-17 self-signed proofs of anyone', () => {
  test('fill nothing, whatever is wrong with the token', async () => {
    const { asked, replays } = serve()
    const parts = tokenParts()
    const stranger = forgeText(otherKey, JSON.stringify(parts.header), JSON.stringify(parts.claims))
    const expired = mintToken({ claims: { iat: PROOF_TIME - 600, exp: PROOF_TIME - 300 } })
    const foreign = mintToken({ claims: { aud: 'https://other.example' } })
    const victim = mintToken()
    for (const [token, reason] of [
      [stranger, 'token_signature_invalid'],
      [expired, 'token_expired'],
      [foreign, 'token_audience_mismatch'],
      [victim, 'proof_key_mismatch'],
      ['x.y.z', 'token_malformed'],
    ] as const)
      for (let count = 0; count < 100; count++)
        expect(await asked({ token, proof: proofFor(token, {}, otherKey) })).toBe(reason)
    expect(replays.size).toBe(0)
    expect(await asked({ token: victim })).toBe('allow')
    expect(replays.size).toBe(1)
  })
})

describe('att-dpop-04, T-21 one jti', () => {
  test('of two keys passes for both', async () => {
    const { asked } = serve()
    for (const key of [clientKey, otherKey, ps256]) {
      const token = mintToken({ claims: { cnf: { jkt: key.thumbprint } } })
      const order = { token, proof: proofFor(token, { claims: { jti: '1' } }, key) }
      expect(await asked(order)).toBe('allow')
      expect(await asked(order)).toBe('proof_replayed')
    }
  })
})

describe('att-dpop-08, DPOP-10 keys that cost', () => {
  const odd = (bytes: number): string => Buffer.alloc(bytes, 0xff).toString('base64url')
  const even = Buffer.from(odd(256), 'base64url').fill(0xfe, 255).toString('base64url')
  const wide = {
    ...document,
    routes: [{ name: 'accounts', path: '/accounts', senderConstraint: { dpop: { maxHeaderBytes: 16_384 } } }],
  }
  test.each([
    ['an exponent of 3000 bits', { e: odd(375) }],
    ['a modulus of 16384 bits', { n: odd(2048) }],
    ['a modulus of 4104 bits', { n: odd(513) }],
    ['a modulus of 1024 bits', { n: odd(128) }],
    ['an even modulus', { n: even }],
    ['e = 1', { e: 'AQ' }],
    ['e = 3', { e: 'Aw' }],
    ['e = 65537 with a leading zero', { e: 'AAEAAQ' }],
    ['no modulus', { n: '' }],
  ])('%s is refused before anything is imported or verified', async (_, difference) => {
    const { asked, lastCheck, replays } = serve(freshReplays(), wide)
    const token = mintToken({ claims: { cnf: { jkt: ps256.thumbprint } } })
    const proof = proofFor(token, { header: { jwk: { ...ps256.jwk, ...difference } } }, ps256)
    expect(await asked({ token, proof })).toBe('proof_key_refused')
    expect(lastCheck()).toBe('proof jwk')
    expect(replays.size).toBe(0)
  })
  test('a key of 2048 bits and 65537 is taken', async () => {
    const token = mintToken({ claims: { cnf: { jkt: ps256.thumbprint } } })
    expect(await serve().asked({ token, proof: proofFor(token, {}, ps256) })).toBe('allow')
  })
})

describe('att-dpop-09, DPOP-09, DPOP-11 points that are none', () => {
  const zero = Buffer.alloc(32).toString('base64url')
  const { jwk } = clientKey
  test.each([
    ['x and y exchanged', { x: jwk.y, y: jwk.x }],
    ['infinity', { x: zero, y: zero }],
    [
      'y off by one',
      {
        y: Buffer.from(Buffer.from(jwk.y ?? '', 'base64url').map((byte, at) => (at === 31 ? byte ^ 1 : byte))).toString(
          'base64url',
        ),
      },
    ],
    ['a coordinate as large as the field', { x: Buffer.alloc(32, 0xff).toString('base64url') }],
    [
      'a short coordinate',
      {
        x: Buffer.from(jwk.x ?? '', 'base64url')
          .subarray(1)
          .toString('base64url'),
      },
    ],
    ['a long one', { x: `AA${jwk.x}` }],
    ['P-384 by name', { crv: 'P-384' }],
    ['secp256k1 by name', { crv: 'secp256k1' }],
    ['Ed25519 by name', { crv: 'Ed25519' }],
    ['another type', { kty: 'OKP' }],
    ['the private key', { d: clientKey.privateJwk.d }],
    ['an empty private key', { d: '' }],
  ])('%s', async (_, difference) => {
    const { asked, replays } = serve()
    const token = mintToken()
    const proof = proofFor(token, { header: { jwk: { ...jwk, ...difference } } })
    expect(await asked({ token, proof })).toBe('proof_key_refused')
    expect(replays.size).toBe(0)
  })
})
