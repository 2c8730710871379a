import { type Element, listOf, malformed, oidOf, partsOf, smallNumberOf, tags } from './der.ts'

/** What a certificate says about policies (RFC 5280 sections 4.2.1.4, 4.2.1.5, 4.2.1.11 and 4.2.1.14). */
export interface CertificatePolicies {
  /** The OIDs it was issued under; undefined when it has no such extension. */
  readonly policies: ReadonlySet<string> | undefined
  /** The policies of its subject's domain that count as one of its issuer's. */
  readonly mappings: ReadonlyMap<string, ReadonlySet<string>>
  /** Certificates that may follow before a policy is needed; undefined: not said. The same for the next two. */
  readonly requireExplicitPolicy: number | undefined
  readonly inhibitPolicyMapping: number | undefined
  readonly inhibitAnyPolicy: number | undefined
}

/** The values of the four extensions; undefined for those that are not there. */
export interface PolicyExtensions {
  readonly policies: Element | undefined
  readonly mappings: Element | undefined
  readonly constraints: Element | undefined
  readonly inhibitAnyPolicy: Element | undefined
}

export const ANY_POLICY = '2.5.29.32.0'

/** Policies, and mappings, of one certificate. */
const MAX_POLICIES = 128

/** Reads the extensions, throwing `malformed`. Qualifiers are for people, nothing here depends on what they say. */
export function readPolicies(extensions: PolicyExtensions): CertificatePolicies {
  const { policies, mappings, constraints, inhibitAnyPolicy } = extensions
  const [requireExplicitPolicy, inhibitPolicyMapping] = constraints ? constraintsOf(constraints) : []
  return Object.freeze({
    policies: policies && policiesOf(policies),
    mappings: mappings ? mappingsOf(mappings) : new Map<string, ReadonlySet<string>>(),
    requireExplicitPolicy,
    inhibitPolicyMapping,
    inhibitAnyPolicy: inhibitAnyPolicy && skipsOf(inhibitAnyPolicy, tags.integer),
  })
}

function policiesOf(element: Element): ReadonlySet<string> {
  const oids = listOf(element, 'the certificate policies', MAX_POLICIES).map(policyOf)
  const policies = new Set(oids)
  return policies.size === oids.length ? policies : malformed('a certificate policy is there twice')
}

function policyOf(element: Element): string {
  const parts = partsOf(element, 'a certificate policy')
  const oid = oidOf(parts.any('a certificate policy'))
  const qualifiers = parts.optional(tags.sequence)
  parts.end()
  if (qualifiers) {
    for (const qualifier of listOf(qualifiers, 'the policy qualifiers', MAX_POLICIES)) checkQualifier(qualifier)
  }
  return oid
}

function checkQualifier(element: Element): void {
  const parts = partsOf(element, 'a policy qualifier')
  oidOf(parts.any('a policy qualifier'))
  parts.any('a policy qualifier')
  parts.end()
}

function mappingsOf(element: Element): ReadonlyMap<string, ReadonlySet<string>> {
  const mappings = new Map<string, Set<string>>()
  for (const pair of listOf(element, 'the policy mappings', MAX_POLICIES)) {
    const parts = partsOf(pair, 'a policy mapping')
    const [issuer, subject] = [oidOf(parts.any('a policy')), oidOf(parts.any('a policy'))]
    parts.end()
    if (issuer === ANY_POLICY || subject === ANY_POLICY) malformed('a policy mapping holds anyPolicy')
    mappings.set(issuer, (mappings.get(issuer) ?? new Set()).add(subject))
  }
  return mappings
}

function constraintsOf(element: Element): readonly [number | undefined, number | undefined] {
  const parts = partsOf(element, 'the policy constraints')
  const [explicit, mapping] = [parts.optional(0x80), parts.optional(0x81)]
  parts.end()
  if (!explicit && !mapping) malformed('the policy constraints are empty')
  return [explicit && skipsOf(explicit, 0x80), mapping && skipsOf(mapping, 0x81)]
}

function skipsOf(element: Element, tag: number): number {
  return element.tag === tag ? smallNumberOf(element) : malformed('a number of certificates is expected')
}
