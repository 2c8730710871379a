import type { DenyReason } from '../../src/denial.ts'
import type { Refusal } from './edge-reasons.ts'

const unavailable = { status: 503, error: 'temporarily_unavailable', challenge: 'none' } as const

/** Refusals that take more than one request to the plain setting: another configuration, a moment, many requests. */
export const specialReasons = {
  deadline: { ...unavailable, reason: 'deadline', retryAfter: '1' },
  overload: { ...unavailable, reason: 'overload', retryAfter: '1' },
  draining: { ...unavailable, reason: 'draining', retryAfter: '1' },
  replay_quota: {
    ...{ reason: 'replay_quota', status: 429, error: 'too_many_requests', challenge: 'none', retryAfter: '5' },
  },
  replay_full: { ...unavailable, reason: 'replay_full', retryAfter: '5' },
  replay_unknown: { ...unavailable, reason: 'replay_unknown', retryAfter: '10' },
  starting: { ...unavailable, reason: 'starting', retryAfter: '1' },
} as const satisfies Partial<Record<DenyReason, Refusal>>

/** Refusals that no request through the hardened bootstrap to the real process ends in, and why. */
export const unreachedReasons = {
  replay_unavailable: {
    why: 'the only store there is lies in the memory of the process and always answers',
    refusal: { ...unavailable, reason: 'replay_unavailable', retryAfter: '1' },
  },
  internal_error: {
    why: 'it takes a bug of ours',
    refusal: { reason: 'internal_error', status: 500, error: 'server_error', challenge: 'none' },
  },
} as const satisfies Partial<Record<DenyReason, { readonly why: string; readonly refusal: Refusal }>>

/** Refusals that take another setting, and the test that sends them through an Envoy of their own. */
export const elsewhereReasons = {
  token_inactive: 'test/e2e/introspection.test.ts',
  introspection_unavailable: 'test/e2e/introspection.test.ts',
  token_revoked: 'test/e2e/revocation.test.ts',
  revocation_unavailable: 'test/e2e/revocation.test.ts',
  details_insufficient: 'test/e2e/authorization.test.ts',
  details_mismatch: 'test/e2e/authorization.test.ts',
  details_request_unusable: 'test/e2e/authorization.test.ts',
  details_body_truncated: 'test/e2e/authorization.test.ts',
  authentication_insufficient: 'test/e2e/authorization.test.ts',
  claims_insufficient: 'test/e2e/authorization.test.ts',
  consent_missing: 'test/e2e/consent.test.ts',
  consent_unknown: 'test/e2e/consent.test.ts',
  consent_foreign: 'test/e2e/consent.test.ts',
  consent_inactive: 'test/e2e/consent.test.ts',
  consent_spent: 'test/e2e/consent.test.ts',
  consent_insufficient: 'test/e2e/consent.test.ts',
  consent_unavailable: 'test/e2e/consent.test.ts',
  audit_unavailable: 'test/e2e/audit.test.ts',
  client_certificate_malformed: 'test/e2e/forwarded-certificates.test.ts',
  client_certificate_missing: 'test/e2e/client-certificates.test.ts',
  client_certificate_unusable: 'test/e2e/client-certificates.test.ts',
  client_certificate_untrusted: 'test/e2e/client-certificates.test.ts',
  client_certificate_expired: 'test/e2e/client-certificates.test.ts',
  client_certificate_purpose_refused: 'test/e2e/client-certificates.test.ts',
  client_certificate_refused: 'test/e2e/client-certificates.test.ts',
  client_certificate_role_missing: 'test/e2e/client-certificates.test.ts',
  client_certificate_revoked: 'test/e2e/client-certificates.test.ts',
  client_certificate_mismatch: 'test/e2e/client-certificates.test.ts',
  client_certificate_status_unknown: 'test/e2e/certificate-status.test.ts',
  certificate_status_unavailable: 'test/e2e/certificate-status.test.ts',
} as const satisfies Partial<Record<DenyReason, string>>
