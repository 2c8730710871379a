import { describe, expect, test } from 'vitest'
import type { Certificate } from '../../src/verify/x509/certificate.ts'
import { readCrl } from '../../src/verify/x509/crl.ts'
import { judgeByCrls } from '../../src/verify/x509/crl-status.ts'
import { isSameName } from '../../src/verify/x509/name.ts'
import { nameProblem } from '../../src/verify/x509/name-constraints.ts'
import { policyProblem } from '../../src/verify/x509/policy-graph.ts'
import { certificatesOf, pathOfVector, vectorsOf } from '../support/vector-paths.ts'

interface Case {
  /** The section of the suite; several cases may stand in one. */
  readonly id: string
  readonly name: string
  readonly valid: boolean
  readonly leaf: string
  readonly intermediates: readonly string[]
  readonly crls: readonly string[]
  readonly policies?: readonly string[]
  readonly explicit?: boolean
  readonly inhibitMapping?: boolean
  /** false: revocation is not asked about. */
  readonly status?: false
}

const suite = vectorsOf('pkits/pkits.json') as {
  readonly anchor: string
  readonly anchorCrl: string
  readonly certificates: Readonly<Record<string, string>>
  readonly crls: Readonly<Record<string, string>>
  readonly cases: readonly Case[]
}

/** Within the validity of the suite, and of its lists. */
const NOW = Date.UTC(2020, 0) / 1000

const OTHER_KEY =
  'a list counts only when the key signed it that signed the certificate, not an older or newer one of the CA'
const INDIRECT = 'lists about the certificates of several issuers are not processed'

/** Every one of them is stricter than the suite. */
const differences: Readonly<Record<string, string>> = {
  valid_dsa_parameter_inheritance_test5: 'DSA is no algorithm of FAPI 2.0',
  overlapping_policies_test6_with_testpol1: 'X5-08: the leaf is a CA',
  valid_basic_self_issued_old_with_new_test1: OTHER_KEY,
  valid_self_issued_pathlenconstraint_test15: OTHER_KEY,
  valid_self_issued_pathlenconstraint_test17: OTHER_KEY,
  valid_self_issued_require_explicit_policy_test6: OTHER_KEY,
  valid_distributionpoint_test4:
    'a distribution point that is named relative to the issuer in the certificate is no place',
  valid_onlysomereasons_test18: 'lists of some reasons each are not put together',
  valid_idp_with_indirectcrl_test22: INDIRECT,
  valid_idp_with_indirectcrl_test24: INDIRECT,
  valid_crlissuer_test28: INDIRECT,
  valid_crlissuer_test30: INDIRECT,
  valid_deltacrl_test5: 'delta lists are not processed, so that what they take off the list stays revoked',
}

const der = (name: string): string => suite.certificates[name] ?? expect.unreachable(name)
const lists = ({ crls }: Case) =>
  [suite.anchorCrl, ...crls].flatMap((name) => {
    const reading = readCrl(Buffer.from(suite.crls[name] ?? expect.unreachable(name), 'base64'))
    return reading.ok ? [reading.value] : []
  })

function isAccepted(one: Case): boolean {
  const vector = { leaf: der(one.leaf), intermediates: one.intermediates.map(der), anchors: [der(suite.anchor)] }
  const rules = { usages: ['absent'] as const, leeway: 0, policies: [] }
  const path = pathOfVector(vector, rules, NOW)
  if (!path || problemOfPolicies(path, one) !== undefined) return false
  // The product asks for policies in one way alone; where the suite asks so too, the whole search has to agree.
  const { policies = [], explicit = false, inhibitMapping = false } = one
  if (explicit && policies.length > 0 && !inhibitMapping)
    expect(pathOfVector(vector, { ...rules, policies }, NOW)).toEqual(path)
  return (
    one.status === false || path.slice(0, -1).every((certificate, index) => isGood(certificate, path[index + 1], one))
  )
}

const problemOfPolicies = (path: readonly Certificate[], one: Case): string | undefined =>
  policyProblem(path, {
    wanted: one.policies ?? [],
    explicit: one.explicit === true,
    inhibitMapping: one.inhibitMapping === true,
  })

const isGood = (certificate: Certificate, issuer: Certificate | undefined, one: Case): boolean =>
  issuer !== undefined && judgeByCrls(certificate, issuer, lists(one), { maxAge: 86_400 }, NOW).kind === 'good'

describe('X5-01 … X5-05, X5-08 … X5-11 paths of PKITS with their lists', () => {
  test.each(suite.cases)('$id $name', (one) => {
    const reason = differences[one.name]
    expect({ accepted: isAccepted(one), reason }).toEqual({ accepted: one.valid && reason === undefined, reason })
  })
  test('each difference is about a case that the suite accepts', () => {
    const names = suite.cases.filter(({ valid }) => valid).map(({ name }) => name)
    expect(Object.keys(differences).filter((name) => !names.includes(name))).toEqual([])
  })
})

/** The path of a case whose certificates are all of it, in the order of their names. */
function orderedPath({ leaf, intermediates }: Case): readonly Certificate[] | undefined {
  const [first, ...others] = certificatesOf([leaf, ...intermediates].map(der))
  const [anchor] = certificatesOf([der(suite.anchor)])
  if (!first || !anchor || others.length < intermediates.length) return undefined
  const path = [first]
  for (let left = others; left.length > 0; ) {
    const last = path.at(-1)
    // What was issued by its own subject stands below the one that was not.
    const next = left.filter(({ subject }) => last && isSameName(subject, last.issuer))
    const above = next.find(({ subject, issuer }) => isSameName(subject, issuer)) ?? next[0]
    if (!above) return undefined
    path.push(above)
    left = left.filter((certificate) => certificate !== above)
  }
  return [...path, anchor]
}

describe('X5-09, X5-10 names and policies of PKITS alone, without any difference', () => {
  const cases = suite.cases.filter(({ id }) => /^4\.(8|9|10|11|12|13)\./.test(id))
  test.each(cases)('$id $name', (one) => {
    const path = orderedPath(one)
    const accepted = path !== undefined && (nameProblem(path) ?? problemOfPolicies(path, one)) === undefined
    expect(accepted).toBe(one.valid)
  })
})
