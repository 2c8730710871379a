import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildShares } from '../../../src/io/shares.ts'

const options = { places: 8, free: 4, each: 2 }

test('who comes alone gets what is free, and not what is left for others', () => {
  const { take } = buildShares(options)
  expect(Array.from({ length: 8 }, () => take('a') !== undefined)).toEqual([
    ...[true, true, true, true],
    ...[false, false, false, false],
  ])
  expect(['b', 'b', 'b', 'c', 'd'].map((caller) => take(caller) !== undefined)).toEqual([true, true, false, true, true])
  expect(take('e')).toBeUndefined()
})

test('a place that is given back is there for the next', () => {
  const { take } = buildShares({ places: 1, free: 1, each: 1 })
  const back = take('a')
  expect(take('b')).toBeUndefined()
  back?.()
  expect(take('b')).toBeDefined()
})

test('never more than there are, and never none for one who holds none while there is one', () =>
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(5), fc.boolean())), (steps) => {
      const { take } = buildShares(options)
      const held: { readonly caller: number; readonly back: () => void }[] = []
      for (const [caller, takes] of steps) {
        if (takes) {
          const back = take(`${caller}`)
          const own = held.filter((one) => one.caller === caller).length
          expect(back !== undefined).toBe(held.length < 8 && (held.length < 4 || own < 2))
          if (back) held.push({ caller, back })
        } else held.shift()?.back()
      }
    }),
  ))
