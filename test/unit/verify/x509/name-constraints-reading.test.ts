import { describe, expect, test } from 'vitest'
import { parseDer, tags } from '../../../../src/verify/x509/der.ts'
import { writeElement } from '../../../../src/verify/x509/der-writer.ts'
import { readNameConstraints } from '../../../../src/verify/x509/name-constraints.ts'
import { C, O, subjectOf } from '../../../support/subjects.ts'
import { type NameText, nameConstraintsElement } from '../../../support/x509-path.ts'

const bank = subjectOf([C, 'GB'], [O, 'Bank'])

describe('X5-09 the extension is read', () => {
  const problem = (...input: Parameters<typeof nameConstraintsElement>): string => {
    try {
      readNameConstraints(nameConstraintsElement(...input))
      return 'none'
    } catch (error) {
      return (error as Error).message
    }
  }

  test('both lists, in each form', () => {
    const permitted: readonly NameText[] = [
      'dns:example.com',
      'email:.example.com',
      'uri:',
      'ip:0a000000ff000000',
      bank,
    ]
    const excluded: readonly NameText[] = ['dns:', 'email:a@example.com', `ip:${'0'.repeat(64)}`]
    const read = readNameConstraints(nameConstraintsElement(permitted, excluded))
    expect(read.permitted.map(({ type }) => type)).toEqual(['dns', 'email', 'uri', 'ip', 'directory'])
    expect(read.excluded.map((base) => base.type !== 'directory' && base.value)).toEqual([
      '',
      'a@example.com',
      '0'.repeat(64),
    ])
  })
  test.each<[string, NameText]>([
    ['a leading period in a host', 'dns:.example.com'],
    ['a wildcard', 'dns:*.example.com'],
    ['an address as a host', 'dns:10.1.2.3'],
    ['a trailing period', 'dns:example.com.'],
    ['a mailbox without a local part', 'email:@example.com'],
    ['a wildcard mail host', 'email:*.example.com'],
    ['a whole URI', 'uri:https://example.com/'],
    ['an address without a mask', 'ip:0a000001'],
    ['a mask with a hole', 'ip:0a000000ff00ff00'],
    ['a mask with a hole in an octet', 'ip:0a000000fd000000'],
    ['an address of IPv6 without a mask', `ip:${'0'.repeat(32)}`],
    ['an address of another length', 'ip:0a000000ff0000'],
  ])('%s is refused', (_what, base) => {
    expect(problem([base])).toBe('the base of a subtree is of invalid form')
    expect(problem([], [base])).toBe('the base of a subtree is of invalid form')
  })
  test('distances are refused, but for a minimum of zero', () => {
    const distance = (tag: number, value: number) => writeElement(tag, Buffer.of(value))
    expect(problem(['dns:a.test'], [], distance(0x80, 0))).toBe('none')
    expect(problem(['dns:a.test'], [], distance(0x80, 1))).toBe('a subtree has distances')
    expect(problem(['dns:a.test'], [], distance(0x81, 0))).toBe('a subtree has distances')
    expect(problem(['dns:a.test'], [], distance(0x80, 0), distance(0x81, 9))).toBe('a subtree has distances')
  })
  test('no list, and a list of nothing', () => {
    expect(problem([])).toBe('the name constraints are empty')
    const nothing = parseDer(writeElement(tags.sequence, writeElement(0xa0), writeElement(0xa1)))
    expect(() => readNameConstraints(nothing)).toThrow('a list of subtrees is empty')
  })
  test('256 subtrees are read, 257 are not', () => {
    const many = (count: number) => Array.from({ length: count }, (_, index): NameText => `dns:n${index}.test`)
    expect(problem(many(256), many(256))).toBe('none')
    expect(problem([], many(257))).toBe('a list of subtrees holds more than 256 entries')
  })
  test('lists in the wrong order are refused', () => {
    const [permitted] = nameConstraintsElement(['dns:a.test']).children
    const [excluded] = nameConstraintsElement([], ['dns:a.test']).children
    const swapped = writeElement(tags.sequence, ...[excluded, permitted].map((list) => list?.whole ?? Buffer.of()))
    expect(() => readNameConstraints(parseDer(swapped))).toThrow('the name constraints holds something unknown')
  })
})
