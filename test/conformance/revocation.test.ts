import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import type { Revocations } from '../../src/ports.ts'
import { answered, verdict } from '../support/answers.ts'
import { oracle } from '../support/introspected.ts'
import { activeAnswer, OPAQUE } from '../support/introspection.ts'
import { certificate, certificateThumbprint } from '../support/possession.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import { listedDocument, revocationsOf } from '../support/revocations.ts'
import {
  boundTo,
  buildTestCheck,
  clientKey,
  goodRequest,
  ISSUER,
  mintToken,
  otherKey,
  type SpineOptions,
} from '../support/spine.ts'

const CLAIMS = { jti: 'token-1', sub: 'user-1', client_id: 'client-1', sid: 'session-1' }
const token = mintToken({ claims: CLAIMS })
const digest = (text: string): string => createHash('sha256').update(text).digest('base64url')

const start = (revocations: Revocations, more: SpineOptions = {}) =>
  buildTestCheck({ document: listedDocument, revocations, ...more })

describe('JWT-29 a revoked token is refused, whatever it is revoked by', () => {
  test.each<readonly [name: string, revoking: object, sparing: object]>([
    ['jti', { jti: 'token-1' }, { jti: 'token-2' }],
    ['sub', { sub: 'user-1' }, { sub: 'user-2' }],
    ['client_id', { client_id: 'client-1' }, { client_id: 'client-2' }],
    ['sid', { sid: 'session-1' }, { sid: 'session-2' }],
    ['jkt', { jkt: clientKey.thumbprint }, { jkt: otherKey.thumbprint }],
    ['token', { token: digest(token.slice(0, token.lastIndexOf('.'))) }, { token: digest('another') }],
    ['sub and a time', { sub: 'user-1', before: PROOF_TIME - 10 }, { sub: 'user-1', before: PROOF_TIME - 11 }],
    ['jti and an end', { jti: 'token-1', until: PROOF_TIME }, { jti: 'token-1', until: PROOF_TIME - 100 }],
  ])('%s', async (_, revoking, sparing) => {
    const { ask, records } = start(revocationsOf(revoking))
    const refused = await ask(goodRequest({ token }))
    expect(verdict(refused)).toBe('token_revoked')
    expect(answered(refused, 'www-authenticate').join()).toMatch(/^DPoP .*error="invalid_token"/)
    expect(records[0]?.trace.entries.at(-1)).toMatchObject({
      check: 'token revocation',
      clause: 'FAPI 2.0 Security Profile section 5.3.4',
      result: 'fail',
    })
    expect(verdict(await start(revocationsOf(sparing)).ask(goodRequest({ token })))).toBe('allow')
  })
  test('the thumbprint of its certificate', async () => {
    const request = goodRequest({
      ...{ path: '/mtls', scheme: 'Bearer', proof: null, certificate },
      token: mintToken({ claims: { cnf: boundTo.mtls } }),
    })
    expect(verdict(await start(revocationsOf()).ask(request))).toBe('allow')
    expect(verdict(await start(revocationsOf({ 'x5t#S256': certificateThumbprint })).ask(request))).toBe(
      'token_revoked',
    )
  })
})

test('JWT-29, att-claims-04 a token that was good a moment ago is refused as soon as its revocation is known', async () => {
  const revocations = revocationsOf()
  const { ask } = start(revocations)
  expect(verdict(await ask(goodRequest({ token })))).toBe('allow')
  revocations.add({ jti: 'token-1' })
  expect(verdict(await ask(goodRequest({ token })))).toBe('token_revoked')
  expect(verdict(await ask(goodRequest()))).toBe('allow')
})

describe('JWT-29 a revocation is of one issuer', () => {
  const two = {
    ...listedDocument,
    authorizationServers: [
      ...listedDocument.authorizationServers,
      { ...listedDocument.authorizationServers[0], name: 'other', issuer: 'https://other.example', revocation: {} },
    ],
    routes: listedDocument.routes.filter(({ name }) => name !== 'long'),
  }
  test.each([
    [ISSUER, 'token_revoked'],
    ['https://other.example', 'allow'],
  ])('the same jti of %s: %s', async (iss, reason) => {
    const { ask } = start(revocationsOf({ jti: 'token-1' }), { document: two })
    expect(verdict(await ask(goodRequest({ token: mintToken({ claims: { ...CLAIMS, iss } }) })))).toBe(reason)
  })
})

describe('an opaque token, after it was asked about', () => {
  const asking = {
    ...listedDocument,
    authorizationServers: listedDocument.authorizationServers.map((server) => ({
      ...server,
      revocation: { ...server.revocation, introspection: { clientId: 'api', key: 'unread.pem' } },
    })),
  }
  test.each<readonly [string, object, object, string]>([
    ['that nobody revoked', {}, { jti: 'another' }, 'allow'],
    ['by its digest', {}, { token: digest(OPAQUE) }, 'token_revoked'],
    [
      'by its subject, issued before',
      { iat: PROOF_TIME - 9 },
      { sub: 'user-1', before: PROOF_TIME - 9 },
      'token_revoked',
    ],
    ['by its subject, issued after', { iat: PROOF_TIME - 8 }, { sub: 'user-1', before: PROOF_TIME - 9 }, 'allow'],
    ['of which nobody says when it was issued', { iat: undefined }, { sub: 'user-1', before: 5 }, 'token_revoked'],
  ])('%s', async (_, members, line, reason) => {
    const { introspector } = oracle({ ...activeAnswer(), sub: 'user-1', ...members })
    const { ask } = start(revocationsOf(line), { document: asking, introspection: introspector })
    expect(verdict(await ask(goodRequest({ token: OPAQUE })))).toBe(reason)
  })
})

test('when revocations are not known the answer is 503 with Retry-After, never 401', async () => {
  const { ask } = start({ judge: () => ({ kind: 'unknown', detail: 'no revocations were read yet' }) })
  const response = await ask(goodRequest({ token }))
  expect(verdict(response)).toBe('revocation_unavailable')
  expect(answered(response, 'retry-after')).toEqual(['2'])
  expect(answered(response, 'www-authenticate')).toEqual([])
})

describe('FAPI-RS-03 validity, integrity, expiration and revocation of the token', () => {
  const [head, body, signature] = token.split('.')
  test.each([
    ['all of them hold', token, 'allow'],
    ['its form is not valid', `${head}.${body}`, 'token_malformed'],
    ['it was tampered with', `${head}.${body}.${signature?.slice(0, -4)}AAAA`, 'token_signature_invalid'],
    ['it has expired', mintToken({ claims: { ...CLAIMS, exp: PROOF_TIME - 6 } }), 'token_expired'],
    ['it was revoked', mintToken({ claims: { ...CLAIMS, jti: 'revoked' } }), 'token_revoked'],
  ])('%s', async (_, sent, reason) => {
    expect(verdict(await start(revocationsOf({ jti: 'revoked' })).ask(goodRequest({ token: sent })))).toBe(reason)
  })
  test('a token that fails otherwise is not looked up, so nobody learns what is in the list', async () => {
    const looked: string[] = []
    const { ask } = start({
      judge: ({ tokenId }) => {
        looked.push(tokenId)
        return { kind: 'clean' }
      },
    })
    await ask(goodRequest({ token: `${head}.${body}.${signature?.slice(0, -4)}AAAA` }))
    await ask(goodRequest({ token: mintToken({ claims: { exp: PROOF_TIME - 6 } }) }))
    expect(looked).toEqual([])
  })
})

describe('JWT-30 tokens that live long need a source of revocations', () => {
  const problems = (document: object): readonly string[] => {
    const read = readConfig(document)
    return read.ok ? [] : read.problems.map(({ message }) => message)
  }
  const [server] = listedDocument.authorizationServers
  const of = (revocation: object, more: object = {}, route: object = {}) =>
    problems({
      ...listedDocument,
      authorizationServers: [{ ...server, revocation }],
      routes: [{ name: 'long', path: '/long', accessToken: { maxLifetime: '1h' }, ...route }],
      ...more,
    })
  const missing = [expect.stringMatching(/^tokens of as may live 1h, but without a revocation source only 10m/)]

  test.each<readonly [string, object, readonly unknown[]]>([
    ['none', {}, missing],
    ['a deny-list', { denyList: { file: 'unread.jsonl' } }, []],
    ['introspection', { introspection: { clientId: 'api', key: 'unread.pem' } }, []],
  ])('%s', (_, revocation, expected) => expect(of(revocation)).toEqual(expected))
  test('an hour is as good as ten minutes when that is what short means', () =>
    expect(of({ shortLived: '1h' })).toEqual([]))
  test('noRevocation does without, under compat alone', () => {
    const route = { exceptions: ['noRevocation'] }
    expect(of({}, { profile: 'compat' }, route)).toEqual([])
    expect(of({}, {}, route)).not.toEqual([])
  })
  test('longLivedTokens needs a source in which every token is looked up, or noRevocation', () => {
    const route = { exceptions: ['longLivedTokens'] }
    const compat = { profile: 'compat' }
    const needed = ['longLivedTokens without a revocation source also needs noRevocation']
    expect(of({}, compat, route)).toEqual(needed)
    expect(of({ introspection: { clientId: 'api', key: 'unread.pem' } }, compat, route)).toEqual(needed)
    expect(of({ denyList: { file: 'unread.jsonl' } }, compat, route)).toEqual([])
  })
  test('one server without a source spoils it for the route that takes its tokens', () => {
    const other = { ...server, name: 'other', issuer: 'https://other.example', revocation: {} }
    const servers = { authorizationServers: [server, other] }
    expect(of({}, servers)).toEqual([expect.stringContaining('tokens of other may live 1h')])
    expect(of({}, servers, { accessToken: { maxLifetime: '1h', from: ['as'] } })).toEqual([])
  })
  test('JWTs of a server with a list may live as long as the route says, and no longer', async () => {
    const { ask } = start(revocationsOf())
    const hour = (seconds: number) => mintToken({ claims: { iat: PROOF_TIME - 10, exp: PROOF_TIME - 10 + seconds } })
    expect(verdict(await ask(goodRequest({ path: '/long', token: hour(3600) })))).toBe('allow')
    expect(verdict(await ask(goodRequest({ path: '/long', token: hour(3601) })))).toBe('token_lifetime_exceeded')
  })
})
