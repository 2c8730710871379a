import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DARK_ISSUER, lines, startTestEdge, type TestEdge, withSettings } from '../support/edge.ts'
import { headerLines, sendBytes } from '../support/edge-raw.ts'

let edge: TestEdge

beforeAll(async () => {
  edge = await startTestEdge()
})
afterAll(() => edge.stop())

test('ERR-07, T-78: challenges stand on lines of their own', async () => {
  const text = 'GET /accounts HTTP/1.1\r\nhost: api.bank.example\r\n\r\n'
  const told = await sendBytes(edge, text)
  expect(lines(told, 'www-authenticate')).toEqual(['DPoP algs="ES256 PS256 EdDSA Ed25519"', 'Bearer'])
  const http2 = await edge.ask({ http2: true })
  expect(lines(http2, 'www-authenticate').join(', ')).toBe('DPoP algs="ES256 PS256 EdDSA Ed25519", Bearer')
})

describe('ERR-15: HEAD and gRPC', () => {
  test.each([false, true])('a refusal of HEAD is that of GET without the body (HTTP/2: %s)', async (http2) => {
    const [get, head] = [await edge.ask({ http2 }), await edge.ask({ http2, method: 'HEAD' })]
    const fields = ({ headers }: typeof get): ReadonlySet<string> => new Set(headers.keys())
    expect([head.status, head.hits, head.body]).toEqual([get.status, 0, ''])
    expect(fields(head)).toEqual(fields(get))
    for (const name of ['www-authenticate', 'cache-control', 'content-type'])
      expect(lines(head, name)).toEqual(lines(get, name))
    expect(get.body).not.toBe('')
  })
  test.each([
    ['401 is 16', () => ({ headers: {} }), '16'],
    ['403 is 7', () => edge.good({ method: 'POST', path: '/elsewhere' }), '7'],
    [
      '503 is 14',
      () => edge.good({ method: 'POST', token: edge.mint({ claims: { iss: DARK_ISSUER } }), path: '/payments' }),
      '14',
    ],
  ])('a refusal of gRPC has its status: %s', async (_, make, code) => {
    const asking = make()
    const headers = { ...asking.headers, 'content-type': 'application/grpc', te: 'trailers' }
    const told = await edge.ask({ path: '/payments', ...asking, headers, method: 'POST', http2: true })
    expect([told.status, lines(told, 'grpc-status'), told.hits]).toEqual([200, [code], 0])
    expect(lines(told, 'content-type')).toEqual(['application/grpc'])
    expect(lines(told, 'x-fapi-interaction-id')).toEqual([told.id])
  })
})

describe('att-header-06, att-path-03, T-05: other layers of Envoy around the decision', () => {
  let layered: TestEdge
  beforeAll(async () => {
    const addReplies = (bootstrap: string): string =>
      JSON.stringify(
        JSON.parse(bootstrap, (_, value: object | null) =>
          value !== null && typeof value === 'object' && 'http_filters' in value
            ? { ...value, local_reply_config: { body_format: { text_format_source: { inline_string: 'sorry\n' } } } }
            : value,
        ),
      )
    const rewrite = withSettings({
      routes: (routes) => [
        { match: { prefix: '/accounts' }, route: { cluster: 'upstream', prefix_rewrite: '/v1/accounts' } },
        ...(routes as readonly object[]),
      ],
    })
    layered = await startTestEdge({ adapt: (bootstrap) => addReplies(rewrite(bootstrap)) })
  })
  afterAll(() => layered.stop())

  test('a page of its own takes nothing but the body', async () => {
    const told = await layered.ask({})
    expect([told.status, told.body, told.hits]).toEqual([401, 'sorry\n', 0])
    expect(lines(told, 'www-authenticate')).toEqual(['DPoP algs="ES256 PS256 EdDSA Ed25519"', 'Bearer'])
    expect(lines(told, 'cache-control')).toEqual(['no-store'])
  })
  test('a rewritten path is judged as the client wrote it', async () => {
    const told = await layered.ask(layered.good())
    expect([told.status, told.seen?.path]).toEqual([200, '/v1/accounts'])
    expect(await layered.ask(layered.good({ path: '/v1/accounts' }))).toMatchObject({ status: 403, hits: 0 })
    const proof = { claims: { htu: 'https://api.bank.example/v1/accounts' } }
    expect(await layered.ask(layered.good({ proof }))).toMatchObject({ status: 401, hits: 0 })
  })
})

describe('att-envoy-11: what is written about requests', () => {
  /** Secrets that were sent, and marks of the requests. */
  const secrets: string[] = []
  const send = async (change: Readonly<Record<string, string>>, path = '/accounts'): Promise<void> => {
    const { headers = {} } = edge.good({ path })
    for (const text of [headers.authorization, headers.dpop].map(String))
      secrets.push(...text.split(/[ .]/).filter((part) => part.length > 20))
    const text = headerLines({ ...(headers as Record<string, string>), ...change })
    await sendBytes(edge, `GET ${path} HTTP/1.1\r\nhost: api.bank.example\r\n${text}\r\n`)
  }

  // The last one: Envoy writes its log out when it ends.
  test('every line is JSON, tells decision and reason, and holds no token, proof or certificate', async () => {
    await send({})
    await send({ 'user-agent': `"\\ \x1b[31m ${'a'.repeat(20_000)}` })
    await send({ 'x-fapi-interaction-id': '"},{"decision":"allow"' })
    await send({ dpop: 'a.b.c' })
    await send({}, '/accounts?a="}%0a{&b=c')
    await send({}, '/public/%22%7D')
    await edge.ask({ certificate: edge.setting.pki.client })
    await edge.setting.envoy.stop()

    const access = readFileSync(join(edge.directory, 'envoy.log'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{'))
    const records = access.map(
      (line) => JSON.parse(line) as { readonly status: number; readonly authz?: { readonly decision: string } },
    )
    expect(records.length).toBeGreaterThan(10)
    // What Envoy refused by itself has no decision, and nothing but a decision lets a request in.
    expect(new Set(records.map(({ authz }) => authz?.decision))).toEqual(new Set(['allow', 'deny', undefined]))
    for (const { status, authz } of records) if (authz?.decision === undefined) expect([400, 403]).toContain(status)
    expect(records.find(({ authz }) => authz?.decision === 'deny')?.authz).toMatchObject({ reason: expect.any(String) })
    const service = edge.setting.service().lines()
    for (const line of service) expect(JSON.parse(line)).toHaveProperty('msg')
    expect(service.filter((line) => line.includes('"decision"')).length).toBeGreaterThan(10)

    const written = [...access, ...service, readFileSync(join(edge.directory, 'service.log'), 'utf8')].join('\n')
    const pem = edge.setting.pki.client.certificate.split('\n')[1] ?? ''
    expect(secrets.length).toBeGreaterThan(20)
    for (const secret of [...secrets, pem]) expect(written).not.toContain(secret)
  })
})
