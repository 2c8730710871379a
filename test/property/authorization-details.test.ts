import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { agrees, compareLists, readDetails } from '../../src/verify/authorization-details.ts'
import { readDecimal } from '../../src/verify/decimal.ts'
import { bodyValue, queryValue } from '../../src/verify/request-values.ts'
import { ExactNumber, isObject, own, readExactJson } from '../../src/verify/strict-json.ts'

const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`))
const decimal = fc
  .tuple(fc.boolean(), fc.stringMatching(/^(0|[1-9][0-9]{0,20})$/), fc.option(digits(20), { nil: undefined }))
  .map(([minus, whole, part]) => `${minus ? '-' : ''}${whole}${part === undefined ? '' : `.${part}`}`)

describe('AZ-06 decimals are exact', () => {
  test('zeros at the end change nothing, any other digit does', () => {
    fc.assert(
      fc.property(decimal, fc.nat(5), fc.integer({ min: 1, max: 9 }), (text, zeros, digit) => {
        const point = text.includes('.') ? '' : '.0'
        expect(readDecimal(`${text}${point}${'0'.repeat(zeros)}`)).toBe(readDecimal(text))
        expect(readDecimal(`${text}${point}${digit}`)).not.toBe(readDecimal(text))
      }),
    )
  })
  test('whole numbers are ordered as they are, also beyond floats', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 29n }), fc.bigInt({ min: 0n, max: 10n ** 29n }), (limit, asked) => {
        expect(agrees(String(limit), String(asked), 'atMost')).toBe(asked <= limit)
        expect(agrees(String(limit), String(asked), 'decimal')).toBe(asked === limit)
      }),
    )
  })
  test('what is no such number is none', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        if (readDecimal(text) !== undefined) expect(Number.isFinite(Number(text))).toBe(true)
      }),
    )
    for (const text of [
      '',
      '-',
      '.',
      '1.',
      '.1',
      '01',
      '1e1',
      '0x1',
      '١',
      'NaN',
      '1'.repeat(31),
      `0.${'1'.repeat(31)}`,
    ])
      expect(readDecimal(text)).toBe(undefined)
  })
  test('a number of a body keeps every digit it was written with', () => {
    fc.assert(
      fc.property(decimal, (text) => {
        const read = readExactJson(Buffer.from(`{"a":${text}}`), { depth: 4, members: 8 })
        const value = read.ok ? own(read.value, 'a') : undefined
        expect(value instanceof ExactNumber && value.text).toBe(text)
      }),
    )
  })
})

const rules = {
  ...{ type: 'payment', actions: ['initiate'], locations: ['https://a.example'], datatypes: ['x'] },
  ...{ privileges: ['admin'], identifiers: ['p-1'] },
}
const granting = {
  ...{ type: 'payment', actions: ['initiate'], locations: ['https://a.example'], datatypes: ['x'] },
  ...{ privileges: ['admin'], identifier: 'p-1' },
}

describe('AZ-05 no change to the details of the token grants more than what they say', () => {
  const field = fc.constantFrom('actions', 'locations', 'datatypes', 'privileges', 'identifier')
  test('a field that is changed passes only if it still holds what is asked for, in its type', () => {
    fc.assert(
      fc.property(field, fc.jsonValue(), (name, value) => {
        const passes = compareLists({ ...granting, [name]: value }, rules).every(({ holds }) => holds)
        const wanted = own(granting, name)
        const still =
          typeof wanted === 'string'
            ? value === wanted
            : Array.isArray(value) && value.includes(String(wanted)) && value.every((item) => typeof item === 'string')
        expect(passes).toBe(still)
      }),
    )
    expect(compareLists(granting, rules).every(({ holds }) => holds)).toBe(true)
  })
  test('whatever the claim is, it is a list of typed objects or nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (claim) => {
        const read = readDetails(claim)
        if (read.ok)
          expect(read.value.every((item) => isObject(item) && typeof own(item, 'type') === 'string')).toBe(true)
      }),
    )
  })
  test('nothing agrees with what is absent, a list or an object', () => {
    const compare = fc.constantFrom('text' as const, 'decimal' as const, 'atMost' as const)
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), compare, (granted, asked, as) => {
        expect(agrees(undefined, asked, as) || agrees(granted, undefined, as)).toBe(false)
        if (agrees(granted, asked, as)) expect([typeof granted, typeof asked]).not.toContain('object')
        if (as === 'text' && agrees(granted, asked, as)) expect(granted).toBe(asked)
      }),
    )
  })
})

test('AZ-06 a parameter or member that is found is the only one, and nothing throws', () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom('a', 'account'), fc.jsonValue(), (query, name, value) => {
      const read = queryValue(query, name)
      if (read.ok && read.value !== undefined && !query.includes('+'))
        expect(new URLSearchParams(query).getAll(name)).toEqual([read.value])
      const found = isObject(value) ? bodyValue(value, [name]) : undefined
      if (found?.ok && isObject(value)) expect(found.value).toEqual(own(value, name))
    }),
  )
})
