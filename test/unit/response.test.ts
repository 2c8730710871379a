import { describe, expect, test } from 'vitest'
import { admit } from '../../src/admission.ts'
import { buildChallenges } from '../../src/challenge.ts'
import { type Answer, answers, type Denial, type DenyReason, deny } from '../../src/denial.ts'
import { encode, internalErrorResponse, type Occasion } from '../../src/response.ts'
import type { CheckResponse } from '../../src/wire.ts'
import { answered, fieldOf, flaws } from '../support/answers.ts'
import { evidence } from '../support/modules.ts'
import { overTheWire, recordedAnswers, wireBytes } from '../support/recordings.ts'

const INTERACTION = '6ba7b810-9dad-11d1-80b4-00c04fd430c8'
const NONCE = 'eyJ7S_zG.eyJH0-Z.HX4w-7v'
const occasion: Occasion = {
  interactionId: INTERACTION,
  headers: new Map([['authorization', ['DPoP abc']]]),
  route: 'accounts',
  challenges: { dpopAlgorithms: ['ES256', 'PS256'], bearer: true },
  verified: { issuer: 'https://as.example.com', clientId: 'client', subject: 'user', binding: 'dpop' },
}

const reasons = Object.keys(answers) as DenyReason[]
const denialFor = (reason: DenyReason): Denial =>
  deny(reason, 'secret detail', {
    ...(reason === 'scope_insufficient' && { scope: ['accounts', 'payments'] }),
    ...(answers[reason].error === 'use_dpop_nonce' && { nonce: NONCE }),
    ...(reason === 'method_not_allowed' && { allow: ['GET', 'HEAD'] }),
  })
const refuse = (reason: DenyReason, more: Partial<Occasion> = {}): CheckResponse =>
  overTheWire(encode(denialFor(reason), { ...occasion, ...more }))

function allow(set: readonly (readonly [string, string])[] = [['x-authz-subject', 'user']], remove = ['dpop']) {
  const admission = admit('resource', evidence())
  if (!admission.ok) throw new Error(admission.detail)
  return overTheWire(encode({ ok: true, admission: admission.value, identity: { set, remove } }, occasion))
}

/** The table of the specification, by the error code of the answer (ERR-04 and what RFC 9110 says). */
const statusOf: Readonly<Record<string, readonly number[]>> = {
  invalid_request: [400, 405, 413, 431],
  invalid_token: [401],
  invalid_dpop_proof: [401],
  use_dpop_nonce: [401],
  insufficient_scope: [403],
  insufficient_user_authentication: [401],
  access_denied: [403],
  too_many_requests: [429],
  temporarily_unavailable: [503],
  server_error: [500],
}

describe.each(reasons)('%s', (reason) => {
  const answer: Answer = answers[reason]
  const response = refuse(reason)

  test('reaches Envoy as a complete denial', () => {
    expect(response.status.code).toBeGreaterThan(0)
    expect('okResponse' in response).toBe(false)
    expect(flaws(response)).toEqual([])
    expect(response).toMatchObject({ deniedResponse: { status: { code: answer.status } } })
    expect(statusOf[answer.error]).toContain(answer.status)
  })
  test('says what the table says and nothing of the detail', () => {
    if (!('deniedResponse' in response)) throw new Error('allowed')
    expect(JSON.parse(response.deniedResponse.body)).toEqual({
      error: answer.error,
      error_description: answer.description,
    })
    expect(wireBytes(response).includes('secret detail')).toBe(false)
    expect(answer.description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
  })
  test('carries its challenges, one field each (ERR-07), and when to come again', () => {
    const challenges = occasion.challenges
      ? buildChallenges(denialFor(reason), occasion.challenges, occasion.headers)
      : []
    expect(answered(response, 'www-authenticate')).toEqual(challenges)
    expect(challenges.length).toBe(answer.challenge === 'none' ? 0 : 2)
    expect(answered(response, 'retry-after')).toEqual(
      answer.retryAfter === undefined ? [] : [String(answer.retryAfter)],
    )
    expect(answered(response, 'x-fapi-interaction-id')).toEqual([INTERACTION])
  })
  test('tells the log, the rate limit and the lock behind us', () => {
    const texts = Object.entries(response.dynamicMetadata.fields).map(([key, { stringValue }]) => [key, stringValue])
    expect(Object.fromEntries(texts)).toEqual({
      decision: 'deny',
      reason,
      route: 'accounts',
      interactionId: INTERACTION,
      issuer: 'https://as.example.com',
      clientId: 'client',
      subject: 'user',
      binding: 'dpop',
    })
  })
})

describe('an allow', () => {
  const response = allow()
  test('is complete and sets by overwriting only', () => {
    expect(response.status).toEqual({ code: 0 })
    expect(flaws(response)).toEqual([])
    expect(response).toMatchObject({
      okResponse: {
        headers: [
          { header: { key: 'x-authz-subject', value: 'user' }, appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' },
          { header: { key: 'x-fapi-interaction-id' }, appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' },
        ],
        headersToRemove: ['dpop'],
        responseHeadersToAdd: [
          { header: { key: 'x-fapi-interaction-id', value: INTERACTION }, appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' },
        ],
      },
    })
  })
  test('status 0 is written, not left out', () => expect(wireBytes(response)[0]).toBe(0x0a))
  test.each([
    ['x-authz-subject', 'a\r\nx-evil: 1'],
    ['x-authz-subject', 'ü'],
    ['X-Authz-Subject', 'a'],
    ['x-authz subject', 'a'],
    [':path', '/admin'],
    ['', 'a'],
  ])('%j: %j never leaves', (name, value) => expect(() => allow([[name, value]])).toThrow())
})

describe('envoy-05 what goes out can be read', () => {
  test('a name with half a surrogate pair is left out of the metadata', () => {
    const verified = { subject: 'a\ud800', clientId: '\udc00', issuer: '\ud83d\ude00' }
    const response = encode(deny('claim_unusable', ''), { ...occasion, verified })
    expect(fieldOf(overTheWire(response), 'issuer')).toBe('😀')
    expect(Object.keys(response.dynamicMetadata.fields)).not.toContain('subject')
    expect(Object.keys(response.dynamicMetadata.fields)).not.toContain('clientId')
    expect(flaws(overTheWire(response))).toEqual([])
  })
  test('an empty text is left out', () => {
    const response = refuse('host_unknown', { route: '', verified: {}, challenges: undefined })
    expect(Object.keys(response.dynamicMetadata.fields)).toEqual(['decision', 'reason', 'interactionId'])
    expect(answered(response, 'www-authenticate')).toEqual([])
  })
})

test('what goes out when even encoding failed is a complete denial', () => {
  const response = overTheWire(internalErrorResponse)
  expect(response).toMatchObject({ status: { code: 13 }, deniedResponse: { status: { code: 500 } } })
  expect(flaws(response)).toEqual(['interaction id'])
})

test('retryAfter of the denial wins over the table', () => {
  const response = overTheWire(encode(deny('keys_unavailable', '', { retryAfter: 30 }), occasion))
  expect(answered(response, 'retry-after')).toEqual(['30'])
})

describe('what Envoy 1.40 did with answers like ours', () => {
  const recorded = recordedAnswers()
  const snake = (response: object): Record<string, unknown> =>
    JSON.parse(
      JSON.stringify(response).replaceAll(
        /"([a-z]+[A-Z]\w*)":/g,
        (_, name: string) => `"${name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}":`,
      ),
    )
  /** Status zero or not, which responses are there, and whether each header is of the recorded kind. */
  const shape = (response: Readonly<Record<string, unknown>>): string => {
    const code = (response.status as { code?: number } | undefined)?.code
    const verdict = code === undefined ? 'no status' : code === 0 ? 'zero' : 'not zero'
    return [verdict, ...['ok_response', 'denied_response', 'error_response'].filter((name) => name in response)].join(
      ' + ',
    )
  }
  const outcomes = (wanted: string): readonly string[] => [
    ...new Set(
      recorded
        .filter(({ check_response: sent }) => sent !== null && shape(sent) === wanted)
        .map(({ upstream_sees: upstream }) => (upstream ? 'let through' : 'stopped')),
    ),
  ]
  test('all 253 are here', () => expect(recorded).toHaveLength(253))
  test('every denial has the one shape that is stopped whatever else is set', () => {
    const shapes = new Set(
      [...reasons.map((reason) => refuse(reason)), overTheWire(internalErrorResponse)].map((response) =>
        shape(snake(response)),
      ),
    )
    expect([...shapes]).toEqual(['not zero + denied_response'])
    expect(outcomes('not zero + denied_response')).toEqual(['stopped'])
  })
  test('an allow has the shape that is let through unless its headers are bad', () => {
    expect(shape(snake(allow()))).toBe('zero + ok_response')
    const [ok] = recorded.filter(({ scenario }) => scenario === 'hdr_O')
    expect(ok?.upstream_sees?.headers).toContain('x-auth-a: S')
    expect(ok?.upstream_sees?.headers.filter((line) => line.startsWith('x-auth-a'))).toHaveLength(1)
  })
  test('the shapes that let a denial through exist, and none of ours has one', () => {
    const dangerous = [...new Set(recorded.flatMap(({ check_response: sent }) => (sent ? [shape(sent)] : [])))].filter(
      (found) => found !== 'zero + ok_response' && outcomes(found).includes('let through'),
    )
    expect(new Set(dangerous)).toEqual(
      new Set([
        'no status',
        'no status + denied_response',
        'no status + ok_response',
        'not zero + error_response',
        'zero',
        'zero + denied_response',
        'zero + error_response',
      ]),
    )
  })
  test('T-78 two challenges with our append action both reached the client', () => {
    const [two] = recorded.filter(({ scenario }) => scenario === 'deny_multi_act_A')
    expect(two?.client_sees.headers.filter((line) => line.startsWith('www-authenticate'))).toHaveLength(2)
  })
})
