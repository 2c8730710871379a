import { describe, expect, test } from 'vitest'
import { keepAnswers } from '../../../src/io/ocsp-answers.ts'
import { isListedPlace } from '../../../src/io/status-places.ts'
import type { StatusWord } from '../../../src/verify/certificate-status.ts'
import {
  certify,
  client,
  clientWith,
  delegateWith,
  extensions,
  issuer,
  NOW,
  RESPONDER,
} from '../../support/ocsp-pki.ts'
import { response, status } from '../../support/ocsp-responses.ts'
import { given, holdOcsp, lost, settled } from '../../support/ocsp-source.ts'

const good = () => given(response())
const OTHER = 'https://elsewhere.example/ocsp'

describe('T-64 att-mtls-04 whom a certificate has asked', () => {
  test.each<[string, string | undefined, readonly string[], string | undefined]>([
    ['its own responder at a listed host', RESPONDER, ['ocsp.example.com'], RESPONDER],
    [
      'with a port that is listed',
      'http://ocsp.example.com:8080/',
      ['ocsp.example.com:8080'],
      'http://ocsp.example.com:8080/',
    ],
    ['over https', 'https://ocsp.example.com/a', ['ocsp.example.com'], 'https://ocsp.example.com/a'],
    ['none at a host that is not listed', RESPONDER, ['elsewhere.example'], undefined],
    ['none at another port', 'http://ocsp.example.com:8080/', ['ocsp.example.com'], undefined],
    ['none below a listed host', 'http://a.ocsp.example.com/', ['ocsp.example.com'], undefined],
    ['none behind a user name', 'http://ocsp.example.com@169.254.169.254/', ['ocsp.example.com'], undefined],
    ['none with a user', 'http://user@ocsp.example.com/', ['ocsp.example.com'], undefined],
    ['none over ldap', 'ldap://ocsp.example.com/', ['ocsp.example.com'], undefined],
    ['none where nothing is listed', RESPONDER, [], undefined],
  ])('%s', async (_, url, hosts, expected) => {
    const certificate = clientWith('0d', url)
    const held = holdOcsp(() => given(response({ certificate })), { hosts })
    expect(await held.ask(certificate)).toBe(expected === undefined ? 'unavailable' : 'good')
    expect(held.urls).toEqual(expected === undefined ? [] : [expected])
    expect(held.kinds()).toEqual([expected === undefined ? 'foreign' : 'good'])
  })
  test('the configured one is asked about every certificate, whatever stands in it', async () => {
    const plain = certify('client', issuer, [extensions.clientAuth], { serial: '0e' }).certificate
    const held = holdOcsp(() => given(response({ certificate: plain })), { responder: OTHER, hosts: [] })
    expect(await held.ask(plain)).toBe('good')
    await held.ask(client)
    expect(held.urls).toEqual([OTHER, OTHER])
  })
  test.each(['http:/ocsp.example.com/', 'http://ocsp.example.com/a b', ' http://ocsp.example.com/', 'http://', ''])(
    'what is written like "%s" is no place',
    (url) => expect(isListedPlace(url, ['ocsp.example.com', ''])).toBe(false),
  )
})

describe('REV-16 REV-17 an answer is remembered', () => {
  test('nobody waits for what is known, and nobody is asked twice', async () => {
    const held = holdOcsp(good)
    expect(await held.ask()).toBe('good')
    expect([held.askNow(), held.askNow()]).toEqual(['good', 'good'])
    expect(held.urls).toHaveLength(1)
    expect(held.kinds()).toEqual(['good', 'remembered', 'remembered'])
  })
  test('requests that come together ask once', async () => {
    const held = holdOcsp(good)
    expect(await Promise.all([held.ask(), held.ask(), held.ask()])).toEqual(['good', 'good', 'good'])
    expect(held.urls).toHaveLength(1)
  })
  test('for this certificate of this issuer alone', async () => {
    const other = clientWith('0f')
    const held = holdOcsp(good)
    await held.ask()
    held.change(() => given(response({ certificate: other, status: status.revoked() })))
    expect([await held.ask(other), held.askNow()]).toEqual(['revoked', 'good'])
  })
  test.each([
    ['att-mtls-06 ocsp-stale up to nextUpdate and no longer', 3600, 3600],
    ['12 hours at the most', 500_000, 43_200],
  ])('%s', async (_, nextUpdate, life) => {
    const held = holdOcsp(() => given(response({ nextUpdate: NOW + nextUpdate })))
    expect(await held.judge()).toEqual({ kind: 'good', until: NOW + life })
    held.change(() => lost())
    held.pass(life - 1)
    expect(held.askNow()).toBe('good')
    held.pass(1)
    expect(await held.ask()).toBe('unavailable')
  })
  test('a clock that is set back makes no answer last longer', async () => {
    const held = holdOcsp(good)
    await held.ask()
    held.change(() => lost())
    held.turn(-3000)
    held.pass(3600)
    expect(await held.ask()).toBe('unavailable')
  })
  test('a clock that is put forward ends it', async () => {
    const held = holdOcsp(good)
    await held.ask()
    held.change(() => lost())
    held.turn(3600)
    expect(await held.ask()).toBe('unavailable')
  })
  test('one that is over by our clock, within what clocks differ, is good for those who waited for it alone', async () => {
    const held = holdOcsp(() => given(response({ nextUpdate: NOW - 30 })))
    expect(await held.judge()).toEqual({ kind: 'good', until: NOW })
    expect(held.askNow()).toBeUndefined()
    await settled()
    expect(held.urls).toHaveLength(2)
  })
  test('that the responder does not know the certificate counts for 30 seconds', async () => {
    const held = holdOcsp(() => given(response({ status: status.unknown })))
    expect(await held.ask()).toBe('unknown')
    held.change(good)
    held.pass(29)
    expect(held.askNow()).toBe('unknown')
    held.pass(1)
    expect(await held.ask()).toBe('good')
  })
  test('10 000 are, and the one that was not used for longest goes', () => {
    const answers = keepAnswers({ monotonic: () => 0, chance: () => 0 })
    const verdict = { status: { kind: 'good' }, thisUpdate: NOW, until: NOW + 60, unchecked: undefined } as const
    const keep = (index: number): unknown => answers.keep(String(index), verdict, NOW)
    for (let index = 0; index < 10_000; index += 1) keep(index)
    answers.use('0')
    keep(10_000)
    expect(['0', '1', '2'].map((key) => answers.find(key) !== undefined)).toEqual([true, false, true])
  })
  test('without the certificate of a delegate', () => {
    const answers = keepAnswers({ monotonic: () => 0, chance: () => 0 })
    const delegate = delegateWith().certificate
    answers.keep('one', { status: { kind: 'good' }, thisUpdate: NOW, until: NOW + 60, unchecked: delegate }, NOW)
    expect(answers.find('one')?.verdict.unchecked).toBeUndefined()
  })
  test('10 000 failures are', async () => {
    const held = holdOcsp(() => lost(404), { responder: OTHER })
    await held.ask()
    expect(held.askNow()).toBe('unavailable')
    for (let index = 0; index < 10_000; index += 1) await held.ask({ ...client, serial: index.toString(16) })
    expect(held.askNow()).toBeUndefined()
  })
})

test('X5-16 every word that is not good makes a new generation', async () => {
  const held = holdOcsp(good)
  await held.ask()
  expect(held.generation()).toBe(0)
  const one = clientWith('0d', RESPONDER)
  const other = clientWith('0e', RESPONDER)
  held.change(() => given(response({ certificate: one, status: status.revoked() })))
  await held.ask(one)
  expect(held.generation()).toBe(1)
  held.change(() => given(response({ certificate: other, status: status.unknown })))
  await held.ask(other)
  expect(held.generation()).toBe(2)
  held.change(() => lost(500))
  await held.ask(clientWith('0f', RESPONDER))
  expect(held.generation()).toBe(2)
})

describe('REV-11 a delegate whose certificate says nothing about its own status', () => {
  const signer = delegateWith([extensions.ocspSigning])
  const asked: string[] = []
  const judged = (word: StatusWord, hard: boolean, content = response({ signer })) =>
    holdOcsp(
      () => given(content),
      {},
      {
        delegates: {
          hard,
          source: {
            judge: ({ serial }) => {
              asked.push(serial)
              return Promise.resolve(word)
            },
          },
        },
      },
    ).ask()
  const words: Readonly<Record<string, StatusWord>> = {
    good: { kind: 'good', until: NOW + 1 },
    revoked: { kind: 'revoked', detail: '' },
    unknown: { kind: 'unknown', detail: '' },
    unavailable: { kind: 'unavailable', detail: '' },
  }
  test.each([
    ['good', false, 'good'],
    ['good', true, 'good'],
    ['revoked', false, 'unavailable'],
    ['revoked', true, 'unavailable'],
    ['unknown', false, 'good'],
    ['unknown', true, 'unavailable'],
    ['unavailable', false, 'good'],
    ['unavailable', true, 'unavailable'],
  ])('%s, hard %s: the answer is %s', async (word, hard, expected) =>
    expect(await judged(words[word] ?? { kind: 'unavailable', detail: '' }, hard)).toBe(expected),
  )
  test('counts where nobody can be asked about it', async () =>
    expect(await holdOcsp(() => given(response({ signer }))).ask()).toBe('good'))
  test('is not asked about when it says that nobody has to', async () => {
    asked.length = 0
    expect(await judged({ kind: 'revoked', detail: '' }, true, response({ signer: delegateWith() }))).toBe('good')
    expect(asked).toEqual([])
  })
})
