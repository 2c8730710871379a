import type { StatusWord } from '../certificate-status.ts'
import type { Certificate } from './certificate.ts'
import type { Crl, CrlHeader } from './crl.ts'
import { coversAll } from './crl-scope.ts'
import { isSameName } from './name.ts'
import { isSignedWith } from './signature.ts'

/** What lists are worth. Seconds. */
export interface CrlRules {
  /** A list that does not say when the next one comes counts for this time after thisUpdate. */
  readonly maxAge: number
}

/** Clocks of authorities differ from ours by so much at the most, seconds. */
const LEEWAY = 60

/** Judges by all lists at hand, whoever issued them; the signature of each that applies is verified now. */
export function judgeByCrls(
  certificate: Certificate,
  issuer: Certificate,
  lists: readonly Crl[],
  rules: CrlRules,
  now: number,
): StatusWord {
  const named = lists.filter((list) => isListOf(list, issuer))
  const signed = named.filter((list) => isSignedWith(list, issuer.key))
  if (named.length > 0 && signed.length === 0) return unavailable('the CRL is not signed by the issuer')
  return judgeBySigned(certificate, issuer, signed, rules, now)
}

/** Whether the list says that it is by this issuer, and whether that one may write lists at all. */
export const isListOf = (
  { issuer: name }: CrlHeader,
  { subject, keyUsage }: Pick<Certificate, 'subject' | 'keyUsage'>,
): boolean => isSameName(name, subject) && keyUsage?.has('cRLSign') !== false

/**
 * Judges by lists that the issuer signed (RFC 5280 section 6.3). Whatever part of the certificates a list is about, and
 * however old it is: a certificate in it has been revoked, and so it stays until a newer list takes the place of this one.
 * That one has not been revoked says only a list in time that would have told.
 */
export function judgeBySigned(
  certificate: Certificate,
  issuer: Certificate,
  lists: readonly Crl[],
  rules: CrlRules,
  now: number,
): StatusWord {
  if (!isSameName(certificate.issuer, issuer.subject)) return unavailable('the issuer is another one')
  const { serial } = certificate
  const begun = lists.filter(({ thisUpdate }) => thisUpdate <= now + LEEWAY)
  for (const { find, scope } of begun) {
    // Attribute certificates are numbered by themselves.
    const reason = scope.only === 'attributes' ? undefined : find(serial)
    if (reason !== undefined) return { kind: 'revoked', detail: `certificate ${serial} was revoked (${reason})` }
  }
  const complete = begun.filter(({ scope }) => coversAll(scope, certificate))
  const until = Math.max(...complete.map((list) => lastOf(list, rules)))
  if (now <= until) return { kind: 'good', until }
  if (complete.length > 0) return unavailable('the CRL of the issuer counts no longer')
  if (begun.length > 0)
    return unavailable('the CRLs of the issuer are not about this certificate, or not about all reasons')
  return unavailable(lists.length > 0 ? 'the CRL of the issuer does not count yet' : 'there is no CRL of the issuer')
}

/** When a list ends to count, seconds since 1970. */
export const lastOf = ({ thisUpdate, nextUpdate }: CrlHeader, { maxAge }: CrlRules): number =>
  nextUpdate ?? thisUpdate + maxAge

/** Whether a list counts now. */
export const isCurrent = (list: CrlHeader, rules: CrlRules, now: number): boolean =>
  list.thisUpdate <= now + LEEWAY && now <= lastOf(list, rules)

/** Whether a list may take the place of another one of the same kind. Numbers never go backwards, and neither does time. */
export const isNewer = (next: CrlHeader, before: CrlHeader): boolean =>
  next.thisUpdate >= before.thisUpdate && (before.number === undefined || (next.number ?? -1n) >= before.number)

const unavailable = (detail: string): StatusWord => ({ kind: 'unavailable', detail })
