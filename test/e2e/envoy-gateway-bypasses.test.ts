import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { sawLines, startTestEdge, type TestEdge } from '../support/edge.ts'
import { identityLines } from '../support/edge-identity.ts'
import { countHits, headerLines, sendBytes, sendHttp2 } from '../support/edge-raw.ts'
import { reasonOf } from '../support/edge-refusals.ts'
import { decided, EMPTY, startStandIn, strange } from '../support/edge-standin.ts'
import { asGenerated, documentOf } from '../support/envoy-gateway.ts'

const HOST = 'api.bank.example'

const upgrade = { host: HOST, connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }

type Lines = Readonly<Record<string, string | readonly string[]>>

// Ways around the check, tried on what Envoy Gateway's own generator makes of k8s/envoy-gateway together with the routes
// and policies of other teams (test/fixtures/envoy-gateway/teams.yaml).
describe.each(['plain-with-teams', 'patched-with-teams'] as const)('%s', (variant) => {
  const patched = variant === 'patched-with-teams'
  /** Where nothing is routed, nobody is asked, so the second lock is what refuses. */
  const nowhere = patched ? 403 : 404
  let edge: TestEdge
  beforeAll(async () => {
    edge = await startTestEdge({ document: documentOf(variant), adapt: asGenerated(variant) })
  })
  afterAll(() => edge.stop())

  const raw = (start: string, { connection = 'close', ...headers }: Lines, body = '') => {
    const head = headerLines({ ...headers, connection })
    return countHits(edge, () => sendBytes(edge, `${start} HTTP/1.1\r\n${head}\r\n${body}`))
  }
  const http2 = (headers: Readonly<Record<string, string>>) =>
    countHits(edge, () =>
      sendHttp2(edge, { ':method': 'GET', ':path': '/accounts', ':authority': HOST, ':scheme': 'https', ...headers }),
    )

  describe('att-path-01 … att-path-06, ENV-12: paths that begin like an open one', () => {
    test.each([
      ['/health/../accounts', 401],
      ['/health/%2e%2e/accounts', 401],
      ['/health/.%2E/accounts', 401],
      [String.raw`/health\..\accounts`, 401],
      ['//accounts', 401],
      ['///accounts', 401],
      ['/x/../accounts', 401],
      ['/health;/../accounts', 401],
      ['/health/..%2faccounts', 400],
      ['/health/..%2Faccounts', 400],
      ['/health%2f..%2faccounts', 400],
      ['/health/..%5caccounts', 400],
      ['/health/%252e%252e/accounts', 400],
      ['/health/..%252faccounts', 400],
      ['/accounts;x=1', 400],
      ['/health#/../accounts', 400],
      ['/accounts#/health', 400],
      ['/health%00/../accounts', 400],
      ['/healthx', 403],
      ['/HEALTH', 403],
      ['/ready', 403],
    ])('%s: %d', async (path, status) => {
      for (const told of [await raw(`GET ${path}`, { host: HOST }), await http2({ ':path': path })])
        expect([[status, 0].includes(told.status), told.hits]).toEqual([true, 0])
      expect((await raw(`GET ${path}`, { host: HOST })).status).toBe(status)
    })
  })

  describe('ENV-06, ENV-07, ENV-08: hosts and schemes', () => {
    test.each<readonly [string, string, Lines, number]>([
      ['another port', 'GET /health', { host: `${HOST}:8443` }, 400],
      ['another port of the protected path', 'GET /accounts', { host: `${HOST}:8443` }, 400],
      ['the other name', 'GET /health', { host: 'mtls.bank.example' }, nowhere],
      ['another host', 'GET /health', { host: 'evil.example' }, nowhere],
      ['two hosts', 'GET /health', { host: [HOST, 'evil.example'] }, nowhere],
      ['a user before the host', 'GET /health', { host: `user@${HOST}` }, nowhere],
      ['a dot behind the host', 'GET /health', { host: `${HOST}.` }, nowhere],
      ['an empty host', 'GET /health', { host: '' }, nowhere],
      ['an absolute target elsewhere', 'GET https://evil.example/health', { host: HOST }, nowhere],
      ['an absolute target here', `GET https://${HOST}/accounts`, { host: 'evil.example' }, 401],
      ['another scheme', `GET http://${HOST}/accounts`, { host: HOST }, 401],
      ['CONNECT', `CONNECT ${HOST}:443`, { host: `${HOST}:443` }, nowhere],
      ['TRACE', 'TRACE /accounts', { host: HOST }, 405],
    ])('%s: %s %o', async (_, start, headers, status) =>
      expect(await raw(start, headers)).toMatchObject({ status, hits: 0 }),
    )
    test.each(['http', 'ftp'])('a proof counts for https, also when the client says %s', async (scheme) => {
      const asking = edge.good()
      const headers = asking.headers as Readonly<Record<string, string>>
      const told = await http2({ ...headers, ':scheme': scheme })
      expect(told).toMatchObject({ status: 200, hits: 1 })
      expect(await http2({ ':scheme': scheme })).toMatchObject({ status: 401, hits: 0 })
    })
  })

  describe('att-envoy-12: upgrades', () => {
    test.each(['websocket', 'WebSocket', 'h2c', 'tls/1.0', 'connect-udp'])(
      '%s is no way past the check',
      async (name) => {
        expect(await raw('GET /accounts', { ...upgrade, upgrade: name })).toMatchObject({ status: 401, hits: 0 })
      },
    )
    test('nor is one with a body', async () => {
      const told = await raw('POST /payments', { ...upgrade, 'content-length': '2' }, '{}')
      expect(told).toMatchObject({ status: 401, hits: 0 })
    })
    test.each(['websocket', 'WebSocket'])('who may, gets no tunnel by %s but an ordinary answer', async (name) => {
      const headers = edge.good().headers as Readonly<Record<string, string>>
      const told = await raw('GET /accounts', { ...headers, ...upgrade, upgrade: name })
      expect(told).toMatchObject({ status: 200, hits: 1, seen: { path: '/accounts' } })
      expect(sawLines(told.seen, 'upgrade')).toEqual([])
    })
    test('an extended CONNECT of HTTP/2 is none either', async () => {
      const told = await http2({ ':method': 'CONNECT', ':protocol': 'websocket' })
      expect([told.status === 200, told.hits]).toEqual([false, 0])
    })
  })

  test('att-envoy-11: a claim that the body is whole, or half, ends here', async () => {
    const told = await edge.ask(edge.good({ headers: { 'x-envoy-auth-partial-body': 'true' } }))
    expect([told.status, sawLines(told.seen, 'x-envoy-auth-partial-body').filter((line) => line === 'true')]).toEqual([
      200,
      [],
    ])
  })
  test('a body over the limit is not sent past the check', async () => {
    const body = 'x'.repeat(70_000)
    const told = await edge.ask({ method: 'POST', path: '/payments', body })
    expect([told.status, told.hits]).toEqual([patched ? 413 : 401, 0])
  })

  describe('routes of other teams', () => {
    test.each(['/reports', '/reports/1', '/merged'])(
      '%s is asked about, without a policy of ours on it',
      async (path) => {
        const told = await edge.ask({ path })
        expect([told.status, told.hits, await reasonOf(edge, told.id)]).toEqual([403, 0, 'route_unknown'])
      },
    )
    test('a policy that takes the place of ours takes the check away, but for the patches', async () => {
      const told = await edge.ask({ path: '/loose', headers: { 'x-authz-subject': 'admin' } })
      expect([told.status, told.hits]).toEqual(patched ? [403, 0] : [200, 1])
      // Even there, nobody can say who they are.
      expect(identityLines(told.seen)).toEqual({})
    })
  })

  // The last ones: they take the place of the service.
  test('without an answer nobody gets in', async () => {
    const standIn = await startStandIn(edge)
    onTestFinished(() => standIn.stop())
    standIn.answer('UNAVAILABLE')
    expect(await edge.ask(edge.good())).toMatchObject({ status: 503, hits: 0 })
    standIn.answer('silence')
    expect(await edge.ask(edge.good())).toMatchObject({ status: 503, hits: 0 })
    standIn.stop()
    expect(await edge.ask(edge.good())).toMatchObject({ status: 503, hits: 0 })
  })
  test('att-envoy-12: the body of an upgrade is part of the check where bodies are', async () => {
    const standIn = await startStandIn(edge)
    onTestFinished(() => standIn.stop())
    standIn.answer(strange({ status: { code: 7 }, deniedResponse: { status: { code: 403 } }, ...decided('deny') }))
    const told = await raw('POST /payments', { ...upgrade, 'content-length': '2' }, '{}')
    const http = standIn.asked.at(-1)?.attributes?.request?.http
    expect([told.status, told.hits]).toEqual([403, 0])
    expect(String(http?.rawBody ?? '')).toBe(patched ? '{}' : '')
  })
  test('ERR-16: only the patched variant has a second lock, which takes no empty answer for an allow', async () => {
    const standIn = await startStandIn(edge)
    onTestFinished(() => standIn.stop())
    standIn.answer(strange({ status: { code: 0 }, okResponse: {}, ...decided('allow') }))
    expect(await edge.ask({})).toMatchObject({ status: 200, hits: 1 })
    for (const answer of [EMPTY, strange({ status: { code: 0 }, okResponse: {}, ...decided('deny') })]) {
      standIn.answer(answer)
      expect(await edge.ask({})).toMatchObject(patched ? { status: 403, hits: 0 } : { status: 200, hits: 1 })
    }
  })
})
