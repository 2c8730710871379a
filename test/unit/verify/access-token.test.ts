import { describe, expect, test } from 'vitest'
import { Trace } from '../../../src/trace.ts'
import {
  acceptAccessToken,
  type FormRules,
  isSignedBy,
  isVerifiedToken,
  readAccessToken,
} from '../../../src/verify/access-token.ts'
import type { ClaimRules } from '../../../src/verify/token-claims.ts'
import { PROOF_TIME } from '../../support/proofs.ts'
import { ISSUER, mintToken, ORIGIN, serverKey, tokenParts } from '../../support/spine.ts'
import { imported, signers } from '../../support/tokens.ts'

const form: FormRules = { types: ['at+jwt'], untyped: false, maxBytes: 8192 }
const rules: ClaimRules = { server: 'as', audiences: [ORIGIN], leeway: 5, maxLifetime: 600, mapClaims: false }

function readOk(raw: string, more: Partial<FormRules> = {}) {
  const token = readAccessToken(raw, { ...form, ...more }, new Trace())
  if (!token.ok) throw new Error(token.detail)
  return token.value
}
const accept = (claims: object = {}, more: Partial<ClaimRules> = {}, now = PROOF_TIME) => {
  const raw = mintToken({ claims: { ...claims } })
  return acceptAccessToken(readOk(raw), { raw, scheme: 'DPoP' }, { ...rules, ...more }, now, new Trace())
}
const outcome = (...order: Parameters<typeof accept>): string => {
  const token = accept(...order)
  return token.ok ? 'ok' : token.reason
}

describe('what is known before any key is looked for', () => {
  test('issuer and kid as they stand', () => {
    expect(readOk(mintToken())).toMatchObject({ issuer: ISSUER, kid: 'as-1' })
    expect(readOk(mintToken({ header: { kid: undefined } })).kid).toBeUndefined()
  })
  test('T-38 the size is bounded first', () => {
    const raw = mintToken()
    const read = (maxBytes: number) => readAccessToken(raw, { ...form, maxBytes }, new Trace()).ok
    expect([read(raw.length), read(raw.length - 1)]).toEqual([true, false])
  })
  test('no comparison of it shows the token', () => {
    const trace = new Trace()
    const raw = mintToken()
    readAccessToken(raw, form, trace)
    readAccessToken(`${raw}x`, form, trace)
    expect(trace.entries.length).toBeGreaterThan(3)
    for (const segment of raw.split('.')) expect(JSON.stringify(trace.entries)).not.toContain(segment)
  })
  test('a signature is that of one of the keys, and of no key when there are none', () => {
    const token = readOk(mintToken())
    const [own, other] = [imported(serverKey.jwk), imported(signers.PS256.jwk)]
    expect([[own], [other, own], [other], []].map((keys) => isSignedBy(token, keys))).toEqual([
      true,
      true,
      false,
      false,
    ])
  })
})

describe('the seal', () => {
  test('only what was accepted has it, and nobody can change it', () => {
    const token = accept()
    if (!token.ok) throw new Error(token.detail)
    expect(isVerifiedToken(token.value)).toBe(true)
    expect(isVerifiedToken({ ...token.value })).toBe(false)
    expect(isVerifiedToken(Object.create(token.value))).toBe(false)
    for (const other of [undefined, null, 'token', 7, {}]) expect(isVerifiedToken(other)).toBe(false)
    for (const part of [token.value, token.value.cnf, token.value.claims, token.value.audiences, token.value.scopes])
      expect(Object.isFrozen(part)).toBe(true)
  })
  test('JWT-34 a token says which authorization server it is from', () => {
    expect(accept()).toMatchObject({ ok: true, value: { server: 'as', issuer: ISSUER, clientId: 'client-1' } })
    expect(accept({}, { server: 'other' })).toMatchObject({ ok: true, value: { server: 'other', issuer: ISSUER } })
  })
  test('everything it tells is a claim of the token', () => {
    const { claims } = tokenParts()
    const token = accept({ acr: 'urn:x', auth_time: PROOF_TIME - 60, jti: 'j' })
    expect(token).toMatchObject({
      ok: true,
      value: {
        subject: claims.sub,
        clientId: claims.client_id,
        tokenId: 'j',
        audiences: [ORIGIN],
        scopes: claims.scope.split(' '),
        issuedAt: claims.iat,
        expiresAt: claims.exp,
        acr: 'urn:x',
        authTime: PROOF_TIME - 60,
        cnf: claims.cnf,
      },
    })
  })
  test.each([
    ['acr', ['urn:x']],
    ['acr', 1],
    ['auth_time', `${PROOF_TIME}`],
    ['auth_time', -1],
    ['auth_time', PROOF_TIME * 1000],
  ])('%s: %j of another type is as good as absent', (name, value) => {
    const token = accept({ [name]: value })
    expect(token.ok && [token.value.acr, token.value.authTime]).toEqual([undefined, undefined])
  })
})

describe('times, to the second and its fraction', () => {
  const limits: readonly (readonly [string, object, Partial<ClaimRules>, string])[] = [
    ['JWT-08 exp without leeway, a moment before', { exp: PROOF_TIME + 0.001 }, { leeway: 0 }, 'ok'],
    ['JWT-08 exp without leeway, at the second', { exp: PROOF_TIME }, { leeway: 0 }, 'token_expired'],
    ['JWT-08 exp at the end of the leeway', { exp: PROOF_TIME - 5 }, {}, 'token_expired'],
    ['JWT-08 exp a moment before', { exp: PROOF_TIME - 4.999 }, {}, 'ok'],
    ['JWT-08 exp with the largest leeway', { exp: PROOF_TIME - 59, iat: PROOF_TIME - 100 }, { leeway: 60 }, 'ok'],
    ['JWT-09 nbf 10 s ahead', { nbf: PROOF_TIME + 10 }, {}, 'ok'],
    ['JWT-09 nbf a moment further', { nbf: PROOF_TIME + 10.001 }, {}, 'token_not_yet_valid'],
    ['JWT-10 iat 10 s ahead', { iat: PROOF_TIME + 10 }, {}, 'ok'],
    ['JWT-10 iat a moment further', { iat: PROOF_TIME + 10.001 }, {}, 'token_not_yet_valid'],
    ['JWT-09 leeway is no tolerance for nbf', { nbf: PROOF_TIME + 11 }, { leeway: 60 }, 'token_not_yet_valid'],
    ['JWT-10 leeway is no tolerance for iat', { iat: PROOF_TIME + 11 }, { leeway: 60 }, 'token_not_yet_valid'],
    ['JWT-12 600 s of life', { iat: PROOF_TIME, exp: PROOF_TIME + 600 }, {}, 'ok'],
    ['JWT-12 a moment more', { iat: PROOF_TIME, exp: PROOF_TIME + 600.5 }, {}, 'token_lifetime_exceeded'],
    [
      'JWT-12 leeway adds no life',
      { iat: PROOF_TIME, exp: PROOF_TIME + 601 },
      { leeway: 60 },
      'token_lifetime_exceeded',
    ],
    ['JWT-12 no limit', { iat: PROOF_TIME, exp: PROOF_TIME + 1e9 }, { maxLifetime: undefined }, 'ok'],
  ]
  test.each(limits)('%s', (_, claims, more, expected) => expect(outcome(claims, more)).toBe(expected))
})

describe('JWT-11, JWT-25 names of other servers only where they are mapped', () => {
  const mapped = { mapClaims: true }
  test.each<[string, object, string]>([
    ['azp', { client_id: undefined, azp: 'a' }, 'a'],
    ['cid', { client_id: undefined, cid: 'c' }, 'c'],
    ['azp before cid', { client_id: undefined, azp: 'a', cid: 'c' }, 'a'],
    ['client_id before both', { client_id: 'i', azp: 'a', cid: 'c' }, 'i'],
  ])('client_id from %s', (_, claims, clientId) => {
    expect(accept(claims, mapped)).toMatchObject({ ok: true, value: { clientId } })
    expect(outcome({ ...claims, client_id: undefined })).toBe('token_claims_invalid')
  })
  test('a client_id of another type is no reason to look further', () => {
    for (const clientId of [5, '', [], {}, false])
      expect(outcome({ client_id: clientId, azp: 'a' }, mapped)).toBe('token_claims_invalid')
  })
  const scopesOf = (claims: object, more: Partial<ClaimRules> = {}) => {
    const token = accept({ scope: undefined, ...claims }, more)
    return token.ok ? token.value.scopes : token.reason
  }
  test.each<[object, readonly string[] | undefined, readonly string[] | undefined]>([
    [{ scope: 'a b' }, ['a', 'b'], ['a', 'b']],
    [{ scope: ['a', 'b'] }, undefined, ['a', 'b']],
    [{ scope: ['a b'] }, undefined, ['a b']],
    [{ scp: 'a b' }, undefined, ['a', 'b']],
    [{ scp: ['a', 'b'] }, undefined, ['a', 'b']],
    [{ scope: 'a', scp: ['b'] }, ['a'], ['a']],
    [{ scope: '', scp: ['b'] }, [], []],
    [{ scope: ['a', 1] }, undefined, undefined],
    [{ scope: ['a', ''] }, undefined, undefined],
    [{ scope: { a: true } }, undefined, undefined],
    [{ scope: 7 }, undefined, undefined],
    [{ scope: null }, undefined, undefined],
    [{}, undefined, undefined],
    [{ scope: ' a  b ' }, ['a', 'b'], ['a', 'b']],
    [{ scope: 'a\tb\nc' }, ['a\tb\nc'], ['a\tb\nc']],
    [{ scope: 'A,b' }, ['A,b'], ['A,b']],
  ])('T-44 %j: %j as it stands, %j when mapped', (claims, plain, whenMapped) => {
    expect([scopesOf(claims), scopesOf(claims, mapped)]).toEqual([plain, whenMapped])
  })
})
