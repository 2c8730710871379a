import type { Governed, PolicyRules } from '../../src/verify/x509/policy-graph.ts'
import { ANY } from './x509-policies.ts'

/**
 * The tree of RFC 5280 sections 6.1.2 to 6.1.5, word by word and without any bound: what the graph of the product has to
 * agree with. For small paths alone.
 */
interface TreeNode {
  readonly policy: string
  readonly parent: TreeNode | undefined
  expected: ReadonlySet<string>
  children: TreeNode[]
}

class PolicyTree {
  root: TreeNode | undefined = { policy: ANY, parent: undefined, expected: new Set([ANY]), children: [] }

  at(depth: number, from = this.root): readonly TreeNode[] {
    if (!from) return []
    return depth === 0 ? [from] : from.children.flatMap((child) => this.at(depth - 1, child))
  }

  add(parent: TreeNode, policy: string, expected: ReadonlySet<string>): void {
    parent.children.push({ policy, parent, expected, children: [] })
  }

  remove(node: TreeNode): void {
    if (node.parent) node.parent.children = node.parent.children.filter((child) => child !== node)
    else this.root = undefined
  }

  /** Removes what has no children at this depth or above, from the bottom up. */
  prune(depth: number): void {
    for (let level = depth; level >= 0; level--) {
      for (const node of this.at(level)) if (node.children.length === 0) this.remove(node)
    }
  }
}

/** Whether the path, leaf first and anchor last, is valid under the rules. */
export function isValidByTree(path: readonly Governed[], rules: PolicyRules): boolean {
  const certificates = path.slice(0, -1).reverse()
  const n = certificates.length
  const tree = new PolicyTree()
  let explicit = (rules.explicit ?? rules.wanted.length > 0) ? 0 : n + 1
  let mapping = rules.inhibitMapping === true ? 0 : n + 1
  let any = rules.inhibitAny === true ? 0 : n + 1
  for (const [index, certificate] of certificates.entries()) {
    const i = index + 1
    const selfIssued = certificate.issuer.keys.join() === certificate.subject.keys.join()
    const { policies, mappings, requireExplicitPolicy, inhibitPolicyMapping, inhibitAnyPolicy } = certificate.policies
    if (policies) grow(tree, i, policies, any > 0 || (i < n && selfIssued))
    else tree.root = undefined
    if (explicit === 0 && !tree.root) return false
    if (i === n) {
      if (explicit > 0) explicit -= 1
      if (requireExplicitPolicy === 0) explicit = 0
      break
    }
    for (const [from, to] of mappings) map(tree, i, from, to, mapping > 0)
    if (!selfIssued)
      [explicit, mapping, any] = [explicit, mapping, any].map((count) => Math.max(0, count - 1)) as [
        number,
        number,
        number,
      ]
    if (requireExplicitPolicy !== undefined && requireExplicitPolicy < explicit) explicit = requireExplicitPolicy
    if (inhibitPolicyMapping !== undefined && inhibitPolicyMapping < mapping) mapping = inhibitPolicyMapping
    if (inhibitAnyPolicy !== undefined && inhibitAnyPolicy < any) any = inhibitAnyPolicy
  }
  if (rules.wanted.length > 0 && !rules.wanted.includes(ANY)) intersect(tree, n, rules.wanted)
  return explicit > 0 || tree.root !== undefined
}

/** Section 6.1.3 d. */
function grow(tree: PolicyTree, i: number, policies: ReadonlySet<string>, anyCounts: boolean): void {
  const above = tree.at(i - 1)
  for (const policy of policies) {
    if (policy === ANY) continue
    const expecting = above.filter(({ expected }) => expected.has(policy))
    const parents = expecting.length > 0 ? expecting : above.filter((node) => node.policy === ANY)
    for (const parent of parents) tree.add(parent, policy, new Set([policy]))
  }
  if (policies.has(ANY) && anyCounts) {
    for (const node of above) {
      for (const policy of node.expected) {
        if (!node.children.some((child) => child.policy === policy)) tree.add(node, policy, new Set([policy]))
      }
    }
  }
  tree.prune(i - 1)
}

/** Section 6.1.4 b. */
function map(tree: PolicyTree, i: number, from: string, to: ReadonlySet<string>, allowed: boolean): void {
  const nodes = tree.at(i).filter(({ policy }) => policy === from)
  if (!allowed) {
    for (const node of nodes) tree.remove(node)
    tree.prune(i - 1)
    return
  }
  for (const node of nodes) node.expected = to
  if (nodes.length > 0) return
  const parent = tree.at(i).find(({ policy }) => policy === ANY)?.parent
  if (parent) tree.add(parent, from, to)
}

/** Section 6.1.5 g iii. */
function intersect(tree: PolicyTree, n: number, wanted: readonly string[]): void {
  const depths = Array.from({ length: n + 1 }, (_, depth) => depth)
  const valid = depths.flatMap((depth) => tree.at(depth)).filter((node) => node.parent?.policy === ANY)
  const kept = new Set(valid.map(({ policy }) => policy))
  for (const node of valid) if (node.policy !== ANY && !wanted.includes(node.policy)) tree.remove(node)
  const last = tree.at(n).find(({ policy }) => policy === ANY)
  if (last?.parent) {
    for (const policy of wanted) if (!kept.has(policy)) tree.add(last.parent, policy, new Set([policy]))
    tree.remove(last)
  }
  tree.prune(n - 1)
}
