import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Trace } from '../../src/trace.ts'
import { isAuthenticatedEnough } from '../../src/verify/user-authentication.ts'

const NOW = 1_780_000_000
const acr = fc.constantFrom(undefined, 'a', 'b', 'A', 'a b', '')
const age = fc.option(fc.integer({ min: 0, max: 2_592_000 }), { nil: undefined })
const time = fc.option(fc.double({ min: 0, max: 2 ** 40, noNaN: true }), { nil: undefined })
const near = fc.integer({ min: -100, max: 100 }).map((distance) => NOW - distance)

test('AZ-07 … AZ-10 nothing passes that is not named and recent', () => {
  const rules = fc.record({ acr: fc.constantFrom([], ['a'], ['a', 'b']), maxAge: age })
  fc.assert(
    fc.property(acr, fc.oneof(time, near), rules, (value, authTime, { acr: wanted, maxAge }) => {
      const enough = isAuthenticatedEnough({ acr: value, authTime }, { acr: wanted, maxAge }, NOW, new Trace())
      if (enough && wanted.length > 0) expect(wanted).toContain(value)
      if (enough && maxAge !== undefined) {
        expect(authTime).toBeGreaterThanOrEqual(NOW - maxAge - 5)
        expect(authTime).toBeLessThanOrEqual(NOW + 10)
      }
      const without = isAuthenticatedEnough(
        { acr: undefined, authTime: undefined },
        { acr: wanted, maxAge },
        NOW,
        new Trace(),
      )
      expect(without).toBe(wanted.length === 0 && maxAge === undefined)
    }),
  )
})
