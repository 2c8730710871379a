import type { ChainRules, TrustStore } from '../certificate-chain.ts'
import type { Certificate } from './certificate.ts'
import { authorityFlaw, describeAuthority, type Flaw, purposesBelow } from './certificate-flaws.ts'
import { isSameName } from './name.ts'
import { nameProblem, newComparisons } from './name-constraints.ts'
import { nameText } from './name-text.ts'
import { policyProblem } from './policy-graph.ts'
import { isSignedWith } from './signature.ts'

/** Certificates of a path, the leaf and the anchor among them. */
const MAX_PATH = 6
/** Signatures that one search verifies, and those by authorities that came along: whoever sends them chooses what they cost. */
const MAX_SIGNATURES = 100
const MAX_FOREIGN = 20
/** Authorities that one search looks at. */
const MAX_STEPS = 500

export type Search = { readonly ok: true; readonly path: readonly Certificate[] } | ({ readonly ok: false } & Flaw)

/** A whole path that begins like this one, goes on with this certificate, and is for one of these purposes. */
type Step = (
  path: readonly Certificate[],
  certificate: Certificate,
  purposes: readonly string[],
) => readonly Certificate[] | undefined

/**
 * Looks for a path from the leaf to an anchor, depth first (RFC 5280 section 6.1). Names say who may have issued a
 * certificate, a signature says who has; key identifiers give the order of trial alone. Of several paths one is enough.
 */
export function searchPath(
  leaf: Certificate,
  purposes: readonly string[],
  presented: readonly Certificate[],
  store: TrustStore,
  rules: ChainRules,
  now: number,
): Search {
  const anchors = new Set(store.anchors.map(({ thumbprint }) => thumbprint))
  const pool = new Map(
    [...store.anchors, ...presented, ...store.intermediates].map((authority) => [authority.thumbprint, authority]),
  )
  const own = new Set([...store.anchors, ...store.intermediates].map(({ thumbprint }) => thumbprint))
  const signatures = new Map<string, boolean>()
  let foreign = 0
  const comparisons = newComparisons()
  let steps = 0
  let exhausted = false
  let first: Flaw | undefined
  const note = (flaw: Flaw): undefined => {
    first ??= flaw
  }

  const isSigned = (child: Certificate, authority: Certificate): boolean => {
    const pair = `${child.thumbprint} ${authority.key.pin}`
    const known = signatures.get(pair)
    if (known !== undefined) return known
    if (!own.has(authority.thumbprint)) foreign += 1
    if (signatures.size >= MAX_SIGNATURES || foreign > MAX_FOREIGN) {
      exhausted = true
      return false
    }
    const valid = isSignedWith(child, authority.key)
    signatures.set(pair, valid)
    return valid
  }

  const extend: Step = (path, child, left) => {
    const named = [...pool.values()].filter((authority) => isSameName(child.issuer, authority.subject))
    const candidates = inOrder(
      child,
      named.filter((authority) => !isInPath(path, authority)),
    )
    let issued = false
    for (const authority of candidates) {
      steps += 1
      if (steps > MAX_STEPS) exhausted = true
      if (exhausted) return undefined
      if (!isSigned(child, authority)) continue
      issued = true
      const found = take(path, authority, left)
      if (found) return found
    }
    const circle = candidates.length < named.length
    if (!issued) note({ problem: 'untrusted', detail: orphan(child, path.length > 1, named.length > 0, circle) })
    return undefined
  }

  const take: Step = (below, authority, left) => {
    const anchor = anchors.has(authority.thumbprint)
    const count = below.slice(1).filter(({ subject, issuer }) => !isSameName(subject, issuer)).length
    const flaw = authorityFlaw(authority, anchor, count, rules, now)
    if (flaw) return note(flaw)
    const purposes = purposesBelow(authority, left)
    const who = describeAuthority(authority, anchor)
    if (purposes.length === 0) return note({ problem: 'purpose', detail: `${who} does not allow that purpose` })
    const path = [...below, authority]
    if (!anchor) {
      if (path.length < MAX_PATH) return extend(path, authority, purposes)
      return note({ problem: 'untrusted', detail: `the path is longer than ${MAX_PATH} certificates` })
    }
    const problem = nameProblem(path, comparisons) ?? policyProblem(path, { wanted: rules.policies })
    return problem === undefined ? path : note({ problem: 'untrusted', detail: problem })
  }

  const path = extend([leaf], leaf, purposes)
  if (path) return { ok: true, path }
  if (exhausted) return { ok: false, problem: 'untrusted', detail: 'the search for its issuers took too many steps' }
  return { ok: false, ...(first ?? { problem: 'untrusted', detail: 'no path leads to a trust anchor' }) }
}

/** The same authority twice makes no path valid that is not valid without the detour, and could go on for ever. */
const isInPath = (path: readonly Certificate[], { subject, key }: Certificate): boolean =>
  path.some((certificate) => certificate.key.pin === key.pin && isSameName(certificate.subject, subject))

/** First those whose key identifier is the one that the certificate names, last those with another one. */
const inOrder = ({ authorityKeyId }: Certificate, authorities: readonly Certificate[]): readonly Certificate[] => {
  const rank = ({ subjectKeyId }: Certificate): number => {
    if (authorityKeyId === undefined || subjectKeyId === undefined) return 1
    return authorityKeyId === subjectKeyId ? 0 : 2
  }
  return [...authorities].sort((one, other) => rank(one) - rank(other))
}

/** The issuer of a leaf that names itself is its subject, so it is left out. */
function orphan(child: Certificate, intermediate: boolean, named: boolean, circle: boolean): string {
  const who = intermediate ? describeAuthority(child, false) : 'it'
  if (isSameName(child.subject, child.issuer)) return `${who} is self-signed and not among the trusted ones`
  if (circle) return `${who} leads back to an authority below it`
  const issuer = nameText(child.issuer).slice(0, 200)
  return named
    ? `${who} names the issuer ${issuer}, and no key known under that name signed it`
    : `no certificate authority of the configuration issued ${who}: ${issuer} is unknown`
}
