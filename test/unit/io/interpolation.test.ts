import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { interpolate } from '../../../src/io/interpolation.ts'
import { directoryWith } from '../../support/config-files.ts'

/** `${` cannot stand in an ordinary string of a test without being taken for a mistake. */
const ref = (inner: string): string => `$${`{${inner}}`}`
const environment = { NAME: 'value', EMPTY: '', LINES: 'a: 1\nb: [2]', NESTED: ref('NAME') }

const replaced = (text: string, directory = '/nowhere') => interpolate({ key: text }, environment, directory)
const valueIn = (text: string): unknown => (replaced(text).value as { key: unknown }).key
const problemOf = (text: string, directory?: string): string | undefined =>
  replaced(text, directory).problems.map(({ message }) => message)[0]

describe('references', () => {
  test.each([
    [ref('NAME'), 'value'],
    [`a-${ref('NAME')}-${ref('NAME')}`, 'a-value-value'],
    [ref('NAME:-default'), 'value'],
    [ref('MISSING:-default'), 'default'],
    [ref('MISSING:-'), ''],
    [ref('EMPTY:-default'), 'default'],
    [ref('MISSING:-a:-b'), 'a:-b'],
    [ref('MISSING:-two\nlines'), 'two\nlines'],
    [`$${ref('NAME')}`, ref('NAME')],
    [`$$${ref('NAME')}`, `$${ref('NAME')}`],
    ['$NAME', '$NAME'],
    ['$', '$'],
    [`$${'{'}`, `$${'{'}`],
    [ref('LINES'), 'a: 1\nb: [2]'],
    [ref('NESTED'), ref('NAME')],
  ])('%j: %j', (text, expected) => {
    expect(problemOf(text)).toBeUndefined()
    expect(valueIn(text)).toBe(expected)
  })
  test.each([
    [ref('MISSING'), 'MISSING is not set and has no default'],
    [ref('EMPTY'), 'EMPTY is not set and has no default'],
    [ref('constructor'), 'constructor is not set and has no default'],
    [ref('__proto__'), '__proto__ is not set and has no default'],
    [ref('toString'), 'toString is not set and has no default'],
    [ref(''), `expected ${ref('NAME')}, ${ref('NAME:-default')} or ${ref('file:/path')}`],
    [ref('1'), 'expected'],
    [ref('A-B'), 'expected'],
    [ref(' NAME '), 'expected'],
    [ref('NAME:default'), 'expected'],
  ])('%j is refused: %s', (text, why) => expect(problemOf(text)).toContain(`${text}: ${why}`))

  test('every one that fails is told, with its path', () => {
    const document = { a: [ref('ONE'), { b: `${ref('TWO')}${ref('THREE')}` }] }
    expect(interpolate(document, {}, '/').problems.map(({ path, message }) => [path, message.split(':')[0]])).toEqual([
      [['a', 0], ref('ONE')],
      [['a', 1, 'b'], ref('TWO')],
      [['a', 1, 'b'], ref('THREE')],
    ])
  })
  test('keys, numbers, truth values and nothing stay as they are', () => {
    const document = { [ref('NAME')]: 1, truth: true, nothing: null, list: [] }
    expect(interpolate(document, environment, '/').value).toEqual(document)
  })
})

describe('files', () => {
  test('a file is read without its last line break, beside the configuration or by full path', () => {
    const directory = directoryWith({ secret: 'two\nlines\n', 'sub/windows': 'x\r\n' })
    const files = { secret: 'two\nlines', 'sub/windows': 'x', [join(directory, 'secret')]: 'two\nlines' }
    for (const [name, expected] of Object.entries(files)) {
      const { value, problems } = replaced(ref(`file:${name}`), directory)
      expect([value, problems]).toEqual([{ key: expected }, []])
    }
  })
  test('what was read, and what could not be, is watched', () => {
    const directory = directoryWith({ secret: 'x\n' })
    const { files } = interpolate([ref('file:secret'), ref('file:missing')], {}, directory)
    expect([...files]).toEqual([
      [join(directory, 'secret'), 'x\n'],
      [join(directory, 'missing'), ''],
    ])
  })
  test('one that is missing, a directory, or too large is refused', () => {
    const directory = directoryWith({ large: 'x'.repeat(65_537), fits: 'x'.repeat(65_536) })
    mkdirSync(join(directory, 'sub'))
    expect(problemOf(ref('file:missing'), directory)).toContain('the file cannot be read')
    expect(problemOf(ref('file:sub'), directory)).toContain('it is not a file')
    expect(problemOf(ref('file:/dev/zero'), directory)).toContain('it is not a file')
    expect(problemOf(ref('file:large'), directory)).toContain('the file is larger than 64 KiB')
    expect(problemOf(ref('file:fits'), directory)).toBeUndefined()
  })
})

describe('what is not to be shown', () => {
  test('a value from outside is known with its reference; a default is not from outside', () => {
    const { references, written } = interpolate({ a: `x ${ref('NAME')}`, b: ref('NO:-default') }, environment, '/')
    expect([...references]).toEqual([['value', ref('NAME')]])
    expect([...written]).toEqual([
      ['["a"]', `x ${ref('NAME')}`],
      ['["b"]', ref('NO:-default')],
    ])
  })
})
