import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildNonces } from '../../src/verify/nonce.ts'
import { nonceMaker, STEP, secretOf } from '../support/nonces.ts'

const ORIGIN = 'https://api.example.com'
const time = fc.double({ min: 0, max: 4e9, noNaN: true })
const origin = fc.webAuthority().map((authority) => `https://${authority}`)
/** Steps from the issuing to the judging. */
const offset = fc.integer({ min: -5, max: 5 })

test('DPOP-37, DPOP-38 a nonce is accepted from one step before its own to two after it, and never else', () => {
  fc.assert(
    fc.property(origin, time, offset, (at, issued, steps) => {
      // Both in the middle of a step, so that nothing hangs on the last bit of a float.
      const middle = (Math.floor(issued / STEP) + 0.5) * STEP
      const nonce = nonceMaker().issue(at, middle)
      const expected = steps < -1 ? 'foreign' : steps > 2 ? 'expired' : steps > 0 ? 'aging' : 'current'
      expect(nonceMaker().judge(at, nonce, middle + steps * STEP)).toBe(expected)
    }),
    { numRuns: 1000 },
  )
})

test('DPOP-37, att-dpop-11 any other text is foreign', () => {
  const nonces = nonceMaker()
  const own = [-2, -1, 0, 1].map((steps) => nonces.issue(ORIGIN, (30_000_000 + steps) * STEP))
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    fc.string({ unit: 'binary-ascii', minLength: 43, maxLength: 43 }),
  )
  fc.assert(
    fc.property(text, (nonce) => {
      fc.pre(!own.includes(nonce))
      expect(nonces.judge(ORIGIN, nonce, 30_000_000 * STEP)).toBe('foreign')
    }),
    { numRuns: 2000 },
  )
})

test('DPOP-37, att-dpop-11 a nonce of ours with one character changed, cut or added is foreign', () => {
  const now = 30_000_000 * STEP
  const nonces = nonceMaker()
  const nonce = nonces.issue(ORIGIN, now)
  const letters = fc.oneof(fc.stringMatching(/^[A-Za-z0-9_-]{0,2}$/), fc.string({ unit: 'binary', maxLength: 2 }))
  fc.assert(
    fc.property(fc.nat(42), letters, fc.nat(1), (place, put, cut) => {
      const changed = nonce.slice(0, place) + put + nonce.slice(place + cut)
      fc.pre(changed !== nonce)
      expect(nonces.judge(ORIGIN, changed, now)).toBe('foreign')
    }),
    { numRuns: 2000 },
  )
})

test('DPOP-38 replicas whose clocks are up to a step apart accept what the other issues, for a step at least', () => {
  const apart = fc.double({ min: -STEP, max: STEP, noNaN: true })
  const elapsed = fc.double({ min: 0, max: STEP - 1, noNaN: true })
  fc.assert(
    fc.property(time, apart, elapsed, (now, difference, later) => {
      const nonce = nonceMaker().issue(ORIGIN, now + difference)
      expect(['current', 'aging']).toContain(nonceMaker().judge(ORIGIN, nonce, now))
      expect(['current', 'aging']).toContain(nonceMaker().judge(ORIGIN, nonce, now + later))
    }),
    { numRuns: 2000 },
  )
})

test('DPOP-38 replicas agree through every rotation whose loads are less than two steps apart', () => {
  const { first, second } = secretOf
  const load = fc.double({ min: 0, max: 2 * STEP - 1, noNaN: true })
  const later = fc.double({ min: 0, max: 10 * STEP, noNaN: true })
  fc.assert(
    fc.property(load, load, later, (one, other, elapsed) => {
      // What each replica has loaded at that moment, counted from the first load.
      const replica = (loaded: number) =>
        buildNonces({
          secrets:
            elapsed < loaded
              ? [{ secret: first, since: -1e6 }]
              : [
                  { secret: second, since: loaded },
                  { secret: first, since: -1e6 },
                ],
          step: STEP,
          monotonic: () => elapsed,
        })
      const [issuer, judge] = [replica(one), replica(other)]
      expect(['current', 'aging']).toContain(judge.judge(ORIGIN, issuer.issue(ORIGIN, elapsed), elapsed))
    }),
    { numRuns: 2000 },
  )
})
