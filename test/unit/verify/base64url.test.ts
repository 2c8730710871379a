import { describe, expect, test } from 'vitest'
import { decodeBase64url, isThumbprint } from '../../../src/verify/base64url.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const bytesOf = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, at) => (at * 151 + length) % 256))

describe('JWT-17, att-jose-13 one value has one spelling', () => {
  test('every length is read back', () => {
    for (let length = 0; length < 70; length += 1)
      expect(decodeBase64url(bytesOf(length).toString('base64url'))).toEqual(bytesOf(length))
  })
  test('every character of the alphabet has its value', () => {
    const bytes = decodeBase64url(ALPHABET)
    expect(bytes?.toString('base64url')).toBe(ALPHABET)
    expect([bytes?.[0], bytes?.[47]]).toEqual([0, 0xbf])
  })
  test.each([1, 2, 31, 32, 64, 256])('V-09 of the endings of %i bytes only the one with zero bits', (length) => {
    const written = bytesOf(length).toString('base64url')
    const accepted = [...ALPHABET].filter((last) => decodeBase64url(written.slice(0, -1) + last))
    const twins = [...ALPHABET].filter((last) =>
      Buffer.from(written.slice(0, -1) + last, 'base64url').equals(bytesOf(length)),
    )
    expect(twins.length).toBe(length % 3 === 1 ? 16 : 4)
    expect(accepted.filter((last) => twins.includes(last))).toEqual([written.at(-1)])
    expect(accepted.length).toBe(64 / twins.length)
  })
  test.each([
    'A',
    'AAAAA',
    'AA==',
    'AAA=',
    'AA=',
    '=',
    'AA+A',
    'AA/A',
    'AA A',
    ' AAA',
    'AAA ',
    'AAA\n',
    'AA\r\nAA',
    'AAA\0',
    'AAAé',
    'AAA\u212a',
    'A.AA',
    'AA~A',
    '%41AA',
  ])('%j is none', (text) => expect(decodeBase64url(text)).toBeUndefined())
})

describe('T-49, MTLS-03 a thumbprint is 43 characters for 32 bytes', () => {
  const good = bytesOf(32).toString('base64url')
  test('it is taken', () => expect(isThumbprint(good)).toBe(true))
  test.each<[string, unknown]>([
    ['padded', `${good}=`],
    ['hexadecimal', bytesOf(32).toString('hex')],
    ['SHA-1', bytesOf(20).toString('base64url')],
    ['31 bytes', bytesOf(31).toString('base64url')],
    ['33 bytes', bytesOf(33).toString('base64url')],
    ['another ending', `${good.slice(0, -1)}B`],
    ['base64', `${good.slice(0, -2)}+${good.at(-1)}`],
    ['with a blank', `${good} `],
    ['nothing', undefined],
    ['a number', 43],
    ['a list', [good]],
  ])('%s is not', (_, value) => expect(isThumbprint(value)).toBe(false))
})
