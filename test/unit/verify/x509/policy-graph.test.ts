import { describe, expect, test } from 'vitest'
import { type PolicyRules, policyProblem } from '../../../../src/verify/x509/policy-graph.ts'
import { ANY, governed, governedPath, type PolicyContent } from '../../../support/x509-policies.ts'

const [A, B, X] = ['1.2.1', '1.2.2', '1.2.3']
const NONE = 'no certificate policy is valid for the path'
const NOT_WANTED = 'no certificate policy that is asked for is valid for the path'

/** Leaf first, as the paths are. */
type Case = readonly [what: string, path: readonly PolicyContent[], rules: PolicyRules, problem: string | undefined]

const judge = (_what: string, path: readonly PolicyContent[], rules: PolicyRules, problem: string | undefined) =>
  expect(policyProblem(governedPath(...path), rules)).toBe(problem)

describe('X5-10 a wanted policy', () => {
  test.each<Case>([
    ['is in each certificate', [{ policies: [A] }, { policies: [A, B] }], { wanted: [A] }, undefined],
    ['is one of several', [{ policies: [A] }, { policies: [A] }], { wanted: [X, A] }, undefined],
    ['is another', [{ policies: [A] }, { policies: [A] }], { wanted: [B] }, NOT_WANTED],
    ['is not in the leaf', [{ policies: [B] }, { policies: [A, B] }], { wanted: [A] }, NOT_WANTED],
    ['is not in the CA', [{ policies: [A] }, { policies: [B] }], { wanted: [A] }, NONE],
    ['is asked of a leaf without policies', [{}, { policies: [A] }], { wanted: [A] }, NONE],
    ['is asked of a CA without policies', [{ policies: [A] }, {}, { policies: [A] }], { wanted: [A] }, NONE],
    ['is covered by anyPolicy of the CA', [{ policies: [A] }, { policies: [ANY] }], { wanted: [A] }, undefined],
    ['is covered by anyPolicy of the leaf', [{ policies: [ANY] }, { policies: [A] }], { wanted: [A] }, undefined],
    ['is covered by anyPolicy everywhere', [{ policies: [ANY] }, { policies: [ANY] }], { wanted: [A] }, undefined],
    [
      'is not covered by anyPolicy below another',
      [{ policies: [ANY] }, { policies: [B] }],
      { wanted: [A] },
      NOT_WANTED,
    ],
    ['is any at all', [{ policies: [A] }, { policies: [A] }], { wanted: [ANY] }, undefined],
    ['is any at all, and there is none', [{ policies: [A] }, { policies: [B] }], { wanted: [ANY] }, NONE],
    ['is asked of a leaf that the anchor issued', [{ policies: [A] }], { wanted: [A] }, undefined],
    ['is asked of a leaf of the anchor without policies', [{}], { wanted: [A] }, NONE],
  ])('%s', judge)
  test('what the anchor says is left out', () => {
    const anchor = governed({ policies: [B], explicit: 0, any: 0, mapping: 0 })
    expect(policyProblem([governed({ policies: [A] }), anchor], { wanted: [A] })).toBeUndefined()
    expect(policyProblem([governed({}), anchor], { wanted: [] })).toBeUndefined()
  })
})

describe('X5-10 no wanted policy', () => {
  const rules = { wanted: [] }
  test.each<Case>([
    ['a path without policies', [{}, {}], rules, undefined],
    ['a path with policies that do not fit together', [{ policies: [A] }, { policies: [B] }], rules, undefined],
    ['a CA requires one, and there is one', [{ policies: [A] }, { policies: [A], explicit: 0 }], rules, undefined],
    ['a CA requires one at once', [{}, { policies: [A], explicit: 0 }], rules, NONE],
    ['a CA requires one from the next', [{}, { policies: [A] }, { policies: [A], explicit: 1 }], rules, NONE],
    ['a CA requires one further down than the path goes', [{}, { policies: [A], explicit: 2 }], rules, undefined],
    // RFC 5280 section 6.1.5 a: the end of the path takes one off as well.
    ['a CA requires one just below the leaf', [{}, { policies: [A], explicit: 1 }], rules, NOT_WANTED],
    ['the leaf requires one', [{ explicit: 0 }, { policies: [A] }], rules, NOT_WANTED],
    ['the leaf requires one, and has it', [{ policies: [A], explicit: 0 }, { policies: [A] }], rules, undefined],
    ['a later CA cannot take the requirement back', [{}, { explicit: 9 }, { policies: [A], explicit: 0 }], rules, NONE],
    [
      'self-issued certificates do not count down',
      [{}, { selfIssued: true }, { selfIssued: true }, { explicit: 3 }],
      rules,
      undefined,
    ],
    ['others do', [{}, {}, {}, { explicit: 3 }], rules, NOT_WANTED],
    ['one is asked for in general', [{}, {}], { wanted: [], explicit: true }, NONE],
    [
      'one is asked for in general, and there is one',
      [{ policies: [A] }, { policies: [A] }],
      { wanted: [], explicit: true },
      undefined,
    ],
    ['one is wanted, but not required', [{}, {}], { wanted: [A], explicit: false }, undefined],
  ])('%s', judge)
})

describe('X5-10 mapped policies', () => {
  const wanted = [A]
  const maps = { policies: [A], mappings: [[A, X]] } as const
  test.each<Case>([
    ['the policy of the subject domain counts', [{ policies: [X] }, maps], { wanted }, undefined],
    ['the one of the issuer domain does no longer', [{ policies: [A] }, maps], { wanted }, NONE],
    ['wanted is the policy of the anchor, not the mapped one', [{ policies: [X] }, maps], { wanted: [X] }, NOT_WANTED],
    [
      'several times',
      [{ policies: [X] }, { policies: [B], mappings: [[B, X]] }, { policies: [A], mappings: [[A, B]] }],
      { wanted },
      undefined,
    ],
    [
      'to two policies',
      [
        { policies: [B] },
        {
          policies: [A],
          mappings: [
            [A, X],
            [A, B],
          ],
        },
      ],
      { wanted },
      undefined,
    ],
    ['of a policy the CA does not have', [{ policies: [X] }, { policies: [B], mappings: [[A, X]] }], { wanted }, NONE],
    [
      'of a policy the CA has by anyPolicy',
      [{ policies: [X] }, { policies: [ANY], mappings: [[A, X]] }],
      { wanted },
      undefined,
    ],
    [
      'of anyPolicy: others go on as they are',
      [{ policies: [B] }, { policies: [ANY], mappings: [[A, X]] }],
      { wanted: [B] },
      undefined,
    ],
    [
      'two onto one',
      [
        { policies: [X] },
        {
          policies: [A, B],
          mappings: [
            [A, X],
            [B, X],
          ],
        },
      ],
      { wanted: [B] },
      undefined,
    ],
    ['anyPolicy of the leaf covers the mapped one', [{ policies: [ANY] }, maps], { wanted }, undefined],
    ['inhibited from the start', [{ policies: [X] }, maps], { wanted, inhibitMapping: true }, NONE],
    [
      'inhibited from the start: the policy itself ends too',
      [{ policies: [A] }, maps],
      { wanted, inhibitMapping: true },
      NONE,
    ],
    [
      'inhibited from the start, no mapping',
      [{ policies: [A] }, { policies: [A] }],
      { wanted, inhibitMapping: true },
      undefined,
    ],
    ['inhibited by a CA above', [{ policies: [X] }, maps, { policies: [A], mapping: 0 }], { wanted }, NONE],
    ['inhibited one further down', [{ policies: [X] }, maps, { policies: [A], mapping: 1 }], { wanted }, undefined],
    [
      'inhibited below a self-issued one',
      [{ policies: [X] }, maps, { policies: [A], selfIssued: true }, { policies: [A], mapping: 1 }],
      { wanted },
      undefined,
    ],
    [
      'inhibited below another one',
      [{ policies: [X] }, maps, { policies: [A] }, { policies: [A], mapping: 1 }],
      { wanted },
      NONE,
    ],
    ['the leaf maps nothing', [{ policies: [X], mappings: [[X, A]] }, { policies: [X] }], { wanted: [X] }, undefined],
  ])('%s', judge)
})

describe('X5-10 anyPolicy', () => {
  const wanted = [A]
  test.each<Case>([
    ['inhibited from the start', [{ policies: [A] }, { policies: [ANY] }], { wanted, inhibitAny: true }, NONE],
    ['inhibited by the CA above, in the leaf', [{ policies: [ANY] }, { policies: [A], any: 0 }], { wanted }, NONE],
    ['inhibited one further down', [{ policies: [ANY] }, { policies: [A], any: 1 }], { wanted }, undefined],
    ['inhibited two above', [{ policies: [ANY] }, { policies: [A] }, { policies: [A], any: 1 }], { wanted }, NONE],
    [
      'inhibited, but in a self-issued CA',
      [{ policies: [A] }, { policies: [ANY], selfIssued: true }, { policies: [A], any: 0 }],
      { wanted },
      undefined,
    ],
    [
      'inhibited, in a self-issued leaf',
      [
        { policies: [ANY], selfIssued: true },
        { policies: [A], any: 0 },
      ],
      { wanted },
      NONE,
    ],
    [
      'the smaller number holds',
      [{ policies: [ANY] }, { policies: [A], any: 5 }, { policies: [A], any: 0 }],
      { wanted },
      NONE,
    ],
  ])('%s', judge)
})

test('X5-10 a path whose mappings would make a tree of millions of nodes is judged', () => {
  const oids = Array.from({ length: 64 }, (_, index) => `1.2.${index}`)
  const mappings = oids.flatMap((from) => [[from, oids[0] ?? ''] as const, [from, oids[1] ?? ''] as const])
  const level = { policies: [...oids, ANY], mappings }
  const path = governedPath({ policies: oids.slice(1) }, level, level, level, level)
  expect(policyProblem(path, { wanted: ['1.2.40'] })).toBeUndefined()
  expect(policyProblem(path, { wanted: ['1.2.99'] })).toBe(NOT_WANTED)
})
