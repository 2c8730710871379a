import { describe, expect, test } from 'vitest'
import type { DecisionRecord } from '../../../src/check.ts'
import { keepDecisions } from '../../../src/io/recent-decisions.ts'
import { Trace } from '../../../src/trace.ts'
import { commandLine } from '../../support/command-line.ts'
import { decisionsPort } from '../../support/decisions-port.ts'
import { buildTestCheck, goodRequest, mintToken, proofFor } from '../../support/spine.ts'

const token = mintToken()
const proof = proofFor(token, { claims: { htm: 'POST' } })

async function recordOf(id: string, order: Parameters<typeof goodRequest>[0] = {}): Promise<DecisionRecord> {
  const { ask, records } = buildTestCheck()
  await ask(goodRequest({ ...order, headers: [['x-request-id', id]] }))
  const [record] = records
  if (!record) throw new Error('nothing was decided')
  return record
}

const record = await recordOf('first', { token, proof })
const withTrace = (trace: Trace): DecisionRecord => ({ ...record, trace })

describe('the last decisions', () => {
  test('at most a hundred, the newest last', () => {
    const recent = keepDecisions(() => 0)
    for (let count = 0; count < 250; count += 1) recent.take({ ...record, hash: String(count) })
    const kept = recent.list().map((text) => (JSON.parse(text) as { readonly config: string }).config)
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([100, '150', '249'])
    recent.clear()
    expect(recent.list()).toEqual([])
  })
  test('at most a megabyte together, however long each is', () => {
    const recent = keepDecisions(() => 0)
    const trace = new Trace()
    for (let count = 0; count < 100; count += 1) trace.holds('x', 'y', true, Array<string>(50).fill('z'.repeat(500)))
    for (let count = 0; count < 20; count += 1) recent.take(withTrace(trace))
    const sizes = recent.list().map((text) => text.length)
    expect(sizes.length).toBeGreaterThan(1)
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(1_048_576)
    recent.take(withTrace(new Trace()))
    expect(recent.list().length).toBeGreaterThan(1)
  })
  test('they hold no token and no proof', () => {
    const recent = keepDecisions(() => 0)
    recent.take(record)
    const [text = ''] = recent.list()
    expect(text).toContain('proof_method_mismatch')
    for (const part of [...token.split('.'), ...proof.split('.')]) expect(text).not.toContain(part)
  })
})

const adminPort = async (...records: readonly DecisionRecord[]): Promise<string> =>
  `http://${await decisionsPort('token-of-the-operator', records)}`

const TOKEN = { ENVOY_FAPI_ADMIN_TOKEN: 'token-of-the-operator' }

describe('GET /decisions', () => {
  test.each<readonly [string, readonly string[] | number]>([
    ['', ['first', 'second', 'third']],
    ['?last=1', ['third']],
    ['?last=2', ['second', 'third']],
    ['?id=second', ['second']],
    ['?id=second&last=1', ['second']],
    ['?id=nobody', []],
    ['?last=0', 400],
    ['?last=1000', 400],
    ['?last=x', 400],
    ['?first=1', 400],
    [`?id=${'x'.repeat(300)}`, 400],
  ])('%s', async (query, expected) => {
    const port = await adminPort(record, await recordOf('second'), await recordOf('third'))
    const headers = { authorization: `Bearer ${TOKEN.ENVOY_FAPI_ADMIN_TOKEN}` }
    const answer = await fetch(`${port}/decisions${query}`, { headers })
    const { decisions } = (await answer.json()) as { readonly decisions?: readonly { readonly requestId: string }[] }
    expect(decisions?.map(({ requestId }) => requestId) ?? answer.status).toEqual(expected)
  })
  test('not without a token', async () => {
    const port = await adminPort(record)
    expect((await fetch(`${port}/decisions?last=1`)).status).toBe(401)
  })
})

describe('explain --last', () => {
  test('the last decision', async () => {
    const port = await adminPort(await recordOf('before'), record)
    const { out, code } = await commandLine(['explain', '--last', '--admin', port], TOKEN)
    expect([out.split('\n')[0], code]).toEqual(['DENY 401 proof_method_mismatch', 10])
    expect(out).toContain('  FAIL     proof htm')
    expect(out).toContain('time       2027-01-15T08:00:00Z')
  })
  test.each<readonly [string, string | undefined, Readonly<Record<string, string>>, RegExp]>([
    ['no decision yet', undefined, TOKEN, /^http:\/\/127\.0\.0\.1:\d+: it has decided nothing yet\n$/],
    ['a wrong token', undefined, { ENVOY_FAPI_ADMIN_TOKEN: 'x' }, /: it answers 401: send a token/],
    ['no token', undefined, {}, /^--last needs a token: listen\.adminAccess/],
    ['nobody there', 'http://127.0.0.1:1', TOKEN, /^http:\/\/127\.0\.0\.1:1: nobody listens there/],
    ['no socket there', 'unix:/nowhere/socket', TOKEN, /^unix:\/nowhere\/socket: nobody listens there/],
    ['no URL', 'ftp://x', TOKEN, /^ftp:\/\/x: expected http:\/\/host:port or unix:\/path\n$/],
    ['a URL with a user', 'http://a:b@127.0.0.1:1', TOKEN, /expected http:\/\/host:port/],
  ])('%s', async (_, url, environment, message) => {
    const { err, out, code } = await commandLine(
      ['explain', '--last', '--admin', url ?? (await adminPort())],
      environment,
    )
    expect([out, code]).toEqual(['', 2])
    expect(err).toMatch(message)
  })
  test('neither port nor configuration', async () =>
    expect((await commandLine(['explain', '--last'])).err).toBe('--last needs --config FILE, or --admin URL\n'))
})
