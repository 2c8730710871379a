import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { judgeHandshakes } from '../../src/doctor/handshake.ts'
import { buildProbes, firstProbe, protectedPath } from '../../src/doctor/requests.ts'
import { smallest } from '../support/config-files.ts'

const aim = { host: 'api.bank.example', path: '/accounts', interactionId: '3f0e9a52-5a0c-4f3a-9d51-6a8f3f0c2a11' }

function configWith(routes: readonly object[]) {
  const read = readConfig(smallest({ routes }))
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read.config
}

const config = configWith([
  { name: 'health', path: '/health', methods: ['GET'], open: true },
  { name: 'accounts', path: '/accounts', scopes: ['accounts'] },
  { name: 'one', path: '/payments/{id}', scopes: ['payments'] },
])
const probes = [firstProbe(aim), ...buildProbes(aim, config)]

/** An answer; `ours` gives it what the service adds. */
const answer = (status: number, ours = false, challenge = 'DPoP error="invalid_token"') => ({
  status,
  headers: new Map<string, readonly string[]>(
    ours
      ? [
          ['x-fapi-interaction-id', [aim.interactionId]],
          ['www-authenticate', [challenge]],
        ]
      : [],
  ),
})

const judge = (tried: string, seen: Parameters<(typeof probes)[number]['judge']>[0]): string => {
  const { id, severity } = probes.find((probe) => probe.tried === tried)?.judge(seen) ?? {}
  return id ?? severity ?? 'no such probe'
}

describe('one request, one judgement', () => {
  test.each<readonly [string, ReturnType<typeof answer>, string]>([
    ['no credential', answer(401, true), 'ok'],
    ['no credential', answer(401), 'DT-04'],
    ['no credential', answer(403, true), 'DT-04'],
    ['no credential', answer(404), 'DT-04'],
    ['no credential', answer(200), 'DT-02'],
    ['no credential', answer(307), 'DT-02'],
    ['no credential', answer(500), 'DT-02'],
    ['no credential', answer(503), 'DT-03'],
    ['a Bearer token that is none', answer(401, true), 'ok'],
    ['a Bearer token that is none', answer(401, true, 'DPoP'), 'DT-04'],
    ['two Authorization headers', answer(400, true), 'ok'],
    ['two Authorization headers', answer(200, true), 'DT-02'],
    ['two DPoP headers', answer(200), 'DT-02'],
    ['a token in the query', answer(200), 'DT-02'],
    ['a forged X-Forwarded-Client-Cert', answer(204), 'DT-02'],
    ['path //accounts', answer(401, true), 'ok'],
    ['path //accounts', answer(400, true), 'DT-14'],
    ['path //accounts', answer(404), 'DT-09'],
    ['path //accounts', answer(200), 'DT-05'],
    ['path /health/..%2faccounts', answer(400), 'ok'],
    ['path /health/..%2faccounts', answer(400, true), 'DT-14'],
    ['path /health/..%2faccounts', answer(200), 'DT-05'],
    ['path /healthX', answer(403, true), 'ok'],
    ['path /healthX', answer(200), 'DT-05'],
    ['host unknown.invalid', answer(404), 'ok'],
    ['host unknown.invalid', answer(200), 'DT-06'],
    ['host api.bank.example:1', answer(200), 'DT-06'],
    ['TRACE', answer(405), 'ok'],
    ['TRACE', answer(200), 'DT-07'],
    ['CONNECT', answer(200), 'DT-07'],
    ['a WebSocket upgrade', answer(101), 'DT-07'],
    ['a WebSocket upgrade on an open route', answer(403), 'ok'],
    ['a WebSocket upgrade on an open route', answer(101), 'DT-07'],
    ['a header of 70 kB', answer(431), 'ok'],
    ['a header of 70 kB', answer(200), 'DT-07'],
    ['route one without credential', answer(401, true), 'ok'],
    ['route one without credential', answer(200), 'DT-02'],
    ['open route health', answer(200, true), 'ok'],
    ['open route health', answer(200), 'DT-08'],
  ])('%s, answered %o: %s', (tried, seen, expected) => expect(judge(tried, seen)).toBe(expected))
  test.each([
    ['no credential', 401, 'DT-02'],
    ['no credential', 503, 'DT-02'],
    ['route one without credential', 403, 'DT-02'],
    ['path //accounts', 401, 'DT-05'],
    ['path /healthX', 403, 'DT-05'],
    ['host unknown.invalid', 404, 'DT-06'],
    ['TRACE', 405, 'DT-07'],
    ['a WebSocket upgrade on an open route', 400, 'DT-07'],
  ])('%s, refused with %i by the upstream and not by us: %s', (tried, status, expected) => {
    const seen = answer(status, true)
    const headers = new Map([...seen.headers, ['x-envoy-upstream-service-time', ['3']] as const])
    expect(judge(tried, { ...seen, headers })).toBe(expected)
  })
  test.each([
    ['no credential', 'DT-01'],
    ['path //accounts', 'ok'],
    ['CONNECT', 'ok'],
    ['open route health', 'DT-09'],
  ])('%s, without an answer: %s', (tried, expected) =>
    expect(judge(tried, { ...answer(0), error: 'ECONNRESET' })).toBe(expected),
  )
  test.each(['no whole answer in time', 'no HTTP/1 answer'])('CONNECT, and then %s: no refusal', (error) =>
    expect(judge('CONNECT', { ...answer(0), error })).toBe('DT-09'),
  )
})

describe('what is sent', () => {
  test('about thirty requests, each of them tried under its own name', () => {
    expect(new Set(probes.map(({ tried }) => tried)).size).toBe(probes.length)
    expect(probes.length).toBeLessThanOrEqual(35)
  })
  test('nothing that could change anything', () =>
    expect(new Set(probes.map(({ bytes }) => bytes.split(' ', 1)[0]))).toEqual(new Set(['GET', 'TRACE', 'CONNECT'])))
  test('whole requests without a body, with one host line', () => {
    for (const { bytes } of probes) {
      expect(bytes).toMatch(/^[^\r\n]+\r\n(?:[^\r\n]+\r\n)+\r\n$/)
      expect(bytes.match(/\r\nhost: /g)).toHaveLength(1)
    }
  })
  test('repeated lines where a line is to be repeated', () => {
    const bytesOf = (tried: string) => probes.find((probe) => probe.tried === tried)?.bytes ?? ''
    expect(bytesOf('two Authorization headers').match(/\r\nauthorization: /g)).toHaveLength(2)
    expect(bytesOf('two DPoP headers').match(/\r\ndpop: /g)).toHaveLength(2)
    expect(bytesOf('a WebSocket upgrade').match(/\r\nconnection: .*/g)).toEqual(['\r\nconnection: Upgrade'])
  })
  test.each<readonly [readonly object[], string | undefined]>([
    [[{ path: '/pay', methods: ['POST'], scopes: ['a'] }], undefined],
    [
      [
        { path: '/open', open: true },
        { path: '/a/{id}/**', scopes: ['a'] },
      ],
      '/a/doctor',
    ],
    [[{ path: '/**', scopes: ['a'] }], '/'],
  ])('aims at a route that wants a token: %j', (routes, expected) =>
    expect(protectedPath(configWith(routes))).toBe(expected),
  )
})

describe('handshakes', () => {
  const shake = (difference: object = {}) => ({ connected: true, reused: false, certificateAsked: true, ...difference })
  const refused = shake({ connected: false })
  const ids = (...seen: Parameters<typeof judgeHandshakes>) => judgeHandshakes(...seen).flatMap(({ id }) => id ?? [])
  const needs = { dpop: true, mtls: true }
  test.each([
    ['all is well', { fresh: shake(), again: shake(), old: refused }, needs, []],
    ['no sessions', { fresh: shake(), again: undefined, old: refused }, needs, []],
    ['resumed', { fresh: shake(), again: shake({ reused: true }), old: refused }, needs, ['DT-11']],
    ['old TLS', { fresh: shake(), again: undefined, old: shake() }, needs, ['DT-10']],
    ['no certificate', { fresh: shake({ certificateAsked: false }), again: undefined, old: refused }, needs, ['DT-12']],
    [
      'none needed',
      { fresh: shake({ certificateAsked: false }), again: undefined, old: refused },
      { dpop: true, mtls: false },
      [],
    ],
    ['no TLS at all', { fresh: refused, again: undefined, old: refused }, needs, ['DT-01']],
  ] as const)('%s', (_, seen, wanted, expected) => expect(ids(seen, wanted)).toEqual(expected))
})
