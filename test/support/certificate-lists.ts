import { type CertificateLists, compileMatcher, type MatchedCertificate } from '../../src/verify/certificate-match.ts'
import { CN, O, subjectOf } from './subjects.ts'

export const THUMBPRINT = Buffer.alloc(32, 0xab).toString('base64url')
export const PIN = Buffer.alloc(32, 0xfb).toString('base64url')

/** What the lists see of a certificate; the difference is given. */
const matched = (more: Partial<MatchedCertificate> = {}): MatchedCertificate => ({
  alternativeNames: [],
  issuer: subjectOf([O, 'Test Authority'], [CN, 'Issuing CA']),
  key: { object: undefined, kind: 'rsa', pin: PIN, weakness: undefined },
  serial: '00c0ffee',
  subject: subjectOf([O, 'Bank'], [CN, 'client']),
  thumbprint: THUMBPRINT,
  ...more,
})

/** Why the lists refuse the certificate; 'passes' when they do not. */
export function judge(lists: CertificateLists, more: Partial<MatchedCertificate> = {}): string {
  const matcher = compileMatcher(lists)
  return matcher.ok ? (matcher.value(matched(more)) ?? 'passes') : `no matcher: ${matcher.problem}`
}

/** What is wrong with the lists. */
export function problemOf(lists: CertificateLists): string {
  const matcher = compileMatcher(lists)
  return matcher.ok ? 'none' : matcher.problem
}
