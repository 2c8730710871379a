import type { JWK } from 'jose'

/** A client of the realm, and what its tokens are bound to. */
export interface RealmClient {
  readonly id: string
  readonly jwk: JWK
  readonly binding: 'dpop' | 'mtls' | 'none'
  /** A setting that is left as Keycloak has it. */
  readonly without?: 'header type' | 'algorithm' | 'client_id' | 'audience'
}

const algorithm = 'PS256'

/** The settings that docs/keycloak.md tells of. */
export const bankRealm = (audience: string, clients: readonly RealmClient[]) => ({
  realm: 'bank',
  enabled: true,
  sslRequired: 'all',
  defaultSignatureAlgorithm: algorithm,
  accessTokenLifespan: 300,
  components: {
    'org.keycloak.keys.KeyProvider': [
      signingKey('first', 100),
      { name: 'hmac', providerId: 'hmac-generated' },
      { name: 'aes', providerId: 'aes-generated' },
    ],
  },
  clientPolicies: {
    policies: [policy('dpop', 'fapi-2-dpop-security-profile'), policy('mtls', 'fapi-2-security-profile')],
  },
  clientScopes: [
    scope('accounts', [audienceMapper(audience)]),
    scope('payments', [audienceMapper(audience)]),
    scope('nowhere', []),
  ],
  defaultDefaultClientScopes: [],
  clients: clients.map(describe),
})

const scope = (name: string, protocolMappers: readonly object[]) => ({
  name,
  protocol: 'openid-connect',
  attributes: { 'include.in.token.scope': 'true' },
  protocolMappers,
})

const audienceMapper = (audience: string) => ({
  name: 'audience',
  protocol: 'openid-connect',
  protocolMapper: 'oidc-audience-mapper',
  config: {
    'included.custom.audience': audience,
    'access.token.claim': 'true',
    'introspection.token.claim': 'true',
  },
})

/** A key that signs; the one with the highest priority signs new tokens. */
export const signingKey = (name: string, priority: number) => ({
  name,
  providerId: 'rsa-generated',
  config: { priority: [String(priority)], algorithm: [algorithm], keySize: ['2048'] },
})

/** A client policy for the clients that carry the attribute. */
const policy = (binding: string, profile: string) => ({
  name: `fapi-2-${binding}`,
  enabled: true,
  conditions: [
    {
      condition: 'client-attributes',
      configuration: { attributes: JSON.stringify([{ key: 'fapi.binding', value: binding }]) },
    },
  ],
  profiles: [profile],
})

const describe = ({ id, jwk, binding, without }: RealmClient) => ({
  clientId: id,
  protocol: 'openid-connect',
  publicClient: false,
  serviceAccountsEnabled: true,
  standardFlowEnabled: false,
  directAccessGrantsEnabled: false,
  fullScopeAllowed: false,
  clientAuthenticatorType: 'client-jwt',
  attributes: {
    'use.jwks.string': 'true',
    'jwks.string': JSON.stringify({ keys: [jwk] }),
    'token.endpoint.auth.signing.alg': 'ES256',
    'access.token.signed.response.alg': without === 'algorithm' ? 'RS256' : algorithm,
    'access.token.header.type.rfc9068': String(without !== 'header type'),
    // A client outside of the policies, so that they do not set it right.
    ...(binding !== 'none' && without === undefined && { 'fapi.binding': binding }),
    'dpop.bound.access.tokens': String(binding === 'dpop'),
    'tls.client.certificate.bound.access.tokens': String(binding === 'mtls'),
  },
  protocolMappers: [...(without === 'client_id' ? [] : [clientIdMapper(id)])],
  defaultClientScopes: binding === 'none' ? [] : [without === 'audience' ? 'nowhere' : 'accounts'],
  optionalClientScopes: binding === 'none' ? [] : ['payments'],
})

/** Keycloak says azp; RFC 9068 wants client_id. */
const clientIdMapper = (id: string) => ({
  name: 'client_id',
  protocol: 'openid-connect',
  protocolMapper: 'oidc-hardcoded-claim-mapper',
  config: {
    'claim.name': 'client_id',
    'claim.value': id,
    'jsonType.label': 'String',
    'access.token.claim': 'true',
    'introspection.token.claim': 'true',
  },
})
