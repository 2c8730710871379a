import { describe, expect, test } from 'vitest'
import { compileTemplate, covers, matchTemplate, overlaps, type Template } from '../../src/path-template.ts'

function compile(path: string): Template {
  const template = compileTemplate(path)
  if (!template.ok) throw new Error(template.problem)
  return template.value
}

const match = (template: string, path: string): Record<string, string> | undefined => {
  const parameters = matchTemplate(compile(template), path)
  return parameters && Object.fromEntries(parameters)
}

describe('ENV-12 a template is written in the form that paths are compared in', () => {
  test.each(['/', '/**', '/a', '/a/', '/a/{id}', '/{a}/{b}/c', '/a/**', '/{a}/**', '/%C3%BC', '/a.b/~c', '/{_x9}'])(
    '%s',
    (path) => expect(compileTemplate(path).ok).toBe(true),
  )
  test.each([
    ['', 'starts with /'],
    ['a', 'starts with /'],
    ['*', 'starts with /'],
    ['**', 'starts with /'],
    ['https://api.example.com/a', 'starts with /'],
    ['/a*', 'whole segment'],
    ['/a/*', 'whole segment'],
    ['/a**', 'whole segment'],
    ['/**/a', 'whole segment'],
    ['/a/**/', 'whole segment'],
    ['/**/**', 'whole segment'],
    ['/_{a', 'whole segment'],
    ['/{id', 'whole segment'],
    ['/id}', 'whole segment'],
    ['/{}', 'whole segment'],
    ['/{1a}', 'whole segment'],
    ['/{a-b}', 'whole segment'],
    ['/{a}b', 'whole segment'],
    ['/a{b}', 'whole segment'],
    ['/{a}{b}', 'whole segment'],
    ['/{a}/{a}', 'twice'],
    ['//a', 'canonical'],
    ['/a//**', 'canonical'],
    ['//**', 'canonical'],
    ['/a/../b', 'canonical'],
    ['/a/./b', 'canonical'],
    ['/a;v=1', 'canonical'],
    ['/a%2Fb', 'canonical'],
    ['/%61', 'canonical'],
    ['/%c3%bc', 'canonical'],
    ['/ü', 'canonical'],
    ['/a b', 'canonical'],
    ['/a?b', 'canonical'],
    ['/a#b', 'canonical'],
    ['/a\\b', 'canonical'],
    [`/${'a'.repeat(2048)}`, 'canonical'],
  ])('%s is refused', (path, problem) => {
    expect(compileTemplate(path)).toEqual({ ok: false, problem: expect.stringContaining(problem) })
  })
})

describe('att-path-05, att-path-06 what a template matches', () => {
  test.each([
    ['/', '/', {}],
    ['/a', '/a', {}],
    ['/a/', '/a/', {}],
    ['/a', '/a/', {}],
    ['/a/', '/a', {}],
    ['/a/{id}', '/a/1/', { id: '1' }],
    ['/a/{id}', '/a/1', { id: '1' }],
    ['/a/{id}', '/a/%C3%BC', { id: '%C3%BC' }],
    ['/a/{id}/b', '/a/b/b', { id: 'b' }],
    ['/{x}/{y}', '/1/2', { x: '1', y: '2' }],
    ['/a/**', '/a', {}],
    ['/a/**', '/a/', {}],
    ['/a/**', '/a/b/c', {}],
    ['/a/{id}/**', '/a/1', { id: '1' }],
    ['/a/{id}/**', '/a/1/2/3', { id: '1' }],
    ['/**', '/', {}],
    ['/**', '/a/b', {}],
  ])('%s takes %s', (template, path, parameters) => expect(match(template, path)).toEqual(parameters))
  test.each([
    ['/a', '/A'],
    ['/a', '/'],
    ['/a', '/ab'],
    ['/a', '/a/b'],
    ['/a/{id}', '/a'],
    ['/a/{id}', '/a/'],
    ['/a/{id}', '/a/1/2'],
    ['/a/{id}/b', '/a//b'],
    ['/a/**', '/ab'],
    ['/a/**', '/'],
    ['/a/**', '/A/b'],
    ['/a/**', '/b/a'],
    ['/a/{id}/**', '/a'],
    ['/a/{id}/**', '/a/'],
    ['/api/a', '/a'],
  ])('%s does not take %s', (template, path) => expect(match(template, path)).toBeUndefined())
  test('att-claims-01 parameters may have any name', () => {
    const parameters = matchTemplate(compile('/{__proto__}/{constructor}/{toString}'), '/a/b/c')
    expect([...(parameters ?? [])]).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
      ['toString', 'c'],
    ])
    expect(matchTemplate(compile('/{id}'), '/x')?.get('constructor')).toBeUndefined()
  })
})

describe('a template that leaves nothing to a later one', () => {
  test.each([
    ['/a', '/a'],
    ['/{x}', '/a'],
    ['/{x}', '/{y}'],
    ['/**', '/a/b'],
    ['/**', '/'],
    ['/**', '/**'],
    ['/a/**', '/a'],
    ['/a/**', '/a/'],
    ['/a/**', '/a/{x}/**'],
    ['/a/{x}/**', '/a/b/c'],
  ])('%s covers %s', (one, two) => expect(covers(compile(one), compile(two))).toBe(true))
  test.each([
    ['/a', '/{x}'],
    ['/a', '/b'],
    ['/a', '/a/**'],
    ['/{x}', '/'],
    ['/a/**', '/**'],
    ['/a/**', '/b/**'],
    ['/a/{x}/**', '/a'],
    ['/a/{x}/**', '/a/**'],
    ['/a/{x}/**', '/a/'],
  ])('%s does not cover %s', (one, two) => expect(covers(compile(one), compile(two))).toBe(false))
})

describe('whether two templates have a path in common, whichever comes first', () => {
  test.each([
    ['/a/{id}', '/{of}/b', true],
    ['/a/**', '/{of}/b', true],
    ['/{x}/**', '/a/b/c', true],
    ['/a', '/a/**', true],
    ['/**', '/', true],
    ['/a/{id}', '/b/{id}', false],
    ['/a/{id}', '/{of}', false],
    ['/{x}', '/', false],
    ['/a', '/a/b/**', false],
    ['/{x}/b', '/a/c', false],
  ])('%s and %s: %s', (one, two, expected) => {
    expect([overlaps(compile(one), compile(two)), overlaps(compile(two), compile(one))]).toEqual([expected, expected])
  })
})
