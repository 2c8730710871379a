import { describe, expect, test } from 'vitest'
import { boundedCache } from '../../../src/io/caches.ts'
import type { Cache, KeySearch, KeySource } from '../../../src/ports.ts'
import { stillClock } from '../../support/clock.ts'
import { PROOF_TIME } from '../../support/proofs.ts'
import { ISSUER, keySource, mintToken, ORIGIN, otherKey } from '../../support/spine.ts'
import { authorizationServer, buildCourt, signerJwks, signers } from '../../support/tokens.ts'

/** A key source that counts and whose answer and generation can be changed. */
function buildSource(begin: KeySearch | KeySource['find'] = keySource(signerJwks).find) {
  let answer = begin
  const asked: (readonly [kid: string | undefined, algorithm: string])[] = []
  const source = {
    generation: 1,
    find(kid: string | undefined, algorithm: string) {
      asked.push([kid, algorithm])
      return typeof answer === 'function' ? answer(kid, algorithm) : answer
    },
  }
  const change = (to: typeof begin): void => {
    answer = to
    source.generation += 1
  }
  return { source, asked, change }
}

/** A memory that notes what is put into it. */
function buildMemory(kept: Cache<unknown> = boundedCache<true>(100, 60)) {
  const entries: (readonly [key: string, value: unknown, ttl: number | undefined])[] = []
  const cache: Cache<unknown> = {
    get: (key) => kept.get(key),
    set: (key, value, ttl) => {
      entries.push([key, value, ttl])
      kept.set(key, value, ttl)
    },
  }
  return { cache, entries }
}

describe('JWT-31 a signature is verified once', () => {
  function remembering(signedTokens = buildMemory()) {
    const keys = buildSource()
    const court = buildCourt({
      servers: [authorizationServer({ keys: keys.source })],
      signedTokens: signedTokens.cache,
    })
    return { ...keys, ...court, entries: signedTokens.entries }
  }
  test('the second time no key is asked for', async () => {
    const { judge, asked, entries } = remembering()
    const token = mintToken()
    expect([await judge(token), await judge(token), asked.length]).toEqual(['allow', 'allow', 1])
    expect(entries).toHaveLength(1)
  })
  test('what is remembered is a hash, not the token', async () => {
    const { judge, entries } = remembering()
    const token = mintToken()
    await judge(token)
    const [key] = entries[0] ?? []
    expect(key).toMatch(/^[A-Za-z0-9_-]{43}\.1\.as$/)
    for (const segment of token.split('.')) expect(key).not.toContain(segment)
  })
  test.each([
    [290, 60],
    [61, 60],
    [59.5, 59.5],
    [1, 1],
  ])('a token that lives %d s is remembered for %d s', async (rest, ttl) => {
    const { judge, entries } = remembering()
    await judge(mintToken({ claims: { exp: PROOF_TIME + rest } }))
    expect(entries.map(([, value, seconds]) => [value, seconds])).toEqual([[true, ttl]])
  })
  test('a token in its leeway is not remembered', async () => {
    const { judge, asked } = remembering()
    const token = mintToken({ claims: { exp: PROOF_TIME - 2 } })
    expect([await judge(token), await judge(token), asked.length]).toEqual(['allow', 'allow', 2])
  })
  test('after a minute the signature is verified again', async () => {
    const { monotonic, pass } = stillClock()
    const { judge, asked } = remembering(buildMemory(boundedCache<true>(100, 60, { monotonic })))
    const token = mintToken()
    await judge(token)
    pass(59)
    await judge(token, PROOF_TIME + 59)
    expect(asked).toHaveLength(1)
    pass(2)
    await judge(token, PROOF_TIME + 61)
    expect(asked).toHaveLength(2)
  })
  test('after exp it is refused, remembered or not', async () => {
    const { judge } = remembering()
    const token = mintToken()
    expect([await judge(token), await judge(token, PROOF_TIME + 294), await judge(token, PROOF_TIME + 295)]).toEqual([
      'allow',
      'allow',
      'token_expired',
    ])
  })
  test('other keys are another matter', async () => {
    const { judge, change } = remembering()
    const token = mintToken()
    expect(await judge(token)).toBe('allow')
    change(keySource({ keys: [{ ...otherKey.jwk, kid: 'as-1' }] }).find)
    expect(await judge(token)).toBe('token_key_unknown')
    change({ kind: 'unavailable', detail: 'down' })
    expect(await judge(token)).toBe('keys_unavailable')
    change(keySource(signerJwks).find)
    expect(await judge(token)).toBe('allow')
  })
  test('keys that change while they are looked for leave nothing behind for the old ones', async () => {
    const { judge, source, asked, entries, change } = remembering()
    change((kid, algorithm) => Promise.resolve().then(() => keySource(signerJwks).find(kid, algorithm)))
    const pending = judge(mintToken())
    source.generation = 7
    expect(await pending).toBe('allow')
    expect([asked.length, entries]).toEqual([1, []])
  })
  test('what was waited for is not remembered: the keys may have been taken back since they were found', async () => {
    const { judge, change, source, entries } = remembering()
    const { find } = keySource(signerJwks)
    change(async (kid, algorithm) => {
      const found = await find(kid, algorithm)
      // Right behind the answer, before anybody has looked at it.
      queueMicrotask(() => {
        source.generation += 1
      })
      return found
    })
    await judge(mintToken())
    expect(entries).toEqual([])
  })
  test('another spelling of the token is another token', async () => {
    const { judge, entries } = remembering()
    const token = mintToken()
    expect(await judge(token)).toBe('allow')
    const [header = '', payload = '', signature = ''] = token.split('.')
    const bent = Buffer.from(signature, 'base64url').fill(0, 63)
    expect(await judge(`${header}.${payload}.${bent.toString('base64url')}`)).toBe('token_signature_invalid')
    expect(await judge(`${header}.${Buffer.from('{}').toString('base64url')}.${signature}`)).toBe(
      'token_issuer_unknown',
    )
    expect(entries).toHaveLength(1)
  })
})

describe('JWT-31 a failure is never remembered, and never spoils a memory', () => {
  test.each<[string, string]>([
    ['token_signature_invalid', mintToken({}, signers.PS256)],
    ['token_key_unknown', mintToken({ header: { kid: 'as-9' } })],
    ['token_audience_mismatch', mintToken({ claims: { aud: 'https://other.example' } })],
    ['token_expired', mintToken({ claims: { exp: PROOF_TIME - 100 } })],
    ['token_claims_invalid', mintToken({ claims: { sub: undefined } })],
    ['token_lifetime_exceeded', mintToken({ claims: { exp: PROOF_TIME + 3600 } })],
    ['token_not_yet_valid', mintToken({ claims: { nbf: PROOF_TIME + 100 } })],
  ])('%s', async (reason, token) => {
    const { source, asked } = buildSource()
    const memory = buildMemory()
    const { judge } = buildCourt({ servers: [authorizationServer({ keys: source })], signedTokens: memory.cache })
    expect([await judge(token), await judge(token)]).toEqual([reason, reason])
    expect([asked.length, memory.entries]).toEqual([2, []])
  })
  test('only true counts as remembered', async () => {
    for (const value of [1, 'true', {}, [], false, null]) {
      const { judge } = buildCourt({ signedTokens: { get: () => value, set: () => {} } })
      expect(await judge(mintToken({}, signers.PS256))).toBe('token_signature_invalid')
    }
  })
  test('keys that cannot be had are 503, and the next try is a new one', async () => {
    const { source, change } = buildSource({ kind: 'unavailable', detail: 'down' })
    const { judge } = buildCourt({ servers: [authorizationServer({ keys: source })] })
    const token = mintToken()
    expect(await judge(token)).toBe('keys_unavailable')
    change(keySource(signerJwks).find)
    expect(await judge(token)).toBe('allow')
  })
})

describe('JWT-31 one memory serves many routes and issuers', () => {
  const token = mintToken()
  const memory = buildMemory()
  const other = authorizationServer({ name: 'other', issuer: 'https://other.example' })
  const courts = (more: object) => buildCourt({ signedTokens: memory.cache, ...more })
  test.each<[string, object, string]>([
    ['the route itself', {}, 'allow'],
    [
      'a route for another audience',
      { options: { audiences: ['https://payments.example.com'] } },
      'token_audience_mismatch',
    ],
    ['a route for a shorter life', { options: { maxLifetime: '1m' } }, 'token_lifetime_exceeded'],
    ['a route for another type', { options: { typ: ['other+jwt'] } }, 'token_type_refused'],
    [
      'a route for another issuer',
      { servers: [authorizationServer(), other], options: { from: ['other'] } },
      'token_issuer_unknown',
    ],
    [
      'an issuer that signs otherwise',
      { servers: [authorizationServer({ algorithms: ['PS256'] })] },
      'token_algorithm_refused',
    ],
    [
      'another server of the same issuer',
      { servers: [authorizationServer({ name: 'b', keys: keySource({ keys: [otherKey.jwk] }) })] },
      'token_key_unknown',
    ],
  ])('%s', async (_, more, expected) => {
    expect(await courts({}).judge(token)).toBe('allow')
    expect(await courts(more).judge(token)).toBe(expected)
    expect(await courts({}).judge(token)).toBe('allow')
  })
})

describe('which servers and audiences count', () => {
  const payments = authorizationServer({
    name: 'payments',
    issuer: 'https://pay.example',
    audiences: ['https://p.example'],
  })
  const servers = [authorizationServer(), payments]
  const theirs = mintToken({ claims: { iss: payments.issuer, aud: 'https://p.example' } })
  test.each<[string, object, readonly [string, string]]>([
    ['all of them', {}, ['allow', 'allow']],
    ['those named', { from: ['as'] }, ['allow', 'token_issuer_unknown']],
    ['the other one', { from: ['payments'] }, ['token_issuer_unknown', 'allow']],
    ['an audience of the route', { audiences: ['https://p.example'] }, ['token_audience_mismatch', 'allow']],
    ['several', { audiences: ['https://p.example', ORIGIN] }, ['allow', 'allow']],
  ])('%s', async (_, options, expected) => {
    const { judge } = buildCourt({ servers, options })
    expect([await judge(mintToken()), await judge(theirs)]).toEqual(expected)
  })
  test('a server nobody configured is a mistake at start', () =>
    expect(() => buildCourt({ options: { from: ['nobody'] } })).toThrow(/no authorization server named nobody/))
  test('JWT-06, T-43 an issuer that ends with a slash is configured with it', async () => {
    const { judge } = buildCourt({ servers: [authorizationServer({ issuer: `${ISSUER}/` })] })
    const from = (iss: string) => judge(mintToken({ claims: { iss } }))
    expect([await from(`${ISSUER}/`), await from(ISSUER)]).toEqual(['allow', 'token_issuer_unknown'])
  })
  test('no server at all means no token', async () =>
    expect(await buildCourt({ servers: [] }).judge(mintToken())).toBe('token_issuer_unknown'))
  test('the key source is asked for kid and algorithm of the token, and only for a token that could be good', async () => {
    const { source, asked } = buildSource()
    const { judge } = buildCourt({ servers: [authorizationServer({ keys: source })] })
    await judge(mintToken({ header: { alg: 'PS256', kid: 'x' } }))
    await judge(mintToken({ header: { kid: undefined } }))
    for (const header of [{ alg: 'none' }, { typ: 'JWT' }, { jku: 'https://evil.example' }])
      await judge(mintToken({ header }))
    await judge(mintToken({ claims: { iss: `${ISSUER}/` } }))
    expect(asked).toEqual([
      ['x', 'PS256'],
      [undefined, 'ES256'],
    ])
  })
})
