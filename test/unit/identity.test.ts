import { describe, expect, test } from 'vitest'
import { admit } from '../../src/admission.ts'
import { type Identity, type IdentityFact, type IdentityRules, identify } from '../../src/identity.ts'
import { bearerOf, evidence } from '../support/modules.ts'

const names: readonly (readonly [IdentityFact, string])[] = [
  ['issuer', 'x-authz-issuer'],
  ['subject', 'x-authz-subject'],
  ['clientId', 'x-authz-client-id'],
  ['scope', 'x-authz-scope'],
  ['binding', 'x-authz-binding'],
  ['thumbprint', 'x-authz-thumbprint'],
  ['acr', 'x-authz-acr'],
]
const rules: IdentityRules = { headers: new Map(names), token: 'strip', proof: 'strip', encoding: 'plain' }

type Kind = 'resource' | 'bearer' | 'open'

function identityOf(kind: Kind, claims: object, sent: readonly string[] = [], changed: Partial<IdentityRules> = {}) {
  const proven = kind === 'bearer' ? { token: bearerOf(claims) } : evidence(claims)
  const admission = admit(kind, proven)
  if (!admission.ok) throw new Error(admission.detail)
  return identify(admission.value, new Map(sent.map((name) => [name, ['v']])), { ...rules, ...changed })
}

function identity(...order: Parameters<typeof identityOf>): Identity {
  const result = identityOf(...order)
  if (!result.ok) throw new Error(result.reason)
  return result.value
}
const reason = (...order: Parameters<typeof identityOf>): string => {
  const result = identityOf(...order)
  return result.ok ? 'ok' : result.reason
}
const value = (found: Identity, name: string): string | undefined => new Map(found.set).get(name)

describe('what the upstream is told', () => {
  test('the verified facts, in full', () => {
    const found = identity('resource', { scope: 'accounts payments', acr: 'urn:acr:2' })
    expect(Object.fromEntries(found.set)).toEqual({
      'x-authz-issuer': 'https://as.example.com',
      'x-authz-subject': 'user',
      'x-authz-client-id': 'client',
      'x-authz-scope': 'accounts payments',
      'x-authz-binding': 'dpop',
      'x-authz-thumbprint': expect.stringMatching(/^[\w-]{43}$/),
      'x-authz-acr': 'urn:acr:2',
    })
  })
  test('of a bearer token no binding', () => {
    const found = identity('bearer', {})
    expect([value(found, 'x-authz-binding'), value(found, 'x-authz-subject')]).toEqual([undefined, 'user'])
  })
  test('on an open route nothing, even when a token was verified', () => expect(identity('open', {}).set).toEqual([]))
  test('a fact without a name is not passed on', () =>
    expect(identity('resource', {}, [], { headers: new Map([['subject', 'x-user']]) }).set).toEqual([
      ['x-user', 'user'],
    ]))
  test('an empty value is no value', () => {
    const found = identity('resource', { scope: '', acr: '' })
    expect([value(found, 'x-authz-scope'), value(found, 'x-authz-acr')]).toEqual([undefined, undefined])
  })
})

describe('envoy-10, header-04 a value goes out byte for byte or not at all', () => {
  test.each([
    ['CRLF', 'a\r\nx-evil: 1'],
    ['LF', 'a\nb'],
    ['NUL', 'a\u0000b'],
    ['DEL', 'a\u007fb'],
    ['tab', 'a\tb'],
    ['obs-text', 'a\u0080'],
    ['emoji', '😀'],
    ['a blank in front', ' user'],
    ['a blank behind', 'user '],
    ['nothing but a blank', ' '],
    ['half a surrogate pair', 'a\ud800'],
    ['1025 characters', 'a'.repeat(1025)],
  ])('%s is refused', (_, sub) => expect(reason('resource', { sub })).toBe('claim_unusable'))
  test.each(['a', 'a b', 'a,b', '"a"', "a'b", 'a%20b', '~', 'a'.repeat(1024)])('%j goes out as it is', (sub) =>
    expect(value(identity('resource', { sub }), 'x-authz-subject')).toBe(sub),
  )
  test('scope has 2 KiB, all together 4 KiB', () => {
    expect(reason('resource', { scope: 'a'.repeat(2048) })).toBe('ok')
    expect(reason('resource', { scope: 'a'.repeat(2049) })).toBe('claim_unusable')
    const large = { scope: 'a'.repeat(2048), sub: 'a'.repeat(1024), client_id: 'a'.repeat(1024) }
    expect(reason('resource', large)).toBe('claim_unusable')
  })
  test.each([
    ['é', '%C3%A9'],
    ['a%20b', 'a%2520b'],
    [' a b ', '%20a b%20'],
    ['a\r\nb', 'a%0D%0Ab'],
    ['😀', '%F0%9F%98%80'],
  ])('percent: %j', (sub, expected) => {
    const found = identity('resource', { sub }, [], { encoding: 'percent' })
    expect(value(found, 'x-authz-subject')).toBe(expected)
    expect(decodeURIComponent(expected)).toBe(sub)
  })
  test('percent: half a surrogate pair has no bytes', () =>
    expect(reason('resource', { sub: '\ud800' }, [], { encoding: 'percent' })).toBe('claim_unusable'))
  test('percent: the limit counts what is sent', () =>
    expect(reason('resource', { sub: 'é'.repeat(171) }, [], { encoding: 'percent' })).toBe('claim_unusable'))
})

describe('HDR-16, T-77, header-01 what the client may not say', () => {
  const spellings = ['x-authz-acr', 'x_authz_acr', 'x.authz.acr', 'x-authz_acr', 'x_authz.', 'x-authz-anything-else']
  test.each(['resource', 'bearer', 'open'] as const)('every spelling is taken away on a %s route', (kind) => {
    const { remove } = identity(kind, {}, [...spellings, 'x-authzother', 'x-user', 'authz-subject'])
    expect(remove).toEqual(spellings)
  })
  test('a name we set is not removed, its other spellings are', () => {
    const { set, remove } = identity('resource', {}, ['x-authz-subject', 'x_authz_subject', 'x-authz.subject'])
    expect(new Map(set).has('x-authz-subject')).toBe(true)
    expect(remove).toEqual(['x_authz_subject', 'x-authz.subject'])
  })
  test('names of our own choosing, in every spelling', () => {
    const headers = new Map<IdentityFact, string>([
      ['subject', 'x-user-id'],
      ['acr', 'x-level'],
    ])
    const { remove } = identity('resource', {}, ['x-user-id', 'x_user.id', 'x-level', 'x_level', 'x-authz-acr'], {
      headers,
    })
    expect(remove).toEqual(['x_user.id', 'x-level', 'x_level', 'x-authz-acr'])
  })
  test('token and proof stay here unless they are to be forwarded', () => {
    const sent = ['authorization', 'dpop']
    expect(identity('resource', {}, sent).remove).toEqual(sent)
    expect(identity('resource', {}, sent, { token: 'forward' }).remove).toEqual(['dpop'])
    expect(identity('resource', {}, sent, { token: 'forward', proof: 'forward' }).remove).toEqual([])
    expect(identity('open', {}, sent).remove).toEqual([])
  })
  test.each(['x-authz-acr!', 'x-authz-a+b', "x_authz_'", 'x.authz.~', 'x-authz-*'])(
    '%s is outside the names Envoy lets us remove, so it is refused',
    (name) => {
      for (const kind of ['resource', 'open'] as const) expect(reason(kind, {}, [name])).toBe('request_malformed')
    },
  )
})
