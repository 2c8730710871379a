import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { postBytes } from '../../../src/io/fetch-bytes.ts'
import { parseDer } from '../../../src/verify/x509/der.ts'
import { clientWith } from '../../support/ocsp-pki.ts'
import { type ResponseContent, refusal, response, status } from '../../support/ocsp-responses.ts'
import { holdOcsp, settled } from '../../support/ocsp-source.ts'
import { answer, type PlainStub, startPlainStub } from '../../support/plain-stub.ts'
import { authority } from '../../support/stub-servers.ts'

const open: PlainStub[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((stub) => stub.close()))
})

const TYPE = 'application/ocsp-response'
/** The nonce of a question: the end of its last extension. */
const nonceOf = (request: Buffer): Buffer => request.subarray(-32)

/** A responder at work and a certificate that names it. */
async function responder(
  react: (response: ServerResponse, request: Buffer) => void,
  { secure = false, requireNonce = false } = {},
) {
  const stub = await startPlainStub(({ body }, outgoing) => react(outgoing, body), secure)
  open.push(stub)
  const certificate = clientWith('0c', `${stub.origin}/status`)
  const held = holdOcsp(
    () => {
      throw new Error('unused')
    },
    { hosts: [stub.host], requireNonce },
    { post: (url, question) => postBytes(url, { ...question, ca: [authority.certificate] }) },
  )
  return { stub, held, ask: () => held.ask(certificate), askNow: () => held.askNow(certificate), certificate }
}

describe('REV-18 a responder is asked over the network', () => {
  const saying =
    (content: ResponseContent, echo = true) =>
    (outgoing: ServerResponse, request: Buffer): void =>
      answer(
        outgoing,
        TYPE,
        response({ certificate: clientWith('0c'), ...content, nonce: echo ? nonceOf(request) : undefined }),
      )
  test.each([
    ['plain http', false],
    ['https', true],
  ])('over %s', async (_, secure) => {
    const { ask, askNow, stub } = await responder(saying({}), { secure })
    expect([await ask(), askNow()]).toEqual(['good', 'good'])
    expect(stub.asked).toMatchObject([
      { method: 'POST', path: '/status', headers: { 'content-type': 'application/ocsp-request' } },
    ])
  })
  test('what it says is what counts', async () => {
    const { ask } = await responder(saying({ status: status.revoked(1) }))
    expect(await ask()).toBe('revoked')
    expect(await (await responder(saying({ status: status.unknown }))).ask()).toBe('unknown')
  })
  test('REV-15 with a nonce of 32 octets that is another one each time', async () => {
    const { held, ask, stub } = await responder(saying({}), { requireNonce: true })
    expect(await ask()).toBe('good')
    held.pass(4000)
    expect(await ask()).toBe('unavailable')
    const [first = Buffer.of(), second = Buffer.of()] = stub.asked.map(({ body }) => body)
    const [, extensions] = parseDer(first).children[0]?.children ?? []
    expect(extensions?.whole.toString('hex')).toMatch(/^a2333031302f06092b060105050730010204220420[0-9a-f]{64}$/)
    expect(nonceOf(first).equals(nonceOf(second))).toBe(false)
    expect(first.subarray(0, -32).equals(second.subarray(0, -32))).toBe(true)
  })
  test('REV-15 an answer that was made before is refused where a nonce is required', async () => {
    const { ask } = await responder(saying({}, false), { requireNonce: true })
    expect(await ask()).toBe('unavailable')
  })
})

describe('REV-13 ocsp-hang a responder that fails', () => {
  test.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['500', (outgoing) => outgoing.writeHead(500).end(), /answered 500/],
    [
      '500 with a good answer',
      (outgoing) => outgoing.writeHead(500, { 'content-type': TYPE }).end(response()),
      /answered 500/,
    ],
    ['tryLater', (outgoing) => answer(outgoing, TYPE, refusal(3)), /tryLater/],
    ['unauthorized', (outgoing) => answer(outgoing, TYPE, refusal(6)), /unauthorized/],
    ['garbage', (outgoing) => answer(outgoing, TYPE, 'garbage'), /status: /],
    ['HTML', (outgoing) => answer(outgoing, 'text/html', '<html>'), /not ocsp-response \(text\/html\)/],
    ['a redirect', (outgoing) => outgoing.writeHead(302, { location: 'http://127.0.0.1/' }).end(), /redirects/],
    ['no answer', (outgoing) => outgoing.destroy(), /ECONNRESET|socket hang up/],
    ['64 KiB and a byte', (outgoing) => answer(outgoing, TYPE, Buffer.alloc(65_537)), /larger than 65536/],
  ])('%s is no answer', async (_, react, problem) => {
    const { held, certificate, askNow } = await responder(react)
    const word = await held.judge(certificate)
    expect(word).toMatchObject({ kind: 'unavailable', detail: expect.stringMatching(problem) })
    expect(askNow()).toBe('unavailable')
  })
  test('hangs: the request goes on without it, and the answer is there for the next one', async () => {
    const asked = Promise.withResolvers<() => void>()
    const { held, ask, askNow } = await responder((outgoing, request) => {
      asked.resolve(() => answer(outgoing, TYPE, response({ certificate: clientWith('0c'), nonce: nonceOf(request) })))
    })
    const word = ask()
    const answerNow = await asked.promise
    expect(held.patience.pending()).toEqual([150])
    held.patience.end()
    expect(await word).toBe('unavailable')
    answerNow()
    while (held.kinds().at(-1) !== 'good') await settled()
    expect(askNow()).toBe('good')
  })
})
