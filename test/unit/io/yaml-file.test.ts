import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readYaml } from '../../../src/io/yaml-file.ts'
import { directoryWith } from '../../support/config-files.ts'

const read = (content: string | Uint8Array) => {
  const path = join(directoryWith({ 'a.yaml': content }), 'a.yaml')
  const { file, problems } = readYaml(path)
  return { file, told: problems.map(({ line, column, key, message }) => `${line}:${column} ${key}: ${message}`) }
}
const value = (content: string): unknown => read(content).file?.value

describe('YAML 1.2, core schema', () => {
  test.each([
    ['a: yes', { a: 'yes' }],
    ['a: on', { a: 'on' }],
    ['a: true', { a: true }],
    ['a: 010', { a: 10 }],
    ['a: 0o10', { a: 8 }],
    ['a: 1:30', { a: '1:30' }],
    ['a: 2026-01-01', { a: '2026-01-01' }],
    ['a: ~', { a: null }],
    ['a:', { a: null }],
    ['1: x', { '1': 'x' }],
    ['true: x', { true: 'x' }],
    ['a: &x [1]\nb: *x', { a: [1], b: [1] }],
    ['%YAML 1.1\n---\na: yes\nb: 1:30', { a: 'yes', b: '1:30' }],
    ['\ufeffa: 1', { a: 1 }],
    ['', null],
    ['a: !!str 1', { a: '1' }],
  ])('%j', (content, expected) => {
    expect(read(content).told).toEqual([])
    expect(value(content)).toEqual(expected)
  })
})

describe('places', () => {
  const content = '# comment\nlisten:\n  check: x\nroutes:\n  - path: /a\n    scopes:\n      - one\n      - two\n'
  test.each<[readonly (string | number)[], number, number]>([
    [[], 2, 1],
    [['listen'], 2, 1],
    [['listen', 'check'], 3, 3],
    [['routes', 0], 5, 5],
    [['routes', 0, 'scopes', 1], 8, 9],
    [['routes', 0, 'missing'], 5, 5],
    [['routes', 7], 4, 1],
    [['missing', 'deeper'], 2, 1],
    [['listen', 'check', 'deeper'], 3, 3],
  ])('%j stands at %i:%i', (path, line, column) =>
    expect(read(content).file?.placeOf(path)).toMatchObject({ line, column }),
  )
})

describe('what is refused', () => {
  test.each<[string, string | Uint8Array, readonly string[]]>([
    ['more than 1 MiB', `a: ${'x'.repeat(1_048_576)}`, ['1:1 : it is larger than 1 MiB']],
    ['more than 1 MiB in bytes', `a: ${'ä'.repeat(524_288)}`, ['1:1 : it is larger than 1 MiB']],
    ['bytes that are not UTF-8', Uint8Array.of(0x61, 0x3a, 0x20, 0xfc), ['1:1 : it is not UTF-8']],
    ['UTF-16', Buffer.from('\ufeffa: 1', 'utf16le'), ['1:1 : it is not UTF-8']],
    ['two documents', 'a: 1\n---\nb: 2', ['2:1 : it holds more than one document']],
    ['an unknown directive', '%FOO bar\n---\na: 1', ['1:1 : Unknown directive %FOO']],
    ['a repeated key', 'a: 1\nb:\n  c: 1\n  c: 2', ['4:3 b.c: the key "c" stands twice']],
    ['a key written in two ways', 'a: 1\n"a": 2', ['2:1 a: the key "a" stands twice']],
    ['all of them', 'a: 1\na: 2\nb: *c', ['2:1 a: the key "a" stands twice', '3:4 b: there is no anchor c before it']],
    ['51 levels', `a: ${'['.repeat(51)}${']'.repeat(51)}`, ['1:54 a[0][0]: it is nested too deeply']],
    [
      'levels without end',
      `a: ${'['.repeat(200_000)}`,
      [expect.stringMatching(/^1:[0-9]+ : it is nested too deeply$/)],
    ],
    ['101 aliases', `a: &a 1\nb: [${Array(101).fill('*a').join(', ')}]`, ['2:405 b[100]: more than 100 aliases']],
  ])('%s', (_name, content, expected) => expect(read(content).told).toEqual(expected))

  test('a missing file and a directory', () => {
    const told = (path: string) => readYaml(path).problems.map(({ message }) => message)
    expect(told('/no/such.yaml')).toEqual(['there is no such file'])
    expect(told('/')).toEqual(['it cannot be read (EISDIR)'])
  })
  test('a file without end is not read to its end', () => {
    expect(readYaml('/dev/zero').problems.map(({ message }) => message)).toEqual(['it is larger than 1 MiB'])
  })
  test('100 aliases and 50 levels are fine', () => {
    expect(read(`a: &a 1\nb: [${Array(100).fill('*a').join(', ')}]`).told).toEqual([])
    expect(read(`a: ${'['.repeat(49)}${']'.repeat(49)}`).told).toEqual([])
  })
  test('of many syntax errors the first ones are told', () => expect(read('[\n'.repeat(100)).told).toHaveLength(5))
})
