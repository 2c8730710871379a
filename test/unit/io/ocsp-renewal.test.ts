import { describe, expect, test } from 'vitest'
import { keepAnswers, keepRevocations } from '../../../src/io/ocsp-answers.ts'
import { NOW } from '../../support/ocsp-pki.ts'
import { response, status } from '../../support/ocsp-responses.ts'
import { given, holdOcsp, lost, settled } from '../../support/ocsp-source.ts'

const good = () => given(response())
const revoked = () => given(response({ status: status.revoked(6) }))

describe('REV-16 an answer in use is renewed before its time is over', () => {
  test('between half and four fifths of it, as chance has it', async () => {
    for (const chance of [0, 0.5, 0.999]) {
      const held = holdOcsp(good, {}, { chance: () => chance })
      await held.ask()
      const [delay = 0] = held.bell.waiting()
      // The timer itself is up to a tenth late.
      expect(delay).toBeGreaterThanOrEqual(1800)
      expect(delay * 1.1).toBeLessThanOrEqual(2880)
    }
  })
  test('and nobody waits meanwhile', async () => {
    const held = holdOcsp(good)
    await held.ask()
    held.pass(2500)
    held.change(() => given(response({ thisUpdate: NOW + 2000, nextUpdate: NOW + 9000, producedAt: NOW + 2000 })))
    held.bell.ring()
    expect(held.askNow()).toBe('good')
    await settled()
    expect(await held.judge()).toEqual({ kind: 'good', until: NOW + 9000 })
    expect(held.urls).toHaveLength(2)
  })
  test('by whoever asks when the timer has not', async () => {
    const held = holdOcsp(good)
    await held.ask()
    held.pass(2500)
    expect(held.askNow()).toBe('good')
    expect(held.urls).toHaveLength(2)
    expect(held.askNow()).toBe('good')
    await settled()
    expect(held.urls).toHaveLength(2)
  })
  test('not when nobody asked for it since it was renewed', async () => {
    const held = holdOcsp(good)
    await held.ask()
    held.bell.ring()
    await settled()
    expect(held.urls).toHaveLength(2)
    held.bell.ring()
    await settled()
    expect(held.urls).toHaveLength(2)
  })
  test('what fails leaves the answer as it is, and is tried again after half a minute', async () => {
    const held = holdOcsp(good)
    await held.ask()
    held.pass(2500)
    held.change(() => lost())
    held.bell.ring()
    await settled()
    held.pass(29)
    expect(held.askNow()).toBe('good')
    await settled()
    expect(held.urls).toHaveLength(2)
    held.pass(1)
    held.change(revoked)
    expect(held.askNow()).toBe('good')
    await settled()
    expect(held.askNow()).toBe('revoked')
  })
  test('an answer that comes again and again until the next one is made is asked for every 5 seconds at the most', async () => {
    const held = holdOcsp(() => given(response({ nextUpdate: NOW + 6 })))
    await held.ask()
    expect(held.bell.waiting()).toEqual([5])
  })
  test('nothing is once it is closed, and who is under way still gets an answer', async () => {
    const held = holdOcsp(good)
    const first = held.ask()
    held.ocsp.close()
    expect([await first, await held.ask()]).toEqual(['good', 'good'])
    expect([held.bell.waiting(), held.kinds()]).toEqual([[], ['closed']])
    const used = holdOcsp(good)
    await used.ask()
    used.ocsp.close()
    expect([used.bell.waiting(), used.askNow()]).toEqual([[], 'good'])
  })
})

describe('att-mtls-06 what was revoked stays so', () => {
  const renewed = (thisUpdate: number, word: Buffer = status.good) =>
    given(response({ thisUpdate, producedAt: thisUpdate, nextUpdate: NOW + 50_000, status: word }))
  const revokedAt = async (thisUpdate: number) => {
    const held = holdOcsp(() => renewed(thisUpdate, status.revoked()))
    expect(await held.ask()).toBe('revoked')
    held.pass(43_200)
    return held
  }
  test('however many others are remembered meanwhile', () => {
    const answers = keepAnswers({ monotonic: () => 0, chance: () => 0 })
    const known = { thisUpdate: NOW, until: NOW + 60, unchecked: undefined }
    const goodOne = { ...known, status: { kind: 'good' } } as const
    answers.keep('stolen', { ...known, status: { kind: 'revoked', at: NOW, reason: 'keyCompromise' } }, NOW)
    for (let index = 0; index < 10_000; index += 1) answers.keep(String(index), goodOne, NOW)
    expect(answers.use('stolen')?.verdict.status.kind).toBe('revoked')
    expect(answers.keep('stolen', goodOne, NOW)).toBeUndefined()
    answers.keep('stolen', { ...goodOne, thisUpdate: NOW + 1 }, NOW)
    expect(answers.find('stolen')?.verdict.status.kind).toBe('good')
  })
  test('10 000 revocations are, and the one that was not asked for longest goes', () => {
    const revocations = keepRevocations()
    const answers = keepAnswers({ monotonic: () => 0, chance: () => 0, revocations })
    const status = { kind: 'revoked', at: NOW, reason: 'unspecified' } as const
    const revoke = (key: number): unknown =>
      answers.keep(String(key), { status, thisUpdate: NOW, until: NOW + 60, unchecked: undefined }, NOW)
    for (let index = 0; index < 10_000; index += 1) revoke(index)
    answers.use('0')
    revoke(10_000)
    expect(['0', '1', '2'].map((key) => revocations.verdicts.has(key))).toEqual([true, false, true])
    expect(revocations.changes).toBe(10_001)
  })
  test.each<[string, number, string]>([
    ['an answer from before', NOW - 101, 'revoked'],
    ['an answer of the same second', NOW - 100, 'revoked'],
    ['a newer answer', NOW - 99, 'good'],
  ])('for the next configuration and beside it: %s', async (_, thisUpdate, expected) => {
    const revocations = keepRevocations()
    const beside = holdOcsp(() => renewed(thisUpdate), {}, { revocations })
    await beside.ask()
    const before = holdOcsp(() => renewed(NOW - 100, status.revoked()), {}, { revocations })
    expect(await before.ask()).toBe(expected === 'good' ? 'revoked' : expected)
    const next = holdOcsp(() => renewed(thisUpdate), {}, { revocations })
    expect([await beside.ask(), await next.ask()]).toEqual([expected, expected])
    const last = holdOcsp(() => lost(), {}, { revocations })
    expect(await last.ask()).toBe(expected === 'good' ? 'unavailable' : expected)
  })
  test('a good answer of one configuration is none of another', async () => {
    const revocations = keepRevocations()
    await holdOcsp(good, {}, { revocations }).ask()
    expect(await holdOcsp(good, { requireNonce: true }, { revocations }).ask()).toBe('unavailable')
  })
  test('after its time, while nobody says anything newer', async () => {
    const held = await revokedAt(NOW - 100)
    held.change(() => lost())
    expect([await held.ask(), held.askNow()]).toEqual(['revoked', 'revoked'])
  })
  test('also for the requests that are left when the configuration is replaced', async () => {
    const held = await revokedAt(NOW - 100)
    held.ocsp.close()
    held.change(() => renewed(NOW - 101))
    expect(await held.ask()).toBe('revoked')
  })
  test.each<[string, number, Buffer, string, string]>([
    ['a good answer from before', NOW - 101, status.good, 'revoked', 'older'],
    ['a good answer of the same second', NOW - 100, status.good, 'revoked', 'older'],
    ['a newer answer that does not know it', NOW, status.unknown, 'revoked', 'older'],
    ['a newer answer that says so again', NOW, status.revoked(), 'revoked', 'revoked'],
    ['a newer answer that it is good', NOW - 99, status.good, 'good', 'good'],
  ])('until something newer is said: %s', async (_, thisUpdate, word, expected, event) => {
    const held = await revokedAt(NOW - 100)
    held.change(() => renewed(thisUpdate, word))
    expect(await held.ask()).toBe(expected)
    expect(held.kinds().at(-1)).toBe(event)
    expect(held.askNow()).toBe(expected)
  })
  test('an older revocation does not undo what is newer, and a good answer is not undone by an older one', async () => {
    const held = holdOcsp(() => renewed(NOW - 100))
    await held.ask()
    held.pass(43_200)
    held.change(() => renewed(NOW - 101))
    expect(await held.ask()).toBe('unavailable')
    expect(held.kinds()).toEqual(['good', 'good', 'older'])
    // Nor is it asked for with every request.
    expect(held.askNow()).toBe('unavailable')
  })
  test('a revocation in the second of a good answer counts', async () => {
    const held = holdOcsp(() => renewed(NOW - 100))
    await held.ask()
    held.change(() => renewed(NOW - 100, status.revoked()))
    held.bell.ring()
    await settled()
    expect(held.askNow()).toBe('revoked')
  })
  test('an answer that does not know the certificate keeps out what came before the last one that did', async () => {
    const held = holdOcsp(() => renewed(NOW - 100))
    await held.ask()
    for (const [thisUpdate, word, expected] of [
      [NOW - 50, status.unknown, 'unknown'],
      [NOW - 101, status.good, 'unavailable'],
    ] as const) {
      held.pass(43_200)
      held.change(() => renewed(thisUpdate, word))
      expect(await held.ask()).toBe(expected)
    }
  })
  test('a certificate that reached the responder a moment later is good, though the answer was made before', async () => {
    const held = holdOcsp(() => renewed(NOW - 50, status.unknown))
    await held.ask()
    held.pass(30)
    held.change(() => renewed(NOW - 100))
    expect(await held.ask()).toBe('good')
  })
})
