import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { existing, writeAll } from '../../../src/io/new-files.ts'
import { directoryWith } from '../../support/config-files.ts'

const files = [
  { path: 'a', text: '1' },
  { path: 'below/b', text: '2' },
]
const list = (folder: string): readonly string[] => readdirSync(folder, { recursive: true }).map(String).sort()

describe('all files are written', () => {
  test('and the folders they need, and nothing else stays', () => {
    const folder = directoryWith({})
    writeAll(join(folder, 'new/one'), files, false)
    expect(list(folder)).toEqual(['new', 'new/one', 'new/one/a', 'new/one/below', 'new/one/below/b'])
    expect(readFileSync(join(folder, 'new/one/below/b'), 'utf8')).toBe('2')
  })
  test('in place of others, when that is wanted', () => {
    const folder = directoryWith({ a: 'old' })
    writeAll(folder, files, true)
    expect(list(folder)).toEqual(['a', 'below', 'below/b'])
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('1')
  })
})

describe('or none', () => {
  test('a file that appears in the meantime stays, and those written before it go', () => {
    const folder = directoryWith({ 'below/b': 'of somebody else' })
    expect(() => writeAll(folder, files, false)).toThrow('EEXIST')
    expect(list(folder)).toEqual(['below', 'below/b'])
    expect(readFileSync(join(folder, 'below/b'), 'utf8')).toBe('of somebody else')
  })
  test('a name that stands twice is no reason to lose one', () => {
    const folder = directoryWith({})
    expect(() => writeAll(folder, [...files, { path: 'a', text: '3' }], false)).toThrow('EEXIST')
    expect(list(folder)).toEqual([])
  })
})

test('what exists is named, files and folders', () => {
  const folder = directoryWith({ a: '', 'below/c': '' })
  writeFileSync(join(folder, 'unreadable'), '')
  chmodSync(join(folder, 'unreadable'), 0)
  expect(existing(folder, ['a', 'b', 'below', 'unreadable'])).toEqual(['a', 'below', 'unreadable'])
})
