import type { ChainProblem, ChainRules } from '../certificate-chain.ts'
import { type Certificate, isCritical } from './certificate.ts'
import { oids } from './extensions.ts'
import { nameText } from './name-text.ts'

/** Why a certificate cannot be the one it is asked to be. The detail is for the log and names no client. */
export interface Flaw {
  readonly problem: ChainProblem
  readonly detail: string
}

type Usage = ChainRules['usages'][number]

const ANY = '2.5.29.37.0'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'

const untrusted = (detail: string): Flaw => ({ problem: 'untrusted', detail })
const purpose = (detail: string): Flaw => ({ problem: 'purpose', detail })

/** What is wrong with the certificate of a client, whoever issued it. */
export function leafFlaw(leaf: Certificate, { leeway }: ChainRules, now: number): Flaw | undefined {
  if (leaf.ca) return purpose('it is the certificate of an authority')
  if (leaf.keyUsage?.has('keyCertSign')) return purpose('it may sign certificates without being an authority')
  if (leaf.nameConstraints) return untrusted('it constrains names without being an authority')
  if (leaf.subject.attributes.length === 0 && !isCritical(leaf, oids.subjectAltName))
    return untrusted('it has no subject, and no critical alternative name instead')
  if (!leaf.algorithm) return untrusted('it is signed with a weak or unknown algorithm')
  return anyFlaw(leaf, 'it', leeway, now) ?? usageFlaw(leaf)
}

/** What is wrong with a pinned certificate: who issued it makes no difference, nor that its client is an authority. */
export const pinnedFlaw = (leaf: Certificate, { leeway }: ChainRules, now: number): Flaw | undefined =>
  anyFlaw(leaf, 'it', leeway, now) ?? usageFlaw(leaf)

const usageFlaw = ({ keyUsage }: Certificate): Flaw | undefined =>
  keyUsage?.has('digitalSignature') === false
    ? purpose('its key usage does not allow digital signatures, as TLS needs them')
    : undefined

/** What is wrong with the certificate of an authority. `below` counts the authorities between it and the leaf. */
export function authorityFlaw(
  authority: Certificate,
  anchor: boolean,
  below: number,
  { leeway }: ChainRules,
  now: number,
): Flaw | undefined {
  const who = describeAuthority(authority, anchor)
  if (!authority.ca) return untrusted(`${who} is the certificate of no authority`)
  if (!isCritical(authority, oids.basicConstraints))
    return untrusted(`${who} has basic constraints that are not critical`)
  if (authority.keyUsage?.has('keyCertSign') === false) return untrusted(`${who} may not sign certificates`)
  if (authority.pathLength !== undefined && below > authority.pathLength)
    return untrusted(`${who} allows ${authority.pathLength} authorities below it, and there are ${below}`)
  if (!anchor && !authority.algorithm) return untrusted(`${who} is signed with a weak or unknown algorithm`)
  return anyFlaw(authority, who, leeway, now)
}

/** How the log names an authority. A certificate that claims to be none might be a client's, whose name stays out. */
export function describeAuthority(authority: Certificate, anchor: boolean): string {
  const role = anchor ? 'the trust anchor' : 'the intermediate'
  return authority.ca ? `${role} ${nameText(authority.subject).slice(0, MAX_NAME)}` : role
}

/** Characters of a name in a detail. */
const MAX_NAME = 200

function anyFlaw(certificate: Certificate, who: string, leeway: number, now: number): Flaw | undefined {
  const { notBefore, notAfter, unknownCritical, key } = certificate
  const [unknown] = unknownCritical
  if (unknown !== undefined) return untrusted(`${who} has the critical extension ${unknown}, which is not processed`)
  if (key.weakness !== undefined) return untrusted(`${who} has a key that is refused: ${key.weakness}`)
  // Written so that a time that is no number is outside.
  if (!(now >= notBefore - leeway))
    return { problem: 'expired', detail: `${who} is not valid before ${dateOf(notBefore)}` }
  if (!(now <= notAfter + leeway)) return { problem: 'expired', detail: `${who} expired on ${dateOf(notAfter)}` }
  return undefined
}

// biome-ignore lint/style/noRestrictedGlobals: a given time is written, none is asked for
const dateOf = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`

/** The purposes for which the leaf may be used and that are wanted; empty when there are none (section 4.2.1.12). */
export function purposesOf({ extendedKeyUsage }: Certificate, usages: readonly Usage[]): readonly string[] {
  if (!extendedKeyUsage) return usages.includes('absent') ? [CLIENT_AUTH] : []
  return usages.flatMap((usage) => {
    const purposes = wanted[usage]
    return purposes && extendedKeyUsage.has(purposes.stated) ? [purposes.meant] : []
  })
}

/** Who may be used for anything is used as a client here. */
const wanted: Readonly<Partial<Record<Usage, { readonly stated: string; readonly meant: string }>>> = {
  clientAuth: { stated: CLIENT_AUTH, meant: CLIENT_AUTH },
  serverAuth: { stated: SERVER_AUTH, meant: SERVER_AUTH },
  anyExtendedKeyUsage: { stated: ANY, meant: CLIENT_AUTH },
}

/** Those of the purposes that an authority allows below it. */
export const purposesBelow = ({ extendedKeyUsage }: Certificate, purposes: readonly string[]): readonly string[] =>
  !extendedKeyUsage || extendedKeyUsage.has(ANY) ? purposes : purposes.filter((one) => extendedKeyUsage.has(one))
