import { describe, expect, test } from 'vitest'
import { deny, ok } from '../../src/denial.ts'
import type { Passage } from '../../src/pipeline.ts'
import type { Fact, RoutedRequest } from '../../src/policy.ts'
import type { VerifiedToken } from '../../src/verify/access-token.ts'
import type { VerifiedBinding } from '../../src/verify/binding.ts'
import { answered, flaws, verdict } from '../support/answers.ts'
import { custom, ending, genuine, passing, run } from '../support/modules.ts'
import { buildTestCheck, goodRequest } from '../support/spine.ts'

describe('what a policy may not change', () => {
  const attempts: readonly (readonly [string, (request: RoutedRequest, proven: Record<string, unknown>) => unknown])[] =
    [
      ['the route', (request) => Object.assign(request, { route: 'open' })],
      ['the target', (request) => Object.assign(request, { target: 'https://evil.example/' })],
      ['the moment', (request) => Object.assign(request, { now: 0 })],
      ['an attribute', (request) => Object.assign(request.attributes, { certificate: 'mine' })],
      ['the outcome of guards', (request) => Object.assign(request.trace, { holds: () => true })],
      ['its evidence', (_, proven) => Object.assign(proven, { token: {} })],
      ['what is proven', (_, proven) => Object.assign(proven.token as object, { subject: 'admin' })],
      [
        'the confirmation',
        (_, proven) => Object.assign((proven.token as VerifiedToken).cnf as object, { jkt: 'mine' }),
      ],
      ['the claims', (_, proven) => Object.assign((proven.token as VerifiedToken).claims, { sub: 'admin' })],
      ['the scopes', (_, proven) => ((proven.token as VerifiedToken).audiences as string[]).push('evil')],
      ['the binding', (_, proven) => ((proven.binding as VerifiedBinding).methods as string[]).push('mtls')],
    ]
  const needs: readonly Fact[] = ['token', 'binding']
  test.each(attempts)('%s', async (_, attempt) => {
    const tampering = custom(
      passing((request, proven) => attempt(request, proven as Record<string, unknown>)),
      {
        needs,
      },
    )
    expect(await ending(...genuine(), tampering)).toBe('exception')
  })
  test('a policy sees only the facts it asked for', async () => {
    const seen: unknown[] = []
    await run(
      ...genuine(),
      custom(
        passing((_, proven) => seen.push(Object.keys(proven as object))),
        { needs: ['token'] },
      ),
    )
    expect(seen).toEqual([['token']])
  })
})

describe('a denial of a custom policy', () => {
  const denying = async (more: object): Promise<Passage['denial']> =>
    (await run(custom(() => ({ ok: false, reason: 'scope_insufficient', detail: 'why', ...more })))).denial
  test('keeps what fits', async () => {
    expect(await denying({ scope: ['a', 'b:c'], allow: ['GET'], retryAfter: 7, extra: 1 })).toEqual(
      deny('scope_insufficient', 'why', { scope: ['a', 'b:c'], allow: ['GET'], retryAfter: 7 }),
    )
  })
  test('keeps the nonce it asks for', async () => {
    expect(await denying({ reason: 'nonce_refused', nonce: 'n-1' })).toEqual(
      deny('nonce_refused', 'why', { nonce: 'n-1' }),
    )
  })
  test.each([
    ['CRLF in scope', { scope: ['a\r\nset-cookie: x'] }],
    ['a quote in scope', { scope: ['a", error="x'] }],
    ['a backslash in scope', { scope: ['a\\'] }],
    ['a blank in scope', { scope: ['a b'] }],
    ['an empty scope', { scope: [''] }],
    ['text beyond ASCII in scope', { scope: ['ü'] }],
    ['a number in scope', { scope: [1] }],
    ['a text as scope', { scope: 'accounts' }],
    ['too many scopes', { scope: Array.from({ length: 65 }, () => 'a') }],
    ['a huge scope', { scope: ['a'.repeat(257)] }],
    ['a quote in an acr value', { acrValues: ['a", max_age="0'] }],
    ['a text as acr values', { acrValues: 'high' }],
    [
      'a scope list without an end',
      { scope: new Proxy([], { get: (_, name) => (name === 'length' ? Infinity : 'a') }) },
    ],
    ['CRLF in allow', { allow: ['GET\r\nx: y'] }],
    ['a list in one method', { allow: ['GET, POST'] }],
    ['an object as allow', { allow: { length: 1, 0: 'GET' } }],
    ['CRLF in a nonce', { reason: 'nonce_missing', nonce: 'a\r\nset-cookie: x' }],
    ['a quote in a nonce', { reason: 'nonce_missing', nonce: 'a"b' }],
    ['an empty nonce', { reason: 'nonce_refused', nonce: '' }],
    ['a number as nonce', { reason: 'nonce_refused', nonce: 7 }],
    ['a huge nonce', { reason: 'nonce_refused', nonce: 'n'.repeat(257) }],
    ['a question for a nonce without one', { reason: 'nonce_missing' }],
    ['a nonce with another denial', { nonce: 'n-1' }],
  ])('%s is a fault of the policy', async (_, more) => {
    expect(await denying(more)).toMatchObject({ ok: false, reason: 'internal_error' })
  })
  test.each([[-1], [1.5], [Number.NaN], [1e9], ['5'], [null]])('retryAfter %s is left out', async (retryAfter) => {
    expect(await denying({ retryAfter })).toEqual(deny('scope_insufficient', 'why'))
  })
  test('a detail that is no text is left out', async () => {
    expect(await denying({ detail: { toString: () => 'x' } })).toMatchObject({ detail: '' })
  })
})

describe('through the whole Check', () => {
  const asked = async (returned: (request: RoutedRequest) => unknown, budget?: 'spent') => {
    const timer = () => ({ elapsed: Promise.resolve(), cancel: () => {} })
    const check = buildTestCheck({
      pipelines: { public: [custom(returned)] },
      ...(budget && { surroundings: { timer } }),
    })
    return { ...check, response: await check.ask(goodRequest({ path: '/public/x' })) }
  }
  test('a policy that passes lets an open route through, so every refusal below means something', async () => {
    expect(verdict((await asked(() => ok({}))).response)).toBe('allow')
    expect(verdict((await asked(async () => ok({}))).response)).toBe('allow')
  })
  test('ERR-16 a policy that throws ends in a complete 500', async () => {
    for (const thrown of [
      new Error('boom'),
      'boom',
      undefined,
      null,
      new Proxy(
        {},
        {
          getPrototypeOf: () => {
            throw new Error('again')
          },
        },
      ),
    ]) {
      const { response, errors } = await asked(() => {
        throw thrown
      })
      expect(verdict(response)).toBe('internal_error')
      expect(errors).toHaveLength(1)
    }
  })
  test('ERR-16 a policy that rejects ends in a complete 500', async () => {
    const { response, errors } = await asked(async () => {
      throw new Error('boom')
    })
    expect([verdict(response), flaws(response), errors.length]).toEqual(['internal_error', [], 1])
  })
  test('a promise that never settles ends at the deadline', async () => {
    const { response } = await asked(() => Promise.withResolvers().promise, 'spent')
    expect([verdict(response), flaws(response)]).toEqual(['deadline', []])
    expect(answered(response, 'retry-after')).toEqual(['1'])
  })
  test('a rejection after the deadline harms nobody', async () => {
    const { promise, reject } = Promise.withResolvers()
    const { response, errors, records } = await asked(() => promise, 'spent')
    reject(new Error('too late'))
    await promise.catch(() => {})
    expect([verdict(response), errors, records.length]).toEqual(['deadline', [], 1])
  })
  test('a result after the deadline allows nobody', async () => {
    const { promise, resolve } = Promise.withResolvers()
    const { response, records } = await asked(() => promise, 'spent')
    resolve(ok({}))
    await promise
    expect([verdict(response), records.length]).toEqual(['deadline', 1])
  })
  test('CRLF in a denial corrupts no header', async () => {
    const { response } = await asked(() => ({ ok: false, reason: 'method_not_allowed', allow: ['GET\r\nx-evil: 1'] }))
    expect([verdict(response), flaws(response)]).toEqual(['internal_error', []])
  })
  test('the header map cannot be changed, by no method of Map', async () => {
    const attempts: readonly ((headers: Map<string, readonly string[]>) => unknown)[] = [
      (headers) => headers.set('authorization', ['DPoP mine']),
      (headers) => headers.delete('x-authz-acr'),
      (headers) => headers.clear(),
      (headers) => Map.prototype.set.call(headers, 'authorization', ['DPoP mine']),
      (headers) => (headers.get('authorization') as string[]).push('DPoP mine'),
      (headers) => Object.assign(headers, { get: () => ['DPoP mine'] }),
    ]
    for (const attempt of attempts) {
      const { response } = await asked(({ attributes }) => {
        attempt(attributes.headers as Map<string, readonly string[]>)
        return ok({})
      })
      expect([verdict(response), flaws(response)]).toEqual(['internal_error', []])
    }
  })
  test('path parameters and context extensions cannot be changed', async () => {
    for (const map of ['parameters', 'contextExtensions'] as const) {
      const { response } = await asked((request) => {
        const changed = (map === 'parameters' ? request.parameters : request.attributes.contextExtensions) as Map<
          string,
          string
        >
        changed.set('id', '42')
        return ok({})
      })
      expect(verdict(response)).toBe('internal_error')
    }
  })
})
