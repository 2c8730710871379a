import type { DecisionRecord } from '../check.ts'
import { answers } from '../denial.ts'
import { type AddressForm, showAddress } from './client-address.ts'
import { clip } from './text.ts'

/**
 * What is written down of one decision, in the log and in the audit. What is not named here cannot get there: no token,
 * no proof, no certificate. The members stand on a line in this order.
 */
export interface DecisionFields {
  readonly interactionId: string
  /** `x-request-id`, which Envoy and its access log go by. */
  readonly requestId: string | undefined
  readonly route: string | undefined
  readonly method: string | undefined
  readonly path: string | undefined
  /** How Envoy sent the headers. */
  readonly headerMode: 'raw' | 'joined' | undefined
  /** Address of the TCP peer, cut short unless the configuration wants it whole. */
  readonly client: string | undefined
  readonly issuer: string | undefined
  readonly clientId: string | undefined
  readonly subject: string | undefined
  /** The consent that was found to cover the request. */
  readonly consent: string | undefined
  /** How possession was shown: `dpop`, `mtls` or `dpop mtls`. */
  readonly binding: string | undefined
  /** Of the DPoP key when there is one, else of the certificate. */
  readonly thumbprint: string | undefined
  /** Thumbprint of the certificate that the route asked for, or that the token is bound to. */
  readonly certificate: string | undefined
  readonly certificateSubject: string | undefined
  readonly certificateIssuer: string | undefined
  /** Hex. */
  readonly certificateSerial: string | undefined
  /** PSD2 roles; absent when it has none. */
  readonly certificateRoles: readonly string[] | undefined
  /** `good`; `unknown` when it passed though nothing could be learned; `unasked`. */
  readonly certificateStatus: string | undefined
  readonly decision: 'allow' | 'deny'
  readonly reason: string
  /** Of the answer to a denied request. */
  readonly status: number | undefined
  /** `shadow`: it was allowed whatever was found. Absent where the route enforces. */
  readonly mode: 'shadow' | undefined
  /** The reason a route that enforces would have denied for. */
  readonly would: string | undefined
  /** What was odd about the request, by kind; absent when nothing was. */
  readonly anomalies: readonly string[] | undefined
  /** More about the reason, or about what would have been one; for people. */
  readonly detail: string | undefined
  /** Names of the policies that ran, in order. */
  readonly policies: readonly string[] | undefined
  readonly durationMs: number
  /** Beginning of the hash of the configuration. */
  readonly config: string
}

/** Policies named in one record. */
const MAX_POLICIES = 16

/** One decision without token, proof and certificate. */
export function describeDecision(record: DecisionRecord, address: AddressForm = 'truncated'): DecisionFields {
  const { decision, occasion, attributes, evidence, mode, would, anomalies = [], trace } = record
  const { token, binding, certificate, consent } = evidence
  const denial = decision.ok ? would : decision
  return {
    interactionId: occasion.interactionId,
    requestId: clip(occasion.headers.get('x-request-id')?.[0]),
    route: occasion.route || undefined,
    method: clip(attributes?.method),
    path: clip(attributes?.path),
    headerMode: attributes?.mode,
    client: attributes && showAddress(attributes.clientAddress, address),
    issuer: clip(token?.issuer),
    clientId: clip(token?.clientId),
    subject: clip(token?.subject),
    consent: clip(consent?.id),
    binding: binding?.methods.join(' '),
    thumbprint: binding?.thumbprint,
    certificate: certificate?.thumbprint ?? binding?.certificateThumbprint,
    certificateSubject: clip(certificate?.subject),
    certificateIssuer: clip(certificate?.issuer),
    certificateSerial: certificate?.serial,
    certificateRoles: certificate && certificate.roles.length > 0 ? certificate.roles : undefined,
    certificateStatus: certificate?.status,
    decision: decision.ok ? 'allow' : 'deny',
    reason: decision.ok ? 'allowed' : decision.reason,
    status: decision.ok ? undefined : answers[decision.reason].status,
    mode: mode === 'shadow' ? mode : undefined,
    would: would?.reason,
    anomalies: anomalies.length > 0 ? anomalies : undefined,
    detail: clip(denial?.detail),
    policies: namesOf(trace.policies),
    durationMs: Math.round(record.duration * 1e6) / 1000,
    config: record.hash.slice(0, 12),
  }
}

const namesOf = (runs: DecisionRecord['trace']['policies']): readonly string[] | undefined =>
  runs.length === 0 ? undefined : runs.slice(0, MAX_POLICIES).map(({ policy }) => policy)
