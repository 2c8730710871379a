import { isIP } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readAllowed } from '../../src/config-outbound.ts'
import { kindOf } from '../../src/io/addresses.ts'

const dotted = fc.ipV4()
const groups = (address: string): string => {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number)
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}

test('att-mtls-04 no way of writing an IPv4 address as an IPv6 address changes what it is', () =>
  fc.assert(
    fc.property(dotted, fc.constantFrom('::ffff:', '64:ff9b::', '::ffff:0:'), fc.boolean(), (address, prefix, dots) => {
      expect(kindOf(prefix + (dots ? address : groups(address)))).toBe(kindOf(address))
    }),
  ))

test('an address written another way is the same address', () =>
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      fc.pre(isIP(address) === 6)
      const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
      expect(kindOf(address)).toBe(kindOf(canonical))
      expect(kindOf(address.toUpperCase())).toBe(kindOf(canonical))
    }),
  ))

test('what is no address is never called, and nothing throws', () =>
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'0123456789abcdefx.:%/[]') }), (text) => {
      const kind = kindOf(text)
      if (isIP(text.replace(/%.*$/, '')) === 0) expect(kind).toBe('never')
    }),
  ))

test('a line of outbound.allow is read or refused, and a range that is read is one', () =>
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: fc.constantFrom(...'0123456789abcdefgx.:/-*') }), dotted, fc.ipV6()),
      (entry) => {
        const allowed = readAllowed(entry)
        if (!allowed.ok) return
        const { value } = allowed
        if (value.kind === 'range') {
          expect(isIP(value.address)).toBe(value.family === 'ipv4' ? 4 : 6)
          expect(value.prefix).toBeGreaterThan(0)
        } else expect(new URL(`https://${value.host}`).hostname).toBe(value.host)
      },
    ),
  ))
