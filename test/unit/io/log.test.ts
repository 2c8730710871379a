import { describe, expect, test } from 'vitest'
import { truncateAddress } from '../../../src/audit/client-address.ts'
import type { Level, Levels } from '../../../src/config-log.ts'
import { buildLog } from '../../../src/io/log.ts'
import { Trace } from '../../../src/trace.ts'
import { certificate } from '../../support/possession.ts'
import {
  buildTestCheck,
  clientKey,
  goodRequest,
  mintToken,
  proofFor,
  type SpineOptions,
  serverKey,
} from '../../support/spine.ts'

/** Lines of a log, and what they say. */
function buildLines(level: 'debug' | 'info' | 'warn' | 'error' = 'info') {
  const lines: string[] = []
  const log = buildLog(level, { write: (line) => void lines.push(line) })
  const parsed = (): readonly Record<string, unknown>[] =>
    lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  return { log, lines, parsed }
}

/** What the log says about one request on the whole spine. */
async function decisionLine(
  request: Parameters<typeof goodRequest>[0],
  level: 'debug' | 'info' = 'info',
  options: SpineOptions = {},
): Promise<Record<string, unknown>> {
  const { ask, records } = buildTestCheck(options)
  await ask(goodRequest(request))
  const { log, parsed } = buildLines(level)
  for (const record of records) log.decision(record)
  const [line = {}] = parsed()
  return line
}

describe('a decision is one line of named fields', () => {
  test('allowed', async () => {
    const headers = [
      ['x-fapi-interaction-id', 'c770aef3-6784-41f7-8e0e-ff5f97bddb3a'],
      ['x-request-id', 'r-1'],
    ] as const
    expect(await decisionLine({ headers, path: '/accounts?secret=1' })).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      interactionId: 'c770aef3-6784-41f7-8e0e-ff5f97bddb3a',
      requestId: 'r-1',
      route: 'accounts',
      method: 'GET',
      path: '/accounts',
      headerMode: 'raw',
      client: '192.0.2.0',
      issuer: 'https://as.example.com',
      clientId: 'client-1',
      subject: 'user-1',
      binding: 'dpop',
      thumbprint: clientKey.thumbprint,
      decision: 'allow',
      reason: 'allowed',
      durationMs: 0,
      config: 'hash',
      component: 'decisions',
      msg: 'decision',
    })
  })
  test('denied: status, reason and detail; nothing about a token nobody verified', async () => {
    const line = await decisionLine({ token: mintToken({ claims: { sub: 'forged' } }, clientKey) })
    expect(line).toMatchObject({ decision: 'deny', reason: 'token_signature_invalid', status: 401 })
    expect(line.detail).toBe('no key of the issuer verifies the signature')
    expect(Object.keys(line)).not.toEqual(expect.arrayContaining(['subject']))
  })
  test('denied before there are attributes', async () =>
    expect(await decisionLine({ host: 'a,b' })).toMatchObject({ decision: 'deny', reason: 'request_malformed' }))
})

describe('levels', () => {
  test('the trace is told at debug and nowhere else', async () => {
    expect(await decisionLine({})).not.toHaveProperty('trace')
    expect(await decisionLine({}, 'debug')).toHaveProperty('trace.0.check')
  })
  test('a level can change while the log is open', () => {
    const { log, parsed } = buildLines('error')
    log.event('info', 'not heard')
    log.setLevel('info')
    log.event('info', 'heard', { server: 'bank' })
    expect(parsed()).toEqual([{ level: 'info', time: expect.any(String), server: 'bank', msg: 'heard' }])
  })
})

describe('levels of components', () => {
  const told = (levels: Levels, level: Level = 'info') => {
    const lines: string[] = []
    const log = buildLog(level, { write: (line) => void lines.push(line) }, levels)
    return { log, components: () => lines.map((line) => (JSON.parse(line) as { component?: string }).component) }
  }
  test('a component can say more or less than the others', () => {
    const { log, components } = told({ keys: 'debug', replay: 'error' })
    for (const component of ['keys', 'replay', 'server'] as const) {
      log.of(component).event('debug', 'detail')
      log.of(component).event('info', 'news')
    }
    expect(components()).toEqual(['keys', 'keys', 'server'])
  })
  test('they change while the log is open; what is not named follows the others', () => {
    const { log, components } = told({ keys: 'error' })
    log.setLevel('warn', { replay: 'info' })
    for (const component of ['keys', 'replay'] as const) log.of(component).event('info', 'news')
    log.of('keys').event('warn', 'trouble')
    expect(components()).toEqual(['replay', 'keys'])
  })
  test('decisions are a component: their traces can be had alone', async () => {
    const { ask, records } = buildTestCheck()
    await ask(goodRequest())
    const { log, components } = told({ decisions: 'debug' }, 'error')
    for (const record of records) log.decision(record)
    log.of('server').event('info', 'not heard')
    expect(components()).toEqual(['decisions'])
  })
})

describe('log-inject, att-envoy-11 what a client sends stays inside its field', () => {
  const hostile = [
    'a\nb',
    '\u001b[31mred',
    '"}\n{"decision":"allow',
    'x'.repeat(1_000_000),
    '\u2028',
    '\ud800',
    '\u0000',
  ]
  test.each(hostile)('%j', async (text) => {
    const { ask, records } = buildTestCheck()
    await ask(
      goodRequest({
        headers: [
          ['x-request-id', text],
          ['user-agent', text],
        ],
      }),
    )
    const { log, lines, parsed } = buildLines('debug')
    for (const record of records) log.decision(record)
    expect(lines).toHaveLength(1)
    expect([...(lines[0]?.trimEnd() ?? '')].filter((character) => character < ' ')).toEqual([])
    expect(lines[0]?.length).toBeLessThan(20_000)
    expect(parsed()[0]).toMatchObject({ decision: 'allow' })
  })
  test('long texts are cut', async () => {
    const line = await decisionLine({ path: `/accounts/${'x'.repeat(1000)}` })
    expect(line.path).toBe(`/accounts/${'x'.repeat(246)}…`)
  })
  test('a trace holds short texts, numbers and lists of them, whatever a client made up', async () => {
    const { records, ask } = buildTestCheck()
    await ask(goodRequest())
    const trace = new Trace()
    const made = { deep: { deeper: 'x'.repeat(9000) } }
    trace.holds('one', 'clause', false, made, [made, ['a'], 'y'.repeat(1000), 7, null, ...Array(100).fill('z')])
    const { log, parsed } = buildLines('debug')
    for (const record of records) log.decision({ ...record, trace })
    expect(parsed()[0]?.trace).toEqual([
      {
        check: 'one',
        clause: 'clause',
        result: 'fail',
        found: 'an object',
        expected: ['an object', 'a list', `${'y'.repeat(256)}…`, 7, null, ...Array(11).fill('z')],
      },
    ])
  })
})

describe('a token where none belongs', () => {
  const token = mintToken()
  test.each([
    [{ path: `/accounts/${token}` }],
    [{ headers: [['x-request-id', token]] as const }],
    [{ headers: [['x-request-id', `Bearer ${token}`]] as const }],
    [{ path: `/accounts?access_token=${token}` }],
  ])('%#', async (request) => {
    const line = JSON.stringify(await decisionLine(request, 'debug'))
    for (const part of token.split('.')) expect(line).not.toContain(part)
  })
})

describe('XF-09 the address of a client is cut short', () => {
  test.each([
    ['192.0.2.77', '192.0.2.0'],
    ['10.1.2.3', '10.1.2.0'],
    ['::ffff:192.0.2.77', '192.0.2.0'],
    ['::FFFF:192.0.2.77', '192.0.2.0'],
    ['::ffff:c000:24d', '::'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::'],
    ['2001:db8:1::6', '2001:db8:1::'],
    ['2001:db8::1:2:3', '2001:db8::'],
    ['2001:db8:1:2::', '2001:db8:1::'],
    ['::1', '::'],
    ['::', '::'],
    ['64:ff9b::192.0.2.77', '64:ff9b::'],
    ['1:2:3:4:5:6:192.0.2.77', '1:2:3::'],
    ['fe80::1%eth0', 'fe80::'],
    ['', undefined],
    ['/var/run/envoy.sock', undefined],
    ['@abstract', undefined],
    ['192.0.2', undefined],
    ['192.0.2.256', undefined],
    ['a:b:c:secret', undefined],
    ['localhost:80', undefined],
  ])('%j: %j', (address, expected) => expect(truncateAddress(address)).toBe(expected))
})

test('att-ops-05 no token, proof, certificate or key gets into a line, at any level, allowed or refused', async () => {
  const dpop = mintToken()
  const requests = [
    ...[
      dpop,
      mintToken({ claims: { exp: 1 } }),
      mintToken({}, clientKey),
      mintToken({ claims: { cnf: undefined } }),
    ].map((token) => ({ token, proof: proofFor(token) })),
    { token: dpop, proof: proofFor(dpop, { claims: { htm: 'POST' } }) },
    { token: dpop, proof: proofFor(dpop, { header: { jwk: clientKey.privateJwk } }) },
    { token: dpop, proof: `${proofFor(dpop)}x` },
    { token: dpop, proof: proofFor(dpop), scheme: 'Bearer' },
    { token: mintToken({ claims: { cnf: { 'x5t#S256': 'a'.repeat(43) } } }), scheme: 'Bearer', proof: proofFor(dpop) },
    {
      token: mintToken({ claims: { iss: dpop, aud: [dpop], scope: dpop }, header: { typ: dpop, kid: dpop } }),
      proof: proofFor(dpop),
    },
    {
      token: dpop,
      proof: proofFor(dpop, { claims: { htm: dpop, htu: `https://x/${dpop}`, jti: dpop }, header: { typ: dpop } }),
    },
  ].map((request) => ({ ...request, certificate }))
  const { log, lines } = buildLines('debug')
  const { ask, records } = buildTestCheck()
  for (const request of requests) await ask(goodRequest(request))
  for (const record of records) log.decision(record)
  const said = lines.join('')
  expect(lines).toHaveLength(requests.length)
  const secrets = [
    ...requests.flatMap(({ token, proof }) => [token, proof]),
    ...requests.flatMap(({ token, proof }) => [...token.split('.').slice(1), ...proof.split('.').slice(1)]),
    ...[clientKey, serverKey].flatMap(({ privateJwk }) => [privateJwk.d, privateJwk.x]),
    certificate,
    certificate.slice(100, 160),
  ]
  for (const secret of secrets) expect(said).not.toContain(secret)
})
