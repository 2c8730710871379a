import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findCandidates, hasJweForm, openToken, readSealedToken } from '../../src/verify/encrypted-token.ts'
import { curve, forgeSealed, montgomery, recipient, rsa, seal, withSegment } from '../support/encrypted.ts'

const TYPES = ['at+jwt']
const read = (token: string) => readSealedToken(token, TYPES, 8192)
const ours = [recipient()]

/** By what is read, whether our keys open it. */
async function opens(token: string): Promise<string | undefined> {
  const reading = read(token)
  if (!reading.ok) return undefined
  const opened = await openToken(reading.value, findCandidates(reading.value, ours))
  return opened.ok ? opened.value.compact : undefined
}

test('JWT-23 no text makes the reader throw, and none that it takes is anything but a claim to be encrypted', () => {
  const segment = fc.oneof(fc.base64String({ maxLength: 40 }), fc.string({ maxLength: 20 }), fc.constant(''))
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(segment, { maxLength: 7 }).map((parts) => parts.join('.')),
      ),
      (text) => {
        const form = hasJweForm(text)
        if (read(text).ok) expect(form).toBe(true)
      },
    ),
    { numRuns: 500 },
  )
})

test('JWT-23 whatever is encrypted for one of our keys comes out as it went in', async () => {
  const characters = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.'), minLength: 1, maxLength: 2000 })
  await fc.assert(
    fc.asyncProperty(characters, fc.constantFrom(rsa, curve, montgomery), async (content, key) => {
      expect(await opens(await seal(content, { key }))).toBe(content)
    }),
    { numRuns: 60 },
  )
})

const value = fc.jsonValue({ maxDepth: 2 })
const names = fc.constantFrom(
  'alg',
  'enc',
  'cty',
  'kid',
  'zip',
  'crit',
  'p2c',
  'p2s',
  'jwk',
  'jku',
  'x5u',
  'b64',
  'iss',
)

/** The rules of the header once more, for a token made by `forgeSealed`. */
function isGood(header: Readonly<Record<string, unknown>>): boolean {
  const refused = ['crit', 'zip', 'p2c', 'p2s', 'b64', 'jwk', 'jku', 'x5u'].some((name) => Object.hasOwn(header, name))
  const cty = typeof header.cty === 'string' && /^(application\/)?(jwt|at\+jwt)$/i.test(header.cty)
  const { kid = 'rsa-1', iss } = header
  const meant = kid === 'rsa-1' && (iss === undefined || iss === recipient().issuer)
  return !refused && cty && meant && header.alg === 'RSA-OAEP-256' && header.enc === 'A256GCM'
}

test('JWT-23, att-jose-11 a header opens a token exactly when every one of its members may', async () => {
  const usual = { alg: 'RSA-OAEP-256', enc: 'A256GCM', cty: 'JWT', kid: 'rsa-1' }
  const change = fc.oneof(
    { arbitrary: fc.tuple(names, value), weight: 3 },
    {
      arbitrary: fc.tuple(fc.constant('cty'), fc.constantFrom<unknown>('jwt', 'at+jwt', 'application/AT+JWT')),
      weight: 1,
    },
    { arbitrary: fc.tuple(fc.constant('iss'), fc.constantFrom<unknown>(recipient().issuer, undefined)), weight: 1 },
    { arbitrary: fc.tuple(names, fc.constant(undefined)), weight: 1 },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 2 }), async (changes) => {
      // As it comes over the wire: what is undefined is not there.
      const header = JSON.parse(JSON.stringify({ ...usual, ...Object.fromEntries(changes) })) as Record<string, unknown>
      const token = forgeSealed('inside', JSON.stringify(header))
      expect((await opens(token)) === 'inside').toBe(isGood(header))
    }),
    { numRuns: 300 },
  )
})

test('JWT-23 a token with any one bit turned is opened by no key', async () => {
  const token = forgeSealed('inside')
  const parts = fc.integer({ min: 0, max: 4 }).chain((index) => {
    const { length } = Buffer.from(token.split('.')[index] ?? '', 'base64url')
    return fc.tuple(fc.constant(index), fc.nat(length * 8 - 1))
  })
  await fc.assert(
    fc.asyncProperty(parts, async ([index, bit]) => {
      const changed = withSegment(token, index, (segment) => {
        const bytes = Buffer.from(segment, 'base64url')
        const at = Math.floor(bit / 8)
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit % 8))
        return bytes.toString('base64url')
      })
      expect(await opens(changed)).toBeUndefined()
    }),
    { numRuns: 150 },
  )
})
