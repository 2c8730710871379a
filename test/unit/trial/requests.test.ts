import { describe, expect, test } from 'vitest'
import { configuration, reasonsOf, reportOf } from '../../support/policy-tests.ts'

describe('a request that says nothing else is a good one', () => {
  test.each(['/', '/health', '/accounts/42', '/accounts/a.b~c', '/nonce', '/mtls', '/both'])('GET %s', async (url) =>
    expect(await reasonsOf({ request: `GET ${url}` })).toEqual(['allowed']),
  )
  test.each(['ES256', 'PS256', 'EdDSA', 'Ed25519'])('by a client that signs with %s', async (algorithm) =>
    expect(await reasonsOf({}, { clients: { tpp: { algorithm } } })).toEqual(['allowed']),
  )
  test.each(['PS256', 'ES256', 'EdDSA', 'Ed25519'])('with tokens signed with %s', async (algorithm) => {
    const [server] = configuration.authorizationServers
    const config = { ...configuration, authorizationServers: [{ ...server, algorithms: [algorithm] }] }
    expect(await reasonsOf({}, { config })).toEqual(['allowed'])
  })
  test('on a route that narrows what tokens may be', async () => {
    const accessToken = { from: ['b'], audiences: ['urn:two'], typ: ['x+jwt'], maxLifetime: '20s' }
    const config = {
      ...configuration,
      authorizationServers: [
        { name: 'a', issuer: 'https://a.example' },
        { name: 'b', issuer: 'https://b.example', audiences: ['urn:one', 'urn:two'], revocation: { shortLived: '1m' } },
      ],
      routes: [{ path: '/**', accessToken, scopes: { any: ['x', 'y'], methods: { GET: ['z'] } } }],
    }
    expect(await reasonsOf({ request: 'HEAD /' }, { config })).toEqual(['allowed'])
  })
})

describe('one difference makes it a bad one', () => {
  test.each([
    [{ token: 'none' }, 'credentials_missing'],
    [{ token: { key: 'another' } }, 'token_signature_invalid'],
    [{ token: { header: { kid: 'other' } } }, 'token_key_unknown'],
    [{ token: { algorithm: 'RS256' } }, 'token_algorithm_refused'],
    [{ token: { algorithm: 'HS256' } }, 'token_algorithm_refused'],
    [{ token: { algorithm: 'none' } }, 'token_malformed'],
    [{ token: { typ: 'JWT' } }, 'token_type_refused'],
    [{ token: { typ: 'dpop+jwt' } }, 'token_type_refused'],
    [{ token: { claims: { iss: 'https://elsewhere.example' } } }, 'token_issuer_unknown'],
    [{ token: { audience: 'https://elsewhere.example' } }, 'token_audience_mismatch'],
    [{ token: { iat: '-1h' } }, 'token_expired'],
    [{ token: { iat: '+1h' } }, 'token_not_yet_valid'],
    [{ token: { lifetime: '1h' } }, 'token_lifetime_exceeded'],
    [{ token: { claims: { sub: null } } }, 'token_claims_invalid'],
    [{ token: { claims: { client_id: 'a\nb' } } }, 'claim_unusable'],
    [{ token: { bind: 'none' } }, 'token_unbound'],
    [{ token: { claims: { cnf: { jkt: 'short' } } } }, 'confirmation_unusable'],
    [{ token: { scheme: 'Bearer' } }, 'bound_token_as_bearer'],
    [{ token: { bind: 'mtls', scheme: 'DPoP' } }, 'token_not_dpop_bound'],
    [{ token: { scopes: ['other'] } }, 'scope_insufficient'],
    [{ token: { client: 'thief' } }, 'proof_key_mismatch'],
    [{ token: { bind: 'mtls' }, certificate: 'none' }, 'certificate_missing'],
    [{ token: { bind: 'mtls' }, certificate: 'thief' }, 'certificate_mismatch'],
    [{ token: { bind: 'mtls' }, certificate: 'another' }, 'certificate_mismatch'],
    [{ token: { opaque: true } }, 'token_malformed'],
    [{ proof: 'none' }, 'proof_missing'],
    [{ proof: { key: 'another' } }, 'proof_key_mismatch'],
    [{ proof: { key: 'thief' } }, 'proof_key_mismatch'],
    [{ proof: { htm: 'POST' } }, 'proof_method_mismatch'],
    [{ proof: { htu: 'https://elsewhere.example/' } }, 'proof_target_mismatch'],
    [{ proof: { iat: '-61s' } }, 'proof_expired'],
    [{ proof: { iat: '+11s' } }, 'proof_expired'],
    [{ proof: { ath: 'none' } }, 'proof_token_mismatch'],
    [{ proof: { typ: 'jwt' } }, 'proof_type_refused'],
    [{ proof: { algorithm: 'RS256' } }, 'proof_algorithm_refused'],
    [{ proof: { claims: { jti: null } } }, 'proof_claims_invalid'],
    [{ proof: { header: { jwk: null } } }, 'proof_key_refused'],
    [{ request: { url: '/', headers: { dpop: 'second' } } }, 'proof_repeated'],
    [{ request: { url: '/', headers: { authorization: 'Bearer second' } } }, 'credentials_repeated'],
    [{ request: { url: '/', headers: { 'x-fapi-interaction-id': ['a', 'b'] } } }, 'allowed'],
    [{ request: { url: '/?access_token=x' } }, 'token_in_query'],
    [{ request: 'TRACE /' }, 'method_not_allowed'],
    [{ request: 'GET https://elsewhere.example/' }, 'host_unknown'],
    [{ request: 'GET /a//b' }, 'path_not_canonical'],
    [{ request: { url: '/', extensions: { route: 'nonce' } } }, 'route_unknown'],
    [{ request: 'GET /accounts/42', token: { scopes: ['account:43'] } }, 'scope_insufficient'],
    [{ request: 'GET /both', token: { bind: 'dpop' } }, 'binding_incomplete'],
    [{ request: 'GET /mtls', token: { bind: 'dpop' } }, 'binding_refused'],
    [{ request: 'GET /nonce', proof: { nonce: 'none' } }, 'nonce_missing'],
    [{ request: 'GET /nonce', proof: { nonce: 'mine' } }, 'nonce_refused'],
    [{ request: 'GET /nonce', proof: { nonce: 'challenge' } }, 'nonce_missing'],
  ])('%j', async (difference, reason) => expect(await reasonsOf(difference)).toEqual([reason]))

  test.each([
    [{ proof: { iat: '-60s' } }],
    [{ proof: { iat: '+10s' } }],
    [{ token: { iat: '-304s' } }],
    [{ at: '+3650d' }],
    [{ at: '2030-01-01T00:00:00.250Z' }],
    [{ token: { claims: { aud: ['x', 'https://api.bank.example'] } } }],
  ])('while this is still good: %j', async (difference) => expect(await reasonsOf(difference)).toEqual(['allowed']))
})

describe('several requests in a row', () => {
  const ok = { expect: { reason: 'allowed' } }
  test.each([
    ['a proof is good once', [{}, { proof: 'again' }], ['allowed', 'proof_replayed']],
    ['and not for another token', [{}, { token: {}, proof: 'again' }], ['allowed', 'proof_token_mismatch']],
    ['a token as often as one likes', [{}, { token: 'again' }, { token: 'again' }], ['allowed', 'allowed', 'allowed']],
    ['until it ends', [{}, { token: 'again', wait: '306s' }], ['allowed', 'token_expired']],
    ['and a proof until it is old', [{}, { proof: 'again', wait: '61s' }], ['allowed', 'proof_expired']],
    ['a name of a proof counts', [{ proof: { jti: 'a' } }, { proof: { jti: 'a' } }], ['allowed', 'proof_replayed']],
    ['a thief has the token alone', [{}, { client: 'thief', token: 'again' }], ['allowed', 'proof_key_mismatch']],
    ['what was not sent is not taken', [{ proof: 'none' }, { proof: 'again' }], ['proof_missing', 'proof_missing']],
  ])('%s', async (_, steps, reasons) =>
    expect(await reasonsOf({ steps: steps.map((step) => ({ ...step, ...ok })) })).toEqual(reasons),
  )
  test('the nonce of an answer is good in the next proof, and ends', async () => {
    const steps = [
      { proof: { nonce: 'none' }, ...ok },
      { proof: { nonce: 'challenge' }, ...ok },
      { proof: { nonce: 'challenge' }, wait: '4m', ...ok },
    ]
    expect(await reasonsOf({ request: 'GET /nonce', steps })).toEqual(['nonce_missing', 'allowed', 'nonce_refused'])
  })
  test('no case knows what those before it used', async () => {
    const one = { request: 'GET /', proof: { jti: 'same' }, expect: { status: 200 } }
    const cases = ['a', 'b'].map((name) => ({ ...one, name }))
    expect(await reportOf({ cases })).toMatchObject({ passed: 2, failed: 0 })
  })
})

describe('introspection is answered by the built-in server', () => {
  const [server] = configuration.authorizationServers
  const introspection = {
    clientId: 'api',
    key: 'not-there.pem',
    required: ['sub', 'token_type', 'iss', 'jti', 'iat', 'scope'],
  }
  const config = (accessToken: object) => ({
    ...configuration,
    authorizationServers: [{ ...server, revocation: { introspection } }],
    routes: [{ path: '/**', scopes: ['accounts'], accessToken }],
  })
  test.each([
    [{ opaque: true }, {}, 'allowed'],
    [{ opaque: true, bind: 'mtls' }, {}, 'allowed'],
    [{ opaque: true, introspection: 'inactive' }, {}, 'token_inactive'],
    [{ opaque: true, introspection: 'unavailable' }, {}, 'introspection_unavailable'],
    [{ opaque: true, iat: '-1h' }, {}, 'token_expired'],
    [{ opaque: true, claims: { token_type: 'Bearer' } }, {}, 'token_claims_invalid'],
    [{ introspection: 'inactive' }, {}, 'allowed'],
    [{ introspection: 'inactive' }, { forceIntrospection: true }, 'token_inactive'],
    [{}, { forceIntrospection: true }, 'allowed'],
  ])('%j with %j', async (token, accessToken, reason) =>
    expect(await reasonsOf({ token }, { config: config(accessToken) })).toEqual([reason]),
  )
  test('which knows no token but its own', async () => {
    const request = { url: '/', headers: { authorization: 'DPoP unknown' } }
    expect(await reasonsOf({ token: 'none', proof: {}, request }, { config: config({}) })).toEqual(['token_inactive'])
  })
})

describe('the certificate stands where the configuration looks for it', () => {
  const sources: readonly (readonly [name: string, source: object])[] = [
    ['of the connection', { source: 'connection' }],
    ['in the header of this Envoy', { source: 'xfcc', xfcc: { writtenBy: 'thisEnvoy' } }],
    ...(['spiffe://mesh/gateway', '10.1.0.0/16', 'fd00::/8'] as const).map(
      (proxy) =>
        [
          `in the header of ${proxy}`,
          { source: 'xfcc', xfcc: { writtenBy: 'previousHop', hops: 2, trustedProxies: [proxy] } },
        ] as const,
    ),
    ['in Client-Cert', { source: 'client-cert', clientCert: { trustedProxies: ['10.1.2.3'] } }],
  ]
  const names = { uris: ['spiffe://bank.example/tpp'], dns: ['tpp.example'] }
  describe.each(sources)('%s', (_, clientCertificateFrom) => {
    const config = { ...configuration, clientCertificateFrom }
    const reasons = (difference: object, certificate: object = {}) =>
      reasonsOf({ request: 'GET /mtls', ...difference }, { config, clients: { tpp: { certificate }, thief: {} } })
    test('is taken', async () => expect(await reasons({})).toEqual(['allowed']))
    test('is taken, whatever its names', async () => expect(await reasons({}, names)).toEqual(['allowed']))
    test('is missed', async () => expect(await reasons({ certificate: 'none' })).toEqual(['certificate_missing']))
    test('is compared', async () => expect(await reasons({ certificate: 'thief' })).toEqual(['certificate_mismatch']))
  })
  test('a header from somebody else is not believed', async () => {
    const config = { ...configuration, clientCertificateFrom: sources.at(-1)?.[1] }
    const request = { url: '/mtls', address: '192.0.2.99' }
    expect(await reasonsOf({ request }, { config })).toEqual(['certificate_missing'])
  })
})

describe('a route in shadow', () => {
  const inShadow = (more: object = {}) => ({
    config: { ...configuration, routes: [{ path: '/enforcing' }, { path: '/**', mode: 'shadow', ...more }] },
  })
  test('tells what it would have refused', async () => {
    const cases = [
      { name: 'good', request: 'GET /', expect: { status: 200, would: 'allowed' } },
      { name: 'bad', request: 'GET /', proof: 'none', expect: { status: 200, would: 'proof_missing' } },
      { name: 'wrong', request: 'GET /', proof: 'none', expect: { status: 200, would: 'proof_expired' } },
    ]
    const report = await reportOf({ cases }, inShadow())
    expect(report.cases.map(({ ok, requests: [one] }) => [ok, one?.differences])).toEqual([
      [true, []],
      [true, []],
      [false, [{ what: 'would', expected: 'proof_expired', got: 'proof_missing' }]],
    ])
  })
  test.each([
    ['2019-12-31T23:59:59Z', 'allowed'],
    ['2020-01-01T00:00:00Z', 'proof_missing'],
  ])('ends when it says, whatever the clock of this machine says: %s', async (at, reason) =>
    expect(await reasonsOf({ at, proof: 'none' }, inShadow({ until: '2020-01-01' }))).toEqual([reason]),
  )
})

test('the upstream gets an assertion, signed with a built-in key and told by its hash', async () => {
  const assertion = { key: 'not-there.pem', issuer: 'https://edge.example', audience: 'api' }
  const config = { ...configuration, listen: { metrics: '127.0.0.1:0' }, identity: { assertion } }
  const cases = [
    { name: 'there', request: 'GET /', expect: { status: 200, headers: { 'x-authz-assertion': true } } },
    { name: 'shown', request: 'GET /', expect: { status: 200, headers: { 'x-authz-assertion': false } } },
  ]
  const report = await reportOf({ cases }, { config })
  expect(report.cases.map(({ ok }) => ok)).toEqual([true, false])
  expect(report.cases[1]?.requests[0]?.differences[0]?.got).toMatch(/^a JWS \(SHA-256 [0-9a-f]{12}…\)$/)
})
