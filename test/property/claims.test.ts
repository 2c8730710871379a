import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ClaimRule, matchesClaim, spellRule, spellValue } from '../../src/verify/claim-match.ts'
import { POINTER, pointerNames, valueAt } from '../../src/verify/json-pointer.ts'
import { isObject } from '../../src/verify/strict-json.ts'

const scalar = fc.oneof(
  fc.constantFrom<string | number | boolean>('a', 'b', '1', 1, 0, true, ''),
  fc.string(),
  fc.integer(),
)
const scalars = fc.array(scalar, { minLength: 1, maxLength: 4 })
const rule: fc.Arbitrary<ClaimRule> = fc.record(
  { oneOf: scalars, allOf: scalars, anyOf: scalars, min: fc.integer(), max: fc.integer() },
  { requiredKeys: [] },
)

describe('AZ-03 claims', () => {
  test('nothing passes by another type, and one more rule never lets more pass', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), scalar, scalars), rule, rule, (value, one, other) => {
        const passes = matchesClaim(value, one)
        if (passes && one.oneOf) expect(one.oneOf).toContain(value)
        if (passes && (one.allOf || one.anyOf)) expect(Array.isArray(value)).toBe(true)
        if (passes && (one.min !== undefined || one.max !== undefined)) expect(typeof value).toBe('number')
        if (matchesClaim(value, { ...other, ...one }) && Object.keys(one).length > 0) expect(passes).toBe(true)
        expect(matchesClaim(value, {})).toBe(false)
        expect(spellValue(value).length).toBeLessThanOrEqual(120)
        expect(typeof spellRule(one)).toBe('string')
      }),
    )
  })
  test('a pointer leads where its names lead, and nowhere else', () => {
    const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 5 }), fc.jsonValue(), (names, value) => {
        const pointer = names.map((name) => `/${escaped(name)}`).join('')
        expect(POINTER.test(pointer)).toBe(true)
        expect(pointerNames(pointer)).toEqual(names)
        const document = names.reduceRight<unknown>((inner, name) => Object.fromEntries([[name, inner]]), value)
        expect(valueAt(document, names)).toEqual(value)
        expect(valueAt(document, [...names.slice(0, -1), `${names.at(-1)}x`])).toBe(undefined)
      }),
    )
  })
  test('no pointer reads what is not a member', () => {
    const names = fc.array(fc.constantFrom('__proto__', 'constructor', 'length', 'toString', '0', '-', '01', 'a'))
    fc.assert(
      fc.property(fc.jsonValue(), names, (document, path) => {
        const value = valueAt(document, path)
        expect(typeof value).not.toBe('function')
        if (isObject(value)) expect(value).not.toBe(Object.prototype)
      }),
    )
  })
})
