import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readPolicies } from '../../src/verify/x509/certificate-policies.ts'
import { attempt, type Element, parseDer, tags } from '../../src/verify/x509/der.ts'
import { writeElement } from '../../src/verify/x509/der-writer.ts'
import { nameProblem, readNameConstraints } from '../../src/verify/x509/name-constraints.ts'
import { policyProblem } from '../../src/verify/x509/policy-graph.ts'
import { isValidByTree } from '../support/policy-tree.ts'
import { subjectOf } from '../support/subjects.ts'
import { generalName, type NameText, nameConstraintsElement, named, namedCertificate } from '../support/x509-path.ts'
import { ANY, elementOf, governedPath, type PolicyContent, policyElement, skips } from '../support/x509-policies.ts'

const label = fc.constantFrom('a', 'b', 'A', 'xa')
const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
const few = fc.constantFrom('00', '01', '80', 'ff')
const octets = (count: number) => fc.array(few, { minLength: count, maxLength: count }).map((list) => list.join(''))

const name: fc.Arbitrary<NameText> = fc.oneof(
  fc.tuple(fc.boolean(), host).map(([wildcard, text]): NameText => `dns:${wildcard ? '*.' : ''}${text}`),
  host.map((text): NameText => `email:u@${text}`),
  host.map((text): NameText => `uri:https://${text}/`),
  octets(4).map((text): NameText => `ip:${text}`),
  label.map(named),
)
const base: fc.Arbitrary<NameText> = fc.oneof(
  host.map((text): NameText => `dns:${text}`),
  fc.tuple(fc.constantFrom('', '.', 'u@', 'v@'), host).map(([before, text]): NameText => `email:${before}${text}`),
  fc.tuple(fc.constantFrom('', '.'), host).map(([before, text]): NameText => `uri:${before}${text}`),
  fc
    .tuple(octets(4), fc.constantFrom('00000000', '80000000', 'ff000000', 'ffff8000', 'ffffffff'))
    .map(([address, mask]): NameText => `ip:${address}${mask}`),
  label.map(named),
)
const bases = fc.array(base, { maxLength: 4 })
const constraints = fc.record({ permitted: bases, excluded: bases })

describe('X5-09 name constraints', () => {
  test('what one more CA constrains never lets more through', () =>
    fc.assert(
      fc.property(fc.array(name, { maxLength: 4 }), constraints, constraints, (names, one, more) => {
        const judge = (...list: readonly (typeof one)[]) =>
          nameProblem([namedCertificate({ names }), ...list.map(namedCertificate), namedCertificate({})])
        expect(judge(one) !== undefined || judge(more) !== undefined).toBe(judge(one, more) !== undefined)
      }),
    ))

  test('what is surely in a subtree is excluded by it', () =>
    fc.assert(
      fc.property(name, base, (one, subtree) => {
        const judge = (content: Parameters<typeof namedCertificate>[0]) =>
          nameProblem([namedCertificate({ subject: subjectOf(), names: [one] }), namedCertificate(content)])
        fc.pre(generalName(one).type === generalName(subtree).type)
        if (judge({ permitted: [subtree] }) === undefined) expect(judge({ excluded: [subtree] })).toBeDefined()
      }),
    ))

  test('hosts are compared label by label from the right', () =>
    fc.assert(
      fc.property(host, host, (one, limit) => {
        const labels = (text: string) => text.toLowerCase().split('.').reverse()
        const below = labels(limit).every((text, index) => labels(one)[index] === text)
        const judge = nameProblem([
          namedCertificate({ names: [`dns:${one}`] }),
          namedCertificate({ permitted: [`dns:${limit}`] }),
        ])
        expect(judge === undefined).toBe(below)
      }),
    ))

  test('addresses are compared bit by bit under the mask', () =>
    fc.assert(
      fc.property(
        fc
          .constantFrom(4, 16)
          .chain((size) => fc.tuple(octets(size), octets(size), fc.integer({ min: 0, max: size * 8 }))),
        ([address, network, bits]) => {
          const size = address.length * 4
          const text = (digits: string) => BigInt(`0x1${digits}`).toString(2).slice(1)
          const mask = BigInt(`0b1${'1'.repeat(bits)}${'0'.repeat(size - bits)}`)
            .toString(16)
            .slice(1)
          const judge = nameProblem([
            namedCertificate({ names: [`ip:${address}`] }),
            namedCertificate({ permitted: [`ip:${network}${mask}`] }),
          ])
          expect(judge === undefined).toBe(text(address).slice(0, bits) === text(network).slice(0, bits))
        },
      ),
    ))
})

const policy = fc.constantFrom('1.2.1', '1.2.2', '1.2.3', ANY)
const plain = fc.constantFrom('1.2.1', '1.2.2', '1.2.3')
const skip = fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined, freq: 1 })
const certificate: fc.Arbitrary<PolicyContent> = fc
  .record({
    policies: fc.option(fc.uniqueArray(policy, { minLength: 1 }), { nil: undefined, freq: 8 }),
    mappings: fc.array(fc.tuple(plain, plain), { maxLength: 3 }),
    explicit: skip,
    mapping: skip,
    any: skip,
    selfIssued: fc.boolean(),
  })
  .map(({ policies, explicit, mapping, any, ...rest }) => ({
    ...rest,
    ...(policies && { policies }),
    ...(explicit !== undefined && { explicit }),
    ...(mapping !== undefined && { mapping }),
    ...(any !== undefined && { any }),
  }))
const rules = fc.record({
  wanted: fc.uniqueArray(policy, { maxLength: 2 }),
  explicit: fc.constantFrom(true, true, true, false),
  inhibitMapping: fc.boolean(),
  inhibitAny: fc.boolean(),
})

test('X5-10 the graph of RFC 9618 agrees with the tree of RFC 5280', () =>
  fc.assert(
    fc.property(fc.array(certificate, { minLength: 1, maxLength: 4 }), rules, (certificates, wanted) => {
      const path = governedPath(...certificates)
      expect(policyProblem(path, wanted) === undefined).toBe(isValidByTree(path, wanted))
    }),
    { numRuns: 2000 },
  ))

describe('X5-09, X5-10 whatever an extension holds', () => {
  const tag = fc.constantFrom(...Object.values(tags), 0x80, 0x81, 0x82, 0x86, 0x87, 0xa0, 0xa1, 0xa4)
  const { element } = fc.letrec<{ element: Buffer }>((tie) => ({
    element: fc.oneof(
      { depthSize: 'medium', maxDepth: 5 },
      fc
        .tuple(tag, fc.uint8Array({ maxLength: 6 }))
        .map(([one, bytes]) => writeElement(one & ~0x20, Buffer.from(bytes))),
      fc
        .tuple(fc.constantFrom(tags.sequence, 0xa0, 0xa1, 0xa4), fc.array(tie('element'), { maxLength: 4 }))
        .map(([one, parts]) => writeElement(one, ...parts)),
    ),
  }))
  const whole = [
    nameConstraintsElement(['dns:a.b', 'ip:0a000000ff000000', named('a')], ['email:.a.b', 'uri:a.b']).whole,
    elementOf(policyElement('1.2.3'), policyElement(ANY)).whole,
    elementOf(elementOf(policyElement('1.2.3'), policyElement('1.2.4')).whole).whole,
    elementOf(skips(0x80, 1), skips(0x81, 1)).whole,
  ]
  const spoilt = fc.tuple(fc.constantFrom(...whole), fc.nat(), fc.nat(255)).map(([bytes, at, value]) => {
    const copy = Buffer.from(bytes)
    copy[at % copy.length] = value
    return copy
  })
  const readers: Readonly<Record<string, (one: Element) => unknown>> = {
    nameConstraints: readNameConstraints,
    certificatePolicies: (policies) =>
      readPolicies({ policies, mappings: undefined, constraints: undefined, inhibitAnyPolicy: undefined }),
    policyMappings: (mappings) =>
      readPolicies({ policies: undefined, mappings, constraints: undefined, inhibitAnyPolicy: undefined }),
    policyConstraints: (constraints_) =>
      readPolicies({
        policies: undefined,
        mappings: undefined,
        constraints: constraints_,
        inhibitAnyPolicy: undefined,
      }),
    inhibitAnyPolicy: (inhibitAnyPolicy) =>
      readPolicies({ policies: undefined, mappings: undefined, constraints: undefined, inhibitAnyPolicy }),
  }
  test.each(Object.entries(readers))('%s is read, or refused with a sentence of its own', (_what, reader) =>
    fc.assert(
      fc.property(fc.oneof(element, spoilt), (bytes) => {
        const parsed = attempt(() => parseDer(bytes))
        if (!parsed.ok) return
        const reading = attempt(() => reader(parsed.value))
        if (!reading.ok) expect(reading.problem).not.toBe('the structure cannot be parsed')
      }),
      { numRuns: 500 },
    ),
  )
})
