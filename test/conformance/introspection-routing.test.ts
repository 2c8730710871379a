import { describe, expect, test } from 'vitest'
import { verdict } from '../support/answers.ts'
import { asked, askingDocument, forcedDocument, oracle, server, told } from '../support/introspected.ts'
import { activeAnswer, meet, OPAQUE, SIGNED, say, signedAnswer } from '../support/introspection.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import { buildTestCheck, document, goodRequest, mintToken } from '../support/spine.ts'

describe('INT-12 which tokens are asked about', () => {
  const answers = async (token: string, config: object = askingDocument) => {
    const { introspector, tokens } = oracle(activeAnswer())
    const { ask } = buildTestCheck({ document: config, introspection: introspector })
    return [verdict(await ask(goodRequest({ token }))), tokens.length]
  }
  const [header, claims, signature] = mintToken().split('.')
  test('an opaque token is', async () => expect(await answers(OPAQUE)).toEqual(['allow', 1]))
  test('a JWT is not', async () => expect(await answers(mintToken())).toEqual(['allow', 0]))
  test.each([
    ['with a broken signature', `${header}.${claims}.${signature?.slice(0, -4)}AAAA`, 'token_signature_invalid'],
    ['that expired', mintToken({ claims: { exp: PROOF_TIME - 60 } }), 'token_expired'],
    ['of another issuer', mintToken({ claims: { iss: 'https://other.example' } }), 'token_issuer_unknown'],
    ['without a signature', `${header}.${claims}.`, 'token_malformed'],
    ['with a payload that is no JSON', `${header}.AAAA.${signature}`, 'token_malformed'],
    ['INT-11 that is an introspection response', signedAnswer(activeAnswer()), 'token_type_refused'],
  ])('a JWT %s is not asked about because it failed', async (_, token, reason) =>
    expect(await answers(token)).toEqual([reason, 0]),
  )
  test('forceIntrospection: a JWT is asked about, and only the answer counts', async () => {
    const expired = mintToken({ claims: { exp: PROOF_TIME - 60 } })
    expect(await answers(mintToken(), forcedDocument)).toEqual(['allow', 1])
    expect(await answers(expired, forcedDocument)).toEqual(['allow', 1])
    expect(await told({ active: false }, { token: mintToken() }, { config: forcedDocument })).toBe('token_inactive')
  })
  test('without a server that can be asked an opaque token is malformed', async () =>
    expect(await answers(OPAQUE, document)).toEqual(['token_malformed', 0]))
  test('of several servers only the one that can be asked is', async () => {
    const other = {
      name: 'other',
      issuer: 'https://other.example',
      audiences: ['https://api.example.com'],
      keys: { file: 'unread.json' },
    }
    const config = { ...document, authorizationServers: [other, { ...server, ...asked }] }
    expect(await answers(OPAQUE, config)).toEqual(['allow', 1])
    const narrow = { ...config, routes: [{ path: '/accounts', accessToken: { from: ['other'] } }] }
    expect(await answers(OPAQUE, narrow)).toEqual(['token_malformed', 0])
  })
})

describe('a whole Check whose token is asked about over real TLS', () => {
  test.each([
    ['INT-01 plain', false, say(() => activeAnswer())],
    ['INT-08 signed', true, say(() => signedAnswer(activeAnswer()), SIGNED)],
  ])('%s', async (_, signed, answering) => {
    const { introspector, asked: questions } = await meet(answering, { options: { signed } })
    const { ask } = buildTestCheck({ document: askingDocument, introspection: introspector })
    expect(verdict(await ask(goodRequest({ token: OPAQUE })))).toBe('allow')
    expect(verdict(await ask(goodRequest({ token: OPAQUE })))).toBe('allow')
    expect(questions.length).toBe(1)
  })
  test.each([
    ['INT-08 plain JSON where a signed answer is wanted', say(() => activeAnswer())],
    ['INT-08 plain JSON under the type of a signed answer', say(() => activeAnswer(), SIGNED)],
    ['INT-09 a JWT of another type', say(() => signedAnswer(activeAnswer(), { header: { typ: 'JWT' } }), SIGNED)],
    ['INT-10 for another client', say(() => signedAnswer(activeAnswer(), { claims: { aud: 'other' } }), SIGNED)],
  ])('%s is a 503', async (_, answering) => {
    const { introspector } = await meet(answering, { options: { signed: true } })
    const { ask } = buildTestCheck({ document: askingDocument, introspection: introspector })
    expect(verdict(await ask(goodRequest({ token: OPAQUE })))).toBe('introspection_unavailable')
  })
})
