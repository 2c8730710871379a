import { describe, expect, test } from 'vitest'
import { given, holdLists, LIST, lost, mintList, packed } from '../../support/status-lists.ts'

const good = () => given(mintList())
/** The same list with room for four more tokens. */
const grown = () => given(mintList({ claims: { status_list: packed(0, 0b01) } }))

describe('TSL-06 a list that grows', () => {
  test('an index beyond a list that is not new is looked for in the list as it is now', async () => {
    const { find, findNow, change, pass, fetched } = holdLists(good)
    expect(await find(4)).toBe('absent')
    change(grown)
    pass(5)
    expect(findNow(3)).toBe('3')
    expect(await Promise.all([find(4), find(5)])).toEqual(['1', '0'])
    expect(findNow(4)).toBe('1')
    expect(fetched).toHaveLength(2)
  })
  test('an index beyond it causes one fetch in 5 seconds, whoever else asks', async () => {
    const { find, findNow, pass, fetched } = holdLists(good)
    expect(await find(4)).toBe('absent')
    pass(4)
    expect(findNow(4)).toBe('absent')
    pass(1)
    expect(await find(4)).toBe('absent')
    expect(findNow(5)).toBe('absent')
    expect(fetched).toHaveLength(2)
  })
  test.each([
    ['hard', 'unavailable'],
    ['soft', 'tolerated'],
  ] as const)('TSL-10 %s: when the list as it is now cannot be had, nobody knows: %s', async (onFailure, answer) => {
    const { find, findNow, change, pass } = holdLists(good, { onFailure })
    await find()
    change(() => lost())
    pass(5)
    expect(await find(4)).toBe(answer)
    expect(findNow(4)).toBe(answer)
    expect(findNow(3)).toBe('3')
  })
})

describe('TSL-08 a list that went out of use', () => {
  test.each(['hard', 'soft'] as const)(
    '%s: nobody asks for it, so it is not tried again for ever',
    async (onFailure) => {
      const { lists, find, change, bell, pass, told, fetched } = holdLists(good, { onFailure })
      await find()
      change(() => lost(404))
      pass(480)
      bell.ring()
      await told(2)
      expect(lists.available).toBe(false)
      expect(bell.waiting()).toEqual([])
      pass(61)
      expect(lists.available).toBe(true)
      expect(fetched).toEqual([LIST, LIST])
    },
  )
})

describe('JWK-05 a list by keys that were replaced', () => {
  test('TSL-10 soft: it does not serve for a day more', async () => {
    const { find, findNow, keys, change, pass, told } = holdLists(good, { onFailure: 'soft' })
    await find()
    change(() => lost())
    keys.generation = 2
    expect(findNow(0)).toBe('0')
    await told(2)
    pass(59)
    expect(findNow(0)).toBe('0')
    pass(1)
    expect(findNow(0)).toBe('tolerated')
  })
})
