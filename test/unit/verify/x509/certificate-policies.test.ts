import { describe, expect, test } from 'vitest'
import { type PolicyExtensions, readPolicies } from '../../../../src/verify/x509/certificate-policies.ts'
import { parseDer, tags } from '../../../../src/verify/x509/der.ts'
import { writeElement } from '../../../../src/verify/x509/der-writer.ts'
import { sequence } from '../../../support/qc-statements.ts'
import { oidElement } from '../../../support/subjects.ts'
import { ANY, elementOf, integer, policyElement, skips } from '../../../support/x509-policies.ts'

const none: PolicyExtensions = {
  policies: undefined,
  mappings: undefined,
  constraints: undefined,
  inhibitAnyPolicy: undefined,
}
const mapping = (issuer: string, subject: string): Buffer => sequence(oidElement(issuer), oidElement(subject))
const many = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `1.2.${index}`)

function problem(extensions: Partial<PolicyExtensions>): string {
  try {
    readPolicies({ ...none, ...extensions })
    return 'none'
  } catch (error) {
    return (error as Error).message
  }
}

describe('X5-10 what a certificate says about policies is read', () => {
  test('nothing', () =>
    expect(readPolicies(none)).toEqual({
      policies: undefined,
      mappings: new Map(),
      requireExplicitPolicy: undefined,
      inhibitPolicyMapping: undefined,
      inhibitAnyPolicy: undefined,
    }))
  test('everything', () => {
    const qualifier = sequence(policyElement('1.3.6.1.5.5.7.2.1', writeElement(tags.ia5String, Buffer.from('cps'))))
    const read = readPolicies({
      policies: elementOf(policyElement('1.2.3', qualifier), policyElement(ANY)),
      mappings: elementOf(mapping('1.2.3', '1.2.4'), mapping('1.2.3', '1.2.5'), mapping('1.2.6', '1.2.4')),
      constraints: elementOf(skips(0x80, 0), skips(0x81, 3)),
      inhibitAnyPolicy: integer(2),
    })
    expect(read).toEqual({
      policies: new Set(['1.2.3', ANY]),
      mappings: new Map([
        ['1.2.3', new Set(['1.2.4', '1.2.5'])],
        ['1.2.6', new Set(['1.2.4'])],
      ]),
      requireExplicitPolicy: 0,
      inhibitPolicyMapping: 3,
      inhibitAnyPolicy: 2,
    })
  })
  test('one of the two constraints alone', () => {
    expect(readPolicies({ ...none, constraints: elementOf(skips(0x80, 1)) })).toMatchObject({
      requireExplicitPolicy: 1,
    })
    expect(readPolicies({ ...none, constraints: elementOf(skips(0x81, 1)) })).toMatchObject({ inhibitPolicyMapping: 1 })
  })
  test('128 policies are read, 129 are not; the same for mappings', () => {
    const policies = (count: number) =>
      problem({ policies: elementOf(...many(count).map((oid) => policyElement(oid))) })
    const mappings = (count: number) =>
      problem({ mappings: elementOf(...many(count).map((oid) => mapping('1.2.3', oid))) })
    expect([policies(128), mappings(128)]).toEqual(['none', 'none'])
    expect(policies(129)).toBe('the certificate policies holds more than 128 entries')
    expect(mappings(129)).toBe('the policy mappings holds more than 128 entries')
  })
})

describe('X5-10 what is not well formed is refused', () => {
  test.each<[string, Partial<PolicyExtensions>, string]>([
    ['no policy', { policies: elementOf() }, 'the certificate policies is empty'],
    [
      'a policy twice',
      { policies: elementOf(policyElement('1.2.3'), policyElement('1.2.3')) },
      'a certificate policy is there twice',
    ],
    ['no qualifier', { policies: elementOf(policyElement('1.2.3', sequence())) }, 'the policy qualifiers is empty'],
    [
      'something behind the qualifiers',
      {
        policies: elementOf(policyElement('1.2.3', sequence(policyElement('1.2.3', oidElement('1.2.3'))), sequence())),
      },
      'a certificate policy holds something unknown',
    ],
    [
      'a qualifier without a value',
      { policies: elementOf(policyElement('1.2.3', sequence(policyElement('1.2.3')))) },
      'a policy qualifier is missing',
    ],
    ['policies in no list', { policies: integer(1) }, 'the certificate policies is missing or of another type'],
    ['no mapping', { mappings: elementOf() }, 'the policy mappings is empty'],
    ['a mapping from anyPolicy', { mappings: elementOf(mapping(ANY, '1.2.3')) }, 'a policy mapping holds anyPolicy'],
    ['a mapping to anyPolicy', { mappings: elementOf(mapping('1.2.3', ANY)) }, 'a policy mapping holds anyPolicy'],
    ['half a mapping', { mappings: elementOf(sequence(oidElement('1.2.3'))) }, 'a policy is missing'],
    ['no constraint', { constraints: elementOf() }, 'the policy constraints are empty'],
    [
      'constraints in the wrong order',
      { constraints: elementOf(skips(0x81, 0), skips(0x80, 0)) },
      'the policy constraints holds something unknown',
    ],
    ['a negative constraint', { constraints: elementOf(skips(0x80, 0xff)) }, 'a number is out of range'],
    [
      'an inhibition that is no number',
      { inhibitAnyPolicy: parseDer(skips(tags.octetString, 1)) },
      'a number of certificates is expected',
    ],
    ['a negative inhibition', { inhibitAnyPolicy: integer(0x80) }, 'a number is out of range'],
  ])('%s', (_what, extensions, message) => expect(problem(extensions)).toBe(message))
})
