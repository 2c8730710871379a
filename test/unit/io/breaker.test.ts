import { describe, expect, test } from 'vitest'
import { buildBreaker } from '../../../src/io/breaker.ts'
import { stillClock } from '../../support/clock.ts'

function breaker() {
  const clock = stillClock()
  return { ...clock, breaker: buildBreaker({ failures: 3, pause: 0.5, monotonic: clock.monotonic }) }
}

/** So many calls that fail. */
function fail({ failed }: ReturnType<typeof buildBreaker>, times: number): void {
  for (let time = 0; time < times; time++) failed()
}

describe('a breaker', () => {
  test('lets everything through while calls succeed', () => {
    const { breaker: it } = breaker()
    for (let call = 0; call < 10; call++) {
      expect(it.admits()).toBe(true)
      it.succeeded()
    }
    expect(it.open).toBe(false)
  })

  test('opens after failures in a row, not before', () => {
    const { breaker: it } = breaker()
    fail(it, 2)
    expect(it.admits()).toBe(true)
    expect(it.open).toBe(false)
    fail(it, 1)
    expect(it.open).toBe(true)
    expect(it.admits()).toBe(false)
  })

  test('counts from the last success', () => {
    const { breaker: it } = breaker()
    for (let time = 0; time < 10; time++) {
      fail(it, 2)
      it.succeeded()
    }
    expect(it.admits()).toBe(true)
  })

  test('lets one call try after the pause, and the others wait for how it ends', () => {
    const { breaker: it, pass } = breaker()
    fail(it, 3)
    pass(0.49)
    expect(it.admits()).toBe(false)
    pass(0.02)
    expect(it.admits()).toBe(true)
    expect(it.admits()).toBe(false)
    it.succeeded()
    expect(it.admits()).toBe(true)
    expect(it.open).toBe(false)
  })

  test('waits for another pause when that call fails', () => {
    const { breaker: it, pass } = breaker()
    fail(it, 3)
    pass(0.6)
    expect(it.admits()).toBe(true)
    it.failed()
    pass(0.4)
    expect(it.admits()).toBe(false)
    pass(0.2)
    expect(it.admits()).toBe(true)
  })

  test('lets another one try when nobody told how that call ended', () => {
    const { breaker: it, pass } = breaker()
    fail(it, 3)
    pass(0.6)
    expect(it.admits()).toBe(true)
    pass(0.6)
    expect(it.admits()).toBe(true)
  })

  test('can be opened at once', () => {
    const { breaker: it, pass } = breaker()
    it.trip()
    expect(it.open).toBe(true)
    expect(it.admits()).toBe(false)
    pass(0.6)
    expect(it.admits()).toBe(true)
  })
})
