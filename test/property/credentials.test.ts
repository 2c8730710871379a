import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Body } from '../../src/attributes.ts'
import { readCredentials } from '../../src/verify/credentials.ts'

const character = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code))
const scheme = fc.constantFrom('DPoP', 'Bearer', 'dpop', 'BEARER', 'bEaReR', 'Basic', 'DPoPX', '', 'Bear')
const gap = fc.constantFrom(' ', '  ', '', '\t', ' \t', '=', ', ')
const alphabet = 'ABCxyz019-._~+/'
const token68 = fc
  .tuple(fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength: 30 }), fc.constantFrom('', '=', '=='))
  .map((parts) => parts.join(''))
const tail = fc.constantFrom('', '', '', ' ', ';', ',', '"', '\n', ' x', '\u0000', 'é', '%')
const line = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(scheme, gap, token68, tail).map((parts) => parts.join('')) },
  { weight: 1, arbitrary: fc.string({ unit: character }) },
)
const lines = fc.oneof(
  { weight: 4, arbitrary: line.map((one) => [one]) },
  { weight: 1, arbitrary: fc.array(line, { maxLength: 3 }) },
)

/** `access_token` in any mixture of letters and triplets, and what only resembles it. */
const spelled = fc
  .tuple(...[...'access_token'].map((letter) => fc.tuple(fc.constant(letter), fc.constantFrom(0, 0, 0, 1, 2))))
  .map((letters) => letters.map(([letter, how]) => (how === 0 ? letter : triplet(letter, how))).join(''))
const triplet = (letter: string, how: number): string => {
  const hex = letter.charCodeAt(0).toString(16)
  return `%${how === 1 ? hex : hex.toUpperCase()}`
}
const name = fc.oneof(
  spelled,
  fc.constantFrom(
    'a',
    'access_tokens',
    'Access_Token',
    'access%255ftoken',
    'xaccess_token',
    '',
    '%',
    '%zz',
    '__proto__',
  ),
  fc.string({ unit: fc.constantFrom(...'ab%_5f&=+') }),
)
const parameters = fc
  .array(fc.tuple(name, fc.constantFrom('', '=', '=1', '=access_token', '=a=b')), { maxLength: 4 })
  .map((list) => list.map((pair) => pair.join('')).join('&'))

const body: fc.Arbitrary<Body> = fc.oneof(
  fc.constant<Body>({ kind: 'absent' }),
  fc.constant<Body>({ kind: 'truncated' }),
  parameters.map((text): Body => ({ kind: 'complete', bytes: Buffer.from(text) })),
  fc.uint8Array({ maxLength: 30 }).map((bytes): Body => ({ kind: 'complete', bytes })),
)
const types = fc.constantFrom<readonly string[]>(
  [],
  ['application/x-www-form-urlencoded'],
  ['Application/X-WWW-Form-Urlencoded; charset=utf-8'],
  ['application/json'],
  ['text/plain', 'application/x-www-form-urlencoded'],
)

/** What the grammar says, character by character and without a regular expression. */
function grammar(text: string): string | undefined {
  const blank = text.indexOf(' ')
  if (blank < 0 || !['dpop', 'bearer'].includes(text.slice(0, blank).toLowerCase())) return undefined
  let start = blank
  while (text[start] === ' ') start += 1
  let end = text.length
  while (end > start && text[end - 1] === '=') end -= 1
  const letters = [...text.slice(start, end)]
  const good = letters.length > 0 && letters.every((one) => /[a-z0-9]/i.test(one) || '-._~+/'.includes(one))
  return good ? text.slice(start) : undefined
}

const named = (text: string): boolean => new URLSearchParams(text).has('access_token')

test('HDR-01 … HDR-08 whatever comes, what is accepted follows the grammar, and what follows it is accepted', () => {
  fc.assert(
    fc.property(lines, fc.option(parameters, { nil: undefined }), body, types, (sent, query, content, type) => {
      const headers = new Map<string, readonly string[]>([
        ['authorization', sent],
        ['content-type', type],
      ])
      const result = readCredentials(headers, query, content, 8192)
      const [only = ''] = sent
      const token = sent.length === 1 ? grammar(only) : undefined
      const form = type.some((one) => one.toLowerCase().includes('form-urlencoded'))
      const inForm = form && content.kind === 'complete' && named(Buffer.from(content.bytes).toString('latin1'))
      const obstacle = (query !== undefined && named(query)) || inForm || (form && content.kind === 'truncated')
      if (!result.ok) {
        expect([token === undefined || obstacle, sent, query, result.reason]).toEqual([
          true,
          sent,
          query,
          result.reason,
        ])
        return
      }
      expect([result.value.token, obstacle]).toEqual([token, false])
      expect(only.toLowerCase().startsWith(`${result.value.scheme.toLowerCase()} `)).toBe(true)
    }),
    { numRuns: 5000 },
  )
})

test('HDR-05 a token comes back as it was sent', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('DPoP', 'dPOP', 'Bearer', 'BEARER'),
      fc.integer({ min: 1, max: 9 }),
      token68,
      (one, blanks, token) => {
        const headers = new Map([['authorization', [one + ' '.repeat(blanks) + token]]])
        const scheme = one.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer'
        expect(readCredentials(headers, undefined, { kind: 'absent' }, 8192)).toEqual({
          ok: true,
          value: { scheme, token },
        })
      },
    ),
  )
})

test('HDR-02, HDR-03 every spelling of access_token is found, wherever it stands', () => {
  const around = fc.constantFrom('', 'a=b&', 'a&', '&&')
  fc.assert(
    fc.property(around, spelled, fc.constantFrom('', '=', '=x'), (before, spelling, value) => {
      const text = `${before}${spelling}${value}`
      const headers = new Map([['authorization', ['DPoP abc']]])
      expect(readCredentials(headers, text, { kind: 'absent' }, 8192)).toMatchObject({ reason: 'token_in_query' })
      const form = new Map([...headers, ['content-type', ['application/x-www-form-urlencoded']]])
      const sent: Body = { kind: 'complete', bytes: Buffer.from(text) }
      expect(readCredentials(form, undefined, sent, 8192)).toMatchObject({ reason: 'credentials_repeated' })
    }),
  )
})
