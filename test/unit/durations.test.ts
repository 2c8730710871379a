import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { duration, spellDuration } from '../../src/durations.ts'

const schema = duration(0, 86_400 * 7)

describe('durations', () => {
  test.each([
    ['0s', 0],
    ['50ms', 0.05],
    ['1500ms', 1.5],
    ['30s', 30],
    ['10m', 600],
    ['1h', 3600],
    ['7d', 604_800],
    ['007s', 7],
  ])('%s is %d seconds', (text, seconds) => expect(schema.parse(text)).toBe(seconds))

  test.each([
    '',
    '5',
    's',
    '5 s',
    ' 5s',
    '5s ',
    '+5s',
    '-5s',
    '1.5s',
    '5S',
    '5sec',
    '5m5s',
    '1e3s',
    '٥s',
    '9999999999s',
  ])('%j is none', (text) => expect(schema.safeParse(text).success).toBe(false))
  test.each([60, null, undefined, true, ['5s']])('%j is none', (value) =>
    expect(schema.safeParse(value).error?.issues[0]?.message).toBe('a duration with a unit, for example 30s or 10m'),
  )
  test('bounds hold on both sides', () => {
    const bounded = duration(10, 300)
    expect(['10s', '5m', '300000ms'].map((text) => bounded.safeParse(text).success)).toEqual([true, true, true])
    for (const text of ['9999ms', '301s', '6m'])
      expect(bounded.safeParse(text).error?.issues[0]?.message).toBe('a duration from 10s to 5m')
  })
  test.each([
    [0, '0s'],
    [0.05, '50ms'],
    [1.5, '1500ms'],
    [60, '1m'],
    [90, '90s'],
    [3600, '1h'],
    [86_400, '1d'],
  ])('%d is written %s', (seconds, text) => expect(spellDuration(seconds)).toBe(text))

  test('what is written back is read as the same', () =>
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 604_800_000 }), (milliseconds) => {
        const seconds = schema.parse(`${milliseconds}ms`)
        expect(seconds).toBe(milliseconds / 1000)
        expect(schema.parse(z.encode(schema, seconds))).toBe(seconds)
      }),
    ))
})
