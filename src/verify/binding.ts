import type { PresentedCertificate } from '../attributes.ts'
import { deny, ok, type Result } from '../denial.ts'
import type { Trace } from '../trace.ts'
import type { VerifiedToken } from './access-token.ts'
import { readPresented } from './certificate.ts'
import { type Confirmation, readConfirmation } from './confirmation.ts'
import { type ProofInput, sameText, type VerifiedProof, verifyDpopProof } from './dpop-proof.ts'

declare const verified: unique symbol

type Method = 'dpop' | 'mtls'

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
  /** The proof that showed the key; undefined when the token is bound to a certificate alone. */
  readonly proof: VerifiedProof | undefined
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

/** What came with the token, unproven. */
export interface Shown {
  /** The client's leaf certificate. */
  readonly certificate: PresentedCertificate | undefined
  readonly proof: Omit<ProofInput, 'token' | 'trace'>
}

/**
 * Checks every confirmation the token names and seals the binding. The token decides what is required, never the
 * scheme or the presence of a header. Confirmation and scheme → certificate → proof → thumbprint, so that the costly
 * step comes last (HDR-09 … HDR-12, MTLS-15, MTLS-16, ERR-12).
 */
export function verifyBinding(
  token: VerifiedToken,
  rules: BindingRules,
  shown: Shown,
  trace: Trace,
): Result<VerifiedBinding> {
  const confirmation = judgeConfirmation(token, rules, trace)
  if (!confirmation.ok) return confirmation
  const { jkt, x5tS256 } = confirmation.value
  const certificate = x5tS256 === undefined ? ok(undefined) : judgeCertificate(x5tS256, shown.certificate, trace)
  if (!certificate.ok) return certificate
  const proof = jkt === undefined ? ok(undefined) : judgeProof(jkt, { ...shown.proof, token: token.raw, trace })
  if (!proof.ok) return proof

  const binding: Omit<VerifiedBinding, typeof verified> = {
    token,
    methods: Object.freeze(methodsOf(confirmation.value)),
    thumbprint: confirmation.value.thumbprint,
    certificateThumbprint: x5tS256,
    proof: proof.value,
  }
  seals.add(Object.freeze(binding))
  // The seal: every confirmation the token names has been shown.
  return ok(binding as VerifiedBinding)
}

const methodsOf = ({ jkt, x5tS256 }: Confirmation): readonly Method[] => [
  ...(jkt === undefined ? [] : (['dpop'] as const)),
  ...(x5tS256 === undefined ? [] : (['mtls'] as const)),
]

/** What the token is bound to, and whether the route takes it sent like this. */
function judgeConfirmation(token: VerifiedToken, rules: BindingRules, trace: Trace): Result<Confirmation> {
  if (!trace.holds('token is bound', 'FAPI 2.0 Security Profile section 5.3.4', token.cnf !== undefined))
    return deny('token_unbound', 'the token has no cnf claim')
  const confirmation = readConfirmation(token.cnf)
  if (!trace.holds('token cnf', 'RFC 7800 section 3.1', confirmation.ok) || !confirmation.ok)
    return deny('confirmation_unusable', confirmation.ok ? '' : confirmation.problem)

  const named = methodsOf(confirmation.value)
  const complete = !rules.both || named.length === 2
  if (!trace.holds('both bindings', 'RFC 7800 section 3.1', complete, named, rules.both ? 'both' : 'any'))
    return deny('binding_incomplete', 'cnf names one method, the route wants both')
  // A token that names both has to satisfy both, so it is never weaker than what the route accepts.
  const accepted = named.some((method) => rules.methods.includes(method))
  if (!trace.holds('binding method', 'FAPI 2.0 Security Profile section 5.3.4', accepted, named, rules.methods))
    return deny('binding_refused', 'the route does not accept this kind of binding')

  const scheme = named.includes('dpop') ? 'DPoP' : 'Bearer'
  if (!trace.holds('scheme fits binding', 'RFC 9449 section 7.2', token.scheme === scheme, token.scheme, scheme))
    return scheme === 'DPoP'
      ? deny('bound_token_as_bearer', 'cnf has a jkt, yet the scheme is Bearer')
      : deny('token_not_dpop_bound', 'cnf has no jkt, yet the scheme is DPoP')
  return confirmation
}

/** The client's certificate is the one the token is bound to (RFC 8705 section 3). */
function judgeCertificate(
  x5tS256: string,
  certificate: PresentedCertificate | undefined,
  trace: Trace,
): Result<undefined> {
  if (!trace.holds('client certificate', 'RFC 8705 section 3', certificate !== undefined) || certificate === undefined)
    return deny('certificate_missing', 'there is no client certificate where the configuration takes it from')
  const presented = readPresented(certificate)
  if (!trace.holds('certificate form', 'RFC 7468 section 5', presented.ok) || !presented.ok)
    return deny('certificate_unusable', presented.ok ? '' : presented.problem)
  const { thumbprint } = presented.value
  if (!trace.holds('token x5t#S256', 'RFC 8705 section 3.1', sameText(thumbprint, x5tS256), thumbprint, x5tS256))
    return deny('certificate_mismatch', 'x5t#S256 is not the hash of the client certificate')
  return ok(undefined)
}

/** The proof holds and was made with the key the token is bound to; the latter is `invalid_token` (ERR-11). */
function judgeProof(jkt: string, input: ProofInput): Result<VerifiedProof> {
  const proof = verifyDpopProof(input)
  if (!proof.ok) return proof
  const { thumbprint } = proof.value
  if (!input.trace.holds('token jkt', 'RFC 9449 section 6.1', sameText(thumbprint, jkt), thumbprint, jkt))
    return deny('proof_key_mismatch', 'jkt is not the thumbprint of the proof key')
  return proof
}
