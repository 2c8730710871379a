import { type Denial, type DenyReason, deny, ok, type Result } from '../denial.ts'
import type { Trace } from '../trace.ts'
import { type ChainProblem, type ChainRules, findChain, type TrustStore } from './certificate-chain.ts'
import type { Matcher } from './certificate-match.ts'
import { judgeRoles, type RoleFacts, type RoleRules } from './certificate-roles.ts'
import type { PathStatus } from './path-status.ts'
import type { PresentedChain } from './presented-chain.ts'
import { type Certificate, readCertificateDer } from './x509/certificate.ts'
import type { Name } from './x509/name.ts'
import { spellName } from './x509/name-text.ts'

declare const verified: unique symbol

/** What a certificate says, for people, logs and headers. */
interface CertificateFacts extends RoleFacts {
  /** base64url SHA-256 of the DER encoding. */
  readonly thumbprint: string
  /** As RFC 4514 writes it. */
  readonly subject: string
  readonly issuer: string
  /** Those of the two that are whole: one that is very long is cut, and then another name. */
  readonly whole: { readonly subject?: string; readonly issuer?: string }
  /** Hex. */
  readonly serial: string
  /** Seconds since 1970, both inclusive. */
  readonly notBefore: number
  readonly notAfter: number
}

/**
 * The certificate a client showed, which the configuration trusts for what the route asks (RFC 5280 section 6). That a
 * token belongs to it is not said: see `VerifiedBinding`. Only `sealCertificate` makes one.
 */
export interface VerifiedCertificate extends CertificateFacts {
  readonly [verified]: 'client certificate'
  /** For comparisons. */
  readonly name: Name
  /** `unknown`: the operator lets certificates pass of which nothing can be learned. `unasked`: nobody is asked. */
  readonly status: 'good' | 'unknown' | 'unasked'
}

const seals = new WeakSet<object>()

export const isVerifiedCertificate = (value: unknown): value is VerifiedCertificate =>
  typeof value === 'object' && value !== null && seals.has(value)

/** What a route asks of certificates. */
export interface CertificateRules {
  readonly trust: TrustStore
  readonly chain: ChainRules
  readonly lists: Matcher
  readonly roles: RoleRules
}

/** A certificate that meets the rules; whether it has been revoked is to be asked. */
export interface JudgedCertificate {
  /** The leaf first, the anchor last; a pinned certificate alone. */
  readonly path: readonly Certificate[]
  /** Seconds since 1970, both inclusive: when that holds. */
  readonly notBefore: number
  readonly notAfter: number
  readonly name: Name
  readonly facts: CertificateFacts
}

/** Whether the certificate meets the rules, whoever shows it. Pure: the same input has the same outcome. */
export function judgeCertificate(
  der: Uint8Array,
  presented: PresentedChain,
  { trust, chain, lists, roles }: CertificateRules,
  now: number,
): Result<JudgedCertificate> {
  const reading = readCertificateDer(der)
  if (!reading.ok) return deny('client_certificate_unusable', reading.problem)
  const leaf = reading.value
  const found = findChain(leaf, presented.certificates, trust, chain, now)
  if (!found.ok) return deny(reasons[found.problem], found.detail + unreadableNote(presented))
  const unlisted = lists(leaf)
  if (unlisted !== undefined) return deny('client_certificate_refused', unlisted)
  const role = judgeRoles(leaf, roles)
  if (!role.ok) return deny('client_certificate_role_missing', role.detail)
  const { path, notBefore, notAfter } = found
  return ok({ path, notBefore, notAfter, name: leaf.subject, facts: factsOf(leaf, role.facts) })
}

const reasons: Readonly<Record<ChainProblem, DenyReason>> = {
  untrusted: 'client_certificate_untrusted',
  expired: 'client_certificate_expired',
  purpose: 'client_certificate_purpose_refused',
}

const unreadableNote = ({ unreadable }: PresentedChain): string =>
  unreadable === 0 ? '' : `; ${unreadable} of the certificates that came along cannot be read`

function factsOf(leaf: Certificate, roles: RoleFacts): CertificateFacts {
  const { thumbprint, serial, notBefore, notAfter } = leaf
  const [subject, issuer] = [spellName(leaf.subject), spellName(leaf.issuer)]
  const whole = { ...(subject.whole && { subject: subject.text }), ...(issuer.whole && { issuer: issuer.text }) }
  Object.freeze(roles.roles)
  return { ...roles, thumbprint, subject: subject.text, issuer: issuer.text, whole, serial, notBefore, notAfter }
}

/** Seals evidence about one request; without a word on its status there is none. */
export function sealCertificate({ facts, name }: JudgedCertificate, status: PathStatus): Result<VerifiedCertificate> {
  if (!Object.hasOwn(words, status.kind)) return refuse(status)
  // Looked at the line before.
  const word = words[status.kind as keyof typeof words]
  const certificate: Omit<VerifiedCertificate, typeof verified> = { ...facts, name, status: word }
  seals.add(Object.freeze(certificate))
  // The seal: the path holds, and its status was judged.
  return ok(certificate as VerifiedCertificate)
}

const words = { good: 'good', tolerated: 'unknown', unasked: 'unasked' } as const

/** Whatever else a broken source may say counts as `unavailable`. */
function refuse(status: PathStatus): Denial {
  const detail = 'detail' in status ? status.detail : ''
  if (status.kind === 'revoked') return deny('client_certificate_revoked', detail)
  if (status.kind === 'unknown') return deny('client_certificate_status_unknown', detail)
  return deny('certificate_status_unavailable', detail)
}

/** What is compared, and the reason that a comparison fails for. The first three are one search for a path. */
const comparisons = [
  ['certificate purpose', 'RFC 5280 section 4.2.1.12', 'client_certificate_purpose_refused'],
  ['certificate validity', 'RFC 5280 section 4.1.2.5', 'client_certificate_expired'],
  ['certificate path', 'RFC 5280 section 6.1', 'client_certificate_untrusted'],
  ['certificate lists', 'RFC 4517 section 4.2.15', 'client_certificate_refused'],
  ['certificate roles', 'ETSI TS 119 495 section 5.1', 'client_certificate_role_missing'],
] as const
const SEARCH = 3

/** Records how the certificate was judged, be it now or when it was first seen. */
export function traceCertificate(trace: Trace, outcome: Result<JudgedCertificate>, { roles }: CertificateRules): void {
  const failing = outcome.ok ? comparisons.length : comparisons.findIndex(([, , reason]) => reason === outcome.reason)
  // Of a search that failed, nobody knows what else would have held.
  const from = failing < SEARCH ? Math.max(failing, 0) : 0
  const wanted = [...roles.roles.all, ...roles.roles.any]
  for (const [check, clause, reason] of comparisons.slice(from, failing + 1)) {
    const about = reason === 'client_certificate_role_missing'
    const found = about && outcome.ok ? outcome.value.facts.roles : undefined
    trace.holds(
      check,
      clause,
      outcome.ok || reason !== outcome.reason,
      found,
      about && wanted.length > 0 ? wanted : undefined,
    )
  }
}
