import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { admitInShadow, isAdmission } from '../../src/admission.ts'
import { answers, type Denial, type DenyReason, deny } from '../../src/denial.ts'
import { grantShadow, isInForce, type Shadow } from '../../src/shadow.ts'
import { answered, fieldOf, removed, told, verdict } from '../support/answers.ts'
import { custom } from '../support/modules.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import { overTheWire, received } from '../support/recordings.ts'
import { checkRequest, forms } from '../support/requests.ts'
import {
  buildTestCheck,
  CALL,
  document,
  goodRequest,
  mintToken,
  proofFor,
  type SpineOptions,
} from '../support/spine.ts'

const reasons = Object.keys(answers) as DenyReason[]

/** The routes of the test documents, that of /accounts in shadow, until a moment if told. */
const shadowed = (until?: number) => ({
  ...document,
  routes: document.routes.map((route) =>
    route.name === 'accounts' ? { ...route, mode: 'shadow', ...(until && { until: spelled(until) }) } : route,
  ),
})
const spelled = (seconds: number): string => new Date(seconds * 1000).toISOString()

const build = (options: SpineOptions = {}) => buildTestCheck({ document: shadowed(), ...options })

/** What the upstream gets and the client is told, when a request passes as if we were not there. */
const untouched = { headers: [], headersToRemove: [], responseHeadersToAdd: [] }

describe('whatever enforcement would answer, a route in shadow lets pass and says so', () => {
  test.each(reasons)('%s', async (reason) => {
    const nonce = answers[reason].error === 'use_dpop_nonce' ? { nonce: 'nonce-1' } : {}
    const policy = custom(() => deny(reason, 'why', nonce))
    const { ask, records } = build({ pipelines: { accounts: [policy], dpop: [policy] } })
    const response = await ask(goodRequest())
    expect(response).toMatchObject({ status: { code: 0 }, okResponse: untouched })
    expect(fieldOf(response, 'would')).toBe(reason)
    expect(records).toMatchObject([{ mode: 'shadow', would: { reason, detail: 'why' }, decision: { ok: true } }])

    const enforced = await ask(goodRequest({ path: '/dpop' }))
    expect([verdict(enforced), fieldOf(enforced, 'mode')]).toEqual([reason, undefined])
    expect(records[1]).toMatchObject({ mode: 'enforce', would: undefined, decision: { ok: false, reason } })
  })
})

describe.each(forms)('%s headers, through the real messages both ways', (form) => {
  test('what nobody verified reaches nobody: neither headers nor metadata', async () => {
    const { ask } = build()
    const headers = [
      ['x-authz-subject', 'admin'],
      ['x_authz_scope', 'payments'],
      ['client-cert', ':AAAA:'],
      ['x-other', 'stays'],
    ] as const
    // The token holds, and its scope is not enough: its owner is known, and still not named.
    const token = mintToken({ claims: { scope: 'nothing' } })
    const response = overTheWire(await ask(received(goodRequest({ token, headers, form }))))
    expect([verdict(response), fieldOf(response, 'would')]).toEqual(['allow', 'scope_insufficient'])
    expect(new Set(removed(response))).toEqual(new Set(['client-cert', 'x-authz-subject', 'x_authz_scope']))
    // Empty lists are absent once they have been over the wire.
    expect(response).not.toMatchObject({ okResponse: { headers: expect.anything() } })
    expect(response).not.toMatchObject({ okResponse: { responseHeadersToAdd: expect.anything() } })
    const named = new Set(Object.keys(response.dynamicMetadata.fields))
    expect(named).toEqual(new Set(['decision', 'interactionId', 'mode', 'reason', 'route', 'would']))
  })
  test('what enforcement would allow is an ordinary allow, but for token and proof, which go on', async () => {
    const { ask, records } = build()
    const order = { headers: [['x-authz-subject', 'admin']] as const, form }
    const response = overTheWire(await ask(received(goodRequest(order))))
    expect([verdict(response), fieldOf(response, 'mode'), fieldOf(response, 'would')]).toEqual([
      'allow',
      'shadow',
      undefined,
    ])
    expect(told(response, 'x-authz-subject')).toEqual(['user-1'])
    expect(removed(response)).toEqual([])
    expect(fieldOf(response, 'clientId')).toBe('client-1')
    expect(records).toMatchObject([{ mode: 'shadow', would: undefined }])

    const enforced = overTheWire(await buildTestCheck().ask(received(goodRequest(order))))
    expect(new Set(removed(enforced))).toEqual(new Set(['authorization', 'dpop']))
    expect(told(enforced, 'x-authz-subject')).toEqual(['user-1'])
  })
})

test('a proof is used up as in enforcement', async () => {
  const { ask } = build()
  const token = mintToken()
  const proof = proofFor(token)
  const again = () => goodRequest({ token, proof, id: randomUUID() })
  expect(fieldOf(await ask(again()), 'would')).toBeUndefined()
  expect(fieldOf(await ask(again()), 'would')).toBe('proof_replayed')
})

describe('what is decided before a route in shadow is certain is enforced', () => {
  test.each([
    ['an unknown path', checkRequest({ path: '/nowhere' }), 'route_unknown'],
    ['an unknown host', checkRequest({ path: '/accounts', host: 'other.example' }), 'host_unknown'],
    ['another method', checkRequest({ path: '/accounts', method: 'OPTIONS' }), 'method_not_allowed'],
    ['a path in another form', checkRequest({ path: '/accounts/../accounts' }), 'path_not_canonical'],
    [
      'a method that only the upstream would see, because its route may enforce',
      goodRequest({ headers: [['x-http-method-override', 'DELETE']] }),
      'request_malformed',
    ],
    [
      'an identity header that cannot be removed',
      goodRequest({ token: 'none', headers: [['x-authz-subject!', 'admin']] }),
      'request_malformed',
    ],
    ['a route that enforces', goodRequest({ path: '/dpop', proof: null }), 'proof_missing'],
    ['no attributes', {}, 'request_malformed'],
  ])('%s', async (_, request, reason) => {
    const { ask, records } = build()
    expect(verdict(await ask(request))).toBe(reason)
    expect(records).toMatchObject([{ mode: 'enforce', would: undefined }])
  })
  test('runs no policy, so no proof is used up', async () => {
    let runs = 0
    const counting = custom(() => {
      runs += 1
      return deny('proof_replayed', 'why')
    })
    const { ask } = build({ pipelines: { accounts: [counting] } })
    const ambiguous = goodRequest({ headers: [['x-http-method-override', 'DELETE']] })
    expect([verdict(await ask(ambiguous)), runs]).toEqual(['request_malformed', 0])
    expect([fieldOf(await ask(goodRequest()), 'would'), runs]).toEqual(['proof_replayed', 1])
  })
  test('a service that has no keys yet', async () => {
    const { check, surroundings } = build()
    expect(check).toBeTypeOf('function')
    const refusal = deny('starting', 'no keys yet')
    const { ask } = build({ surroundings: { rules: () => ({ ...surroundings.rules(), refusal }) } })
    expect(verdict(await ask(goodRequest()))).toBe('starting')
  })
})

describe('faults of ours in a policy let pass, and the report of them is kept', () => {
  test.each([
    ['an exception', () => Promise.reject(new Error('boom'))],
    [
      'an exception at once',
      () => {
        throw new Error('boom')
      },
    ],
    ['a result that is none', () => 'allowed'],
  ])('%s', async (_, returned) => {
    const { ask, records } = build({ pipelines: { accounts: [custom(returned)], dpop: [custom(returned)] } })
    const response = await ask(goodRequest())
    expect([verdict(response), fieldOf(response, 'would')]).toEqual(['allow', 'internal_error'])
    expect(response).toMatchObject({ okResponse: untouched })
    expect(verdict(await ask(goodRequest({ path: '/dpop' })))).toBe('internal_error')
    expect(records).toHaveLength(2)
  })
  test('a policy that never answers', async () => {
    const timer = () => ({ elapsed: Promise.resolve(), cancel: () => {} })
    const never = custom(() => new Promise(() => {}))
    const { ask } = build({ pipelines: { accounts: [never], dpop: [never] }, surroundings: { timer } })
    expect(fieldOf(await ask(goodRequest()), 'would')).toBe('deadline')
    expect(verdict(await ask(goodRequest({ path: '/dpop' })))).toBe('deadline')
  })
  test('a replay store that does not answer', async () => {
    const { ask } = build({ replays: { claim: () => 'unavailable' } })
    expect(fieldOf(await ask(goodRequest()), 'would')).toBe('replay_unavailable')
    expect(verdict(await ask(goodRequest({ path: '/dpop' })))).toBe('replay_unavailable')
  })
})

/** Observers that record nothing. */
const faulty: readonly (readonly [string, () => never | Promise<never>])[] = [
  [
    'the observer throws',
    () => {
      throw new Error('the disk is full')
    },
  ],
  ['its promise is broken', () => Promise.reject(new Error('the disk is full'))],
]

describe.each([
  ['what would be refused', () => goodRequest({ proof: null })],
  ['what would be allowed', () => goodRequest()],
])('a decision that cannot be recorded is a denial: %s', (_, request) => {
  test.each(faulty)('%s', async (__, observe) => {
    const { ask, errors } = build({ surroundings: { observe } })
    expect(verdict(await ask(request()))).toBe('internal_error')
    expect(errors).toHaveLength(1)
  })
  test.each(faulty)('%s once', async (__, failing) => {
    const later = [failing]
    const { ask } = build({ surroundings: { observe: () => later.pop()?.() } })
    expect(verdict(await ask(request()))).toBe('internal_error')
  })
  test.each([
    ['at once', (denial: Denial) => denial],
    ['in a while', (denial: Denial) => Promise.resolve(denial)],
  ])('the observer denies %s', async (__, give) => {
    const { ask } = build({ surroundings: { observe: () => give(deny('audit_unavailable', 'the disk is full')) } })
    const response = await ask(request())
    expect([verdict(response), fieldOf(response, 'mode')]).toEqual(['audit_unavailable', undefined])
  })
  test('also when a policy threw before, later', async () => {
    const observe = () => Promise.reject(new Error('the disk is full'))
    const broken = custom(() => Promise.reject(new Error('boom')))
    const { ask } = build({ pipelines: { accounts: [broken] }, surroundings: { observe } })
    expect(verdict(await ask(request()))).toBe('internal_error')
  })
})

describe('the end of a shadow is looked at with each decision', () => {
  test.each([
    ['a second before', PROOF_TIME + 1, 'allow'],
    ['at it', PROOF_TIME, 'proof_missing'],
    ['after it', PROOF_TIME - 1, 'proof_missing'],
  ])('%s', async (_, until, expected) => {
    const { ask } = build({ document: shadowed(until) })
    expect(verdict(await ask(goodRequest({ proof: null })))).toBe(expected)
  })
  test('one Check passes, the next is refused', async () => {
    const { check, clock } = build({ document: shadowed(PROOF_TIME + 60) })
    expect(verdict(await check(goodRequest({ proof: null }), CALL))).toBe('allow')
    clock.now = PROOF_TIME + 60
    const response = await check(goodRequest({ proof: null }), CALL)
    expect([verdict(response), answered(response, 'www-authenticate')]).toEqual([
      'proof_missing',
      [expect.stringContaining('invalid_dpop_proof'), 'Bearer'],
    ])
  })
})

describe('nobody can make up a shadow', () => {
  const denial = deny('proof_replayed', 'used')
  test('a genuine one that holds admits, with the denial as its evidence', () => {
    const admission = admitInShadow(grantShadow(100), denial, 99)
    expect(admission).toEqual({ ok: true, value: { kind: 'shadow', would: denial } })
    expect(admission.ok && isAdmission(admission.value)).toBe(true)
  })
  test.each<readonly [string, Shadow | undefined]>([
    ['none', undefined],
    ['a copy', { ...grantShadow(undefined) }],
    ['one that looks like it', { until: undefined } as unknown as Shadow],
    ['one whose end has come', grantShadow(99)],
    ['one whose end is no number', grantShadow(Number.NaN)],
  ])('%s: the denial stands', (_, shadow) => {
    expect(isInForce(shadow, 99)).toBe(false)
    expect(admitInShadow(shadow, denial, 99)).toBe(denial)
  })
})
