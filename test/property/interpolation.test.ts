import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { interpolate } from '../../src/io/interpolation.ts'

const runs = { numRuns: 500 }
const reference = (name: string): string => `$${`{${name}}`}`
const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,9}$/)

test('no document and no environment makes it throw, and its shape stays', () =>
  fc.assert(
    fc.property(
      fc.object({ values: [fc.string(), fc.constant(reference('X')), fc.integer()] }),
      fc.dictionary(name, fc.string()),
      (document, environment) => {
        const { value } = interpolate(document, environment, '/nowhere')
        const shape = (of: unknown): unknown =>
          JSON.parse(JSON.stringify(of, (_key, item) => (typeof item === 'string' ? '' : item)))
        expect(shape(value)).toEqual(shape(document))
      },
    ),
    runs,
  ))

test('a value never becomes structure, nor another reference', () =>
  fc.assert(
    fc.property(
      name,
      fc.oneof(
        fc.string({ minLength: 1 }),
        fc.object().map((object) => stringify(object)),
        name.map(reference),
        fc.constantFrom('a: 1', '- x', '{a: b}', '[]', '*x', '<<', 'null', '1', 'true', '\n---\n', '#'),
      ),
      (variable, text) => {
        const document = { key: reference(variable), list: [`a ${reference(variable)} b`] }
        const { value, problems } = interpolate(document, { [variable]: text }, '/nowhere')
        expect(problems).toEqual([])
        expect(value).toEqual({ key: text, list: [`a ${text} b`] })
      },
    ),
    runs,
  ))

test('text without a reference stays as it is', () =>
  fc.assert(
    fc.property(
      fc.string().filter((text) => !text.includes('${')),
      (text) => {
        expect(interpolate([text], {}, '/')).toMatchObject({ value: [text], problems: [] })
      },
    ),
    runs,
  ))

test('any text can be written so that it comes out as it is', () =>
  fc.assert(
    fc.property(fc.string(), (text) => {
      const escaped = text.replaceAll('${', () => '$${')
      // A dollar sign in front of an escape would be part of it.
      fc.pre(!/\$\$\$\{/.test(escaped))
      expect(interpolate([escaped], {}, '/').value).toEqual([text])
    }),
    runs,
  ))
