import { hash } from 'node:crypto'
import type { PresentedCertificate } from '../attributes.ts'
import { deny, ok, type Result } from '../denial.ts'
import { type Evaluate, type Ports, policyKind } from '../policy.ts'
import type { ClientAuthorities } from '../ports.ts'
import { readPresented } from '../verify/certificate.ts'
import { keyOf } from '../verify/certificate-list.ts'
import { compileMatcher } from '../verify/certificate-match.ts'
import {
  type CertificateRules,
  type JudgedCertificate,
  judgeCertificate,
  sealCertificate,
  traceCertificate,
  type VerifiedCertificate,
} from '../verify/client-certificate.ts'
import { judgeStatus, type PathStatus } from '../verify/path-status.ts'
import { readPresentedChain } from '../verify/presented-chain.ts'
import type { Certificate } from '../verify/x509/certificate.ts'
import { type ClientCertificateOptions, options } from './client-certificate-options.ts'

type Yield = Result<{ readonly certificate: VerifiedCertificate }>

/** A status is asked for again after this time, whatever its source says of it, seconds (X5-16). */
const MAX_STATUS = 300
/** Authorities of clients that are kept once for all of them. */
const MAX_SHARED = 256

/** The certificate of the client: path, validity, purpose, lists, roles, status (RFC 5280, RFC 6960, ETSI TS 119 495). */
export const clientCertificate = policyKind({
  options,
  needs: [],
  yields: ['certificate'],
  create: (settings: ClientCertificateOptions, { clientAuthorities }: Ports): Evaluate<never, 'certificate'> => {
    const authorities = clientAuthorities?.get(authoritiesKey(settings))
    if (!authorities) throw new Error('nobody has read the authorities of these options')
    const rules = rulesOf(settings, authorities)
    const stuck = new WeakSet<JudgedCertificate>()
    const recall = buildRecall(rules, authorities, stuck)
    const statusOf = buildStatus(authorities)

    return ({ attributes: { certificate: shown }, now, trace }) => {
      if (!trace.holds('certificate shown', 'RFC 8446 section 4.4.2', shown !== undefined) || shown === undefined)
        return deny('client_certificate_missing', 'there is none where the configuration takes it from')
      const leaf = readPresented(shown)
      const der = leaf.ok ? leaf.value.der : undefined
      if (!trace.holds('certificate read', 'RFC 5280 section 4.1', der !== undefined) || !leaf.ok || der === undefined)
        return deny('client_certificate_unusable', leaf.ok ? 'its hash alone is known' : leaf.problem)

      const outcome = recall(leaf.value.thumbprint, der, shown, now)
      traceCertificate(trace, outcome, rules)
      if (!outcome.ok) return outcome
      const judged = outcome.value
      const settle = (status: PathStatus): Yield => {
        const certificate = sealCertificate(judged, status)
        trace.holds('certificate status', 'RFC 5280 section 6.3', certificate.ok, status.kind)
        if (status.kind === 'tolerated') authorities.tolerated(status.detail)
        // An authority between may have been issued anew: what comes along next time may lead around it.
        if (status.kind === 'revoked' && judged.path.length > 2) stuck.add(judged)
        return certificate.ok ? ok({ certificate: certificate.value }) : certificate
      }
      const status = statusOf(judged, now)
      return status instanceof Promise ? status.then(settle) : settle(status)
    }
  },
})

/** What names the authorities of these options, and the memory of what they certified: the options themselves. */
export const authoritiesKey = (settings: ClientCertificateOptions): string => JSON.stringify(settings)

function rulesOf(settings: ClientCertificateOptions, { trust }: ClientAuthorities): CertificateRules {
  const { allow, deny: refuse, roles, qwac, organizationIdentifiers, leeway, policies } = settings
  const lists = compileMatcher({ allow, deny: refuse })
  if (!lists.ok) throw new Error(lists.problem)
  const usages = settings.eku.map((usage) => (usage === 'any' ? 'anyExtendedKeyUsage' : usage))
  return {
    trust,
    chain: { usages, leeway, policies },
    lists: lists.value,
    roles: { roles, qwac, organizationIdentifiers },
  }
}

/** Thumbprints as they are compared. */
export const pinsOf = ({ pinned }: ClientCertificateOptions): ReadonlySet<string> =>
  new Set(pinned.map((text) => keyOf('thumbprints', 'allow', text)))

/**
 * What was found out about a certificate is remembered while all of its path is valid, and that it met no rule for a few
 * seconds. A path that was once found holds whatever comes along with the certificate later; one that was not found may
 * be found with another company, so that counts for this very company alone.
 */
function buildRecall(
  rules: CertificateRules,
  { judged, refused }: ClientAuthorities,
  stuck: { readonly has: (judgement: JudgedCertificate) => boolean },
) {
  const { leeway } = rules.chain
  const authorities = new Map<string, Certificate>()
  /** Thousands of clients have the same few authorities, which are kept once. */
  const share = (certificate: Certificate): Certificate => {
    const known = authorities.get(certificate.thumbprint)
    if (known === undefined && authorities.size < MAX_SHARED) authorities.set(certificate.thumbprint, certificate)
    return known ?? certificate
  }
  const remember = (outcome: JudgedCertificate): JudgedCertificate => {
    const path = outcome.path.map((certificate, index) => (index === 0 ? certificate : share(certificate)))
    const kept = { ...outcome, path }
    judged.set(outcome.facts.thumbprint, kept)
    return kept
  }
  return (thumbprint: string, der: Uint8Array, shown: PresentedCertificate, now: number): Result<JudgedCertificate> => {
    const known = judged.get(thumbprint)
    if (known && !stuck.has(known) && now >= known.notBefore - leeway && now <= known.notAfter + leeway)
      return ok(known)
    const company = `${thumbprint} ${companyOf(shown)}`
    const denial = refused.get(company)
    if (denial) return denial
    const presented = readPresentedChain(shown)
    if (!presented.ok) return deny('client_certificate_unusable', presented.problem)
    const outcome = judgeCertificate(der, presented.value, rules, now)
    if (outcome.ok) return ok(remember(outcome.value))
    // That one is not valid yet ends at a moment of its own.
    refused.set(company, outcome, outcome.reason === 'client_certificate_expired' ? 1 : undefined)
    return outcome
  }
}

/** Names what came along with a certificate; empty when nothing did. */
function companyOf(shown: PresentedCertificate): string {
  if (shown.kind === 'pem') return shown.chain === undefined ? '' : hash('sha256', shown.chain, 'base64url')
  if (shown.kind !== 'der' || !shown.chain || shown.chain.length === 0) return ''
  return shown.chain.map((der) => hash('sha256', der, 'base64url')).join(' ')
}

/** How long a good word counts: by the clock of the wall, which somebody may set back, and by one that nobody can. */
interface Word {
  readonly until: number
  readonly dies: number
  readonly generation: number
}

/** A good word is remembered as long as it counts, and no longer than until somebody may have said another one. */
function buildStatus({ status: rules, generation, monotonic }: ClientAuthorities) {
  const words = new WeakMap<JudgedCertificate, Word>()
  return (judged: JudgedCertificate, now: number): PathStatus | Promise<PathStatus> => {
    const current = generation()
    const known = words.get(judged)
    const counts = known && now < known.until && monotonic() < known.dies
    if (counts && known.generation === current) return { kind: 'good', until: known.until }
    const keep = (status: PathStatus): PathStatus => {
      // What was asked for before the last news may be older than they are.
      if (status.kind !== 'good') words.delete(judged)
      else {
        const life = Math.min(status.until - now, MAX_STATUS)
        words.set(judged, { until: now + life, dies: monotonic() + life, generation: current })
      }
      return status
    }
    const status = judgeStatus(judged.path, rules, now)
    return status instanceof Promise ? status.then(keep) : keep(status)
  }
}
