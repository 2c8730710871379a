import type { Certificate } from './x509/certificate.ts'

/** What a list or a responder says about one certificate. */
export type StatusWord =
  /** Seconds since 1970: from then on it has to be asked again. */
  | { readonly kind: 'good'; readonly until: number }
  | { readonly kind: 'revoked'; readonly detail: string }
  /** The responder does not know the certificate. */
  | { readonly kind: 'unknown'; readonly detail: string }
  /** There is no answer that may be used. */
  | { readonly kind: 'unavailable'; readonly detail: string }

/** Says whether certificates have been revoked. The issuer is the next one in a path that was verified. */
export interface StatusSource {
  judge(certificate: Certificate, issuer: Certificate, now: number): StatusWord | Promise<StatusWord>
}
