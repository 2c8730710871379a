import type { Config } from '../../src/config.ts'
import { readConfig } from '../../src/config.ts'
import type { DenyReason } from '../../src/denial.ts'
import { type Explanation, explain } from '../../src/explain/explanation.ts'
import { factsOfRecord } from '../../src/explain/record-facts.ts'
import type { CheckRequest } from '../../src/wire.ts'
import { certificateRefusals } from './certificate-refusals.ts'
import { askingDocument, oracle } from './introspected.ts'
import { OPAQUE } from './introspection.ts'
import { certificate } from './possession.ts'
import { athOf, type Difference } from './proofs.ts'
import { checkRequest } from './requests.ts'
import { listedDocument } from './revocations.ts'
import {
  boundTo,
  buildTestCheck,
  clientKey,
  document,
  goodRequest,
  mintToken,
  type Order,
  otherKey,
  proofFor,
  type SpineOptions,
  serverKey,
} from './spine.ts'

/** One request that is refused for one reason, and the check that an explanation has to name. */
export interface RefusalCase {
  readonly reason: DenyReason
  readonly check: string
  readonly request: () => CheckRequest
  readonly options?: SpineOptions
}

const ask = (reason: DenyReason, check: string, order: Order, options: SpineOptions = {}): RefusalCase => ({
  reason,
  check,
  request: () => goodRequest(order),
  options,
})
const withToken = (reason: DenyReason, check: string, difference: Difference, order: Order = {}): RefusalCase =>
  ask(reason, check, { token: mintToken(difference), ...order })
function withProof(reason: DenyReason, check: string, difference: Difference, key = clientKey): RefusalCase {
  const token = mintToken()
  return ask(reason, check, { token, proof: proofFor(token, difference, key) })
}
const bound = (cnf: object, order: Order): Order => ({ token: mintToken({ claims: { cnf } }), ...order })
const bearer = { scheme: 'Bearer', proof: null } as const
const header = (name: string, value: string) => ({ headers: [[name, value]] as const })
const form = { method: 'POST', ...header('content-type', 'application/x-www-form-urlencoded') }
const nonceDocument = {
  ...document,
  routes: [{ name: 'accounts', path: '/accounts', senderConstraint: { dpop: { nonce: 'required' } } }],
}
const refusingDocument = {
  ...document,
  routes: [{ name: 'accounts', path: '/accounts', senderConstraint: { dpop: { proofBesideBearer: 'refuse' } } }],
}
const clientCertDocument = {
  ...document,
  clientCertificateFrom: { source: 'client-cert', clientCert: { trustedProxies: ['192.0.2.0/24'] } },
}
const claiming = (claim: 'used' | 'quota' | 'full' | 'unknown' | 'unavailable') => ({ replays: { claim: () => claim } })
const opaque = { token: OPAQUE }

const inToken = { consentId: 'c-1', state: 'ACTIVE', permissions: [] }

/** What is wrong with the consent in the token. */
const consents: readonly (readonly [RefusalCase['reason'], string, object])[] = [
  ['consent_missing', 'token names a consent', { consent_id: undefined }],
  ['consent_unknown', 'consent found', {}],
  ['consent_unavailable', 'consent found', { consent: 'ACTIVE' }],
  ['consent_foreign', 'consent user', { consent: { ...inToken, subject: 'user-2' } }],
  ['consent_inactive', 'consent state', { consent: { ...inToken, state: 'REVOKED' } }],
  ['consent_spent', 'consent state', { consent: { ...inToken, state: 'CONSUMED' } }],
  ['consent_insufficient', 'consent permissions', { consent: inToken }],
]

const authorizationDetails = { type: 'payment', actions: ['pay'], match: { '/amount': 'body:/amount' } }
const authorized = { type: 'payment', actions: ['pay'], amount: '1' }

/** What is wrong with the details of the token, or with the request beside them. */
const unauthorized: readonly (readonly [RefusalCase['reason'], string, unknown, Order])[] = [
  ['details_insufficient', 'details', authorized, {}],
  ['details_insufficient', 'details type', [{ type: 'account' }], {}],
  ['details_insufficient', 'details actions', [{ ...authorized, actions: [] }], { body: '{"amount":"1"}' }],
  ['details_mismatch', 'details match', [authorized], { body: '{"amount":"2"}' }],
  ['details_request_unusable', 'details request', [authorized], { body: '[]' }],
  ['details_body_truncated', 'details request', [authorized], { body: '{', partial: 'true' }],
]

/** What a policy of the route finds wrong with a good token. */
const insufficient: readonly (readonly [RefusalCase['reason'], string, object])[] = [
  ['authentication_insufficient', 'token acr', { stepUp: { acr: ['high'] } }],
  ['claims_insufficient', 'token claim', { claims: { require: { '/tenant': 'gold' } } }],
]

/** Every reason that one Check can end in. */
export const refusalCases: readonly RefusalCase[] = [
  ...certificateRefusals.map(({ reason, check, order, options }) => ask(reason, check, order, options)),
  ask('request_malformed', 'request form', header('x-http-method-override', 'DELETE')),
  ask('host_unknown', 'public origin', { host: 'elsewhere.example' }),
  ask('path_not_canonical', 'path form', { path: '/accounts//1', proof: null }),
  ask('header_too_large', 'header size', { token: 'a'.repeat(9000) }),
  ask('route_unknown', 'route', { path: '/elsewhere' }),
  ask('method_not_allowed', 'method', { path: '/public/x', method: 'DELETE' }),
  ask('client_certificate_malformed', 'Client-Cert field', header('client-cert', 'pem'), {
    document: clientCertDocument,
  }),
  ask('interaction_id_invalid', 'x-fapi-interaction-id', {
    path: '/strict-id',
    ...header('x-fapi-interaction-id', 'x'),
  }),
  { ...ask('credentials_missing', 'Authorization field', {}), request: () => goodRequest({ scheme: 'Basic' }) },
  ask('credentials_malformed', 'Authorization field', { token: '"x"', proof: null }),
  ask('credentials_repeated', 'Authorization field', header('authorization', 'Bearer abc')),
  ask('token_in_query', 'query', { path: '/accounts?access_token=abc' }),
  { reason: 'token_in_body', check: 'form body', request: () => checkRequest({ ...form, body: 'access_token=abc' }) },
  ask('body_truncated', 'form body', { ...form, body: 'a=b', partial: 'true' }),

  ask('token_malformed', 'token form', { token: 'abc' }),
  withToken('token_type_refused', 'token typ', { header: { typ: 'JWT' } }),
  withToken('token_algorithm_refused', 'token alg', { header: { alg: 'RS256' } }),
  withToken('token_issuer_unknown', 'token iss', { claims: { iss: 'https://other.example' } }),
  withToken('token_key_unknown', 'token key', { header: { kid: 'another' } }),
  ask('token_signature_invalid', 'token signature', { token: mintToken({}, clientKey) }),
  withToken('token_audience_mismatch', 'token aud', { claims: { aud: 'https://other.example' } }),
  withToken('token_expired', 'token exp', { claims: { iat: 1_700_000_000, exp: 1_700_000_300 } }),
  withToken('token_not_yet_valid', 'token nbf', { claims: { nbf: 1_800_000_060 } }),
  withToken('token_lifetime_exceeded', 'token lifetime', { claims: { exp: 1_800_003_600 } }),
  withToken('token_claims_invalid', 'token claims', { claims: { sub: undefined } }),
  withToken('claim_unusable', 'identity headers', { claims: { sub: 'Zoë' } }),
  withToken('scope_insufficient', 'token scope', { claims: { scope: 'other' } }),
  ...unauthorized.map(([reason, check, claims, body]) =>
    ask(
      reason,
      check,
      {
        ...{ method: 'POST', ...header('content-type', 'application/json'), ...body },
        token: mintToken({ claims: { authorization_details: claims } }),
      },
      { document: { ...document, routes: [{ path: '/accounts', authorizationDetails }] } },
    ),
  ),
  ...insufficient.map(([reason, check, policy]) =>
    ask(reason, check, {}, { document: { ...document, routes: [{ path: '/accounts', ...policy }] } }),
  ),
  ...consents.map(([reason, check, claims]) =>
    ask(
      reason,
      check,
      { token: mintToken({ claims: { consent_id: 'c-1', ...claims } }) },
      {
        document: {
          ...document,
          routes: [
            {
              path: '/accounts',
              consent: {
                id: { claim: 'consent_id' },
                source: { claim: 'consent' },
                permissions: { all: ['ReadBalances'] },
              },
            },
          ],
        },
      },
    ),
  ),
  ask(
    'token_revoked',
    'token revocation',
    {},
    { document: listedDocument, revocations: { judge: () => ({ kind: 'revoked', by: 'jti' }) } },
  ),
  ask(
    'revocation_unavailable',
    'token revocation',
    {},
    {
      document: listedDocument,
      revocations: { judge: () => ({ kind: 'unknown', detail: 'the list is 40 s old' }) },
    },
  ),
  ask('token_inactive', 'token active', opaque, {
    document: askingDocument,
    introspection: oracle({ active: false }).introspector,
  }),
  ask('introspection_unavailable', 'token active', opaque, {
    document: askingDocument,
    introspection: oracle({ kind: 'unavailable', detail: 'it answers 500' }).introspector,
  }),
  ask(
    'keys_unavailable',
    'issuer keys',
    {},
    {
      keys: { find: () => ({ kind: 'unavailable', detail: 'no keys' }), generation: 1 },
    },
  ),

  withToken('token_unbound', 'token is bound', { claims: { cnf: undefined } }),
  withToken('confirmation_unusable', 'token cnf', { claims: { cnf: { kid: '1' } } }),
  ask('binding_incomplete', 'both bindings', { path: '/both' }),
  ask('binding_refused', 'binding method', { path: '/mtls' }),
  ask('bound_token_as_bearer', 'scheme fits binding', { scheme: 'Bearer' }),
  ask('token_not_dpop_bound', 'scheme fits binding', bound(boundTo.mtls, { certificate })),
  ask('certificate_missing', 'client certificate', bound(boundTo.mtls, bearer)),
  ask('certificate_unusable', 'certificate form', bound(boundTo.mtls, { ...bearer, certificate: 'x' })),
  ask('certificate_mismatch', 'token x5t#S256', bound({ 'x5t#S256': athOf('x') }, { ...bearer, certificate })),
  withProof('proof_key_mismatch', 'token jkt', {}, otherKey),

  ask('proof_missing', 'proof present', { proof: null }),
  ask('proof_repeated', 'one proof', header('dpop', 'x')),
  ask('proof_malformed', 'proof form', { proof: 'a.b' }),
  withProof('proof_type_refused', 'proof typ', { header: { typ: 'JWT' } }),
  withProof('proof_algorithm_refused', 'proof alg', { header: { alg: 'RS256' } }),
  withProof('proof_key_refused', 'proof jwk', { header: { jwk: { kty: 'oct', k: 'AAAA' } } }),
  withProof('proof_claims_invalid', 'proof claims', { claims: { jti: undefined } }),
  withProof('proof_method_mismatch', 'proof htm', { claims: { htm: 'POST' } }),
  withProof('proof_target_mismatch', 'proof htu', { claims: { htu: 'http://api.example.com/accounts' } }),
  withProof('proof_token_mismatch', 'proof ath', { claims: { ath: athOf('another') } }),
  withProof('proof_signature_invalid', 'proof signature', { header: { jwk: serverKey.jwk } }),
  withProof('proof_expired', 'proof iat', { claims: { iat: 1_700_000_000 } }),
  ask('nonce_missing', 'proof nonce present', {}, { document: nonceDocument }),
  {
    ...withProof('nonce_refused', 'proof nonce', { claims: { nonce: 'of another server' } }),
    options: { document: nonceDocument },
  },
  ask('proof_beside_bearer', 'no proof beside Bearer', bound(boundTo.mtls, { scheme: 'Bearer', certificate }), {
    document: refusingDocument,
  }),
  ask('proof_replayed', 'proof unused', {}, claiming('used')),
  ask('replay_quota', 'proof unused', {}, claiming('quota')),
  ask('replay_full', 'proof unused', {}, claiming('full')),
  ask('replay_unknown', 'proof unused', {}, claiming('unknown')),
  ask('replay_unavailable', 'proof unused', {}, claiming('unavailable')),
  ask(
    'internal_error',
    'internal',
    {},
    {
      keys: {
        find: () => {
          throw new Error('a fault of ours')
        },
        generation: 1,
      },
    },
  ),
]

/** What stands in no file, so that it has no place in one. */
export const noPlace = () => ({ file: 'envoy-fapi.yaml', line: 1, column: 1, written: false })

function configOf(written: object = document): Config {
  const reading = readConfig(written)
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems))
  return reading.config
}

/** One request on the whole spine, explained. */
export async function explainOnSpine(request: CheckRequest, options: SpineOptions = {}): Promise<Explanation> {
  const { ask: check, records, clock } = buildTestCheck(options)
  await check(request)
  const [record] = records
  if (!record) throw new Error('nothing was decided')
  const config = configOf(options.document)
  return explain(factsOfRecord(record, config, clock.now), { config, placeOf: noPlace }, [])
}

/** A CheckRequest in the JSON form of protobuf. */
export const jsonForm = (request: CheckRequest): string =>
  JSON.stringify(request, (_, value: unknown) =>
    typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value
      ? Buffer.from(value.data as number[]).toString('base64')
      : value,
  )
