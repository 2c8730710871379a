import { describe, expect, test } from 'vitest'
import { buildReplays, TTL } from '../../support/replays.ts'

/** Seconds after which even a proof dated ahead is gone. */
const FORGOTTEN = TTL + 20

/** Whether a route with default options would take a proof of that date now. */
const timely = (issuedAt: number, now: number): boolean => issuedAt >= now - 60 && issuedAt <= now + 10

describe('att-ops-01 the wall clock is set', () => {
  test('T-79 an entry lives by the monotonic clock: setting the other neither ends nor prolongs it', () => {
    const { claim, step, pass, size, now } = buildReplays()
    const issuedAt = now()
    claim({ issuedAt })
    step(86_400)
    expect(size()).toBe(1)
    expect(claim({ issuedAt })).toBe('used')
    step(-86_400)
    expect(claim({ issuedAt })).toBe('used')
    pass(TTL + 10)
    expect(size()).toBe(0)
  })
  test.each([3600, 300, 61, 40])('back by %i s: a used proof comes into its window again and is refused', (seconds) => {
    const { claim, step, pass, now } = buildReplays()
    const issuedAt = now() + 10
    expect(claim({ issuedAt })).toBe('fresh')
    pass(FORGOTTEN)
    step(-seconds)
    const answers: string[] = []
    for (let second = 0; second < seconds + 100; second++, pass(1))
      if (timely(issuedAt, now())) answers.push(claim({ issuedAt }))
    expect(new Set(answers)).toEqual(new Set(['unknown']))
  })
  test('back by 5 s in many small steps is as good as one', () => {
    const { claim, step, pass, now } = buildReplays()
    const issuedAt = now() + 10
    claim({ issuedAt })
    for (let count = 0; count < 100; count++) {
      pass(1)
      step(-1)
      claim({ digest: `${count}`, issuedAt: now() })
    }
    expect(timely(issuedAt, now())).toBe(true)
    expect(claim({ issuedAt })).toBe('unknown')
  })
  test('it closes for what may have been used, and opens once the clock has caught up', () => {
    const { claim, step, pass, now } = buildReplays()
    const latest = now() + 8
    claim({ digest: 'last before', issuedAt: latest })
    step(-30)
    for (; now() < latest; pass(1)) expect(claim({ digest: `at ${now()}`, issuedAt: now() })).toBe('unknown')
    pass(1)
    expect(claim({ digest: 'caught up', issuedAt: now() })).toBe('fresh')
    expect(claim({ digest: 'ahead of it', issuedAt: latest + 1 })).toBe('fresh')
  })
  test.each([0.5, 2, 4.9])(
    'back by %d s lies within the margin: nobody is refused and nothing passes twice',
    (seconds) => {
      const { claim, step, pass, now } = buildReplays()
      const issuedAt = now() + 10
      expect(claim({ issuedAt })).toBe('fresh')
      step(-seconds)
      for (let second = 0; second < 100; second++, pass(1)) {
        if (timely(issuedAt, now())) expect(claim({ issuedAt })).toBe('used')
        expect(claim({ digest: `${second}`, issuedAt: Math.floor(now()) - 60 })).toBe('fresh')
      }
    },
  )
  test('forward: nobody is refused, and falling back afterwards opens nothing', () => {
    const { claim, step, pass, now } = buildReplays()
    const issuedAt = now() + 10
    expect(claim({ issuedAt })).toBe('fresh')
    step(3600)
    expect(claim({ digest: 'later', issuedAt: now() })).toBe('fresh')
    pass(FORGOTTEN)
    step(-3600 - FORGOTTEN)
    expect(timely(issuedAt, now())).toBe(true)
    expect(claim({ issuedAt })).toBe('unknown')
  })
  test('a step that nobody saw because nothing was claimed meanwhile opens nothing', () => {
    const { claim, step, pass, now } = buildReplays()
    const issuedAt = now() + 10
    claim({ issuedAt })
    step(-3600)
    pass(3600)
    step(3600)
    pass(1)
    step(-3600)
    expect(claim({ issuedAt: now() })).not.toBe('fresh')
    expect(claim({ digest: 'ahead', issuedAt })).toBe('unknown')
  })
})

describe('att-dpop-07 the process starts again', () => {
  test('refuse: nothing that the last process could have taken passes', () => {
    const { claim, restart, pass, now } = buildReplays({ afterRestart: 'refuse' })
    pass(100)
    const dates = Array.from({ length: 71 }, (_, index) => now() - 60 + index)
    const used = dates.filter((issuedAt) => claim({ digest: `${issuedAt}`, issuedAt }) === 'fresh')
    expect(used).toEqual(dates)
    restart()
    for (let second = 0; second <= 80; second++, pass(1))
      for (const issuedAt of used)
        if (timely(issuedAt, now())) expect(claim({ digest: `${issuedAt}`, issuedAt })).toBe('unknown')
  })
  test('refuse: what is dated later passes at once, and everything does after a while', () => {
    const { claim, pass, now } = buildReplays({ afterRestart: 'refuse' })
    const start = now()
    expect(claim({ digest: 'a', issuedAt: start + 10 })).toBe('unknown')
    expect(claim({ digest: 'a', issuedAt: start + 11 })).toBe('fresh')
    pass(11)
    expect(claim({ digest: 'b', issuedAt: start + 11 })).toBe('fresh')
    expect(claim({ digest: 'c', issuedAt: start + 10 })).toBe('unknown')
    pass(60)
    expect(claim({ digest: 'd', issuedAt: now() - 60 })).toBe('fresh')
  })
  test('refuse: the farthest date that any route takes counts', () => {
    const { claim, now } = buildReplays({ afterRestart: 'refuse', maxFuture: 60 })
    expect(claim({ issuedAt: now() + 60 })).toBe('unknown')
    expect(claim({ issuedAt: now() + 61 })).toBe('fresh')
  })
  test('refuse: a clock that is set forward after the start dates the start later', () => {
    const { claim, restart, step, pass, now } = buildReplays({ afterRestart: 'refuse' })
    pass(100)
    const issuedAt = now() + 10
    expect(claim({ issuedAt })).toBe('fresh')
    // The machine comes up with a clock that is behind; the right time arrives when the process already runs.
    step(-3600)
    restart()
    pass(2)
    step(3600)
    expect(timely(issuedAt, now())).toBe(true)
    expect(claim({ issuedAt })).toBe('unknown')
    pass(9)
    expect(claim({ digest: 'after', issuedAt: now() })).toBe('fresh')
  })
  test('refuse: setting the clock long after the start makes nothing unknown', () => {
    const { claim, step, pass, now } = buildReplays({ afterRestart: 'refuse' })
    pass(300)
    step(3600)
    expect(claim({ issuedAt: now() - 60 })).toBe('fresh')
  })
  test('accept: the operator takes that risk, also for a proof dated ahead', () => {
    const { claim, restart, now } = buildReplays({ afterRestart: 'accept' })
    for (const issuedAt of [now() - 60, now(), now() + 10]) {
      const digest = `${issuedAt}`
      expect(claim({ digest, issuedAt })).toBe('fresh')
      restart()
      expect(claim({ digest, issuedAt })).toBe('fresh')
      expect(claim({ digest, issuedAt })).toBe('used')
    }
  })
  test('accept: a clock that falls back still closes the window', () => {
    const { claim, step, now } = buildReplays({ afterRestart: 'accept' })
    claim({ issuedAt: now() })
    step(-10)
    expect(claim({ digest: 'another', issuedAt: now() })).toBe('unknown')
  })
})
