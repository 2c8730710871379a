type Status = 400 | 401 | 403 | 405 | 413 | 429 | 431 | 500 | 503

/** The public form of a refusal (RFC 6750 section 3.1, RFC 9449 section 7.1). */
export interface Answer {
  readonly status: Status
  /** The `error` member of the body and, where there is a challenge, its `error` parameter. */
  readonly error: string
  /** Fixed public text: nothing of the request ever appears in it. */
  readonly description: string
  /**
   * Which challenges go out: `none`; `bare` without an error; `used` with the error in the challenge of the scheme
   * the client used; `dpop` with the error in the DPoP challenge; `every` with the error in all of them.
   */
  readonly challenge: 'none' | 'bare' | 'used' | 'dpop' | 'every'
  /** Seconds after which the client may try again. */
  readonly retryAfter?: number
}

const malformed = (description: string) =>
  ({ status: 400, error: 'invalid_request', description, challenge: 'used' }) as const
const token = (description: string) =>
  ({ status: 401, error: 'invalid_token', description, challenge: 'used' }) as const
const proof = (description: string) =>
  ({ status: 401, error: 'invalid_dpop_proof', description, challenge: 'dpop' }) as const
const nonce = (description: string) =>
  ({ status: 401, error: 'use_dpop_nonce', description, challenge: 'dpop' }) as const
const stranger = (description: string) =>
  ({ status: 403, error: 'access_denied', description, challenge: 'none' }) as const
const unavailable = (description: string, retryAfter: number) =>
  ({ status: 503, error: 'temporarily_unavailable', description, challenge: 'none', retryAfter }) as const

const refused = (description: string) =>
  ({ status: 403, error: 'access_denied', description, challenge: 'none' }) as const

/** Every reason we deny for, and its answer. No other file picks a status or an error code. */
export const answers = {
  request_malformed: malformed('The request is malformed'),
  host_unknown: malformed('The host is not served here'),
  path_not_canonical: malformed('The request path is not in canonical form'),
  header_too_large: {
    status: 431,
    error: 'invalid_request',
    description: 'A header field is too large',
    challenge: 'none',
  },
  route_unknown: {
    status: 403,
    error: 'access_denied',
    description: 'No access rule covers this request',
    challenge: 'none',
  },
  method_not_allowed: {
    status: 405,
    error: 'invalid_request',
    description: 'The method is not allowed here',
    challenge: 'none',
  },
  client_certificate_malformed: malformed('The Client-Cert header is malformed'),
  client_certificate_missing: stranger('A client certificate is required'),
  client_certificate_unusable: stranger('The client certificate cannot be read'),
  client_certificate_untrusted: stranger('The client certificate is not trusted'),
  client_certificate_expired: stranger('The client certificate is not valid now'),
  client_certificate_purpose_refused: stranger('The client certificate is not meant for this use'),
  client_certificate_refused: stranger('The client certificate is not accepted here'),
  client_certificate_role_missing: stranger('The client certificate lacks a required role'),
  client_certificate_revoked: stranger('The client certificate has been revoked'),
  client_certificate_status_unknown: stranger('The status of the client certificate is not known'),
  client_certificate_mismatch: stranger('The client certificate belongs to another client'),
  interaction_id_invalid: malformed('The x-fapi-interaction-id is not a UUID'),

  credentials_missing: {
    status: 401,
    error: 'invalid_token',
    description: 'An access token is required',
    challenge: 'bare',
  },
  credentials_malformed: malformed('The Authorization header is malformed'),
  credentials_repeated: {
    status: 400,
    error: 'invalid_request',
    description: 'More than one way of sending an access token was used',
    challenge: 'every',
  },
  token_in_query: malformed('The access token must not be sent in the query'),
  token_in_body: malformed('The access token must not be sent in the body'),
  body_truncated: {
    status: 413,
    error: 'invalid_request',
    description: 'The body is larger than can be checked',
    challenge: 'none',
  },

  token_malformed: token('The access token is malformed'),
  token_type_refused: token('The access token is of the wrong type'),
  token_algorithm_refused: token('The access token is signed with an algorithm that is not accepted'),
  token_issuer_unknown: token('The access token comes from an unknown issuer'),
  token_key_unknown: token('The access token is signed with an unknown key'),
  token_signature_invalid: token('The signature of the access token is invalid'),
  token_audience_mismatch: token('The access token is meant for another resource'),
  token_expired: token('The access token has expired'),
  token_not_yet_valid: token('The access token is not valid yet'),
  token_lifetime_exceeded: token('The access token lives longer than is accepted here'),
  token_claims_invalid: token('The access token lacks a required claim'),
  token_inactive: token('The access token is not active'),
  token_revoked: token('The access token has been revoked'),
  claim_unusable: token('A claim of the access token cannot be passed on'),

  token_unbound: token('The access token is not sender-constrained'),
  confirmation_unusable: token('The confirmation of the access token is not usable'),
  binding_incomplete: token('The access token must be bound to a key and to a certificate'),
  binding_refused: token('The binding of the access token is not accepted here'),
  bound_token_as_bearer: token('A DPoP-bound access token must be sent with the DPoP scheme'),
  token_not_dpop_bound: token('The access token is not bound to a DPoP key'),
  certificate_missing: token('The access token is bound to a client certificate'),
  certificate_unusable: token('The client certificate is not usable'),
  certificate_mismatch: token('The access token is bound to another client certificate'),
  proof_key_mismatch: token('Invalid DPoP key binding'),

  proof_missing: proof('A DPoP proof is required'),
  proof_repeated: proof('More than one DPoP proof was sent'),
  proof_malformed: proof('The DPoP proof is malformed'),
  proof_type_refused: proof('The DPoP proof is of the wrong type'),
  proof_algorithm_refused: proof('The DPoP proof is signed with an algorithm that is not accepted'),
  proof_key_refused: proof('The key of the DPoP proof is not acceptable'),
  proof_claims_invalid: proof('The DPoP proof lacks a required claim'),
  proof_method_mismatch: proof('The DPoP proof was made for another method'),
  proof_target_mismatch: proof('The DPoP proof was made for another URI'),
  proof_token_mismatch: proof('The DPoP proof was made for another access token'),
  proof_signature_invalid: proof('The signature of the DPoP proof is invalid'),
  proof_expired: proof('The DPoP proof is outside its time window'),
  proof_replayed: proof('The DPoP proof has been used before'),
  nonce_missing: nonce('A nonce is required in the DPoP proof'),
  nonce_refused: nonce('The nonce of the DPoP proof is not accepted any more'),
  proof_beside_bearer: malformed('A DPoP proof was sent beside a Bearer token'),

  scope_insufficient: {
    status: 403,
    error: 'insufficient_scope',
    description: 'The access token does not cover this request',
    challenge: 'used',
  },

  details_insufficient: {
    status: 403,
    error: 'insufficient_scope',
    description: 'The authorization details of the access token do not cover this request',
    challenge: 'used',
  },
  details_mismatch: refused('The request is not the one that was authorized'),
  details_request_unusable: malformed('The request cannot be compared with what was authorized'),
  details_body_truncated: {
    status: 413,
    error: 'invalid_request',
    description: 'The request body is too large to be compared with what was authorized',
    challenge: 'none',
  },

  authentication_insufficient: {
    status: 401,
    error: 'insufficient_user_authentication',
    description: 'The user has to be authenticated in another way or again',
    challenge: 'used',
  },

  claims_insufficient: refused('The claims of the access token do not cover this request'),

  consent_missing: refused('The access token stands for no consent of a user'),
  consent_unknown: refused('There is no such consent for this client and user'),
  consent_foreign: refused('There is no such consent for this client and user'),
  consent_inactive: refused('The consent is not in force'),
  consent_spent: refused('The consent has been used before'),
  consent_insufficient: refused('The consent does not cover this request'),

  replay_quota: {
    status: 429,
    error: 'too_many_requests',
    description: 'Too many DPoP proofs from one key',
    challenge: 'none',
    retryAfter: 5,
  },
  replay_full: unavailable('Replay protection is at its limit', 5),
  replay_unavailable: unavailable('Replay protection is not available', 1),
  replay_unknown: unavailable('The DPoP proof may have been used before', 10),
  keys_unavailable: unavailable('The keys of the authorization server are not available', 5),
  introspection_unavailable: unavailable('The authorization server could not be asked about the access token', 2),
  revocation_unavailable: unavailable('It is not known whether the access token has been revoked', 2),
  certificate_status_unavailable: unavailable('It is not known whether the client certificate has been revoked', 2),
  consent_unavailable: unavailable('The consent could not be looked up', 2),
  audit_unavailable: unavailable('Decisions cannot be recorded', 1),
  deadline: unavailable('The decision took too long', 1),
  overload: unavailable('Too many requests at once', 1),
  draining: unavailable('The service is shutting down', 1),
  starting: unavailable('The service is starting', 1),
  internal_error: {
    status: 500,
    error: 'server_error',
    description: 'The request could not be checked',
    challenge: 'none',
  },
} as const satisfies Record<string, Answer>

export type DenyReason = keyof typeof answers

/** A refusal. `detail` is for the log alone and never reaches the client. */
export interface Denial {
  readonly ok: false
  readonly reason: DenyReason
  readonly detail: string
  /** Scopes that would have been enough (RFC 6750 section 3). */
  readonly scope?: readonly string[]
  /** Authentication contexts that would have been enough, the preferred one first (RFC 9470 section 3). */
  readonly acrValues?: readonly string[]
  /** Whole seconds since which the user may have been authenticated (RFC 9470 section 3). */
  readonly maxAge?: number
  /** Methods that are allowed, for 405 (RFC 9110 section 15.5.6). */
  readonly allow?: readonly string[]
  /** The nonce that the next proof has to hold (RFC 9449 section 9). */
  readonly nonce?: string
  /** Seconds; overrides the answer's. */
  readonly retryAfter?: number
}

export type Result<T> = { readonly ok: true; readonly value: T } | Denial

export const ok = <T>(value: T): Result<T> => ({ ok: true, value })
export const deny = (
  reason: DenyReason,
  detail: string,
  more: Omit<Denial, 'ok' | 'reason' | 'detail'> = {},
): Denial => ({ ok: false, reason, detail, ...more })
