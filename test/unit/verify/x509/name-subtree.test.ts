import { describe, expect, test } from 'vitest'
import { nameProblem } from '../../../../src/verify/x509/name-constraints.ts'
import { C, CN, nameOfParts, O, OU, subjectOf } from '../../../support/subjects.ts'
import { type NameText, namedCertificate } from '../../../support/x509-path.ts'

const empty = subjectOf()
const bank = subjectOf([C, 'GB'], [O, 'Bank'])
const bankUnit = subjectOf([C, 'gb'], [O, ' BANK '], [OU, 'x'])

/** What a path of an anchor with these constraints and a leaf with this one name is told. */
const judge = (
  name: NameText,
  constraints: { readonly permitted?: readonly NameText[]; readonly excluded?: readonly NameText[] },
) =>
  nameProblem([
    typeof name === 'string'
      ? namedCertificate({ subject: empty, names: [name] })
      : namedCertificate({ subject: name, names: [] }),
    namedCertificate(constraints),
  ])

type Row = readonly [name: NameText, base: NameText]

/** In the subtree by any reading. */
const inside: readonly Row[] = [
  ['dns:example.com', 'dns:example.com'],
  ['dns:A.EXAMPLE.com', 'dns:example.COM'],
  ['dns:a.b.example.com', 'dns:example.com'],
  ['dns:*.example.com', 'dns:example.com'],
  ['dns:*.a.example.com', 'dns:example.com'],
  ['dns:anything.test', 'dns:'],
  ['email:User@Example.com', 'email:example.COM'],
  ['email:user@example.com', 'email:user@EXAMPLE.com'],
  ['email:user@a.example.com', 'email:.example.com'],
  ['uri:https://example.com/a', 'uri:Example.com'],
  ['uri:https://user@EXAMPLE.com:8443?x', 'uri:example.com'],
  ['uri:spiffe://a.example.com/workload', 'uri:.example.com'],
  ['ip:0a0102ff', 'ip:0a010200ffffff00'],
  ['ip:0a0102ff', 'ip:0a010203ffffff00'],
  ['ip:0a0102ff', 'ip:0000000000000000'],
  [`ip:20010db8${'0'.repeat(23)}1`, `ip:20010db8${'0'.repeat(24)}ffffffff${'0'.repeat(24)}`],
  [bank, bank],
  [bankUnit, bank],
]

/** Outside by any reading. */
const outside: readonly Row[] = [
  ['dns:example.org', 'dns:example.com'],
  ['dns:notexample.com', 'dns:example.com'],
  ['dns:com', 'dns:example.com'],
  ['dns:*.org', 'dns:example.com'],
  ['dns:*.com', 'dns:a.example.com'],
  ['email:user@a.example.com', 'email:example.com'],
  ['email:user@example.com', 'email:.example.com'],
  ['email:other@example.com', 'email:user@example.com'],
  ['uri:https://a.example.com/', 'uri:example.com'],
  ['uri:https://example.com/', 'uri:.example.com'],
  ['uri:https://evil.test/?https://example.com', 'uri:example.com'],
  ['uri:https://example.com@evil.test/', 'uri:example.com'],
  ['ip:0a0103ff', 'ip:0a010200ffffff00'],
  ['ip:0a0102ff', `ip:${'0'.repeat(64)}`],
  [subjectOf([C, 'GB']), bank],
  [subjectOf([O, 'Bank'], [C, 'GB']), bank],
  [subjectOf([C, 'GB'], [O, 'Banks']), bank],
]

/** Neither surely inside nor surely outside: permitted does not cover it, and excluded hits it. */
const unsure: readonly Row[] = [
  ['dns:*.example.com', 'dns:a.example.com'],
  ['dns:*.com', 'dns:example.com'],
  ['email:USER@example.com', 'email:user@example.com'],
  ['email:user@example.com', 'email:'],
  ['uri:https://example.com/', 'uri:'],
  ['uri:urn:example:com', 'uri:example.com'],
  ['uri:https://10.1.2.3/', 'uri:example.com'],
  ['uri:https://[2001:db8::1]/', 'uri:example.com'],
  ['uri:https://example.com./', 'uri:example.com'],
  ['uri:https://ex%61mple.com/', 'uri:example.com'],
  ['uri:https://evil.test\\@example.com/', 'uri:example.com'],
  ['uri:https://evil.test@a@example.com/', 'uri:example.com'],
  ['other:06022a03', 'other:06022a04'],
  ['registeredId:2a03', 'registeredId:2a04'],
  [
    nameOfParts(
      [[C, 'GB']],
      [
        [O, 'Bank'],
        [CN, 'x'],
      ],
    ),
    bank,
  ],
  [subjectOf([C, 'GB'], [O, 'Bank\u0000']), bank],
]

const textOf = (name: NameText): string => (typeof name === 'string' ? name : name.keys.join())
const rows = (list: readonly Row[]) =>
  list.map(([name, base]) => ({ name, base, title: `${textOf(name)} | ${textOf(base)}` }))

const NOT_PERMITTED = expect.stringMatching(/^a name of the form \w+ lies in no permitted subtree$/)
const EXCLUDED = expect.stringMatching(/^a name of the form \w+ lies in an excluded subtree$/)

describe('X5-09 one name against one subtree', () => {
  test.each(rows(inside))('inside: $title', ({ name, base }) => {
    expect(judge(name, { permitted: [base] })).toBeUndefined()
    expect(judge(name, { excluded: [base] })).toEqual(EXCLUDED)
  })
  test.each(rows(outside))('outside: $title', ({ name, base }) => {
    expect(judge(name, { permitted: [base] })).toEqual(NOT_PERMITTED)
    expect(judge(name, { excluded: [base] })).toBeUndefined()
  })
  test.each(rows(unsure))('unsure: $title', ({ name, base }) => {
    expect(judge(name, { permitted: [base] })).toEqual(NOT_PERMITTED)
    expect(judge(name, { excluded: [base] })).toEqual(EXCLUDED)
  })
})
