import type { Certificate } from './certificate.ts'
import { ANY_POLICY } from './certificate-policies.ts'
import { isSameName } from './name.ts'

/** What is asked of the policies of a path (RFC 5280 section 6.1.1 c and e to g). */
export interface PolicyRules {
  /** One of these OIDs has to be valid for the path. Empty: any will do, and none, unless a CA requires one. */
  readonly wanted: readonly string[]
  /** Whether a policy has to be there at all; absent: when one is wanted. */
  readonly explicit?: boolean
  readonly inhibitMapping?: boolean
  readonly inhibitAny?: boolean
}

/** What the rules on policies look at in a certificate. */
export type Governed = Pick<Certificate, 'subject' | 'issuer' | 'policies'>

/** One policy at one level of the graph. The policies at the next level that descend from it are the expected ones. */
interface Node {
  /** Its parents' policies at the level above; all of them, or anyPolicy alone. */
  readonly parents: readonly string[]
  readonly expected: ReadonlySet<string>
}
type Level = ReadonlyMap<string, Node>

/** Certificates until something holds; 0: it holds. */
interface Counters {
  readonly explicit: number
  readonly mapping: number
  readonly any: number
}

/**
 * Whether a path is valid under one of the wanted policies (RFC 9618 section 5, which replaces the tree of RFC 5280 by
 * a graph that cannot grow exponentially): undefined when it is, and otherwise a sentence for the log. The leaf comes
 * first and the anchor last; what the anchor says about policies is left out. Has to be called for each path, also when
 * no policy is wanted: a CA may require one.
 */
export function policyProblem(path: readonly Governed[], rules: PolicyRules): string | undefined {
  const certificates = path.slice(0, -1).reverse()
  const start = certificates.length + 1
  let counters: Counters = {
    explicit: (rules.explicit ?? rules.wanted.length > 0) ? 0 : start,
    mapping: rules.inhibitMapping === true ? 0 : start,
    any: rules.inhibitAny === true ? 0 : start,
  }
  const levels: Level[] = [new Map([[ANY_POLICY, { parents: [], expected: new Set([ANY_POLICY]) }]])]
  for (const [index, certificate] of certificates.entries()) {
    const last = index === certificates.length - 1
    const selfIssued = isSameName(certificate.subject, certificate.issuer)
    let level = levelBelow(levels.at(-1), certificate, counters.any > 0 || (selfIssued && !last))
    if (counters.explicit === 0 && level.size === 0) return 'no certificate policy is valid for the path'
    if (!last) level = mapped(level, certificate, counters.mapping > 0)
    levels.push(level)
    counters = countersBelow(counters, certificate, selfIssued, last)
  }
  if (counters.explicit > 0 || isWanted(validPolicies(levels), rules.wanted)) return undefined
  return 'no certificate policy that is asked for is valid for the path'
}

/** The policies of a certificate that descend from the level above (section 6.1.3 d and e). */
function levelBelow(above: Level | undefined, { policies }: Governed, anyCounts: boolean): Level {
  const level = new Map<string, Node>()
  if (!above || !policies.policies) return level
  const expecting = new Map<string, string[]>()
  for (const [policy, { expected }] of above) {
    for (const oid of expected) expecting.set(oid, [...(expecting.get(oid) ?? []), policy])
  }
  const any = above.has(ANY_POLICY) ? [ANY_POLICY] : undefined
  for (const oid of policies.policies) {
    if (oid === ANY_POLICY) continue
    const parents = expecting.get(oid) ?? any
    if (parents) level.set(oid, { parents, expected: new Set([oid]) })
  }
  if (!policies.policies.has(ANY_POLICY) || !anyCounts) return level
  for (const [oid, parents] of expecting) {
    if (!level.has(oid)) level.set(oid, { parents, expected: new Set([oid]) })
  }
  return level
}

/** The level with the mappings of its CA (section 6.1.4 b). Where they are inhibited, what is mapped ends here. */
function mapped(level: Level, { policies }: Governed, allowed: boolean): Level {
  const next = new Map(level)
  for (const [oid, expected] of policies.mappings) {
    const parents = level.get(oid)?.parents ?? level.get(ANY_POLICY)?.parents
    if (!allowed) next.delete(oid)
    else if (parents) next.set(oid, { parents, expected })
  }
  return next
}

/** Section 6.1.4 h to j for a CA, 6.1.5 a and b for the last certificate. */
function countersBelow(counters: Counters, { policies }: Governed, selfIssued: boolean, last: boolean): Counters {
  const step = last || !selfIssued ? 1 : 0
  const { requireExplicitPolicy, inhibitPolicyMapping, inhibitAnyPolicy } = policies
  const explicit = Math.max(0, counters.explicit - step)
  if (last) return { ...counters, explicit: requireExplicitPolicy === 0 ? 0 : explicit }
  return {
    explicit: Math.min(explicit, requireExplicitPolicy ?? explicit),
    mapping: Math.min(Math.max(0, counters.mapping - step), inhibitPolicyMapping ?? Number.POSITIVE_INFINITY),
    any: Math.min(Math.max(0, counters.any - step), inhibitAnyPolicy ?? Number.POSITIVE_INFINITY),
  }
}

/** The policies of the anchor's domain that reach the last level (section 6.1.5 g): those that descend from anyPolicy. */
function validPolicies(levels: readonly Level[]): ReadonlySet<string> {
  const [last] = levels.slice(-1)
  const valid = new Set<string>(last?.has(ANY_POLICY) === true ? [ANY_POLICY] : [])
  let reached = new Set(last?.keys())
  for (const level of levels.toReversed()) {
    const above = new Set<string>()
    for (const policy of reached) {
      for (const parent of level.get(policy)?.parents ?? []) {
        if (parent === ANY_POLICY && policy !== ANY_POLICY) valid.add(policy)
        above.add(parent)
      }
    }
    reached = above
  }
  return valid
}

const isWanted = (valid: ReadonlySet<string>, wanted: readonly string[]): boolean => {
  const whatever = wanted.length === 0 || wanted.includes(ANY_POLICY)
  return valid.size > 0 && (whatever || valid.has(ANY_POLICY) || wanted.some((oid) => valid.has(oid)))
}
