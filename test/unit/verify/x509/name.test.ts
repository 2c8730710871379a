import { describe, expect, test } from 'vitest'
import { attempt, parseDer } from '../../../../src/verify/x509/der.ts'
import { alternativeNameOf } from '../../../../src/verify/x509/general-name.ts'
import { attributesOf, isBelow, isSameName, type Name, nameOf } from '../../../../src/verify/x509/name.ts'
import { timeOf } from '../../../../src/verify/x509/time.ts'

const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(tag, ...(body.length < 128 ? [body.length] : [0x81, body.length])), body])
}
const CN = Buffer.from('0603550403', 'hex')
const O = Buffer.from('060355040a', 'hex')
const part = (type: Buffer, tag: number, value: Buffer | string): Buffer =>
  der(0x31, der(0x30, type, der(tag, Buffer.from(value))))
const name = (...parts: readonly Buffer[]): Name => nameOf(parseDer(der(0x30, ...parts)), 'the subject')

describe('X5-02, T-66 names are compared attribute by attribute', () => {
  const bank = name(part(O, 0x13, 'Bank of Test'), part(CN, 0x0c, 'client'))
  test.each([
    ['case', name(part(O, 0x13, 'BANK of test'), part(CN, 0x0c, 'Client'))],
    ['spaces', name(part(O, 0x0c, '  Bank  of Test '), part(CN, 0x0c, 'client'))],
    ['the string type', name(part(O, 0x1e, Buffer.from('Bank of Test', 'utf16le').swap16()), part(CN, 0x14, 'client'))],
  ])('%s makes no difference', (_, other) => expect(isSameName(bank, other)).toBe(true))
  test.each([
    ['the order', name(part(CN, 0x0c, 'client'), part(O, 0x13, 'Bank of Test'))],
    ['a part more', name(part(O, 0x13, 'Bank of Test'), part(CN, 0x0c, 'client'), part(CN, 0x0c, 'x'))],
    ['a part less', name(part(O, 0x13, 'Bank of Test'))],
    ['another type', name(part(CN, 0x13, 'Bank of Test'), part(CN, 0x0c, 'client'))],
    ['text that looks like parts', name(part(O, 0x0c, 'Bank of Test,CN=client'))],
    ['bytes that are no text', name(part(O, 0x0c, Buffer.of(0xff)), part(CN, 0x0c, 'client'))],
    ['a control character', name(part(O, 0x0c, 'Bank of Test\0'), part(CN, 0x0c, 'client'))],
  ])('%s does', (_, other) => expect(isSameName(bank, other)).toBe(false))
  test('X5-09 a name lies below its beginning only', () => {
    expect(isBelow(bank, name(part(O, 0x0c, 'bank of test')))).toBe(true)
    expect(isBelow(bank, name(part(CN, 0x0c, 'client')))).toBe(false)
    expect(isBelow(name(), bank)).toBe(false)
  })
  test('att-mtls-03 an attribute is found by its type', () => {
    const odd = name(part(O, 0x0c, 'NotBank'), part(CN, 0x0c, 'O=Bank'))
    expect(attributesOf(odd, '2.5.4.10').map(({ text }) => text)).toEqual(['NotBank'])
  })
})

describe('X5-13 times', () => {
  const time = (tag: number, text: string) => attempt(() => timeOf(parseDer(der(tag, Buffer.from(text)))))
  test.each([
    [0x17, '700101000000Z', 0],
    [0x17, '240229235959Z', Date.UTC(2024, 1, 29, 23, 59, 59) / 1000],
    [0x17, '500101000000Z', Date.UTC(1950, 0) / 1000],
    [0x18, '29690503000001Z', Date.UTC(2969, 4, 3, 0, 0, 1) / 1000],
    [0x18, '21000301000000Z', Date.UTC(2100, 2, 1) / 1000],
  ])('%i %s is read', (tag, text, value) => expect(time(tag, text)).toEqual({ ok: true, value }))
  test.each([
    [0x17, '2401010000Z'],
    [0x17, '240101000000'],
    [0x17, '240101000000+0100'],
    [0x17, '230229000000Z'],
    [0x17, '241301000000Z'],
    [0x17, '240101240000Z'],
    [0x17, '240101000060Z'],
    [0x17, '20240101000000Z'],
    [0x18, '240101000000Z'],
    [0x18, '20240101000000.5Z'],
    [0x18, '21000229000000Z'],
    [0x0c, '240101000000Z'],
  ])('%i %s is none', (tag, text) => expect(time(tag, text).ok).toBe(false))
})

describe('X5-09, X5-13 alternative names', () => {
  const alternative = (tag: number, value: string | Buffer) =>
    attempt(() => alternativeNameOf(parseDer(der(tag, Buffer.from(value)))))
  test.each([
    [0x82, 'a.example', 'dns'],
    [0x82, '*.a.example', 'dns'],
    [0x81, 'a@b.example', 'email'],
    [0x86, 'spiffe://a/b', 'uri'],
    [0x87, Buffer.of(127, 0, 0, 1), 'ip'],
    [0x88, Buffer.of(0x2a), 'registeredId'],
  ])('%i %s is read', (tag, value, type) => {
    const reading = alternative(tag, value)
    expect(reading.ok && reading.value.type).toBe(type)
  })
  test.each([
    [0x82, ''],
    [0x82, '8.8.8.8'],
    [0x82, '*'],
    [0x82, 'b*.example'],
    [0x82, 'a.example.'],
    [0x82, 'a\0.example'],
    [0x82, '\u{1f600}.example'],
    [0x81, 'a'],
    [0x81, 'a@b@c.example'],
    [0x86, 'no scheme'],
    [0x87, Buffer.of(1, 2, 3)],
    [0x89, 'x'],
  ])('%i %j is none', (tag, value) => expect(alternative(tag, value).ok).toBe(false))
})
