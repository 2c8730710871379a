import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MTLS } from '../../demo/setting.ts'
import {
  type Asking,
  boundToCertificate,
  lines,
  startTestEdge,
  type TestEdge,
  type Told,
  withSettings,
} from '../support/edge.ts'
import { sendLines } from '../support/edge-frames.ts'
import { countHits, headerLines, sendBytes } from '../support/edge-raw.ts'
import { reasonOf } from '../support/edge-refusals.ts'

const pseudo = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'api.bank.example'],
  [':path', '/accounts'],
] as const

describe.each([
  ['lines apart (encode_raw_headers: true)', true],
  ['lines joined (encode_raw_headers: false)', false],
])('headers reach the service with %s', (_, raw) => {
  let edge: TestEdge
  beforeAll(async () => {
    edge = await startTestEdge({ adapt: withSettings({ encode_raw_headers: () => raw }) })
  })
  afterAll(() => edge.stop())

  const expectRefused = async (told: Told, status: number, reason: string): Promise<void> => {
    expect(told).toMatchObject({ status, hits: 0 })
    expect(await reasonOf(edge, told.id)).toBe(reason)
  }

  describe.each([
    ['HTTP/1.1', false],
    ['HTTP/2', true],
  ])('over %s', (__, http2) => {
    const good = (more: Parameters<TestEdge['good']>[0] = {}): Asking => edge.good({ ...more, http2 })
    const certified = (certificate = edge.setting.pki.client): Asking => {
      const cnf = boundToCertificate(edge.setting.pki.client)
      const headers = { authorization: `Bearer ${edge.mint({ claims: { cnf } })}` }
      return { url: `${MTLS}/accounts`, headers, certificate, http2 }
    }

    test('a DPoP-bound token passes', async () => {
      expect(await edge.ask(good())).toMatchObject({ status: 200, hits: 1 })
    })
    test('MTLS-01: a certificate-bound token passes over the connection of its certificate and no other', async () => {
      expect(await edge.ask(certified())).toMatchObject({ status: 200, hits: 1 })
      await expectRefused(await edge.ask(certified(edge.setting.pki.otherClient)), 401, 'certificate_mismatch')
    })
    test('ENV-01, ENV-03, DPOP-01, att-envoy-01: two DPoP lines', async () => {
      const [one, other] = [good(), good()].map(({ headers }) => String(headers?.dpop))
      for (const dpop of [[one, other], [one, one], ['', one], [one, ''], Array.from({ length: 20 }, () => one)])
        await expectRefused(await edge.ask(good({ headers: { dpop: dpop.map(String) } })), 401, 'proof_repeated')
    })
    test('ENV-02, HDR-06, T-02, att-envoy-01, att-envoy-02: two Authorization lines in either order', async () => {
      const { headers } = edge.good()
      const [one, other] = [String(headers?.authorization), 'Bearer abc']
      for (const authorization of [[one, other], [other, one], [one, one], [`${one},${other}`], [`${other}, ${one}`]]) {
        const id = randomUUID()
        const before = edge.setting.upstream.count()
        if (http2) {
          const rest = [
            ['dpop', String(headers?.dpop)],
            ['x-fapi-interaction-id', id],
          ] as const
          await sendLines(edge, [...pseudo, ...rest, ...authorization.map((line) => ['authorization', line] as const)])
        } else {
          const told = await edge.ask({ headers: { ...headers, authorization, 'x-fapi-interaction-id': id } })
          expect(lines(told, 'www-authenticate')).toEqual([
            expect.stringMatching(/^DPoP error="invalid_request"/),
            expect.stringMatching(/^Bearer error="invalid_request"/),
          ])
        }
        expect([await reasonOf(edge, id), edge.setting.upstream.count()]).toEqual(['credentials_repeated', before])
      }
    })
    test('HDR-03: a form that holds a token, beside the header and alone', async () => {
      const asking = { method: 'POST', path: '/payments', body: 'a=b&access_token=c' }
      const type = { 'content-type': 'application/x-www-form-urlencoded' }
      await expectRefused(await edge.ask(good({ ...asking, headers: type })), 400, 'credentials_repeated')
      await expectRefused(await edge.ask({ ...asking, http2, headers: type }), 400, 'token_in_body')
      const json = { ...asking, body: '{"access_token":"c"}', headers: { 'content-type': 'application/json' } }
      expect(await edge.ask(good(json))).toMatchObject({ status: 200, hits: 1 })
    })
    test('headers-1mb, HDR-15, T-38: a token that is too long', async () => {
      expect(await edge.ask(good({ headers: { authorization: `DPoP ${'a'.repeat(8000)}` } }))).toMatchObject({
        ...{ status: 401, hits: 0 },
      })
      const headers = { authorization: `DPoP ${'a'.repeat(9000)}` }
      await expectRefused(await edge.ask(good({ headers })), 431, 'header_too_large')
    })
    test.each([
      ['more headers than Envoy takes', Object.fromEntries(Array.from({ length: 70 }, (___, n) => [`x-${n}`, 'a']))],
      ['longer headers than Envoy takes', { 'x-long': 'a'.repeat(40_000) }],
    ])('%s', async (___, headers) => {
      const before = edge.setting.upstream.count()
      // A stream of HTTP/2 is reset instead.
      const status = await edge.ask(good({ headers })).then(
        (told) => told.status,
        () => 0,
      )
      expect([status, edge.setting.upstream.count()]).toEqual([http2 ? 0 : 431, before])
    })
    test('body-big, ENV-13: a body that is larger than the service may see', async () => {
      const asking = { method: 'POST', path: '/payments' }
      expect(await edge.ask(good({ ...asking, body: 'x'.repeat(65_536) }))).toMatchObject({ status: 200, hits: 1 })
      expect(await edge.ask(good({ ...asking, body: 'x'.repeat(200_000) }))).toMatchObject({ status: 413, hits: 0 })
      // Over HTTP/2 Envoy does not refuse what is a little too long: it cuts it, and it is up to the service.
      const body = `a=${'x'.repeat(66_000)}&access_token=b`
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      expect(await edge.ask(good({ ...asking, body, headers }))).toMatchObject({ status: 413, hits: 0 })
    })
  })

  describe('non-utf8, ENV-15, att-envoy-05, att-envoy-13: bytes that are no ASCII', () => {
    const sendGood = (change: (headers: Record<string, string>) => Record<string, string>, path = '/accounts') => {
      const headers = change({ ...(edge.good().headers as Record<string, string>) })
      const text = `GET ${path} HTTP/1.1\r\nhost: api.bank.example\r\n${headerLines(headers)}\r\n`
      return countHits(edge, () => sendBytes(edge, text))
    }
    test.each(['\x80', '\xff\xfe', '\xc3\xa9', '\xed\xa0\x80', '\xf4\x90\x80\x80'])('%j', async (bytes) => {
      const inToken = await sendGood(({ authorization, ...rest }) => ({
        ...rest,
        authorization: authorization + bytes,
      }))
      expect(inToken).toMatchObject({ status: 400, hits: 0 })
      const inProof = await sendGood(({ dpop, ...rest }) => ({ ...rest, dpop: dpop + bytes }))
      expect(inProof).toMatchObject({ status: 401, hits: 0 })
      const inScheme = await sendGood(({ authorization, ...rest }) => ({
        ...rest,
        authorization: bytes + authorization,
      }))
      expect(inScheme).toMatchObject({ status: 401, hits: 0 })
      const inPath = await sendGood((headers) => headers, `/public/${bytes}`)
      expect(inPath).toMatchObject({ status: 400, hits: 0 })
      // What the service does not judge does not have to be ASCII.
      const inCookie = await sendGood((headers) => ({
        ...headers,
        cookie: `a=${bytes}`,
        'x-fapi-interaction-id': bytes,
      }))
      expect(inCookie).toMatchObject({ status: 200, hits: 1 })
      expect(lines(inCookie, 'x-fapi-interaction-id')).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)])
    })
  })
})
