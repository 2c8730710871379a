import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildDigestSet } from '../../src/io/digest-set.ts'

const digestOf = (name: number): string => createHash('sha256').update(String(name)).digest('base64url')

test('DPOP-30, att-dpop-02 the set holds what was put in and nothing else, whatever the order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(400)), { maxLength: 2000 }), (steps) => {
      const set = buildDigestSet()
      const model = new Set<number>()
      for (const [add, name] of steps) {
        expect(set.has(digestOf(name))).toBe(model.has(name))
        if (add) {
          expect(set.add(digestOf(name))).toBe(!model.has(name))
          model.add(name)
        }
        expect(set.size).toBe(model.size)
      }
    }),
    { numRuns: 30 },
  )
})

test('DPOP-30 digests that differ in one bit are two', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(255), (bytes, bit) => {
      const other = Buffer.from(bytes)
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const set = buildDigestSet()
      fc.pre(bytes.some((byte) => byte !== 0) && other.some((byte) => byte !== 0))
      expect(set.add(Buffer.from(bytes).toString('base64url'))).toBe(true)
      expect(set.has(other.toString('base64url'))).toBe(false)
      expect(set.add(other.toString('base64url'))).toBe(true)
      expect(set.has(Buffer.from(bytes).toString('base64url'))).toBe(true)
    }),
  )
})

test('digests with a common start, and very many, are all kept', () => {
  const set = buildDigestSet()
  const close = Array.from({ length: 3000 }, (_, index) => {
    const bytes = Buffer.alloc(32, 7)
    bytes.writeUInt32LE(index, 28)
    return bytes.toString('base64url')
  })
  const many = Array.from({ length: 60_000 }, (_, index) => digestOf(index))
  for (const digest of [...close, ...many]) expect(set.add(digest)).toBe(true)
  expect([...close, ...many].every((digest) => set.has(digest))).toBe(true)
  expect(set.size).toBe(63_000)
})

test.each(['', 'digest', 'A'.repeat(42), 'A'.repeat(44), `${'A'.repeat(42)}=`, `${'A'.repeat(40)}!!!`, 'é'.repeat(43)])(
  '%j is not a digest',
  (text) => {
    expect(() => buildDigestSet().has(text)).toThrow('not a digest')
    expect(() => buildDigestSet().add(text)).toThrow('not a digest')
  },
)
