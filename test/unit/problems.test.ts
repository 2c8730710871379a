import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nearest } from '../../src/problems.ts'

const known = ['accessToken', 'senderConstraint', 'scopes', 'name', 'path']

describe('the nearest name', () => {
  test.each([
    ['accesToken', 'accessToken'],
    ['accesstoken', 'accessToken'],
    ['AccessTokens', 'accessToken'],
    ['scope', 'scopes'],
    ['nmae', 'name'],
    ['paht', 'path'],
    ['senderConstrain', 'senderConstraint'],
    ['rateLimit', undefined],
  ])('%s: %s', (name, expected) => expect(nearest(name, known)).toBe(expected))

  test('a very long one is near to nothing', () => expect(nearest('x'.repeat(1000), known)).toBeUndefined())
  test('there is none where nothing is known', () => expect(nearest('name', [])).toBeUndefined())
  test('a name is nearest to itself, and whatever is named is known', () =>
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string()), (name, names) => {
        const near = nearest(name, names)
        expect(near === undefined || names.includes(near)).toBe(true)
        expect(nearest(name.slice(0, 60), [name.slice(0, 60)])).toBe(name.slice(0, 60))
      }),
    ))
})
