import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { configSchema } from '../../src/config-schema.ts'
import { describeIssues } from '../../src/zod-problems.ts'
import { smallest } from '../support/config-files.ts'

const told = (schema: z.ZodType, document: unknown): readonly string[] => {
  const { error } = schema.safeParse(document)
  return describeIssues(error?.issues ?? [], document).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe('what was found, in words', () => {
  test.each<[unknown, string]>([
    ['text', '"text"'],
    ['line\nbreak', '"line\\nbreak"'],
    ['x'.repeat(100), `"${'x'.repeat(56)}…`],
    [7, '7'],
    [true, 'true'],
    [[1], 'a list'],
    [[], 'an empty list'],
    [{ a: 1 }, 'a map'],
    [null, 'nothing'],
  ])('%j', (found, words) =>
    expect(told(z.strictObject({ a: z.custom(() => false, { error: 'other' }) }), { a: found })).toEqual([
      `a: expected other, found ${words}`,
    ]),
  )
  test('what is not there is required', () => {
    expect(told(z.strictObject({ a: z.string() }), {})).toEqual(['a: a is required'])
    expect(told(z.string(), undefined)).toEqual([': the document is required'])
  })
})

describe('what is expected, in words', () => {
  test.each<[z.ZodType, unknown, string]>([
    [z.string(), 7, 'a text'],
    [z.number(), 'x', 'a number'],
    [z.int(), 1.5, 'a whole number'],
    [z.boolean(), 'yes', 'true or false'],
    [z.array(z.string()), 'x', 'a list'],
    [z.strictObject({}), 'x', 'a map'],
    [z.record(z.string(), z.string()), 'x', 'a map'],
    [z.enum(['a', 'b']), 7, 'a | b'],
    [z.literal(true), false, 'true'],
    [z.array(z.string()).min(1), [], 'a list of at least 1 item'],
    [z.array(z.string()).min(2), [], 'a list of at least 2 items'],
    [z.array(z.string()).max(1), ['a', 'b'], 'a list of at most 1 item'],
    [z.string().min(1), '', 'a text that is not empty'],
    [z.string().max(3), 'abcd', 'a text of at most 3 characters'],
    [z.int().min(1), 0, 'at least 1'],
    [z.int().max(1), 2, 'at most 1'],
    [z.union([z.string(), z.number()], { error: 'this or that' }), [], 'this or that'],
  ])('%#', (schema, found, words) =>
    expect(told(z.strictObject({ a: schema }), { a: found })).toEqual([
      expect.stringMatching(new RegExp(`^a: expected ${words.replace('|', '\\|')}, found `)),
    ]),
  )
})

describe('unknown keys', () => {
  const ask = (difference: object) => told(configSchema, smallest(difference))
  test.each<[object, string]>([
    [{ profil: 'x' }, 'profil: unknown key "profil"; did you mean "profile"?'],
    [{ log: { levle: 'info' } }, 'log.levle: unknown key "levle"; did you mean "level"?'],
    [{ log: { colour: true } }, 'log.colour: unknown key "colour"; known are level, components'],
    [
      { pipelines: { p: [{ scopes: { anny: [] } }] } },
      'pipelines.p.0.scopes.anny: unknown key "anny"; did you mean "any"?',
    ],
    [
      { identity: { headers: { sub: 'x-a' } } },
      'identity.headers.sub: unknown key "sub"; known are issuer, subject, clientId, scope, binding, thumbprint, acr, certificateSubject, certificateIssuer, certificateSerial, certificateThumbprint, certificateRoles, consentId',
    ],
  ])('%j', (difference, expected) => expect(ask(difference)).toEqual([expected]))
  test('every one of many is told, and soon', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`key${index}`, index]))
    expect(ask(many)).toHaveLength(500)
  })
})

test('the branch that fits best explains: the others are not told', () =>
  expect(told(configSchema, smallest({ publicOrigins: [{ origin: 'https://a.example', hosts: 'b' }] }))).toEqual([
    'publicOrigins.0.hosts: expected a list, found "b"',
  ]))
