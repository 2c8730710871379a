import { deflateRawSync } from 'node:zlib'
import { CompactEncrypt, EncryptJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { verdict } from '../support/answers.ts'
import {
  curve,
  forgeSealed,
  montgomery,
  newSealingKey,
  recipient,
  rsa,
  seal,
  sealingDocument,
  withSegment,
} from '../support/encrypted.ts'
import { askingDocument, oracle } from '../support/introspected.ts'
import { activeAnswer } from '../support/introspection.ts'
import {
  buildTestCheck,
  clientKey,
  document,
  goodRequest,
  ISSUER,
  mintToken,
  ORIGIN,
  type Order,
  proofFor,
  type SpineOptions,
  tokenParts,
} from '../support/spine.ts'

/** How a whole Check ends for that token and a good proof for it. */
async function asked(token: string, options: SpineOptions = {}, order: Order = {}): Promise<string> {
  const { ask } = buildTestCheck({ document: sealingDocument, recipient: recipient(), ...options })
  return verdict(await ask(goodRequest({ token, ...order })))
}

const MALFORMED = 'token_malformed'
const combinations = ['A256GCM', 'A128GCM', 'A128CBC-HS256', 'A256CBC-HS512'].flatMap((enc) => [
  ['RSA-OAEP-256', enc, rsa] as const,
  ...['ECDH-ES', 'ECDH-ES+A128KW', 'ECDH-ES+A256KW'].flatMap((alg) => [
    [alg, enc, curve] as const,
    [alg, enc, montgomery] as const,
  ]),
])

describe('JWT-23 an encrypted access token', () => {
  test.each(combinations)('%s with %s passes', async (alg, enc, key) => {
    expect(await asked(await seal(mintToken(), { key, header: { alg, enc } }))).toBe('allow')
  })
  test.each<[string, object]>([
    ['without kid', { kid: undefined }],
    ['whose cty is the type of the token inside', { cty: 'at+jwt' }],
    ['whose cty is spelled otherwise', { cty: 'application/jwt' }],
    ['whose header says whose it is', { iss: ISSUER, sub: 'user-1', aud: ORIGIN }],
    ['with a typ', { typ: 'at+jwt' }],
  ])('%s passes', async (_, header) => expect(await asked(await seal(mintToken(), { header }))).toBe('allow'))
  test('ath of the proof is over the token as it was sent', async () => {
    const inner = mintToken()
    const token = await seal(inner)
    expect(await asked(token, {}, { proof: proofFor(inner) })).toBe('proof_token_mismatch')
    expect(await asked(token, {}, { proof: proofFor(token) })).toBe('allow')
  })
})

describe('JWT-23 where it is not expected', () => {
  test('a server without encryption: refused, opened or not', async () => {
    const token = await seal(mintToken())
    expect(await asked(token, { document })).toBe(MALFORMED)
    expect(await asked(mintToken(), { document })).toBe('allow')
  })
  test('a token that is not encrypted is refused where encryption is required', async () => {
    expect(await asked(mintToken())).toBe('token_type_refused')
    expect(await asked(mintToken(), { recipient: recipient({ required: false }) })).toBe('allow')
    expect(await asked(await seal(mintToken()), { recipient: recipient({ required: false }) })).toBe('allow')
  })
  test('INT-12 a failing encrypted token is asked about nowhere, and one of a server without encryption is opaque', async () => {
    const both = { ...askingDocument.authorizationServers[0], encryption: { keys: ['unread.pem'] } }
    const { introspector, tokens } = oracle(activeAnswer())
    const options = { document: { ...askingDocument, authorizationServers: [both] }, introspection: introspector }
    const token = await seal(mintToken())
    const broken = withSegment(token, 4, () => 'A'.repeat(22))
    expect(await asked(broken, options)).toBe(MALFORMED)
    expect(await asked(token, options)).toBe('allow')
    expect(tokens).toEqual([])
    expect(await asked(token, { ...options, document: askingDocument })).toBe('allow')
    expect(tokens).toEqual([token])
  })
})

/** Each of these would pass if it were opened and believed. */
const forged: readonly (readonly [string, () => string | Promise<string>])[] = [
  ['zip', () => forgeSealed(deflateRawSync(mintToken()), { zip: 'DEF' })],
  ['zip by jose', () => seal(mintToken(), { header: { zip: 'DEF' } })],
  ['p2c beside another alg', () => forgeSealed(mintToken(), { p2c: 2 ** 31 })],
  ['p2s beside another alg', () => forgeSealed(mintToken(), { p2s: 'c2FsdA' })],
  ['crit', () => forgeSealed(mintToken(), { crit: ['exp'], exp: 1 })],
  ['crit that names nothing', () => forgeSealed(mintToken(), { crit: [] })],
  ['a key of the sender', () => forgeSealed(mintToken(), { jwk: rsa.publicKey.export({ format: 'jwk' }) })],
  ['the address of a key', () => forgeSealed(mintToken(), { jku: 'https://evil.example/jwks' })],
  ['the address of a certificate', () => forgeSealed(mintToken(), { x5u: 'https://evil.example/x5u' })],
  ['no cty', () => forgeSealed(mintToken(), { cty: undefined })],
  ['cty of something else', () => forgeSealed(mintToken(), { cty: 'json' })],
  ['a member twice', () => forgeSealed(mintToken(), '{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT","cty":"JWT"}')],
  ['kid that is no string', () => forgeSealed(mintToken(), { kid: 7 })],
  ['kid of another key', () => forgeSealed(mintToken(), { kid: 'ec-1' })],
  ['iss of another server in the header', () => forgeSealed(mintToken(), { iss: 'https://other.example' })],
  ['a sixth segment', async () => `${await seal(mintToken())}.AAAA`],
  ['a key of somebody else', () => seal(mintToken(), { key: { ...newSealingKey('RSA'), ours: rsa.ours } })],
  ['an encrypted token inside', async () => forgeSealed(await seal(mintToken()))],
  ['claims that nobody signed', () => forgeSealed(JSON.stringify(tokenParts().claims))],
  ['a token with an empty signature inside', () => forgeSealed(mintToken().replace(/[^.]*$/, ''))],
]

describe('JWT-23, T-39, att-jose-11 whoever can encrypt has proven nothing', () => {
  test.each(forged)('%s', async (_, make) => expect(await asked(await make())).toBe(MALFORMED))
  test.each([
    ['RSA1_5', 'A256GCM'],
    ['RSA-OAEP', 'A256GCM'],
    ['RSA-OAEP-512', 'A256GCM'],
    ['dir', 'A256GCM'],
    ['PBES2-HS256+A128KW', 'A256GCM'],
    ['A256KW', 'A256GCM'],
    ['none', 'A256GCM'],
    ['RSA-OAEP-256', 'A192GCM'],
    ['RSA-OAEP-256', 'none'],
    ['RSA-OAEP-256', undefined],
  ])('%s with %s', async (alg, enc) => expect(await asked(forgeSealed(mintToken(), { alg, enc }))).toBe(MALFORMED))
  test('PBES2 with 2^31 rounds costs nothing', async () => {
    const header = { alg: 'PBES2-HS256+A128KW', p2c: 2 ** 31, p2s: 'c2FsdHNhbHQ' }
    expect(await asked(forgeSealed(mintToken(), header))).toBe(MALFORMED)
  })
  test('a symmetric key made of our public one', async () => {
    const secret = rsa.publicKey.export({ type: 'spki', format: 'der' }).subarray(0, 32)
    const protectedHeader = { alg: 'dir', enc: 'A256GCM', cty: 'JWT' }
    const token = await new CompactEncrypt(Buffer.from(mintToken())).setProtectedHeader(protectedHeader).encrypt(secret)
    expect(await asked(token)).toBe(MALFORMED)
  })
  test('claims by EncryptJWT, without a signature', async () => {
    const protectedHeader = { alg: 'RSA-OAEP-256', enc: 'A256GCM', cty: 'JWT' }
    const token = await new EncryptJWT(tokenParts().claims).setProtectedHeader(protectedHeader).encrypt(rsa.publicKey)
    expect(await asked(token)).toBe(MALFORMED)
  })
  test.each<[string, Parameters<typeof mintToken>, string]>([
    ['signed by nobody we know', [{}, clientKey], 'token_signature_invalid'],
    ['of another kind', [{ header: { typ: 'dpop+jwt' } }], 'token_type_refused'],
    ['of another issuer', [{ claims: { iss: 'https://other.example' } }], 'token_issuer_unknown'],
    ['that has expired', [{ claims: { exp: 1 } }], 'token_expired'],
    ['for somebody else', [{ claims: { aud: 'https://other.example' } }], 'token_audience_mismatch'],
    ['that is bound to nothing', [{ claims: { cnf: undefined } }], 'token_unbound'],
  ])('a token inside %s is refused for what it is', async (_, order, outcome) => {
    expect(await asked(await seal(mintToken(...order)))).toBe(outcome)
  })
  test.each([
    ['sub', 'user-2'],
    ['aud', [ORIGIN]],
  ])('%s of the header is not that inside', async (name, value) => {
    expect(await asked(await seal(mintToken(), { header: { [name]: value } }))).toBe('token_claims_invalid')
  })
  test.each(['RSA-OAEP-256', 'ECDH-ES'] as const)('an algorithm that was not configured: %s', async (algorithm) => {
    const others = recipient().algorithms.filter((one) => one !== algorithm)
    const key = algorithm === 'ECDH-ES' ? curve : rsa
    const token = await seal(mintToken(), { key })
    expect(await asked(token, { recipient: recipient({ algorithms: others }) })).toBe(MALFORMED)
    expect(await asked(token, { recipient: recipient({ algorithms: [algorithm] }) })).toBe('allow')
  })
  test('an encoding that was not configured', async () => {
    const token = await seal(mintToken())
    expect(await asked(token, { recipient: recipient({ encodings: ['A128GCM'] }) })).toBe(MALFORMED)
    expect(await asked(token, { recipient: recipient({ encodings: ['A256GCM'] }) })).toBe('allow')
  })
})

describe('JWT-23 what tells apart is not told', () => {
  test('a wrong padding, a wrong key and a wrong tag are answered alike', async () => {
    const token = await seal(mintToken())
    const answers = await Promise.all(
      [
        withSegment(token, 1, (wrapped) =>
          Buffer.alloc(Buffer.from(wrapped, 'base64url').length, 1).toString('base64url'),
        ),
        withSegment(token, 2, () => 'A'.repeat(16)),
        withSegment(token, 4, () => 'A'.repeat(22)),
        await seal(mintToken(), { key: { ...newSealingKey('RSA'), ours: rsa.ours } }),
      ].map(async (broken) => {
        const { ask, records } = buildTestCheck({ document: sealingDocument, recipient: recipient() })
        const { deniedResponse } = (await ask(goodRequest({ token: broken }))) as never as {
          deniedResponse: { body: string }
        }
        const [record] = records
        return [deniedResponse.body, record?.decision.ok === false && record.decision.detail]
      }),
    )
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(answers[0]?.[1]).toBe('it cannot be decrypted')
  })
})
