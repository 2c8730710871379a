import { type Denial, deny, ok, type Result } from './denial.ts'
import type { Evidence } from './policy.ts'
import { isInForce, type Shadow } from './shadow.ts'
import { isVerifiedToken, type VerifiedToken } from './verify/access-token.ts'
import { isVerifiedBinding, type VerifiedBinding } from './verify/binding.ts'
import { isVerifiedCertificate, type VerifiedCertificate } from './verify/client-certificate.ts'
import { isVerifiedConsent, type VerifiedConsent } from './verify/consent.ts'

declare const admitted: unique symbol

/**
 * Why a request may pass. Without one of these there is no way to build an allow response. Only `admit` and, on a route
 * that does not enforce yet, `admitInShadow` make them.
 */
export type Admission = { readonly [admitted]: true } & (
  | ({ readonly kind: 'resource'; readonly token: VerifiedToken; readonly binding: VerifiedBinding } & Accompanied)
  | ({ readonly kind: 'bearer'; readonly token: VerifiedToken } & Accompanied)
  | { readonly kind: 'open' }
  | { readonly kind: 'shadow'; readonly would: Denial }
)

/** What else was judged, where the route asks for it. */
interface Accompanied {
  readonly certificate?: VerifiedCertificate | undefined
  readonly consent?: VerifiedConsent | undefined
}

/** What a route demands: a sender-constrained token, any token without `cnf` (compat only), or nothing. */
export type RouteKind = 'resource' | 'bearer' | 'open'

const seals = new WeakSet<object>()

export const isAdmission = (value: unknown): value is Admission =>
  typeof value === 'object' && value !== null && seals.has(value)

/**
 * The gate: an admission when the evidence holds all that the kind of route demands. Missing or unsealed evidence at
 * this point is a fault of ours, because every pipeline is checked at start to yield it.
 */
export function admit(kind: RouteKind, { token, binding, certificate, consent }: Partial<Evidence>): Result<Admission> {
  if (certificate !== undefined && !isVerifiedCertificate(certificate)) return missing('a verified certificate')
  if (consent !== undefined && !(isVerifiedConsent(consent) && consent.token === token))
    return missing('a verified consent of this very token')
  switch (kind) {
    case 'resource':
      if (!isVerifiedToken(token)) return missing('a verified token')
      if (!isVerifiedBinding(binding)) return missing('a verified binding')
      if (binding.token !== token) return missing('a binding of this very token')
      if (isAnother(certificate, binding)) return missing('the certificate that the binding was shown with')
      return seal({ kind, token, binding, ...(certificate && { certificate }), ...(consent && { consent }) })
    case 'bearer':
      if (!isVerifiedToken(token)) return missing('a verified token')
      if (token.cnf !== undefined) return deny('bound_token_as_bearer', 'the token has a cnf claim')
      if (token.scheme !== 'Bearer') return deny('token_not_dpop_bound', 'the token has no cnf, yet the scheme is DPoP')
      return seal({ kind, token, ...(certificate && { certificate }), ...(consent && { consent }) })
    case 'open':
      return seal({ kind })
  }
}

/**
 * The gate of a route that does not enforce: its evidence is the denial that enforcement would have given, and it proves
 * nothing about the client. Without a leave that holds now, that denial stands.
 */
export const admitInShadow = (shadow: Shadow | undefined, would: Denial, now: number): Result<Admission> =>
  isInForce(shadow, now) ? seal({ kind: 'shadow', would: Object.freeze({ ...would }) }) : would

// Distributes over the union so that each member keeps its own shape.
type Unsealed<A> = A extends unknown ? Omit<A, typeof admitted> : never

function seal(unsealed: Unsealed<Admission>): Result<Admission> {
  // The one place where an admission comes into being.
  const admission = Object.freeze(unsealed) as Admission
  seals.add(admission)
  return ok(admission)
}

/** One connection has one certificate, whoever looks at it. */
const isAnother = (certificate: VerifiedCertificate | undefined, { certificateThumbprint }: VerifiedBinding): boolean =>
  certificate !== undefined && certificateThumbprint !== undefined && certificate.thumbprint !== certificateThumbprint

const missing = (what: string): Denial => deny('internal_error', `the pipeline ended without ${what}`)
