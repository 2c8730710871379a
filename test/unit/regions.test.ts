import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { choices, regionsTable, simulate } from '../../bench/regions.ts'

const play = (name: keyof typeof choices) => simulate(choices[name], { duration: 500, clients: 100 })

describe('DPOP-48, att-dpop-05 regions with a store each', () => {
  test('apart, a stolen proof passes once in each of the three, until it is too old', () => {
    const { uses, window } = play('apart')
    expect(uses).toBe(3)
    // maxAge and futureTolerance make 70 s; what is tried once a second is found to the second.
    expect(window).toBeGreaterThan(65)
    expect(window).toBeLessThanOrEqual(70)
  })
  test('a short window is short, and refuses clocks that were good enough before', () => {
    const [short, apart] = [play('short'), play('apart')]
    expect(short.uses).toBe(3)
    expect(short.window).toBeLessThanOrEqual(20)
    expect(short.refused).toBeGreaterThan(apart.refused)
  })
  test('nonces that every region issues keep no proof out', () => expect(play('shared').uses).toBe(3))
  test('a home region makes it one use, for the time it takes to get there and for its loss', () => {
    const [home, apart] = [play('home'), play('apart')]
    expect([home.uses, home.window]).toEqual([1, 0])
    expect(home.median).toBeGreaterThan(apart.median + 50)
    expect(home.refusedInLoss).toBeGreaterThan(apart.refusedInLoss + 200)
  })
  test('nonces of the region make it one use, for a round trip when a client moves', () => {
    const [bound, apart] = [play('bound'), play('apart')]
    expect([bound.uses, bound.window]).toEqual([1, 0])
    expect(bound.trips).toBeGreaterThan(0)
    expect(bound.median).toBe(apart.median)
    expect(bound.refusedInLoss).toBeLessThan(50)
  })
  test('with relaxIat slow clocks are no reason to refuse, and a proof is still used once', () => {
    const relaxed = play('relaxed')
    expect([relaxed.uses, relaxed.window, relaxed.refused]).toEqual([1, 0, 0])
  })
})

test('docs/regions.md shows what is printed, and it is the same each time', () => {
  expect(readFileSync('docs/regions.md', 'utf8')).toContain(`\n${regionsTable()}\n`)
})
