import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MTLS } from '../../demo/setting.ts'
import { lines, sawLines, startTestEdge, type TestEdge } from '../support/edge.ts'
import { sendBytes, sendHttp2 } from '../support/edge-raw.ts'
import {
  decided,
  EMPTY,
  headerOption,
  type StandIn,
  type StrangeAnswer,
  startStandIn,
  strange,
} from '../support/edge-standin.ts'

// What the hardened bootstrap does on its own, whatever answers in place of the service.

let edge: TestEdge
let standIn: StandIn

beforeAll(async () => {
  edge = await startTestEdge()
  standIn = await startStandIn(edge)
})
afterAll(async () => {
  standIn.stop()
  await edge.stop()
})

const allow = { status: { code: 0 }, okResponse: {}, ...decided('allow') }
const deniedResponse = { status: { code: 401 }, headers: [headerOption('www-authenticate', 'DPoP')], body: 'no' }

test('the stand-in is asked, and what it lets in goes on', async () => {
  standIn.answer(strange(allow))
  expect(await edge.ask({})).toMatchObject({ status: 200, hits: 1 })
  expect(standIn.asked.length).toBeGreaterThan(0)
})

describe('ERR-16: only a decision lets a request in, the second lock refuses the rest', () => {
  test.each<readonly [string, StrangeAnswer]>([
    ['an empty message', EMPTY],
    ['status 0 alone', strange({ status: { code: 0 } })],
    ['an allow without a decision', strange({ status: { code: 0 }, okResponse: {} })],
    ['a denial with status 0', strange({ status: { code: 0 }, deniedResponse, ...decided('deny') })],
    ['a denial with status 0 and no decision', strange({ status: { code: 0 }, deniedResponse })],
    ['a denial without status', strange({ deniedResponse })],
    ['an allow that says it is none', strange({ ...allow, ...decided('deny') })],
    ['a decision in other letters', strange({ ...allow, ...decided('ALLOW') })],
    ['a decision with more behind it', strange({ ...allow, ...decided('allowed') })],
    // status {}, error_response { status { code: 503 } }: field 5, which our protocol files leave out.
    ['an error with status 0', Buffer.from([0x0a, 0x00, 0x2a, 0x05, 0x0a, 0x03, 0x08, 0xf7, 0x03])],
  ])('%s', async (_, answer) => {
    standIn.answer(answer)
    const told = await edge.ask(edge.good())
    expect(told).toMatchObject({ status: 403, hits: 0, body: 'RBAC: access denied' })
  })
})

describe('what the service gets to know', () => {
  const told = () => {
    const { source, request, tlsSession } = standIn.asked.at(-1)?.attributes ?? {}
    const { scheme, headerMap } = request?.http ?? {}
    const names = new Set((headerMap?.headers ?? []).map(({ key }) => key))
    return { certificate: source?.certificate, sni: tlsSession?.sni, scheme, names }
  }

  test('att-mtls-01, att-header-01: nothing that a client says of itself in the place of Envoy', async () => {
    standIn.answer(strange(allow))
    const spoofed = ['x-authz-subject', 'x.authz.subject', 'x-forwarded-client-cert', 'x-forwarded-host']
    await edge.ask({ headers: Object.fromEntries([...spoofed, 'x-other'].map((name) => [name, 'admin'])) })
    const { names, certificate } = told()
    expect([...spoofed, 'x-other'].filter((name) => names.has(name))).toEqual(['x-other'])
    expect(certificate).toBeUndefined()
  })
  test('ENV-11: the certificate of the connection, and the name it asked for', async () => {
    const { client } = edge.setting.pki
    await edge.ask({ url: `${MTLS}/accounts`, certificate: client })
    const { certificate = '', sni } = told()
    expect([decodeURIComponent(certificate).trim(), sni]).toEqual([
      client.certificate.replaceAll('\r', '').trim(),
      'mtls.bank.example',
    ])
  })
  test('ENV-08, att-envoy-09: a scheme that is always https', async () => {
    const pseudo = { ':method': 'GET', ':path': '/accounts', ':authority': 'api.bank.example' }
    for (const scheme of ['http', 'ftp']) {
      await sendHttp2(edge, { ...pseudo, ':scheme': scheme })
      expect(told().scheme).toBe('https')
    }
    await sendBytes(edge, 'GET http://api.bank.example/accounts HTTP/1.1\r\nhost: api.bank.example\r\n\r\n')
    expect(told().scheme).toBe('https')
  })
})

describe('att-envoy-06: without an answer there is no access', () => {
  test.each([
    'UNAVAILABLE',
    'PERMISSION_DENIED',
    'UNAUTHENTICATED',
    'RESOURCE_EXHAUSTED',
    'DEADLINE_EXCEEDED',
    'INTERNAL',
    'silence',
  ] as const)('%s: 503', async (answer) => {
    standIn.answer(answer)
    expect(await edge.ask(edge.good())).toMatchObject({ status: 503, hits: 0 })
  })
  test('bytes that are no message: 503', async () => {
    standIn.answer(Buffer.from([0xff, 0xff, 0xff, 0xff]))
    expect(await edge.ask(edge.good())).toMatchObject({ status: 503, hits: 0 })
  })
  test('a claim of the client that Envoy was to let it pass counts for nothing and is taken away', async () => {
    const headers = { 'x-envoy-auth-failure-mode-allowed': 'true' }
    standIn.answer('UNAVAILABLE')
    expect(await edge.ask({ headers })).toMatchObject({ status: 503, hits: 0 })
    standIn.answer(strange(allow))
    const { seen } = await edge.ask({ headers })
    expect([seen?.path, sawLines(seen, 'x-envoy-auth-failure-mode-allowed')]).toEqual(['/accounts', []])
  })
})

describe('att-envoy-10: the service may set the headers in the list and no other', () => {
  const setting = (...headers: readonly (readonly [string, string])[]): Buffer =>
    strange({ ...allow, okResponse: { headers: headers.map(([name, value]) => headerOption(name, value)) } })

  test('names in the list', async () => {
    standIn.answer(setting(['x-authz-subject', 'user'], ['x-fapi-interaction-id', 'an id']))
    const { status, seen } = await edge.ask({})
    expect([status, sawLines(seen, 'x-authz-subject'), sawLines(seen, 'x-fapi-interaction-id')]).toEqual([
      200,
      ['user'],
      ['an id'],
    ])
  })
  test.each([
    [':path', '/admin'],
    [':method', 'DELETE'],
    [':authority', 'evil.example'],
    [':scheme', 'http'],
    ['host', 'evil.example'],
    ['x-user', 'admin'],
    ['cookie', 'session=admin'],
    ['content-length', '7'],
    ['transfer-encoding', 'chunked'],
    ['x-authz-subject', 'a\r\nx-user: admin'],
    ['x-authz-subject', 'a\0b'],
  ])('%s: %j is a fault', async (name, value) => {
    standIn.answer(setting([name, value]))
    const { status, hits } = await edge.ask({})
    expect([status, hits]).toEqual([500, 0])
  })
  test('nor may it take away another', async () => {
    standIn.answer(strange({ ...allow, okResponse: { headersToRemove: ['authorization', 'dpop'] } }))
    expect(await edge.ask(edge.good())).toMatchObject({ status: 200, hits: 1 })
    standIn.answer(strange({ ...allow, okResponse: { headersToRemove: ['cookie'] } }))
    expect(await edge.ask(edge.good({ headers: { cookie: 'a=b' } }))).toMatchObject({ status: 500, hits: 0 })
  })
})

describe('att-header-05: a refusal cannot become two answers', () => {
  const denying = (name: string, value: string): Buffer =>
    strange({
      status: { code: 16 },
      deniedResponse: { ...deniedResponse, headers: [headerOption(name, value)] },
      ...decided('deny'),
    })

  test('a good one passes', async () => {
    standIn.answer(denying('www-authenticate', 'DPoP algs="ES256"'))
    const told = await edge.ask({})
    expect([told.status, lines(told, 'www-authenticate')]).toEqual([401, ['DPoP algs="ES256"']])
  })
  test.each([
    ['www-authenticate', 'DPoP\r\nset-cookie: a=b'],
    ['www-authenticate', 'DPoP\nset-cookie: a=b'],
    ['www-authenticate\r\nset-cookie', 'a=b'],
  ])('%j: %j', async (name, value) => {
    standIn.answer(denying(name, value))
    const told = await edge.ask({})
    expect(told).toMatchObject({ status: 500, hits: 0 })
    expect(lines(told, 'set-cookie')).toEqual([])
  })
  test('a body is cut at 4 KiB', async () => {
    standIn.answer(
      strange({
        status: { code: 7 },
        deniedResponse: { status: { code: 403 }, body: 'x'.repeat(10_000) },
        ...decided('deny'),
      }),
    )
    expect((await edge.ask({})).body.length).toBe(4096)
  })
})
