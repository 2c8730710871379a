import { type Element, parseDer, tags } from '../../src/verify/x509/der.ts'
import { writeElement } from '../../src/verify/x509/der-writer.ts'
import type { Governed } from '../../src/verify/x509/policy-graph.ts'
import { sequence } from './qc-statements.ts'
import { oidElement } from './subjects.ts'
import { named } from './x509-path.ts'

export const ANY = '2.5.29.32.0'

/** What a certificate of a path says about policies; what is left out it does not say. */
export interface PolicyContent {
  readonly policies?: readonly string[]
  readonly mappings?: readonly (readonly [issuer: string, subject: string])[]
  readonly explicit?: number
  readonly mapping?: number
  readonly any?: number
  readonly selfIssued?: boolean
}

/** A certificate of a path, as far as the rules on policies look at it. */
export function governed(content: PolicyContent): Governed {
  const { policies, mappings = [], explicit, mapping, any, selfIssued = false } = content
  const sets = new Map<string, Set<string>>()
  for (const [issuer, subject] of mappings) sets.set(issuer, (sets.get(issuer) ?? new Set()).add(subject))
  return {
    subject: named('subject'),
    issuer: named(selfIssued ? 'SUBJECT' : 'issuer'),
    policies: {
      policies: policies && new Set(policies),
      mappings: sets,
      requireExplicitPolicy: explicit,
      inhibitPolicyMapping: mapping,
      inhibitAnyPolicy: any,
    },
  }
}

/** Leaf first; an anchor that says nothing stands behind them. */
export const governedPath = (...contents: readonly PolicyContent[]): readonly Governed[] => [
  ...contents.map(governed),
  governed({}),
]

export const policyElement = (oid: string, ...more: readonly Buffer[]): Buffer => sequence(oidElement(oid), ...more)
export const elementOf = (...parts: readonly Buffer[]): Element => parseDer(sequence(...parts))
export const skips = (tag: number, value: number): Buffer => writeElement(tag, Buffer.of(value))
export const integer = (value: number): Element => parseDer(skips(tags.integer, value))
