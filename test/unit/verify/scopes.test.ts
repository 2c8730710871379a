import { describe, expect, test } from 'vitest'
import { missingScopes, type ScopeRules } from '../../../src/verify/scopes.ts'

const none: ScopeRules = { all: [], any: [], methods: new Map(), parameter: undefined }
const consent = { prefix: 'consent:', suffix: '', names: ['id', 'consentId'] }

const missing = (
  granted: readonly string[],
  rules: Partial<ScopeRules>,
  method = 'GET',
  parameters: readonly (readonly [string, string])[] = [],
) => missingScopes(granted, { ...none, ...rules }, method, new Map(parameters))

describe('AZ-01, AZ-02 names are compared whole and with case', () => {
  test('order and company do not matter', () => {
    expect(missing(['b', 'x', 'a'], { all: ['a', 'b'] })).toBeUndefined()
    expect(missing(['a', 'a'], { all: ['a'] })).toBeUndefined()
    expect(missing(['a'], { all: ['a', 'b'] })).toEqual(['a', 'b'])
  })
  test.each([
    'accounts:read',
    'accounts:readall',
    'account',
    'Accounts',
    'ACCOUNTS',
    'accounts ',
    ' accounts',
    'accounts*',
    '*',
    '',
    'xaccounts',
    'accounts\taccounts',
    'accounts,payments',
    'accounts\u0000',
    '__proto__',
    'constructor',
    'length',
  ])('T-45 %j is not accounts', (scope) => expect(missing([scope], { all: ['accounts'] })).toEqual(['accounts']))
  test('T-37 the names of an object’s own machinery are names like any other', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect(missing([], { all: [name] })).toEqual([name])
      expect(missing([name], { all: [name] })).toBeUndefined()
      expect(missing([], { methods: new Map([['GET', [name]]]) })).toEqual([name])
    }
  })
})

describe('AZ-03 all, any, by method', () => {
  test('any: one of them is enough', () => {
    expect(missing(['b'], { any: ['a', 'b'] })).toBeUndefined()
    expect(missing(['c'], { any: ['a', 'b'] })).toEqual(['a', 'b'])
  })
  test('all and any hold together', () => {
    const rules = { all: ['a'], any: ['b', 'c'] }
    expect(missing(['a', 'c'], rules)).toBeUndefined()
    expect(missing(['a'], rules)).toEqual(['a', 'b', 'c'])
    expect(missing(['b'], rules)).toEqual(['a', 'b', 'c'])
  })
  test('scopes of a method are asked for besides, and for that method alone', () => {
    const rules = { all: ['a'], methods: new Map([['POST', ['pay']]]) }
    expect(missing(['a'], rules, 'GET')).toBeUndefined()
    expect(missing(['a'], rules, 'POST')).toEqual(['a', 'pay'])
    expect(missing(['pay'], rules, 'POST')).toEqual(['a', 'pay'])
    expect(missing(['a', 'pay'], rules, 'POST')).toBeUndefined()
  })
})

describe('AZ-03 a scope that carries a value', () => {
  test.each(['consent:urn:bancoex:C1DD33123', 'consent:x', 'consent::'])('%s', (scope) =>
    expect(missing([scope], { parameter: consent })).toBeUndefined(),
  )
  test.each(['consent:', 'consent', 'Consent:x', 'xconsent:x', 'consent', ''])('%j carries none', (scope) =>
    expect(missing([scope], { parameter: consent })).toEqual(['consent:']),
  )
  test('the very value of the path, once its triplets are decoded', () => {
    const at = (id: string, ...granted: readonly string[]) =>
      missing(granted, { parameter: consent }, 'GET', [['id', id]])
    expect(at('42', 'consent:42')).toBeUndefined()
    expect(at('42', 'consent:7', 'consent:42')).toBeUndefined()
    expect(at('a%20b', 'consent:a b')).toBeUndefined()
    expect(at('%C3%A9', 'consent:é')).toBeUndefined()
    for (const other of ['consent:4', 'consent:421', 'consent:', 'consent:042', 'consent:42:x', 'consent:%34%32'])
      expect(at('42', other)).toEqual(['consent:'])
    expect(at('a%20b', 'consent:a%20b')).toEqual(['consent:'])
    expect(at('', 'consent:x')).toEqual(['consent:'])
  })
  test('every path parameter that has the name of the value or of the fact', () => {
    const at = (scope: string, ...values: readonly [string, string][]) =>
      missing([scope], { parameter: consent }, 'GET', values)
    expect(at('consent:1', ['consentId', '1'])).toBeUndefined()
    expect(at('consent:1', ['consentId', '2'])).toEqual(['consent:'])
    expect(at('consent:1', ['id', '1'], ['consentId', '2'])).toEqual(['consent:'])
    expect(at('consent:1', ['other', '2'])).toBeUndefined()
  })
  test('HEAD needs what GET needs unless it is named itself', () => {
    const methods = new Map([['GET', ['read']]])
    expect(missing([], { methods }, 'HEAD')).toEqual(['read'])
    expect(missing(['read'], { methods }, 'HEAD')).toBeUndefined()
    expect(missing([], { methods: new Map([...methods, ['HEAD', []]]) }, 'HEAD')).toBeUndefined()
    expect(missing([], { methods: new Map([['HEAD', ['peek']]]) }, 'GET')).toBeUndefined()
  })
  test('a scope that is nothing but a value has no name to show', () => {
    const parameter = { prefix: '', suffix: '', names: ['id', 'consentId'] }
    expect(missing(['7'], { parameter }, 'GET', [['id', '7']])).toBeUndefined()
    expect(missing(['8'], { parameter }, 'GET', [['id', '7']])).toEqual([])
  })
  test('text behind the value does not overlap the text in front', () => {
    const parameter = { prefix: 'ab', suffix: 'ba', names: ['id', 'consentId'] }
    expect(missing(['abxba'], { parameter })).toBeUndefined()
    for (const scope of ['aba', 'abba', 'abb', 'ba', 'abx', 'xba'])
      expect(missing([scope], { parameter })).toEqual(['abba'])
  })
})

test('AZ-04 nothing granted is enough only where nothing is asked', () => {
  expect(missing([], { all: ['a'] })).toEqual(['a'])
  expect(missing([], { any: ['a'] })).toEqual(['a'])
  expect(missing([], { parameter: consent })).toEqual(['consent:'])
  expect(missing([], {})).toBeUndefined()
})
