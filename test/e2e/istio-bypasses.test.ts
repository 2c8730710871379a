import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { API } from '../../demo/setting.ts'
import { type Asking, sawLines, type TestEdge } from '../support/edge.ts'
import { countHits, headerLines, sendBytes, sendHttp2 } from '../support/edge-raw.ts'
import { EMPTY, startStandIn, strange } from '../support/edge-standin.ts'
import { startMesh, variants } from '../support/istio-mesh.ts'

// Ways around the check, against what Istio's own generator makes of k8s/istio.

const HOST = 'api.bank.example'

/** Request head without its last line break. */
const bytes = (start: string, ...fields: readonly string[]): string =>
  [`${start} HTTP/1.1`, ...fields, 'connection: close', '', ''].join('\r\n')

/** No route of the gateway leads there. */
const UNROUTED = 'unrouted'

describe.each(['gateway', 'sidecar'] as const)('Istio, %s', (name) => {
  let edge: TestEdge
  beforeAll(async () => {
    ;({ edge } = await startMesh(variants[name]))
  })
  afterAll(() => edge.stop())
  const sendRaw = (text: string) => countHits(edge, () => sendBytes(edge, text))

  // The lock stands before the routes; where it is behind another hop, that one knows no such host.
  const unrouted = name === 'gateway' ? 403 : 404

  test('an open route is reached, so that what follows means something', async () => {
    expect(await sendRaw(bytes('GET /public/x', `host: ${HOST}`))).toMatchObject({ status: 200, hits: 1 })
  })
  test.each([
    ['the port that clients mean', `${HOST}:443`, 401],
    ['another port', `${HOST}:8443`, 400],
    ['a port that is none', `${HOST}:0`, 400],
    ['capitals', 'API.BANK.EXAMPLE', 401],
    ['capitals and a port', 'API.bank.example:443', 401],
    ['a dot behind it', `${HOST}.`, UNROUTED],
    ['a user before it', `user@${HOST}`, UNROUTED],
    ['the host of another listener', 'mtls.bank.example', UNROUTED],
    ['nobody', 'other.example', UNROUTED],
    ['nothing', '', UNROUTED],
  ])('att-path-05, ENV-07: Host is %s', async (_, host, status) => {
    expect(await sendRaw(bytes('GET /accounts', `host: ${host}`))).toMatchObject({
      status: status === UNROUTED ? unrouted : status,
      hits: 0,
    })
  })
  test.each([
    ['two of them', bytes('GET /accounts', `host: ${HOST}`, 'host: evil.example'), UNROUTED],
    ['an absolute target', bytes(`GET https://${HOST}/accounts`, `host: ${HOST}`), 401],
    ['an absolute target without TLS', bytes(`GET http://${HOST}/accounts`, `host: ${HOST}`), 401],
    ['an absolute target with another port', bytes(`GET https://${HOST}:8443/accounts`, `host: ${HOST}`), 400],
    ['an absolute target of another host', bytes('GET https://evil.example/accounts', `host: ${HOST}`), UNROUTED],
    ['CONNECT', bytes(`CONNECT ${HOST}:443`, `host: ${HOST}:443`), UNROUTED],
  ])('ENV-06, ENV-07: %s', async (_, text, status) => {
    expect(await sendRaw(text)).toMatchObject({ status: status === UNROUTED ? unrouted : status, hits: 0 })
  })

  test.each([
    ['/public/../accounts', 401],
    ['/public/x/../../accounts', 401],
    ['/public/%2e%2e/accounts', 401],
    ['/public;/../accounts', 401],
    [String.raw`/public\..\accounts`, 401],
    ['//accounts', 401],
    ['/accounts/', 401],
    ['/public%2f..%2faccounts', 400],
    ['/public/..%2Faccounts', 400],
    ['/public/..%5caccounts', 400],
    ['/public/%252e%252e/accounts', 400],
    ['/public/..%252faccounts', 400],
    ['/public/%00', 400],
    ['/public#/../accounts', 400],
    ['/publicx', 403],
    ['/PUBLIC/../accounts', 401],
  ])('att-path-01 … att-path-06, ENV-12: %s, over HTTP/1.1 and HTTP/2', async (path, status) => {
    expect(await sendRaw(bytes(`GET ${path}`, `host: ${HOST}`))).toMatchObject({ status, hits: 0 })
    const second = { ':method': 'GET', ':path': path, ':authority': HOST, ':scheme': 'https' }
    const told = await countHits(edge, () => sendHttp2(edge, second))
    // A stream that Envoy resets has status 0.
    expect([[status, path.includes('#') ? 0 : status].includes(told.status), told.hits]).toEqual([true, 0])
  })

  test('a path below an open one is judged as what the API sees', async () => {
    const told = await sendRaw(bytes('GET /public//../accounts', `host: ${HOST}`))
    expect(told).toMatchObject({ status: 200, seen: { path: '/public/accounts' } })
  })
  test.each([
    ['att-header-02: the path of a proxy', 'x-original-url'],
    ['att-header-02: another', 'x-rewrite-url'],
    ['the path before a rewrite', 'x-envoy-original-path'],
    ['att-envoy-04: a path in front', 'x-forwarded-prefix'],
  ])('%s changes nothing', async (_, header) => {
    const ask = (path: string, value: string) => sendRaw(bytes(`GET ${path}`, `host: ${HOST}`, `${header}: ${value}`))
    expect(await ask('/accounts', '/public/x')).toMatchObject({ status: 401, hits: 0 })
    expect(await ask('/public/x', '/accounts')).toMatchObject({ status: 200, seen: { path: '/public/x' } })
  })
  test('what only ext_authz writes is not taken from clients', async () => {
    const headers = { 'x-envoy-auth-partial-body': 'false', 'x-envoy-auth-failure-mode-allowed': 'true' }
    const told = await edge.ask(edge.good({ method: 'POST', path: '/payments', body: '{}', headers }))
    expect(told).toMatchObject({ status: 200, hits: 1 })
    for (const header of Object.keys(headers)) expect(sawLines(told.seen, header)).toEqual([])
  })
  test('a body that is longer than what is checked', async () => {
    const asking = edge.good({ method: 'POST', path: '/payments', body: 'x'.repeat(65_537) })
    expect(await edge.ask(asking)).toMatchObject({ status: 413, hits: 0 })
  })
  test('att-header-01: a name with an underscore, which an upstream may read as another', async () => {
    expect(await edge.ask(edge.good({ headers: { x_authz_subject: 'admin' } }))).toMatchObject({ status: 400, hits: 0 })
  })
  const upgrade = (protocol: string, path: string, headers: Asking['headers'] = {}) =>
    sendRaw(
      `GET ${path} HTTP/1.1\r\nhost: ${HOST}\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\n${headerLines(headers)}\r\n`,
    )
  test.each(['websocket', 'WebSocket'])('att-envoy-12: an upgrade to %s, also by who may', async (protocol) => {
    expect(await upgrade(protocol, '/public/x')).toMatchObject({ status: 403, hits: 0 })
    expect(await upgrade(protocol, '/accounts', edge.good().headers)).toMatchObject({ status: 403, hits: 0 })
  })
  test('att-envoy-12: an upgrade to h2c is none', async () => {
    expect(await upgrade('h2c', '/accounts')).toMatchObject({ status: 401, hits: 0 })
    const { status, seen } = await upgrade('h2c', '/public/x')
    expect([status, sawLines(seen, 'upgrade')]).toEqual([200, []])
  })
  test('ENV-06: the scheme that a client writes does not count', async () => {
    const { headers = {} } = edge.good({ url: `${API}/accounts` })
    const pseudo = { ':method': 'GET', ':path': '/accounts', ':authority': HOST, ':scheme': 'http' }
    const ask = () => sendHttp2(edge, { ...pseudo, ...(headers as Record<string, string>) })
    expect(await countHits(edge, ask)).toMatchObject({ status: 200, hits: 1 })
  })

  test('ERR-16: the second lock refuses whatever is no decision of ours, and 503 is told when nobody answers', async () => {
    const standIn = await startStandIn(edge, true)
    try {
      const allowed = { status: { code: 0 }, okResponse: {} }
      for (const answer of [EMPTY, strange(allowed), strange({ ...allowed, deniedResponse: {} })]) {
        standIn.answer(answer)
        expect(await edge.ask(edge.good())).toMatchObject({ status: 403, hits: 0, body: 'RBAC: access denied' })
      }
      for (const answer of ['UNAVAILABLE', 'PERMISSION_DENIED', 'silence'] as const) {
        standIn.answer(answer)
        expect(await edge.ask(edge.good())).toMatchObject({ status: 503, hits: 0 })
      }
    } finally {
      standIn.stop()
    }
  })
})

test('a policy that names hosts is passed by another spelling, which is why ours names none', async () => {
  const { edge } = await startMesh(variants.hostRule)
  try {
    const ask = (host: string) => countHits(edge, () => sendBytes(edge, bytes('GET /accounts', `host: ${host}`)))
    expect(await ask(HOST)).toMatchObject({ status: 401, hits: 0 })
    expect(await ask(`${HOST}:443`)).toMatchObject({ status: 200, hits: 1 })
    expect(await ask(`${HOST}:8443`)).toMatchObject({ status: 200, hits: 1 })
  } finally {
    await edge.stop()
  }
})

test('without an EnvoyFilter all this is missing', async () => {
  const { edge } = await startMesh(variants.unpatched)
  try {
    const upgrade = `GET /public/x HTTP/1.1\r\nhost: ${HOST}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`
    expect(await countHits(edge, () => sendBytes(edge, upgrade))).toMatchObject({ status: 200, hits: 1 })
    const told = await edge.ask({ path: '/public/x', headers: { 'x-envoy-auth-partial-body': 'false' } })
    expect(sawLines(told.seen, 'x-envoy-auth-partial-body')).toEqual(['false'])
    const standIn = await startStandIn(edge, true)
    standIn.answer(EMPTY)
    expect(await edge.ask({})).toMatchObject({ status: 200, hits: 1 })
    standIn.stop()
  } finally {
    await edge.stop()
  }
})
