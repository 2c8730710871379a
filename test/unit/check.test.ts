import { describe, expect, test } from 'vitest'
import { ok } from '../../src/denial.ts'
import type { KeySource } from '../../src/ports.ts'
import type { CheckRequest } from '../../src/wire.ts'
import { flaws, removed, told, verdict } from '../support/answers.ts'
import { custom } from '../support/modules.ts'
import { certificate } from '../support/possession.ts'
import { overTheWire, received } from '../support/recordings.ts'
import { checkRequest, forms } from '../support/requests.ts'
import {
  boundTo,
  buildTestCheck,
  CALL,
  compatDocument,
  goodRequest,
  keySource,
  mintToken,
  proofFor,
} from '../support/spine.ts'

describe.each(forms)('%s headers, through the real messages both ways', (form) => {
  const ask = async (request: CheckRequest, document?: object) => {
    const check = buildTestCheck(document ? { document } : {})
    return { ...check, response: overTheWire(await check.ask(received(request))) }
  }
  test.each([
    ['DPoP', '/accounts', boundTo.dpop, 'DPoP', 'dpop'],
    ['mTLS', '/mtls', boundTo.mtls, 'Bearer', 'mtls'],
    ['both', '/both', boundTo.both, 'DPoP', 'dpop mtls'],
  ])('%s is allowed', async (_, path, cnf, scheme, binding) => {
    const proof = scheme === 'DPoP' ? {} : { proof: null }
    const { response } = await ask(
      goodRequest({ path, token: mintToken({ claims: { cnf } }), scheme, certificate, form, ...proof }),
    )
    expect([verdict(response), flaws(response)]).toEqual(['allow', []])
    expect(told(response, 'x-authz-binding')).toEqual([binding])
    expect(told(response, 'x-authz-subject')).toEqual(['user-1'])
  })
  test('a bearer token by exception, never one with cnf', async () => {
    const order = { path: '/bearer', scheme: 'Bearer', proof: null, form }
    const plain = await ask(goodRequest({ ...order, token: mintToken({ claims: { cnf: undefined } }) }), compatDocument)
    expect(verdict(plain.response)).toBe('allow')
    const bound = await ask(goodRequest(order), compatDocument)
    expect(verdict(bound.response)).toBe('bound_token_as_bearer')
    const asDpop = mintToken({ claims: { cnf: undefined } })
    const schemed = await ask(goodRequest({ ...order, scheme: 'DPoP', token: asDpop }), compatDocument)
    expect(verdict(schemed.response)).toBe('token_not_dpop_bound')
  })
  test('an open route needs nothing and believes nothing', async () => {
    const headers = [
      ['authorization', 'DPoP garbage'],
      ['x-authz-subject', 'admin'],
    ] as const
    const { response } = await ask(checkRequest({ path: '/public/x', headers }, form))
    expect([verdict(response), flaws(response)]).toEqual(['allow', []])
    expect([told(response, 'x-authz-subject'), removed(response)]).toEqual([[], ['x-authz-subject']])
  })
  test('what is denied keeps what was proven for the record', async () => {
    const { response, records } = await ask(goodRequest({ path: '/accounts/7', form }))
    expect(verdict(response)).toBe('scope_insufficient')
    expect(response.dynamicMetadata.fields).toMatchObject({ subject: { stringValue: 'user-1' } })
    expect(records).toHaveLength(1)
    expect(records[0]).toMatchObject({ hash: 'hash', evidence: { token: { subject: 'user-1' } } })
    expect(records[0]?.trace.entries.length).toBeGreaterThan(5)
  })
})

test('a hot Check answers without waiting', () => {
  const { check } = buildTestCheck()
  expect(check(goodRequest(), CALL)).not.toBeInstanceOf(Promise)
})

test('a Check that waits for keys ends the same', async () => {
  const now = keySource()
  const later: KeySource = { ...now, find: async (kid, algorithm) => await now.find(kid, algorithm) }
  const { ask } = buildTestCheck({ keys: later })
  expect(verdict(await ask(goodRequest()))).toBe('allow')
  expect(verdict(await ask(goodRequest({ token: mintToken({ header: { kid: 'other' } }) })))).toBe('token_key_unknown')
})

test('the certificate is not believed when it must not be', async () => {
  // Routes that take nothing but certificates would be refused with the configuration.
  const routes = compatDocument.routes.filter(({ name }) => name !== 'mtls' && name !== 'both')
  const document = { ...compatDocument, routes, clientCertificateFrom: { source: 'none' } }
  const token = mintToken({ claims: { cnf: boundTo.mtls } })
  const request = goodRequest({ path: '/accounts', token, scheme: 'Bearer', proof: null, certificate })
  expect(verdict(await buildTestCheck({ document }).ask(request))).toBe('certificate_missing')
})

describe('the time budget', () => {
  const waiting = (budget: number) => {
    const asked: number[] = []
    let cancelled = 0
    const timer = (milliseconds: number) => {
      asked.push(milliseconds)
      return { elapsed: Promise.resolve(), cancel: () => void cancelled++ }
    }
    const pipelines = { accounts: [custom(() => Promise.withResolvers().promise)] }
    const { check } = buildTestCheck({ pipelines, surroundings: { timer } })
    return async () => ({ response: await check(goodRequest(), { peer: 'local', budget }), asked, cancelled })
  }
  test('20 ms less than Envoy waits, then a complete 503, and the timer is freed', async () => {
    const { response, asked, cancelled } = await waiting(500)()
    expect([verdict(response), flaws(response), asked, cancelled]).toEqual(['deadline', [], [480], 1])
  })
  test.each([20, 10, 0, -5, Number.NEGATIVE_INFINITY])(
    '%s ms: nothing is done, and no proof is spent',
    async (budget) => {
      const { check, ask, records } = buildTestCheck()
      const request = goodRequest()
      const late = await check(request, { peer: 'local', budget })
      expect([verdict(late), flaws(late), records[0]?.trace.entries]).toEqual(['deadline', [], []])
      expect(verdict(await ask(request))).toBe('allow')
    },
  )
  test('a Check in time frees the timer too', async () => {
    let cancelled = 0
    const timer = () => ({ elapsed: Promise.withResolvers<void>().promise, cancel: () => void cancelled++ })
    const pipelines = { public: [custom(async () => ok({}))] }
    const { ask } = buildTestCheck({ pipelines, surroundings: { timer } })
    expect(verdict(await ask(checkRequest({ path: '/public/x' })))).toBe('allow')
    expect(cancelled).toBe(1)
  })
})

describe('policy-throw, ERR-16 faults around us end in a complete denial', () => {
  const boom = (): never => {
    throw new Error('boom')
  }
  const asynchronous = { accounts: [custom(async () => ok({}))] }
  test.each([
    ['the clock', { now: boom }, {}],
    ['chance', { uuid: boom }, {}],
    ['the observer', { observe: boom }, {}],
    ['the observer, after a wait', { observe: boom }, asynchronous],
    ['the timer', { timer: boom }, asynchronous],
    ['everything', { now: boom, uuid: boom, observe: boom, report: boom, timer: boom }, asynchronous],
  ])('%s', async (_, surroundings, pipelines) => {
    const { ask } = buildTestCheck({ surroundings, pipelines })
    const response = await ask(goodRequest())
    expect(verdict(response)).toBe('internal_error')
    expect(flaws(response).filter((flaw) => flaw !== 'interaction id')).toEqual([])
  })
  test('a reporter that throws does not hide the answer', async () => {
    const { ask } = buildTestCheck({ surroundings: { now: boom, report: boom } })
    expect(verdict(await ask(goodRequest()))).toBe('internal_error')
  })
  test('ports that throw, reject or answer nonsense', async () => {
    const answers: readonly (() => unknown)[] = [
      boom,
      async () => boom(),
      () => undefined,
      () => ({ kind: 'found' }),
      () => 'fresh',
      () => true,
    ]
    for (const answer of answers) {
      const keys = { find: answer as KeySource['find'], generation: 1 }
      expect(verdict(await buildTestCheck({ keys }).ask(goodRequest()))).not.toBe('allow')
    }
    for (const answer of [boom, async () => boom(), () => undefined, () => true, () => 'FRESH', async () => ({})]) {
      const { ask } = buildTestCheck({ replays: { claim: answer as never } })
      const response = await ask(goodRequest())
      expect([verdict(response) === 'allow', flaws(response)]).toEqual([false, []])
    }
  })
  test('nothing of the error reaches the client', async () => {
    const pipelines = {
      accounts: [
        custom(() => {
          throw new Error('secret-of-ours')
        }),
      ],
    }
    const { ask, records } = buildTestCheck({ pipelines })
    expect(JSON.stringify(await ask(goodRequest()))).not.toContain('secret-of-ours')
    expect(records[0]?.decision).toMatchObject({ ok: false, detail: 'Error: secret-of-ours' })
  })
})

test('ENV-10 a request that could mean two things spends nothing: the proof is good for the request that means one', async () => {
  const { ask } = buildTestCheck()
  const token = mintToken()
  const proof = proofFor(token)
  const twofold = goodRequest({ token, proof, headers: [['x-http-method-override', 'DELETE']] })
  expect(verdict(await ask(twofold))).toBe('request_malformed')
  expect(verdict(await ask(goodRequest({ token, proof, id: 'another' })))).toBe('allow')
})
