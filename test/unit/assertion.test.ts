import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { admit } from '../../src/admission.ts'
import { buildAssertion } from '../../src/assertion.ts'
import { buildCheck } from '../../src/check.ts'
import { type IdentityRules, identify } from '../../src/identity.ts'
import { type AssertionKeyFile, readAssertionKey } from '../../src/io/assertion-key.ts'
import { flaws, told, verdict } from '../support/answers.ts'
import { directoryWith } from '../support/config-files.ts'
import { bearerOf, evidence } from '../support/modules.ts'
import { certificate } from '../support/possession.ts'
import { overTheWire, received } from '../support/recordings.ts'
import { boundTo, buildTestCheck, CALL, goodRequest, mintToken } from '../support/spine.ts'

const pem = (key: KeyObject): string => key.export({ format: 'pem', type: 'pkcs8' }).toString()
const jwk = (key: KeyObject): string => JSON.stringify(key.export({ format: 'jwk' }))
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed25519 = generateKeyPairSync('ed25519')

const readKey = (content: string) => readAssertionKey(join(directoryWith({ 'a.key': content }), 'a.key'))
function keyOf(content: string): AssertionKeyFile {
  const found = readKey(content)
  if (!found.ok) throw new Error(found.problem)
  return found.value
}
const problemOf = (content: string): string => {
  const found = readKey(content)
  return found.ok ? '' : found.problem.replace(/^.*\//, '')
}

const rules = { issuer: 'https://edge.bank.example', audience: 'https://accounts.bank.example', lifetime: 30 }
const NOW = 1_800_000_000.9

/** The assertion about these claims of a token. */
function assertionOf(claims: object, key: AssertionKeyFile, kind: 'resource' | 'bearer' | 'open' = 'resource') {
  const admission = admit(kind, kind === 'bearer' ? { token: bearerOf(claims) } : evidence(claims))
  if (!admission.ok) throw new Error(admission.detail)
  return buildAssertion(admission.value, key, rules, { now: NOW, id: 'an-id' })
}

/** What an upstream makes of it, which knows nothing but the served keys. */
async function verify(text: string | undefined, { jwks }: AssertionKeyFile, at = NOW): Promise<JWTPayload> {
  const keys = createLocalJWKSet(jwks as JSONWebKeySet)
  const { payload } = await jwtVerify(text ?? '', keys, {
    ...rules,
    typ: 'authz+jwt',
    currentDate: new Date(at * 1000),
  })
  return payload
}

describe.each([
  ['ES256', 'PEM', pem(p256.privateKey)],
  ['ES256', 'JWK', jwk(p256.privateKey)],
  ['EdDSA', 'PEM', pem(ed25519.privateKey)],
  ['EdDSA', 'JWK', jwk(ed25519.privateKey)],
])('%s with a key as %s', (algorithm, _form, content) => {
  test('is accepted with the served keys and says what was verified', async () => {
    const key = keyOf(content)
    const text = assertionOf({ scope: 'accounts payments', acr: 'urn:acr:2' }, key)
    expect(await verify(text, key)).toEqual({
      iss: rules.issuer,
      aud: rules.audience,
      sub: 'user',
      client_id: 'client',
      token_issuer: 'https://as.example.com',
      scope: 'accounts payments',
      acr: 'urn:acr:2',
      cnf: { jkt: expect.stringMatching(/^[\w-]{43}$/) },
      jti: 'an-id',
      iat: 1_800_000_000,
      exp: 1_800_000_030,
    })
    expect(decodeProtectedHeader(text ?? '')).toEqual({ alg: algorithm, typ: 'authz+jwt', kid: key.keyId })
  })
  test('is refused after its time, for another upstream, and when altered', async () => {
    const key = keyOf(content)
    const text = assertionOf({}, key) ?? ''
    await expect(verify(text, key, NOW + 31)).rejects.toThrow(/exp/)
    await expect(
      jwtVerify(text, createLocalJWKSet(key.jwks as JSONWebKeySet), {
        audience: 'https://other.bank.example',
        currentDate: new Date(NOW * 1000),
      }),
    ).rejects.toThrow(/aud/)
    const [header = '', , signature = ''] = text.split('.')
    const forged = Buffer.from(JSON.stringify({ ...rules, iss: rules.issuer, sub: 'root' })).toString('base64url')
    await expect(verify(`${header}.${forged}.${signature}`, key)).rejects.toThrow(/signature/)
  })
  test('serves no private member', () => {
    const [served = {}] = keyOf(content).jwks.keys
    const names = ['kty', 'crv', 'x', 'y', 'kid', 'alg', 'use']
    expect(Object.keys(served)).toEqual(algorithm === 'ES256' ? names : names.filter((name) => name !== 'y'))
  })
})

test('never holds the token', () => {
  const proven = evidence({})
  const [, payload = ''] = (assertionOf({}, keyOf(pem(p256.privateKey))) ?? '').split('.')
  const text = Buffer.from(payload, 'base64url').toString()
  expect(text).not.toContain(proven.token.raw)
  expect(text).not.toContain(proven.token.raw.split('.')[2])
})

test('of a bearer token it names no binding, on an open route there is none', async () => {
  const key = keyOf(pem(ed25519.privateKey))
  expect(await verify(assertionOf({}, key, 'bearer'), key)).not.toHaveProperty('cnf')
  expect(assertionOf({}, key, 'open')).toBeUndefined()
})

describe('keys that are refused, without a word of them', () => {
  const unreadable = 'a.key: it holds no private key, as PEM or JWK, that can be read'
  const wrong = 'a.key: the key is neither on P-256 nor Ed25519'
  test.each([
    ['nothing', '', unreadable],
    ['half a JWK', '{"kty":"EC"', unreadable],
    ['a public key', p256.publicKey.export({ format: 'pem', type: 'spki' }).toString(), unreadable],
    ['a public JWK', jwk(ed25519.publicKey), unreadable],
    ['P-384', pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey), wrong],
    ['Ed448', pem(generateKeyPairSync('ed448').privateKey), wrong],
    ['RSA', pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey), wrong],
  ])('%s', (_name, content, problem) => expect(problemOf(content)).toBe(problem))
})

describe('the header', () => {
  const admission = admit('resource', evidence({}))
  if (!admission.ok) throw new Error(admission.detail)
  const identity = (text: string | undefined, headers = new Map<string, readonly string[]>()) => {
    const empty: IdentityRules = { headers: new Map(), token: 'strip', proof: 'strip', encoding: 'plain' }
    return identify(admission.value, headers, { ...empty, assert: () => text })
  }
  test('is set by overwrite, and every other spelling goes', () => {
    const sent = new Map([
      ['x-authz-assertion', ['forged']],
      ['x_authz_assertion', ['forged']],
    ])
    expect(identity('a.b.c', sent)).toMatchObject({
      value: { set: [['x-authz-assertion', 'a.b.c']], remove: ['x_authz_assertion'] },
    })
  })
  test('a forged one goes when we say nothing', () =>
    expect(identity(undefined, new Map([['x-authz-assertion', ['forged']]]))).toMatchObject({
      value: { set: [], remove: ['x-authz-assertion'] },
    }))
  test('counts for the limit of 4 KiB', () => {
    expect(identity('a'.repeat(4096)).ok).toBe(true)
    expect(identity('a'.repeat(4097))).toMatchObject({ ok: false, reason: 'claim_unusable' })
  })
})

describe('through the whole Check', () => {
  const key = () => keyOf(pem(p256.privateKey))

  /** The answer to a good request with this binding, and the assertion in it. */
  async function ask(order: Parameters<typeof goodRequest>[0]) {
    const plain = buildTestCheck()
    const base = plain.surroundings.rules()
    const assert: IdentityRules['assert'] = (admission) =>
      buildAssertion(admission, key(), rules, { now: plain.clock.now, id: 'an-id' })
    const check = buildCheck({
      ...plain.surroundings,
      rules: () => ({ ...base, identity: { ...base.identity, assert } }),
    })
    const response = overTheWire(await check(received(goodRequest(order)), CALL))
    return { response, at: plain.clock.now, assertions: told(response, 'x-authz-assertion') }
  }

  test.each([
    ['DPoP', '/accounts', boundTo.dpop, 'DPoP', ['jkt']],
    ['mTLS', '/mtls', boundTo.mtls, 'Bearer', ['x5t#S256']],
    ['both', '/both', boundTo.both, 'DPoP', ['jkt', 'x5t#S256']],
  ])('%s: one assertion that names every binding that was shown', async (_, path, cnf, scheme, members) => {
    const proof = scheme === 'DPoP' ? {} : { proof: null }
    const order = { path, token: mintToken({ claims: { cnf } }), scheme, certificate, ...proof }
    const { response, assertions, at } = await ask(order)
    expect([verdict(response), flaws(response), assertions.length]).toEqual(['allow', [], 1])
    const payload = await verify(assertions[0], key(), at)
    expect(payload.sub).toBe('user-1')
    expect(payload.cnf).toEqual(
      Object.fromEntries(members.map((name) => [name, (cnf as Record<string, string>)[name]])),
    )
  })
  test('a refused request gets none', async () => {
    const { response, assertions } = await ask({ path: '/accounts', proof: null })
    expect([verdict(response) === 'allow', assertions]).toEqual([false, []])
  })
})
