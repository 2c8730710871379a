import fc from 'fast-check'
import { expect, test } from 'vitest'
import { boundedCache } from '../../../src/io/caches.ts'
import { stillClock } from '../../support/clock.ts'

test('what was put in comes out, and nothing else', () => {
  const cache = boundedCache<{ readonly a: number }>(10, 60)
  const value = { a: 1 }
  cache.set('a', value)
  expect(cache.get('a')).toBe(value)
  expect([cache.get('b'), cache.get('__proto__'), cache.get('')]).toEqual([undefined, undefined, undefined])
})

test('key-flood, att-dos-08 a million keys from outside leave no more than the bound', () => {
  const cache = boundedCache<true>(100, 60)
  for (let key = 0; key < 1_000_000; key += 1) cache.set(String(key), true)
  expect(cache.size).toBe(100)
  expect([cache.get('0'), cache.get('999999')]).toEqual([undefined, true])
})

test('the least recently used goes first', () => {
  const cache = boundedCache<true>(2, 60)
  cache.set('a', true)
  cache.set('b', true)
  cache.get('a')
  cache.set('c', true)
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([true, undefined, true])
})

test('JWT-31 an entry dies after its own time, and after the time of the cache at the latest', () => {
  const { monotonic, pass } = stillClock()
  const cache = boundedCache<true>(10, 60, { monotonic })
  cache.set('default', true)
  cache.set('short', true, 5)
  cache.set('long', true, 3600)
  const alive = () => ['default', 'short', 'long'].filter((key) => cache.get(key))
  pass(4.9)
  expect(alive()).toEqual(['default', 'short', 'long'])
  pass(0.2)
  expect(alive()).toEqual(['default', 'long'])
  pass(54.8)
  expect(alive()).toEqual(['default', 'long'])
  pass(0.2)
  expect(alive()).toEqual([])
})

test('reading does not lengthen a life', () => {
  const { monotonic, pass } = stillClock()
  const cache = boundedCache<true>(10, 60, { monotonic })
  cache.set('a', true)
  for (let step = 0; step < 61; step += 1) {
    cache.get('a')
    pass(1)
  }
  expect(cache.get('a')).toBeUndefined()
})

test.each([0, -1, Number.NEGATIVE_INFINITY, Number.NaN])('%d seconds are not remembered at all', (seconds) => {
  const cache = boundedCache<true>(10, 60)
  cache.set('a', true, seconds)
  expect([cache.get('a'), cache.size]).toEqual([undefined, 0])
})

test('no number of seconds makes an entry outlive the cache', () => {
  fc.assert(
    fc.property(fc.double(), (seconds) => {
      const { monotonic, pass } = stillClock()
      const cache = boundedCache<true>(10, 60, { monotonic })
      cache.set('a', true, seconds)
      pass(60.01)
      expect(cache.get('a')).toBeUndefined()
    }),
  )
})

test('hits and misses are told apart, and a false is a value', () => {
  const told: string[] = []
  const cache = boundedCache<boolean>(10, 60, { hit: () => told.push('hit'), miss: () => told.push('miss') })
  cache.set('a', false)
  expect(cache.get('a')).toBe(false)
  cache.get('b')
  expect(told).toEqual(['hit', 'miss'])
})
