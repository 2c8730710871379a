import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readConfirmation } from '../../src/verify/confirmation.ts'

const thumbprint = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'))
/** Almost a thumbprint: other lengths, other alphabets, other types, bits left over. */
const near = fc.oneof(
  thumbprint.map((text) => `${text}=`),
  thumbprint.map((text) => text.slice(1)),
  thumbprint.map((text) => `${text}A`),
  thumbprint.map((text) => ` ${text.slice(1)}`),
  thumbprint.map((text) => [text]),
  fc.string({ minLength: 43, maxLength: 43, unit: 'binary' }),
  fc.stringMatching(/^[A-Za-z0-9_-]{43}$/),
  fc.jsonValue(),
)
const member = fc.oneof(thumbprint, near)
const others = fc.dictionary(fc.constantFrom('jwk', 'kid', 'jku', 'x5t', 'JKT', 'x5t#S512', '__proto__', 'foo'), near)

/** RFC 7638 and RFC 8705 section 3.1: exactly the text that 32 bytes encode to. */
const isThumbprint = (value: unknown): boolean => {
  if (typeof value !== 'string') return false
  const bytes = Buffer.from(value, 'base64url')
  return bytes.length === 32 && bytes.toString('base64url') === value
}

test('MTLS-16, MTLS-17, T-47, T-48 a cnf is usable exactly if it names a method we know and each of those well', () => {
  fc.assert(
    fc.property(
      others,
      fc.option(member, { nil: undefined }),
      fc.option(member, { nil: undefined }),
      (rest, jkt, x5t) => {
        const cnf = {
          ...rest,
          ...(jkt !== undefined && { jkt }),
          ...(x5t !== undefined && { 'x5t#S256': x5t }),
        }
        const named = [jkt, x5t].filter((value) => value !== undefined)
        const reading = readConfirmation(cnf)
        expect(reading.ok).toBe(named.length > 0 && named.every(isThumbprint))
        if (reading.ok) expect(reading.value).toEqual({ jkt, x5tS256: x5t, thumbprint: jkt ?? x5t })
      },
    ),
    { numRuns: 2000 },
  )
})

test('T-48 anything at all never throws and is no confirmation unless it is an object', () => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true, withMap: true }), (cnf) => {
      const reading = readConfirmation(cnf)
      if (reading.ok) throw new Error('nobody makes a thumbprint by chance')
      expect(reading.problem).not.toBe('')
    }),
    { numRuns: 2000 },
  )
})
