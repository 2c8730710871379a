import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeBase64url, isThumbprint } from '../../src/verify/base64url.ts'

const characters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...characters), maxLength: 90 }),
  fc.string({ unit: fc.constantFrom(...characters, '+', '/', '=', ' ', '\n', '.', 'é'), maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
)

test('JWT-17 bytes are written in one way and read back from it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(decodeBase64url(Buffer.from(bytes).toString('base64url'))).toEqual(Buffer.from(bytes))
    }),
  )
})

test('JWT-17, att-jose-13 a text is read exactly when writing its bytes gives the very same text', () => {
  fc.assert(
    fc.property(text, (written) => {
      const canonical = Buffer.from(written, 'base64url').toString('base64url') === written
      expect(decodeBase64url(written)?.toString('base64url')).toBe(canonical ? written : undefined)
    }),
    { numRuns: 5000 },
  )
})

test('a thumbprint is the canonical text of 32 bytes', () => {
  fc.assert(
    fc.property(
      fc.oneof(text, fc.uint8Array({ minLength: 30, maxLength: 34 }).map(written), fc.anything()),
      (value) => {
        const good = typeof value === 'string' && Buffer.from(value, 'base64url').length === 32 && rewritten(value)
        expect(isThumbprint(value)).toBe(good)
      },
    ),
    { numRuns: 2000 },
  )
})

const written = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
const rewritten = (value: string): boolean => written(Buffer.from(value, 'base64url')) === value
