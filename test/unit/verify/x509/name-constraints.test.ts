import { describe, expect, test } from 'vitest'
import { tags } from '../../../../src/verify/x509/der.ts'
import type { Name } from '../../../../src/verify/x509/name.ts'
import { nameProblem, newComparisons } from '../../../../src/verify/x509/name-constraints.ts'
import { chainOf, SCENARIO_TIME } from '../../../support/chain-scenarios.ts'
import { C, O, OU, subjectOf } from '../../../support/subjects.ts'
import { pathOfVector } from '../../../support/vector-paths.ts'
import { type NameText, named, namedCertificate } from '../../../support/x509-path.ts'

const EMAIL_ADDRESS = '1.2.840.113549.1.9.1'
const empty = subjectOf()
const bank = subjectOf([C, 'GB'], [O, 'Bank'])
const bankUnit = subjectOf([C, 'gb'], [O, ' BANK '], [OU, 'x'])

const NOT_PERMITTED = expect.stringMatching(/^a name of the form \w+ lies in no permitted subtree$/)
const EXCLUDED = expect.stringMatching(/^a name of the form \w+ lies in an excluded subtree$/)

describe('X5-09 names of a certificate', () => {
  const below = (
    content: Parameters<typeof namedCertificate>[0],
    ...constraints: Parameters<typeof namedCertificate>[0][]
  ) => nameProblem([namedCertificate(content), ...constraints.map(namedCertificate)])

  test('a constraint on one form says nothing about another', () => {
    expect(
      below({ names: ['dns:example.com', 'email:a@example.com'] }, { excluded: ['uri:example.com'] }),
    ).toBeUndefined()
    expect(
      below({ names: ['dns:example.com'] }, { permitted: ['other:06022a03', 'ip:0a000000ff000000'] }),
    ).toBeUndefined()
  })
  test('one permitted subtree of the form suffices, for each name', () => {
    const permitted = ['dns:a.test', 'dns:b.test'] as const
    expect(below({ names: ['dns:x.b.test', 'dns:a.test'] }, { permitted })).toBeUndefined()
    expect(below({ names: ['dns:x.b.test', 'dns:c.test'] }, { permitted })).toEqual(NOT_PERMITTED)
  })
  test('what is excluded is not saved by being permitted', () => {
    const constraints = { permitted: ['dns:test'], excluded: ['dns:a.test'] } as const
    expect(below({ names: ['dns:b.test'] }, constraints)).toBeUndefined()
    expect(below({ names: ['dns:a.test'] }, constraints)).toEqual(EXCLUDED)
  })
  test('each CA narrows, none widens', () => {
    const [wide, narrow] = [{ permitted: ['dns:test'] }, { permitted: ['dns:a.test'] }] as const
    for (const order of [
      [wide, narrow],
      [narrow, wide],
    ] as const) {
      expect(below({ names: ['dns:a.test'] }, ...order)).toBeUndefined()
      expect(below({ names: ['dns:b.test'] }, ...order)).toEqual(NOT_PERMITTED)
    }
  })
  test('an empty subject lies nowhere, another one lies somewhere', () => {
    expect(below({ subject: empty, names: ['dns:a.test'] }, { permitted: [bank] })).toBeUndefined()
    expect(below({ subject: bankUnit }, { permitted: [bank] })).toBeUndefined()
    expect(below({ subject: named('x') }, { permitted: [bank] })).toEqual(NOT_PERMITTED)
  })
  test('a directory name among the alternative names counts as the subject does', () => {
    expect(below({ subject: bank, names: [bankUnit] }, { permitted: [bank] })).toBeUndefined()
    expect(below({ subject: bank, names: [named('x')] }, { permitted: [bank] })).toEqual(NOT_PERMITTED)
  })
  test.each<[string, Name, boolean]>([
    ['below the host', subjectOf([EMAIL_ADDRESS, 'a@example.com', tags.ia5String]), true],
    ['elsewhere', subjectOf([EMAIL_ADDRESS, 'a@example.org', tags.ia5String]), false],
    ['no mail address', subjectOf([EMAIL_ADDRESS, 'example.com', tags.ia5String]), false],
    ['no text', subjectOf([EMAIL_ADDRESS, Buffer.of(0xff), tags.utf8String]), false],
  ])('a mail address in the subject counts as one among the alternative names: %s', (_what, subject, permitted) => {
    const names = ['email:b@example.com'] as const
    expect(below({ subject, names }, { permitted: ['email:example.com'] })).toEqual(
      permitted ? undefined : NOT_PERMITTED,
    )
    expect(below({ subject }, { excluded: ['email:example.net'] })).toEqual(
      permitted || subject.attributes[0]?.text === 'a@example.org' ? undefined : EXCLUDED,
    )
  })
  test('a common name is no host name', () =>
    expect(below({ subject: named('evil.test') }, { permitted: ['dns:example.com'] })).toBeUndefined())
})

describe('X5-09 where in the path', () => {
  const constrained = namedCertificate({ permitted: ['dns:a.test'] })
  const bad = { names: ['dns:b.test'] } as const
  const self = { subject: named('ca'), issuer: named('CA') }

  test('names of intermediates count', () =>
    expect(nameProblem([namedCertificate({}), namedCertificate(bad), constrained])).toEqual(NOT_PERMITTED))
  test('those of an intermediate that its own name issued do not', () =>
    expect(nameProblem([namedCertificate({}), namedCertificate({ ...bad, ...self }), constrained])).toBeUndefined())
  test('those of a leaf do, whoever issued it', () =>
    expect(nameProblem([namedCertificate({ ...bad, ...self }), constrained])).toEqual(NOT_PERMITTED))
  test('constraints of the self-issued one hold below it', () =>
    expect(
      nameProblem([
        namedCertificate(bad),
        namedCertificate({ ...self, permitted: ['dns:a.test'] }),
        namedCertificate({}),
      ]),
    ).toEqual(NOT_PERMITTED))
  test('constraints do not reach up', () =>
    expect(nameProblem([namedCertificate({}), constrained, namedCertificate(bad)])).toBeUndefined())
  test('the names of the anchor are not judged', () =>
    expect(
      nameProblem([namedCertificate({}), namedCertificate({ ...bad, permitted: ['dns:a.test'] })]),
    ).toBeUndefined())
})

describe('X5-09 bounds of the comparison', () => {
  const many = (count: number, form: 'dns' | 'uri' = 'dns') =>
    Array.from({ length: count }, (_, index): NameText => `${form}:n${index}.test`)
  const leafOf = (count: number) => namedCertificate({ subject: empty, names: many(count) })

  test('256 names against 256 subtrees are compared', () =>
    expect(nameProblem([leafOf(256), namedCertificate({ permitted: many(256) })])).toBeUndefined())
  test('257 names are refused, as are names that nobody constrains', () => {
    const problem = 'a certificate below name constraints has more than 256 names'
    expect(nameProblem([leafOf(257), namedCertificate({ permitted: ['dns:test'] })])).toBe(problem)
    expect(nameProblem([leafOf(257), namedCertificate({ permitted: ['email:test'] })])).toBe(problem)
    expect(nameProblem([leafOf(257), namedCertificate({})])).toBeUndefined()
  })
  test('100,000 comparisons are the most, for a path and for all paths of a search', () => {
    const cas = (...counts: readonly number[]) =>
      counts.map((count) => namedCertificate({ permitted: ['dns:test'], excluded: many(count, 'uri') }))
    const path = (...counts: readonly number[]) => [leafOf(250), ...cas(...counts), namedCertificate({})]
    // Each CA has one more subtree, and each one above constrains the names (a subject each) of those below.
    expect(nameProblem(path(249))).toBeUndefined()
    expect(nameProblem(path(199, 198))).toBeUndefined()
    const comparisons = newComparisons()
    expect(nameProblem(path(249), comparisons)).toBeUndefined()
    expect(nameProblem(path(249), comparisons)).toBe('there are too many names and name constraints')
    expect(nameProblem(path(199, 199))).toBe('there are too many names and name constraints')
  })
  test('a search has them once for all of its paths', () => {
    const names = [...many(249), 'dns:last.test'] as const
    const chainUnder = (last: NameText) =>
      chainOf([{ excluded: [...many(255, 'uri'), last] }, { names }]).map((der) => der.toString('base64'))
    const [[closed = '', leaf = ''], [open = '']] = [chainUnder('dns:last.test'), chainUnder('dns:other.test')]
    const rules = { usages: ['clientAuth'] as const, leeway: 0, policies: [] }
    const isFound = (...anchors: readonly string[]): boolean =>
      pathOfVector({ leaf, intermediates: [], anchors }, rules, SCENARIO_TIME) !== undefined
    expect([isFound(open), isFound(closed)]).toEqual([true, false])
    expect([isFound(open, closed), isFound(closed, open)]).toEqual([true, false])
  })
})
