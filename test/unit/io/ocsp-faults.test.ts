import { describe, expect, test } from 'vitest'
import {
  certify,
  client,
  clientWith,
  delegateWith,
  extensions,
  NOW,
  otherIssuer,
  RESPONDER,
} from '../../support/ocsp-pki.ts'
import { refusal, response, status } from '../../support/ocsp-responses.ts'
import { given, holdOcsp, lost, settled } from '../../support/ocsp-source.ts'

const good = () => given(response())
const OTHER = 'https://elsewhere.example/ocsp'

describe('REV-13 ocsp-hang what fails', () => {
  test.each<[string, ReturnType<typeof given> | ReturnType<typeof lost>]>([
    ['no connection', lost()],
    ['500', lost(500)],
    ['tryLater', given(refusal(3))],
    ['internalError', given(refusal(2))],
    ['unauthorized', given(refusal(6))],
    ['garbage', given(Buffer.from('garbage'))],
    ['a good answer by somebody else', given(response({ signer: delegateWith([extensions.clientAuth]) }))],
    ['ocsp-stale', given(response({ nextUpdate: NOW - 61 }))],
    ['REV-15 the nonce of another question', given(response({ nonce: Buffer.alloc(32, 1) }))],
  ])('%s is no answer, and for 30 seconds nobody waits for another', async (_, outcome) => {
    const held = holdOcsp(() => outcome)
    expect(await held.ask()).toBe('unavailable')
    held.change(good)
    held.pass(29)
    expect(held.askNow()).toBe('unavailable')
    held.pass(2)
    expect(await held.ask()).toBe('good')
    expect(held.kinds()).toEqual(['failed', 'good'])
  })
  test('a request waits as long as it may; the question goes on and fills the memory', async () => {
    const { promise, resolve } = Promise.withResolvers<ReturnType<typeof given>>()
    const held = holdOcsp(() => promise)
    const first = held.ask()
    held.patience.end()
    expect(await first).toBe('unavailable')
    const second = held.ask()
    held.patience.end()
    expect(await second).toBe('unavailable')
    resolve(good())
    await settled()
    expect(held.askNow()).toBe('good')
    expect(held.urls).toHaveLength(1)
    expect(held.kinds()).toEqual(['late', 'late', 'good', 'remembered'])
  })
  test('what was revoked is refused at once or at the end of the wait, whatever becomes of the question', async () => {
    const held = holdOcsp(() => given(response({ status: status.revoked(), nextUpdate: NOW + 10 })))
    await held.ask()
    held.pass(10)
    held.change(() => new Promise(() => undefined))
    const word = held.ask()
    held.patience.end()
    expect(await word).toBe('revoked')
  })
  test('64 questions at a time, and 256 requests that wait', async () => {
    const held = holdOcsp(() => new Promise(() => undefined))
    const numbered = (index: number) => ({ ...client, serial: index.toString(16) })
    for (let index = 0; index < 64; index += 1) expect(held.askNow(numbered(index))).toBeUndefined()
    expect(held.askNow(numbered(64))).toBe('unavailable')
    expect(held.kinds()).toEqual(['refused'])
    for (let waiting = 64; waiting < 256; waiting += 1) expect(held.askNow(numbered(0))).toBeUndefined()
    expect(held.askNow(numbered(0))).toBe('unavailable')
    expect(held.urls).toHaveLength(64)
  })
  test.each<[string, ReturnType<typeof given> | ReturnType<typeof lost>, boolean]>([
    ['no connection', lost(), false],
    ['503', lost(503), false],
    ['429', lost(429), false],
    ['tryLater', given(refusal(3)), false],
    ['404', lost(404), true],
    ['unauthorized', given(refusal(6)), true],
    ['garbage', given(Buffer.from('garbage')), true],
  ])('after %s five times a responder is left alone for a second: %s', async (_, outcome, available) => {
    const held = holdOcsp(() => outcome, { hosts: ['ocsp.example.com', 'elsewhere.example'] })
    for (let index = 1; index <= 5; index += 1) await held.ask({ ...client, serial: index.toString(16) })
    expect(held.ocsp.available).toBe(available)
    held.change(good)
    if (available) return expect(await held.ask()).toBe('good')
    expect(held.askNow()).toBe('unavailable')
    // Another responder has nothing to do with it.
    expect(held.askNow(clientWith('10', OTHER))).toBeUndefined()
    held.pass(1)
    expect(await held.ask()).toBe('good')
    expect(held.ocsp.available).toBe(true)
  })
  test('a responder that fails for one authority is not left alone for another', async () => {
    const stranger = certify('client', otherIssuer, [extensions.clientAuth, extensions.responder(`${RESPONDER}broken`)])
    const held = holdOcsp((url) => (url === RESPONDER ? good() : lost(500)))
    const foreign = (serial: string) => held.ask({ ...stranger.certificate, serial }, otherIssuer.certificate)
    for (const serial of ['0a', '0b', '0c', '0d', '0e']) expect(await foreign(serial)).toBe('unavailable')
    await foreign('0f')
    expect(held.kinds().at(-1)).toBe('refused')
    expect(await held.ask()).toBe('good')
  })
  test('a failure that nobody foresaw is no answer', async () => {
    const held = holdOcsp(() => Promise.reject(new Error('bug')))
    expect(await held.judge()).toEqual({ kind: 'unavailable', detail: 'the answer could not be judged' })
  })
})

describe('what is told', () => {
  test('REV-02 a revocation with its reason and the serial number, and no name', async () => {
    const held = holdOcsp(() => given(response({ status: status.revoked(6) })))
    expect(await held.judge()).toEqual({
      kind: 'revoked',
      detail: 'certificate 00c0ffee was revoked at 2026-01-02T02:04:05.000Z (certificateHold)',
    })
  })
  test('the responder without path and query, and how long it took', async () => {
    const held = holdOcsp(() => {
      held.pass(2)
      return given(response())
    })
    await held.ask(client)
    expect(held.events).toEqual([{ kind: 'good', responder: 'http://ocsp.example.com', seconds: 2 }])
  })
  test('where an answer came from that was refused', async () => {
    const held = holdOcsp(() => given(refusal(6)))
    expect(await held.judge()).toMatchObject({
      detail: 'http://ocsp.example.com/: the responder answers unauthorized',
    })
  })
})
