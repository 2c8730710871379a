// biome-ignore lint/correctness/noUnresolvedImports: a CommonJS package; Node gives its exports as the default
import forge from 'node-forge'
import { describe, expect, test } from 'vitest'
import { attempt, listOf, namedBitsOf, oidOf, parseDer, smallNumberOf } from '../../../../src/verify/x509/der.ts'

const parse = (hex: string) => attempt(() => parseDer(Buffer.from(hex, 'hex')))

describe('one canonical DER element', () => {
  test('X5-13 is read with its parts', () => {
    const reading = parse('30080101ff0202008005' + '00')
    expect(reading.ok).toBe(false)
    const good = parse('30090101ff020200800500')
    expect(good.ok && good.value.children.map(({ tag }) => tag)).toEqual([1, 2, 5])
  })
  test.each([
    ['trailing bytes', '0500' + '00'],
    ['a length beyond the end', '30050101ff'],
    ['an indefinite length', '30800101ff0000'],
    ['a long length', '3081030101ff'],
    ['a true that is not FF', '300301' + '0101'],
    ['a long integer', '020200' + '01'],
    ['a long negative integer', '0202ff80'],
    ['an empty integer', '0200'],
    ['padding that is not zero', '030204ff'],
    ['an empty bit string', '0300'],
    ['a constructed string', '24040402ffff'],
    ['a primitive sequence', '1000'],
    ['a high tag number', '1f8101' + '00'],
    ['an object identifier that is cut off', '060181'],
    ['a set out of order', '3106020102020101'],
    ['nothing', ''],
    ['half an element', '30'],
  ])('att-jose-07, X5-13 %s is none', (_, hex) => expect(parse(hex).ok).toBe(false))

  test('att-jose-07 nesting ends at 24', () => {
    const nested = (depth: number): string =>
      Array.from({ length: depth })
        .reduce<Buffer>(
          (inner) => Buffer.concat([Buffer.of(0x30, ...lengthOctets(inner.length)), inner]),
          Buffer.from('0500', 'hex'),
        )
        .toString('hex')
    expect(parse(nested(23)).ok).toBe(true)
    expect(parse(nested(24))).toEqual({ ok: false, problem: 'the structure is nested too deeply' })
    expect(parse(nested(10_000)).ok).toBe(false)
  })
})

const lengthOctets = (length: number): readonly number[] =>
  length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]

const value = <T>(hex: string, of: (element: ReturnType<typeof parseDer>) => T) =>
  attempt(() => of(parseDer(Buffer.from(hex, 'hex'))))

describe('values', () => {
  test.each([
    ['06032a0304', '1.2.3.4'],
    ['0603550403', '2.5.4.3'],
    ['0603883703', '2.999.3'],
  ])('%s is %s', (hex, oid) => expect(value(hex, oidOf)).toEqual({ ok: true, value: oid }))
  test.each(['06032a8001', '060b2affffffffffffffffff7f', '0500'])('%s is no object identifier', (hex) =>
    expect(value(hex, oidOf).ok).toBe(false),
  )
  test('small numbers', () => {
    expect(value('02017f', smallNumberOf)).toEqual({ ok: true, value: 127 })
    expect(value('0201ff', smallNumberOf).ok).toBe(false)
    expect(value('02050080000000', smallNumberOf).ok).toBe(false)
  })
  test('named bits', () => {
    expect(value('030205a0', namedBitsOf)).toEqual({ ok: true, value: [0, 2] })
    expect(value('030204a0', namedBitsOf).ok).toBe(false)
  })
  test('lists have an end', () => {
    expect(value('300405000500', (each) => listOf(each, 'a list', 1)).ok).toBe(false)
    expect(value('3000', (each) => listOf(each, 'a list', 1)).ok).toBe(false)
    expect(value('30020500', (each) => listOf(each, 'a list', 1)).ok).toBe(true)
  })
})

describe('X5-13 a second reader', () => {
  const bytes = Buffer.from('30060101ff020105', 'hex')
  const seeing = (hex: string) => () =>
    forge.asn1.fromDer(forge.util.createBuffer(Buffer.from(hex, 'hex').toString('latin1')))
  const read = (hex: string) => attempt(() => parseDer(bytes, seeing(hex)))
  test('that sees the same is agreed with', () => expect(read('30060101ff020105').ok).toBe(true))
  test.each([
    ['another type', '30060101ff0a0105'],
    ['an element less', '30030101ff'],
    ['an element more', '30090101ff020105020105'],
    ['the same elements at another depth', '30080101ff3003020105'],
  ])('that sees %s keeps the structure from being read', (_, hex) =>
    expect(read(hex)).toEqual({ ok: false, problem: 'two readers see different elements' }),
  )
})
