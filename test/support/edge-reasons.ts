import { answers, type DenyReason } from '../../src/denial.ts'
import { type Asking, boundToCertificate, DARK_ISSUER, type TestEdge } from './edge.ts'
import { buildClientKey, forgeProof } from './proofs.ts'

/** The challenges of an answer: none, without an error, or with the error in that of these schemes. */
type Challenge = 'none' | 'bare' | 'dpop' | 'bearer' | 'both'

/** A refusal as the client has to see it. */
export interface Refusal {
  readonly reason: DenyReason
  readonly status: number
  readonly error: string
  readonly challenge: Challenge
  /** The schemes the route offers, where it does not take both. */
  readonly offers?: 'dpop'
  /** `scope` of the challenge. */
  readonly scope?: string
  readonly retryAfter?: string
  readonly allow?: string
}

/** A request that is refused for one reason; the upstream must not see it. */
export interface ReasonRow extends Refusal {
  readonly ask: (edge: TestEdge) => Asking | Promise<Asking>
}

const ALGS = 'algs="ES256 PS256 EdDSA Ed25519"'

/** The `WWW-Authenticate` lines of a refusal, written out by hand here and nowhere derived from the service. */
export function challengeLines({ reason, error, challenge, offers, scope }: Refusal): readonly string[] {
  if (challenge === 'none') return []
  const parameters = [
    `error="${error}"`,
    `error_description="${answers[reason].description}"`,
    ...(scope === undefined ? [] : [`scope="${scope}"`]),
  ].join(', ')
  const dpop = challenge === 'dpop' || challenge === 'both' ? `DPoP ${parameters}, ${ALGS}` : `DPoP ${ALGS}`
  const bearer = challenge === 'bearer' || challenge === 'both' ? `Bearer ${parameters}` : 'Bearer'
  return offers === 'dpop' ? [dpop] : [dpop, bearer]
}

type Make = ReasonRow['ask']

const malformed = (reason: DenyReason, challenge: Challenge, ask: Make): ReasonRow => ({
  ...{ reason, status: 400, error: 'invalid_request', challenge },
  ask,
})
const badToken = (reason: DenyReason, ask: Make, more: Partial<Refusal> = {}): ReasonRow => ({
  ...{ reason, status: 401, error: 'invalid_token', challenge: 'dpop', ...more },
  ask,
})
const withoutNonce = (reason: DenyReason, claims: object): ReasonRow => ({
  ...{ reason, status: 401, error: 'use_dpop_nonce', challenge: 'dpop' },
  ask: ({ good }) => good({ path: '/nonce', proof: { claims: { ...claims } } }),
})
const badProof = (reason: DenyReason, ask: Make): ReasonRow => ({
  ...{ reason, status: 401, error: 'invalid_dpop_proof', challenge: 'dpop' },
  ask,
})

/** A good request but for the claims or the header of its token. */
const withToken = (claims: object, header: object = {}): Make => {
  return ({ mint, good }) => good({ token: mint({ claims: { ...claims }, header: { ...header } }) })
}
/** A good request but for its proof. */
const withProof = (claims: object, header: object = {}): Make => {
  return ({ good }) => good({ proof: { claims: { ...claims }, header: { ...header } } })
}
const withHeaders = (headers: NonNullable<Asking['headers']>): Make => {
  return ({ good }) => good({ headers })
}
/** A certificate-bound token under a scheme, with the certificate it is bound to unless told. */
const certified = (edge: TestEdge, scheme: string, more: Asking = {}): Asking => {
  const { client } = edge.setting.pki
  const token = edge.mint({ claims: { cnf: boundToCertificate(client) } })
  return { certificate: client, ...more, headers: { authorization: `${scheme} ${token}`, ...more.headers } }
}

const seconds = (): number => Math.floor(Date.now() / 1000)
const other = await buildClientKey()

const requests: readonly ReasonRow[] = [
  malformed('request_malformed', 'dpop', withHeaders({ 'x-http-method-override': 'DELETE' })),
  malformed('host_unknown', 'none', ({ good, setting }) =>
    // Envoy serves this host too; the configuration of the service does not.
    good({ url: 'https://mtls.bank.example/accounts', certificate: setting.pki.client }),
  ),
  malformed('path_not_canonical', 'none', ({ good }) => good({ path: '/accounts;v=1' })),
  malformed('interaction_id_invalid', 'dpop', ({ good }) =>
    good({ path: '/strict-id', headers: { 'x-fapi-interaction-id': 'not-a-uuid' } }),
  ),
  {
    ...{ reason: 'header_too_large', status: 431, error: 'invalid_request', challenge: 'none' },
    ask: withHeaders({ authorization: `DPoP ${'a'.repeat(9000)}` }),
  },
  {
    ...{ reason: 'route_unknown', status: 403, error: 'access_denied', challenge: 'none' },
    ask: ({ good }) => good({ path: '/elsewhere' }),
  },
  {
    ...{ reason: 'method_not_allowed', status: 405, error: 'invalid_request', challenge: 'none', allow: 'GET, HEAD' },
    ask: ({ good }) => good({ method: 'DELETE' }),
  },
  {
    ...{ reason: 'scope_insufficient', status: 403, error: 'insufficient_scope', challenge: 'dpop', scope: 'admin' },
    ask: ({ good }) => good({ path: '/admin' }),
  },
  {
    reason: 'keys_unavailable',
    ...{ status: 503, error: 'temporarily_unavailable', challenge: 'none', retryAfter: '5' },
    ask: withToken({ iss: DARK_ISSUER }),
  },
]

const form = (path: string, headers: NonNullable<Asking['headers']> = {}): Asking => ({
  method: 'POST',
  path,
  headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  body: 'access_token=abc',
})

const credentials: readonly ReasonRow[] = [
  { reason: 'credentials_missing', status: 401, error: 'invalid_token', challenge: 'bare', ask: () => ({}) },
  malformed('credentials_malformed', 'dpop', withHeaders({ authorization: 'DPoP' })),
  malformed('credentials_repeated', 'both', ({ good, mint }) =>
    good({ headers: { authorization: [`DPoP ${mint()}`, `Bearer ${mint()}`] } }),
  ),
  malformed('token_in_query', 'both', ({ mint }) => ({ path: `/accounts?access_token=${mint()}` })),
  malformed('token_in_body', 'both', () => form('/payments')),
  {
    ...{ reason: 'body_truncated', status: 413, error: 'invalid_request', challenge: 'none' },
    // Over HTTP/2 Envoy cuts a body that is a little too long, although allow_partial_message is false.
    ask: () => ({ ...form('/payments'), body: `a=${'b'.repeat(66_000)}&access_token=c`, http2: true }),
  },
]

const tokens: readonly ReasonRow[] = [
  badToken('token_malformed', withHeaders({ authorization: 'DPoP abc' })),
  badToken('token_type_refused', withToken({}, { typ: 'JWT' })),
  badToken('token_algorithm_refused', withToken({}, { alg: 'RS256' })),
  badToken('token_issuer_unknown', withToken({ iss: 'https://other.example' })),
  badToken('token_key_unknown', withToken({}, { kid: 'another' })),
  badToken('token_signature_invalid', ({ good, mint }) => {
    const [header, , signature] = mint().split('.')
    const [, payload] = mint({ claims: { scope: 'accounts admin' } }).split('.')
    return good({ token: `${header}.${payload}.${signature}` })
  }),
  badToken('token_audience_mismatch', withToken({ aud: 'https://other.example' })),
  badToken('token_expired', withToken({ iat: 1_700_000_000, exp: 1_700_000_300 })),
  badToken('token_not_yet_valid', (edge) => withToken({ nbf: seconds() + 60 })(edge)),
  badToken('token_lifetime_exceeded', (edge) => withToken({ exp: seconds() + 3600 })(edge)),
  badToken('token_claims_invalid', withToken({ sub: undefined })),
  badToken('claim_unusable', withToken({ sub: 'Zoë' })),
]

const bindings: readonly ReasonRow[] = [
  badToken('token_unbound', withToken({ cnf: undefined })),
  badToken('confirmation_unusable', withToken({ cnf: { kid: '1' } })),
  badToken('binding_incomplete', ({ good }) => good({ path: '/both' }), { offers: 'dpop' }),
  badToken('binding_refused', (edge) => certified(edge, 'Bearer', { path: '/dpop-only' }), { offers: 'dpop' }),
  badToken('bound_token_as_bearer', ({ good }) => good({ scheme: 'Bearer' }), { challenge: 'bearer' }),
  badToken('token_not_dpop_bound', (edge) => certified(edge, 'DPoP')),
  badToken('certificate_missing', (edge) => ({ ...certified(edge, 'Bearer'), certificate: undefined }), {
    challenge: 'bearer',
  }),
  badToken('certificate_mismatch', (edge) => certified(edge, 'Bearer', { certificate: edge.setting.pki.otherClient }), {
    challenge: 'bearer',
  }),
  badToken(
    'certificate_unusable',
    (edge) => {
      // Real, trusted, and far larger than any certificate has to be.
      const dns = Array.from({ length: 400 }, (_, index) => `name-${index}.${'x'.repeat(30)}.example`)
      return certified(edge, 'Bearer', { certificate: edge.certify({ dns }) })
    },
    { challenge: 'bearer' },
  ),
  badToken('proof_key_mismatch', ({ good }) => good({ proofKey: other })),
]

const proofs: readonly ReasonRow[] = [
  badProof('proof_missing', ({ mint }) => ({ headers: { authorization: `DPoP ${mint()}` } })),
  badProof('proof_repeated', ({ good, key }) => {
    const { headers } = good()
    return { headers: { ...headers, dpop: [String(headers?.dpop), forgeProof(key)] } }
  }),
  badProof('proof_malformed', withHeaders({ dpop: 'a.b' })),
  badProof('proof_type_refused', withProof({}, { typ: 'JWT' })),
  badProof('proof_algorithm_refused', withProof({}, { alg: 'RS256' })),
  badProof('proof_key_refused', ({ good, key }) => good({ proof: { header: { jwk: key.privateJwk } } })),
  badProof('proof_claims_invalid', withProof({ jti: undefined })),
  badProof('proof_method_mismatch', withProof({ htm: 'POST' })),
  badProof('proof_target_mismatch', withProof({ htu: 'https://api.bank.example/payments' })),
  badProof('proof_token_mismatch', withProof({ ath: 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo' })),
  badProof('proof_signature_invalid', withProof({}, { jwk: other.jwk })),
  badProof('proof_expired', withProof({ iat: 1_700_000_000 })),
  badProof('proof_replayed', async ({ good, ask }) => {
    const asking = good()
    const { status } = await ask(asking)
    if (status !== 200) throw new Error(`the first use of the proof was answered ${status}`)
    return asking
  }),
  withoutNonce('nonce_missing', {}),
  withoutNonce('nonce_refused', { nonce: 'a-nonce-of-the-authorization-server' }),
  malformed('proof_beside_bearer', 'bearer', (edge) =>
    certified(edge, 'Bearer', { path: '/strict-proof', headers: { dpop: forgeProof(edge.key) } }),
  ),
]

/** Reasons that one request to the plain setting provokes. */
export const plainReasons: readonly ReasonRow[] = [...requests, ...credentials, ...tokens, ...bindings, ...proofs]
