import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readAttributes, readHeaders } from '../../src/attributes.ts'
import { refuseAmbiguous } from '../../src/guards.ts'
import type { CheckRequest } from '../../src/wire.ts'
import { checkRequest } from '../support/requests.ts'

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('GET', '/', '/a?b', 'api.example.com', '__proto__'),
)
const bytes = fc.uint8Array({ maxLength: 20 })
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
/** Any message the protocol can carry, each member there or not. */
const message = fc.record(
  {
    id: text,
    method: text,
    path: text,
    host: text,
    body: text,
    rawBody: bytes,
    headers: fc.dictionary(text, text),
    headerMap: fc.record(
      { headers: fc.array(fc.record({ key: text, value: text, rawValue: bytes }, { requiredKeys: [] })) },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
)
const anyRequest = fc
  .record({
    http: maybe(message),
    certificate: maybe(text),
    contextExtensions: maybe(fc.dictionary(text, text)),
  })
  .map(
    ({ http, certificate, contextExtensions }): CheckRequest => ({
      attributes: {
        source: { ...(certificate !== undefined && { certificate }) },
        request: { ...(http && { http }) },
        ...(contextExtensions && { contextExtensions }),
      },
    }),
  )

test('any message is read without an exception, and what is accepted has one meaning', () => {
  fc.assert(
    fc.property(anyRequest, (wire) => {
      const headers = readHeaders(wire)
      const read = readAttributes(wire, headers)
      for (const [name, lines] of headers) expect([name, lines.length > 0]).toEqual([name.toLowerCase(), true])
      if (!read.ok) return
      const { method, authority, path, query } = read.value
      expect(method).toMatch(/^[\x21-\x7e]+$/)
      expect(authority).not.toMatch(/[\s,@/\\?#A-Z]/)
      expect(path).toMatch(/^\/[\x21-\x7e]*$/)
      expect(`${path}${query ?? ''}`).not.toContain('#')
      expect(path).not.toContain('?')
      expect(path + (query === undefined ? '' : `?${query}`)).toBe(wire.attributes?.request?.http?.path)
      refuseAmbiguous(read.value)
    }),
    { numRuns: 2000 },
  )
})

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/)
const value = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) })

test('both forms tell the same as long as no name is repeated', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key }), (headers) => {
      const [raw, joined] = (['raw', 'joined'] as const).map((form) => readHeaders(checkRequest({ headers }, form)))
      expect(new Map(raw)).toEqual(new Map(joined))
    }),
  )
})

test('a repeated line is never lost and never taken for one', () => {
  fc.assert(
    fc.property(fc.constantFrom('dpop', 'authorization', 'x-a'), value, value, (key, one, two) => {
      const headers = [
        [key, one],
        [key, two],
      ] as const
      for (const form of ['raw', 'joined'] as const) {
        const lines = readHeaders(checkRequest({ headers }, form)).get(key) ?? []
        expect(lines.length === 2 || lines.join().includes(',')).toBe(true)
        expect(lines.join()).toBe(`${one},${two}`)
      }
    }),
  )
})
