import { deny, ok, type Result } from '../denial.ts'
import type { Trace } from '../trace.ts'
import type { VerifiedToken } from './access-token.ts'
import { readCertificate } from './certificate.ts'
import { type Confirmation, readConfirmation } from './confirmation.ts'
import { sameText, type VerifiedProof } from './dpop-proof.ts'

declare const verified: unique symbol

export type Method = 'dpop' | 'mtls'

/**
 * Possession shown: whoever sent the token holds every key and certificate it is bound to (RFC 9449 section 7.1,
 * RFC 8705 section 3). That the proof has not been used before is settled by whoever asks the replay store.
 */
export interface VerifiedBinding {
  readonly [verified]: 'binding'
  /** The token this binding belongs to. */
  readonly token: VerifiedToken
  readonly methods: readonly Method[]
  /** Thumbprint of the DPoP key when there is one, else of the certificate. */
  readonly thumbprint: string
  readonly certificateThumbprint: string | undefined
}

const seals = new WeakSet<object>()

export const isVerifiedBinding = (value: unknown): value is VerifiedBinding =>
  typeof value === 'object' && value !== null && seals.has(value)

/** Which bindings a route accepts. */
export interface BindingRules {
  readonly methods: readonly Method[]
  /** The token has to name both. */
  readonly both: boolean
}

/**
 * What the token is bound to, and whether the route takes it sent like this: the binding decides the scheme, never the
 * other way round (HDR-09 … HDR-12, MTLS-15, MTLS-16).
 */
export function judgeConfirmation(token: VerifiedToken, rules: BindingRules, trace: Trace): Result<Confirmation> {
  if (!trace.holds('token is bound', 'FAPI 2.0 Security Profile section 5.3.4', token.cnf !== undefined))
    return deny('token_unbound', 'the token has no cnf claim')
  const confirmation = readConfirmation(token.cnf)
  if (!trace.holds('token cnf', 'RFC 7800 section 3.1', confirmation.ok) || !confirmation.ok)
    return deny('confirmation_unusable', confirmation.ok ? '' : confirmation.problem)

  const { jkt, x5tS256 } = confirmation.value
  const twofold = jkt !== undefined && x5tS256 !== undefined
  if (rules.both && !twofold) return deny('binding_incomplete', 'cnf names one method, the route wants both')
  // A token that names both has to satisfy both, so it is never weaker than what the route accepts.
  const accepted = twofold || rules.methods.includes(jkt === undefined ? 'mtls' : 'dpop')
  if (!trace.holds('binding method', 'FAPI 2.0 Security Profile section 5.3.4', accepted, undefined, rules.methods))
    return deny('binding_refused', 'the route does not accept this kind of binding')

  const scheme = jkt === undefined ? 'Bearer' : 'DPoP'
  if (!trace.holds('scheme fits binding', 'RFC 9449 section 7.2', token.scheme === scheme, token.scheme, scheme))
    return jkt === undefined
      ? deny('token_not_dpop_bound', 'cnf has no jkt, yet the scheme is DPoP')
      : deny('bound_token_as_bearer', 'cnf has a jkt, yet the scheme is Bearer')
  return ok(confirmation.value)
}

/** The certificate of this connection is the one the token is bound to (RFC 8705 section 3). */
export function judgeCertificate(x5tS256: string, certificate: string | undefined, trace: Trace): Result<undefined> {
  if (!trace.holds('client certificate', 'RFC 8705 section 3', certificate !== undefined) || certificate === undefined)
    return deny('certificate_missing', 'the connection has no client certificate')
  const presented = readCertificate(certificate)
  if (!presented.ok) return deny('certificate_unusable', presented.problem)
  const { thumbprint } = presented.value
  if (!trace.holds('token x5t#S256', 'RFC 8705 section 3.1', sameText(thumbprint, x5tS256), thumbprint, x5tS256))
    return deny('certificate_mismatch', 'x5t#S256 is not the hash of the client certificate')
  return ok(undefined)
}

/** The proof was made with the key the token is bound to. A failure is `invalid_token` (RFC 9449 section 7.1, ERR-11). */
function judgeKey(jkt: string, proof: VerifiedProof, trace: Trace): Result<undefined> {
  if (!trace.holds('token jkt', 'RFC 9449 section 6.1', sameText(proof.thumbprint, jkt), proof.thumbprint, jkt))
    return deny('proof_key_mismatch', 'jkt is not the thumbprint of the proof key')
  return ok(undefined)
}

/** What was shown for each confirmation a token names. */
export interface Shown {
  readonly proof: VerifiedProof | undefined
  readonly certificate: string | undefined
}

/** Checks every confirmation the token names and seals the binding. */
export function verifyBinding(
  token: VerifiedToken,
  confirmation: Confirmation,
  { proof, certificate }: Shown,
  trace: Trace,
): Result<VerifiedBinding> {
  const { jkt, x5tS256 } = confirmation
  if (x5tS256 !== undefined) {
    const held = judgeCertificate(x5tS256, certificate, trace)
    if (!held.ok) return held
  }
  if (jkt !== undefined) {
    if (!proof) return deny('proof_missing', 'the token is bound to a key and no proof was verified')
    const held = judgeKey(jkt, proof, trace)
    if (!held.ok) return held
  }
  const thumbprint = jkt ?? x5tS256
  if (thumbprint === undefined) return deny('confirmation_unusable', 'cnf names no method')

  const methods: Method[] = []
  if (jkt !== undefined) methods.push('dpop')
  if (x5tS256 !== undefined) methods.push('mtls')
  const binding: Omit<VerifiedBinding, typeof verified> = {
    token,
    methods: Object.freeze(methods),
    thumbprint,
    certificateThumbprint: x5tS256,
  }
  seals.add(Object.freeze(binding))
  // The seal: every confirmation the token names has been shown.
  return ok(binding as VerifiedBinding)
}
