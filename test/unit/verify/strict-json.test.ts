import { describe, expect, test } from 'vitest'
import { isObject, own, readJsonObject } from '../../../src/verify/strict-json.ts'

const read = (text: string | Uint8Array) => readJsonObject(Buffer.from(text))
const problem = (text: string | Uint8Array): string => {
  const reading = read(text)
  return reading.ok ? 'none' : reading.problem
}
const members = (count: number): string =>
  `{${Array.from({ length: count }, (_, each) => `"m${each}":${each}`).join()}}`
const nested = (levels: number, open = '{"a":', close = '}'): string =>
  `${open.repeat(levels - 1)}{}${close.repeat(levels - 1)}`

describe('JWT-18 one JSON object', () => {
  test.each([
    '{}',
    ' {"a":1} ',
    '\t\r\n{ "a" : [ 1 , "b" , null , true ] }\n',
    '{"a":{"a":{"a":1}},"b":{"a":1}}',
    '{"a":[{"a":1},{"a":2}]}',
    '{"":1}',
    '{"é":"😀","\\u00e9\\u0065":1}',
    '{"a":"\\"b\\":\\u0022"}',
    '{"a":"}]{[:,","b":"\\\\"}',
  ])('%s', (text) => expect(read(text)).toEqual({ ok: true, value: JSON.parse(text) }))
  test.each([
    '',
    ' ',
    '[]',
    '[{}]',
    '"a"',
    '1',
    'null',
    'true',
    '{',
    '}',
    '{}}',
    '{}{}',
    '{} x',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{,"a":1}',
    "{'a':1}",
    '{a:1}',
    '{"a":01}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":1.}',
    '{"a":0x10}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":-Infinity}',
    '{"a":undefined}',
    '{"a":"\t"}',
    '{"a":"\\x41"}',
    '{"a":"\\u00g0"}',
    '{"a":"b}',
    '{"a":1}//c',
    '/**/{}',
    '{"a":1]',
    '\u00a0{}',
    '{}\0',
    '{"a":"\\',
  ])('%j is none', (text) => expect(read(text).ok).toBe(false))
})

describe('JWT-18, att-jose-13, T-35 no member twice, at any level, in any spelling', () => {
  test.each([
    '{"sub":"a","sub":"b"}',
    '{"sub":"a","sub":"a"}',
    '{"sub":"a","x":{"sub":"b"},"sub":"c"}',
    '{"cnf":{"jkt":"a","jkt":"b"}}',
    '{"a":[1,{"b":1,"b":2}]}',
    '{"a":[[[{"b":1,"c":[{}],"b":2}]]]}',
    '{"sub":"a","su\\u0062":"b"}',
    '{"\\u0073ub":"a","sub":"b"}',
    '{"su\\u0062":"a","s\\u0075b":"b"}',
    '{"a\\/b":1,"a/b":2}',
    '{"\\u00E9":1,"é":2}',
    '{"\\ud83d\\ude00":1,"😀":2}',
    '{"sub" :1,"sub"\n\t:2}',
    '{"":1,"":2}',
    '{"__proto__":1,"__proto__":2}',
    '{"a":"x\\\\","a":1}',
  ])('%s', (text) => {
    expect(JSON.parse(text)).toBeTypeOf('object')
    expect(problem(text)).toBe('a member name is repeated')
  })
  test.each([
    '{"sub":"sub","a":"sub"}',
    '{"sub":1,"Sub":2,"sub ":3}',
    '{"é":1,"e\u0301":2}',
    '{"a":["b","b",{"b":1},{"b":2}]}',
    '{"a":"\\"a\\":1"}',
    '{"a":"b\\\\","b":"a"}',
  ])('%s repeats none', (text) => expect(read(text).ok).toBe(true))
})

describe('JWT-18, att-jose-13 bytes that are not what they seem', () => {
  test.each<[string, Uint8Array]>([
    ['a byte-order mark', Buffer.from('\ufeff{}')],
    ['a byte-order mark in UTF-16', Buffer.from('\ufeff{}', 'utf16le')],
    ['UTF-16', Buffer.from('{}', 'utf16le')],
    ['a lone continuation byte', Buffer.from([0x7b, 0x22, 0x80, 0x22, 0x3a, 0x31, 0x7d])],
    ['a cut-off character', Buffer.from([0x7b, 0x22, 0xc3, 0x22, 0x3a, 0x31, 0x7d])],
    ['an overlong quote', Buffer.from([0x7b, 0xc0, 0xa2, 0x22, 0x3a, 0x31, 0x7d])],
    ['half a surrogate pair', Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d])],
    ['beyond Unicode', Buffer.from([0x7b, 0x22, 0xf4, 0x90, 0x80, 0x80, 0x22, 0x3a, 0x31, 0x7d])],
    ['Latin-1', Buffer.from('{"é":1}', 'latin1')],
  ])('%s', (_, bytes) => expect(read(bytes).ok).toBe(false))
  test('a byte-order mark inside a text is part of it', () =>
    expect(read('{"a":"\ufeff"}')).toEqual({ ok: true, value: { a: '\ufeff' } }))
})

describe('json-abuse, JWT-18 limits', () => {
  test('16 levels, of objects and lists alike', () => {
    expect([problem(nested(16)), problem(nested(17))]).toEqual(['none', 'it is nested too deeply'])
    expect([problem(nested(15, '{"a":[', ']}').replace('{}', '1')), problem(`{"a":${'['.repeat(16)}`)]).toEqual([
      'it is nested too deeply',
      'it is nested too deeply',
    ])
  })
  test('256 members, wherever they stand', () => {
    expect([problem(members(256)), problem(members(257))]).toEqual(['none', 'it has too many members'])
    expect(problem(`{"a":[${'1,'.repeat(254)}1]}`)).toBe('none')
    expect(problem(`{"a":[${'1,'.repeat(255)}1]}`)).toBe('it has too many members')
  })
  test('a bomb is refused before it is parsed', () => {
    for (const bomb of ['{"a":'.repeat(100_000), '['.repeat(100_000), `{"a":[${'{},'.repeat(50_000)}{}]}`])
      expect(problem(bomb)).toMatch(/deeply|too many/)
  })
  test('told otherwise, it takes more', () => {
    const limits = { depth: 20, members: 1000 }
    expect(readJsonObject(Buffer.from(nested(20)), limits).ok).toBe(true)
    expect(readJsonObject(Buffer.from(nested(21)), limits).ok).toBe(false)
    expect(readJsonObject(Buffer.from(members(1000)), limits).ok).toBe(true)
  })
  test.each(['1e400', '-1e400', '1e309', '[1,1e999]', '{"b":1E+400}', `1${'0'.repeat(400)}`])(
    'T-22 %s would be Infinity',
    (number) => expect(problem(`{"a":${number}}`)).toBe('a number is out of range'),
  )
  test.each(['1e308', '-1.7976931348623157e308', '1e-400', '-0', '0.1', '12345678901234567890'])(
    '%s is a number',
    (number) => expect(problem(`{"a":${number}}`)).toBe('none'),
  )
})

describe('JWT-19, T-37 names of the language are names like others', () => {
  const value = () => {
    const reading = read('{"__proto__":{"sub":"evil"},"constructor":1,"toString":2,"hasOwnProperty":3}')
    if (!reading.ok) throw new Error(reading.problem)
    return reading.value
  }
  test('what is there is read', () => {
    expect(own(value(), '__proto__')).toEqual({ sub: 'evil' })
    expect([own(value(), 'constructor'), own(value(), 'toString'), own(value(), 'hasOwnProperty')]).toEqual([1, 2, 3])
  })
  test('what is inherited is not there', () => {
    expect(own(value(), 'sub')).toBeUndefined()
    for (const name of ['toString', '__proto__', 'constructor', 'valueOf', '__defineGetter__'])
      expect(own({}, name)).toBeUndefined()
    expect(Object.hasOwn(Object.prototype, 'sub')).toBe(false)
  })
  test('isObject', () => {
    expect([isObject({}), isObject([]), isObject(null), isObject('{}'), isObject(undefined)]).toEqual([
      true,
      false,
      false,
      false,
      false,
    ])
  })
})

describe('JWT-18 escaped names, where an earlier object may have taught V8 another name', () => {
  test('nodejs/node 63785: an escaped name is itself, whatever was parsed before it', () => {
    read('{"poisoned":[],"ab\\\\":0}')
    JSON.parse('{"poisoned":[],"ab\\\\":0}')
    expect(read('{"poisoned":1,"ab\\u0031":2}')).toEqual({ ok: true, value: { poisoned: 1, ab1: 2 } })
    expect(read('{"poisoned":1,"ab\\/c":2}')).toEqual({ ok: true, value: { poisoned: 1, 'ab/c': 2 } })
  })
  test.each(['{"\\"":1}', '{"a\\\\":1}', '{"\\n":1}', '{"\\u0000":1}', '{"\\ud800":1}', '{"a":[{"b\\u005c":1}]}'])(
    '%s has a name that needs an escape',
    (text) => expect(problem(text)).toBe('a member name needs an escape'),
  )
})
