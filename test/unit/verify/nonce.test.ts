import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { buildNonces, settleSecrets } from '../../../src/verify/nonce.ts'
import { nonceMaker, STEP, secretOf, settled } from '../../support/nonces.ts'

const ORIGIN = 'https://api.example.com'
/** The beginning of a step. */
const START = 1_800_000_000
const { first, second, third } = secretOf

describe('DPOP-38, FAPI-CR-05 what a nonce is made of', () => {
  test('HMAC-SHA-256 over origin, length of a step and step, in base64url', () => {
    const made = createHmac('sha256', first)
      .update(`envoy-fapi nonce\0${ORIGIN}\0${STEP}\0${START / STEP}`)
      .digest('base64url')
    expect(nonceMaker().issue(ORIGIN, START)).toBe(made)
  })
  test('43 characters that may stand in a header and in a claim (RFC 9449 section 8.1)', () => {
    for (let step = 0; step < 200; step += 1)
      expect(nonceMaker().issue(ORIGIN, START + step * STEP)).toMatch(/^[A-Za-z0-9_-]{43}$/)
  })
  test('each step, origin and secret has its own', () => {
    const made = [first, second].flatMap((secret) =>
      [ORIGIN, 'https://open.example.com'].flatMap((origin) =>
        [START, START + STEP].map((now) => nonceMaker(secret).issue(origin, now)),
      ),
    )
    expect(new Set(made).size).toBe(8)
  })
  test('every process with the same secret issues and accepts the same', () => {
    expect(nonceMaker().issue(ORIGIN, START + 59.9)).toBe(nonceMaker().issue(ORIGIN, START))
    expect(nonceMaker().judge(ORIGIN, nonceMaker().issue(ORIGIN, START), START)).toBe('current')
  })
  test('a nonce is none under steps of another length, whose count is the same at another time', () => {
    const slower = buildNonces({ secrets: [settled(first)], step: 2 * STEP, monotonic: () => 0 })
    const sameCount = 2 * START
    expect(Math.floor(sameCount / (2 * STEP))).toBe(START / STEP)
    expect(slower.judge(ORIGIN, nonceMaker().issue(ORIGIN, START), sameCount)).toBe('foreign')
    expect(slower.judge(ORIGIN, slower.issue(ORIGIN, sameCount), sameCount)).toBe('current')
  })
  test('without a secret there are none', () => {
    expect(() => buildNonces({ secrets: [], step: STEP, monotonic: () => 0 })).toThrow('need a secret')
  })
})

describe('DPOP-37, DPOP-39 the window: two steps back, one ahead', () => {
  const nonces = nonceMaker()
  const nonce = nonces.issue(ORIGIN, START)
  test.each([
    ['a step before, by a clock that is slow', -STEP, 'current'],
    ['at the last moment before its step', -0.001, 'current'],
    ['at the beginning of its step', 0, 'current'],
    ['at the end of its step', STEP - 0.001, 'current'],
    ['in the next step', STEP, 'aging'],
    ['at the last moment it is good', 3 * STEP - 0.001, 'aging'],
    ['after that', 3 * STEP, 'expired'],
    ['more than a step before', -STEP - 0.001, 'foreign'],
    ['an hour later', 3600, 'expired'],
    ['after the clock fell back an hour', -3600, 'foreign'],
  ])('%s', (_, offset, standing) => expect(nonces.judge(ORIGIN, nonce, START + offset)).toBe(standing))

  test('the clock may go back and forth: only the time of the request counts', () => {
    const one = nonceMaker()
    const offsets = [0, 3600, -3600, 0, 3 * STEP, 2 * STEP, 0]
    expect(offsets.map((offset) => one.judge(ORIGIN, nonce, START + offset))).toEqual([
      'current',
      'expired',
      'foreign',
      'current',
      'expired',
      'aging',
      'current',
    ])
  })
  test('a process that made none in between looks back for two hours at a time', () => {
    const one = nonceMaker()
    const later = () => one.judge(ORIGIN, nonce, START + 3 * 3600)
    expect([later(), later()]).toEqual(['foreign', 'expired'])
  })
  test('a process that has been asked all the while knows its nonces for a day, and no longer', () => {
    const one = nonceMaker()
    const day = 86_400
    for (let elapsed = 0; elapsed <= day; elapsed += STEP) one.issue(ORIGIN, START + elapsed)
    const judged = (offset: number) => one.judge(ORIGIN, nonce, START + offset)
    expect([judged(day), judged(day + 2 * STEP), judged(day + 3 * STEP)]).toEqual(['expired', 'expired', 'foreign'])
    expect(one.judge('https://other.example', nonce, START + day)).toBe('foreign')
  })
  test('its lifetime is the time from the first moment to the last', () => expect(nonces.lifetime).toBe(4 * STEP))
})

describe('DPOP-37, T-26, att-dpop-11 what is not ours', () => {
  const nonces = nonceMaker()
  const nonce = nonces.issue(ORIGIN, START)
  test.each([
    ['none', ''],
    ['cut off', nonce.slice(0, -1)],
    ['longer', `${nonce}A`],
    ['with a blank', ` ${nonce}`],
    ['twice', nonce + nonce],
    ['in another case', nonce.toUpperCase()],
    ['with padding', `${nonce.slice(0, -1)}=`],
    ['of 43 characters in more bytes', 'é'.repeat(43)],
    ['of 43 bytes in fewer characters', `${'é'.repeat(21)}a`],
    ['with a zero byte', `${nonce}\0`],
    ['huge', nonce.repeat(10_000)],
    ['of an authorization server', 'Xyi1kGzRkH3sd0fWpKqNTg-Y1vQe7rUoLw2mBcAhJxE'],
    ['for another origin', nonces.issue('https://open.example.com', START)],
    ['of another deployment', nonceMaker(third).issue(ORIGIN, START)],
    ['for the origin without its last letter', nonces.issue('https://api.example.co', START)],
  ])('a nonce %s is foreign', (_, other) => expect(nonces.judge(ORIGIN, other, START)).toBe('foreign'))
  test('a nonce with one letter changed is foreign, whichever it is', () => {
    for (const [place, letter] of [...nonce].entries()) {
      const changed = nonce.slice(0, place) + (letter === 'A' ? 'B' : 'A') + nonce.slice(place + 1)
      expect([place, nonces.judge(ORIGIN, changed, START)]).toEqual([place, 'foreign'])
    }
  })
})

describe('att-dpop-11 secrets overlap when they change', () => {
  const clock = { now: 1000 }
  const replica = (...secrets: Parameters<typeof buildNonces>[0]['secrets']) =>
    buildNonces({ secrets, step: STEP, monotonic: () => clock.now })
  const issuedBy = (one: ReturnType<typeof replica>): string | undefined =>
    [first, second, third].find((secret) => one.issue(ORIGIN, START) === nonceMaker(secret).issue(ORIGIN, START))

  test('a new first secret verifies at once and signs after two steps', () => {
    const rotating = replica({ secret: second, since: 1000 }, settled(first))
    const early = nonceMaker(second).issue(ORIGIN, START)
    expect([issuedBy(rotating), rotating.judge(ORIGIN, early, START)]).toEqual([first, 'current'])
    clock.now = 1000 + 2 * STEP - 0.001
    expect(issuedBy(rotating)).toBe(first)
    clock.now = 1000 + 2 * STEP
    expect(issuedBy(rotating)).toBe(second)
    expect(rotating.judge(ORIGIN, nonceMaker(first).issue(ORIGIN, START), START)).toBe('aging')
    clock.now = 1000
  })
  test('a process that knows none for long signs with the oldest, which the others know', () =>
    expect(issuedBy(replica(...[third, second, first].map((secret) => ({ secret, since: 1000 }))))).toBe(first))
  test('one without an older one signs at once', () =>
    expect(issuedBy(replica({ secret: second, since: 1000 }))).toBe(second))
  test('whichever replica has the new secrets first, each accepts what the other issues', () => {
    const replicas = [replica(settled(first)), replica({ secret: second, since: 1000 }, settled(first))]
    for (const issuer of replicas)
      for (const judge of replicas) expect(judge.judge(ORIGIN, issuer.issue(ORIGIN, START), START)).toBe('current')
  })
  test('a secret that is gone is gone', () =>
    expect(nonceMaker(second).judge(ORIGIN, nonceMaker(first).issue(ORIGIN, START), START)).toBe('foreign'))
})

describe('since when a secret is known', () => {
  const before = [{ secret: first, since: 100 }]
  test('is kept while it stays', () =>
    expect(settleSecrets([second, first], before, 500)).toEqual([
      { secret: second, since: 500 },
      { secret: first, since: 100 },
    ]))
  test('starts anew for one that comes back', () => {
    const gone = settleSecrets([second], before, 500)
    expect(settleSecrets([first], gone, 900)).toEqual([{ secret: first, since: 900 }])
  })
})
