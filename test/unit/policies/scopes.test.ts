import { describe, expect, test } from 'vitest'
import { scopes } from '../../../src/policies/scopes.ts'
import { Trace } from '../../../src/trace.ts'
import { evidence } from '../../support/modules.ts'
import { nonceMaker } from '../../support/nonces.ts'
import { freshReplays, routedRequest } from '../../support/possession.ts'
import { keyMemory } from '../../support/proofs.ts'
import { memory } from '../../support/spine.ts'

interface Attempt {
  readonly scope?: unknown
  readonly method?: string
  readonly parameters?: readonly (readonly [string, string])[]
}

function judge(options: unknown, { scope, method = 'GET', parameters = [] }: Attempt) {
  const ports = {
    servers: new Map(),
    replays: freshReplays(),
    proofKeys: keyMemory(),
    nonces: nonceMaker(),
    signedTokens: memory(),
  }
  const setting = { route: 'accounts', exceptions: new Set<string>() }
  const evaluate = scopes.create(scopes.options.parse(options), ports, setting)
  const request = { ...routedRequest(undefined, { method }), parameters: new Map(parameters), trace: new Trace() }
  return evaluate(request, evidence(scope === undefined ? {} : { scope }))
}

const needed = (options: unknown, attempt: Attempt): readonly string[] | undefined | 'ok' => {
  const result = judge(options, attempt)
  if (result instanceof Promise) throw new Error('the policy waits for nothing')
  return result.ok ? 'ok' : result.scope
}

describe('AZ-01, AZ-02 a list asks for every scope in it', () => {
  test.each([
    ['accounts', 'ok'],
    ['payments accounts', 'ok'],
    ['accounts accounts', 'ok'],
    ['accounts  payments', 'ok'],
    [' accounts ', 'ok'],
    ['accounts:read', ['accounts']],
    ['Accounts', ['accounts']],
    ['accounts\tpayments', ['accounts']],
    ['accounts\npayments', ['accounts']],
    ['accounts,payments', ['accounts']],
    ['accounts\u00a0payments', ['accounts']],
    ['account', ['accounts']],
    ['', ['accounts']],
    [' ', ['accounts']],
  ])('%j: %j', (scope, expected) => expect(needed(['accounts'], { scope })).toEqual(expected))
  test('the refusal is insufficient_scope and names what is needed', () =>
    expect(judge(['a', 'b'], { scope: 'a' })).toMatchObject({
      ok: false,
      reason: 'scope_insufficient',
      scope: ['a', 'b'],
    }))
})

describe('AZ-04, T-44 no scope claim, or one of another type, grants nothing', () => {
  test.each([
    [undefined],
    [null],
    [7],
    [true],
    [['accounts']],
    [{ accounts: true }],
    [{ includes: 'accounts' }],
    [[['accounts']]],
  ])('%j', (scope) => {
    expect(needed(['accounts'], { scope })).toEqual(['accounts'])
    expect(needed({ any: ['accounts'] }, { scope })).toEqual(['accounts'])
    expect(needed({ parameter: { scope: 'accounts{id}', fact: 'id' } }, { scope })).toEqual(['accounts'])
  })
})

describe('AZ-03 the language of the policy', () => {
  const full = { all: ['a'], any: ['b', 'c'], methods: { POST: ['p'] }, parameter: { scope: 'x:{id}', fact: 'id' } }
  test('everything together', () => {
    const parameters = [['id', '7']] as const
    expect(needed(full, { scope: 'a b x:7', parameters })).toBe('ok')
    expect(needed(full, { scope: 'a c p x:7', method: 'POST', parameters })).toBe('ok')
    expect(needed(full, { scope: 'a b x:7', method: 'POST', parameters })).toEqual(['a', 'p', 'b', 'c', 'x:'])
    expect(needed(full, { scope: 'a b x:8', parameters })).toEqual(['a', 'b', 'c', 'x:'])
  })
  test('HEAD is asked for what GET is asked for, unless it is named itself', () => {
    expect(needed({ methods: { GET: ['read'] } }, { method: 'HEAD', scope: 'other' })).toEqual(['read'])
    expect(needed({ methods: { GET: ['read'] } }, { method: 'HEAD', scope: 'read' })).toBe('ok')
    expect(needed({ methods: { GET: ['read'], HEAD: ['peek'] } }, { method: 'HEAD', scope: 'peek' })).toBe('ok')
  })
  test('a placeholder may stand anywhere in the name, once', () => {
    expect(needed({ parameter: { scope: '{id}:read', fact: 'id' } }, { scope: '7:read' })).toBe('ok')
    expect(needed({ parameter: { scope: '{id}', fact: 'id' } }, { scope: '7', parameters: [['id', '7']] })).toBe('ok')
  })
})

describe('what an operator may write', () => {
  test.each([
    ['an empty list', []],
    ['a blank in a name', ['a b']],
    ['a quote in a name', ['a"b']],
    ['a backslash in a name', ['a\\b']],
    ['a line break in a name', ['a\r\nb']],
    ['a name beyond ASCII', ['é']],
    ['an empty name', ['']],
    ['a number', [7]],
    ['text', 'accounts'],
    ['a misspelled key', { al: ['a'] }],
    ['a misspelled method', { methods: { PSOT: ['a'] } }],
    ['a method in small letters', { methods: { post: ['a'] } }],
    ['a method that is a name of the language', { methods: { constructor: ['a'] } }],
    ['text for a method', { methods: { POST: 'a' } }],
    ['a parameter without placeholder', { parameter: { scope: 'consent:', fact: 'id' } }],
    ['a parameter with two', { parameter: { scope: '{a}:{b}', fact: 'a' } }],
    ['a parameter with a blank', { parameter: { scope: 'a {id}', fact: 'id' } }],
    ['a parameter without fact', { parameter: { scope: 'a:{id}' } }],
    ['an empty fact', { parameter: { scope: 'a:{id}', fact: '' } }],
    ['nothing', null],
  ])('not %s', (_, options) => expect(scopes.options.safeParse(options).success).toBe(false))
  test('a list is short for all', () =>
    expect(scopes.options.parse(['a'])).toEqual({ all: ['a'], any: [], methods: {} }))
})

test('AZ-01 scopes are judged only once possession is shown', () =>
  expect([scopes.needs, scopes.yields]).toEqual([['token', 'binding'], []]))
