import type { Certificate } from './x509/certificate.ts'
import { type Flaw, leafFlaw, pinnedFlaw, purposesOf } from './x509/certificate-flaws.ts'
import { searchPath } from './x509/path-search.ts'

/** Whom the configuration trusts. */
export interface TrustStore {
  /** Where a path may end. Their own signatures are not looked at, everything else of them is. */
  readonly anchors: readonly Certificate[]
  /** Authorities that help to find a path, and are trusted in nothing. */
  readonly intermediates: readonly Certificate[]
  /** Thumbprints of certificates that are accepted without a path. */
  readonly pinned: ReadonlySet<string>
}

/** What is asked of a path. */
export interface ChainRules {
  /** The purposes of which the leaf has to have one; absent: no extension that says any. */
  readonly usages: readonly ('clientAuth' | 'serverAuth' | 'anyExtendedKeyUsage' | 'absent')[]
  /** Seconds by which every time of validity is extended on both ends. */
  readonly leeway: number
  /** OIDs of policies, one of which has to be valid for the path; empty: none is asked for. */
  readonly policies: readonly string[]
}

/** Expired is also what is not valid yet. */
export type ChainProblem = 'untrusted' | 'expired' | 'purpose'

export type Chain =
  | {
      readonly ok: true
      /** The leaf first, the anchor last; a pinned certificate alone. */
      readonly path: readonly Certificate[]
      /** Seconds since 1970, both inclusive: when all of the path is valid. */
      readonly notBefore: number
      readonly notAfter: number
    }
  | { readonly ok: false; readonly problem: ChainProblem; readonly detail: string }

/** Certificates that a client may send along. */
const MAX_PRESENTED = 16

/**
 * Whether a client's certificate may be believed: it is pinned, or a path leads from it to a trust anchor (RFC 5280
 * section 6.1). That it was not revoked, and whose it is, is not said. Never throws.
 */
export function findChain(
  leaf: Certificate,
  presented: readonly Certificate[],
  store: TrustStore,
  rules: ChainRules,
  now: number,
): Chain {
  const pinned = store.pinned.has(leaf.thumbprint)
  const flaw = pinned ? pinnedFlaw(leaf, rules, now) : leafFlaw(leaf, rules, now)
  if (flaw) return refused(flaw)
  const purposes = purposesOf(leaf, rules.usages)
  if (purposes.length === 0) return refused({ problem: 'purpose', detail: purposeDetail(leaf, rules) })
  if (pinned) return found([leaf])
  if (presented.length > MAX_PRESENTED)
    return refused({ problem: 'untrusted', detail: `more than ${MAX_PRESENTED} certificates were presented` })
  const search = searchPath(leaf, purposes, presented, store, rules, now)
  return search.ok ? found(search.path) : search
}

const refused = (flaw: Flaw): Chain => ({ ok: false, ...flaw })

const found = (path: readonly Certificate[]): Chain => ({
  ok: true,
  path: Object.freeze(path),
  notBefore: Math.max(...path.map(({ notBefore }) => notBefore)),
  notAfter: Math.min(...path.map(({ notAfter }) => notAfter)),
})

const purposeDetail = ({ extendedKeyUsage }: Certificate, { usages }: ChainRules): string =>
  `it is for ${extendedKeyUsage ? 'other purposes' : 'no stated purpose'}, and has to be for ${usages.join(' or ')}`
