import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { resourceMetadataNotes } from '../../src/config-metadata-checks.ts'
import { publications, type ResourceMetadata } from '../../src/resource-metadata.ts'
import { answered } from '../support/answers.ts'
import { overTheWire } from '../support/recordings.ts'
import { checkRequest } from '../support/requests.ts'
import { buildTestCheck, document, goodRequest, mintToken, type Order } from '../support/spine.ts'

const API = 'https://api.bank.example'
const bank = { name: 'bank', issuer: 'https://as.bank.example' }
const other = { name: 'other', issuer: 'https://as.other.example' }
const [one, two] = [{ path: '/one', scopes: ['a'] }, { path: '/two' }]

/** The configuration of one origin with these members besides. */
function configure(more: object = {}) {
  const reading = readConfig({
    publicOrigins: [API],
    authorizationServers: [bank],
    resourceMetadata: {},
    routes: [one],
    ...more,
  })
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems))
  return reading.config
}

const documents = (more: object = {}): readonly ResourceMetadata[] =>
  publications(configure(more)).map((published) => published.document)

/** A member of the only document. */
function member<Name extends keyof ResourceMetadata>(name: Name, more: object): ResourceMetadata[Name] {
  const [found, ...rest] = documents(more)
  if (!found || rest.length > 0) throw new Error(`${rest.length + (found ? 1 : 0)} documents`)
  return found[name]
}

describe('PRM-01, PRM-02 one document for each public origin', () => {
  test.each([
    ['https://api.bank.example', 'https://api.bank.example/.well-known/oauth-protected-resource', API],
    ['HTTPS://API.bank.example:443', 'https://api.bank.example/.well-known/oauth-protected-resource', API],
    ['https://api.bank.example:8443', `${API}:8443/.well-known/oauth-protected-resource`, `${API}:8443`],
    [
      { origin: API, pathPrefix: '/open-banking/v4' },
      'https://api.bank.example/.well-known/oauth-protected-resource/open-banking/v4',
      `${API}/open-banking/v4`,
    ],
  ])('the well-known part stands between host and path: %j', (origin, url, resource) => {
    const audiences = [resource]
    const published = publications(
      configure({ publicOrigins: [origin], authorizationServers: [{ ...bank, audiences }] }),
    )
    expect(published.map((found) => [found.url, found.document.resource])).toEqual([[url, resource]])
    // What a client does with the resource it knows leads to the same place (RFC 9728 section 3.1).
    const { origin: host, pathname } = new URL(resource)
    expect(url).toBe(`${host}/.well-known/oauth-protected-resource${pathname.replace(/\/$/, '')}`)
  })
  test('nothing is published unless that is asked for', () => {
    expect(documents({ resourceMetadata: undefined })).toEqual([])
    expect(documents()).toHaveLength(1)
  })
  test('an origin where no route wants a token has none', () => {
    const routes = [
      { ...one, hosts: ['api.bank.example'] },
      { path: '/health', open: true },
    ]
    const publicOrigins = [API, 'https://www.bank.example']
    const authorizationServers = [{ ...bank, audiences: [API] }]
    expect(documents({ publicOrigins, routes, authorizationServers }).map(({ resource }) => resource)).toEqual([API])
  })
})

describe('PRM-03 every member says what is enforced', () => {
  test('the whole document', () => {
    const resourceMetadata = {
      ...{ name: 'Accounts', documentation: 'https://bank.example/docs' },
      ...{ policy: 'https://bank.example/policy', termsOfService: 'https://bank.example/terms' },
    }
    expect(documents({ resourceMetadata })).toEqual([
      {
        resource: API,
        authorization_servers: ['https://as.bank.example'],
        scopes_supported: ['a'],
        bearer_methods_supported: ['header'],
        dpop_signing_alg_values_supported: ['ES256', 'PS256', 'EdDSA', 'Ed25519'],
        dpop_bound_access_tokens_required: false,
        tls_client_certificate_bound_access_tokens: true,
        resource_name: 'Accounts',
        resource_documentation: 'https://bank.example/docs',
        resource_policy_uri: 'https://bank.example/policy',
        resource_tos_uri: 'https://bank.example/terms',
      },
    ])
  })
  test('authorization_servers: whose tokens some route takes', () => {
    const authorizationServers = [bank, other]
    const from = (...names: readonly string[]) => ({ accessToken: { from: names } })
    const servers = (...routes: readonly object[]) => member('authorization_servers', { authorizationServers, routes })
    expect(servers(one)).toEqual([bank.issuer, other.issuer])
    expect(servers({ ...one, ...from('other') })).toEqual([other.issuer])
    expect(servers({ ...one, ...from('other') }, { ...two, ...from('bank') })).toEqual([bank.issuer, other.issuer])
  })
  test('authorization_details_types_supported: each that some route asks for, once; none is no list', () => {
    const types = (...routes: readonly object[]) => member('authorization_details_types_supported', { routes })
    const details = (type: string) => ({ path: `/${type}/{id}`, authorizationDetails: { type } })
    expect(types(details('payment'), { ...details('payment'), path: '/other' }, details('account'))).toEqual([
      ...['payment', 'account'],
    ])
    expect(types({ path: '/**' })).toBe(undefined)
  })
  test('scopes_supported: each that is asked for somewhere, once; none is no list', () => {
    const scopes = (...routes: readonly object[]) => member('scopes_supported', { routes })
    const mixed = { all: ['b', 'a'], any: ['c'], methods: { POST: ['d'], GET: [] } }
    expect(scopes(one, { ...two, scopes: mixed })).toEqual(['a', 'b', 'c', 'd'])
    expect(scopes({ path: '/accounts/{id}', scopes: { parameter: { scope: 'account:{id}', fact: 'id' } } })).toBe(
      undefined,
    )
    expect(scopes(two)).toBe(undefined)
    expect(scopes(one, { path: '/open', open: true })).toEqual(['a'])
  })
  test.each([
    ['dpop or mtls', [{}], 'connection', ['ES256', 'PS256', 'EdDSA', 'Ed25519'], false, true],
    ['dpop or mtls, and no certificates', [{}], 'none', ['ES256', 'PS256', 'EdDSA', 'Ed25519'], true, false],
    ['dpop', [{ methods: ['dpop'], dpop: { algorithms: ['ES256'] } }], 'connection', ['ES256'], true, false],
    ['mtls', [{ methods: ['mtls'] }], 'connection', undefined, false, true],
    ['both at once', [{ both: true, dpop: { algorithms: ['PS256'] } }], 'connection', ['PS256'], true, true],
    [
      'a route for each',
      [{ methods: ['dpop'], dpop: { algorithms: ['ES256'] } }, { methods: ['mtls'] }],
      'connection',
      ['ES256'],
      false,
      true,
    ],
    [
      'other algorithms elsewhere',
      [
        { methods: ['dpop'], dpop: { algorithms: ['PS256'] } },
        { methods: ['dpop'], dpop: { algorithms: ['ES256', 'PS256'] } },
      ],
      'connection',
      ['PS256', 'ES256'],
      true,
      false,
    ],
  ] as const)('the bindings: %s', (_, constraints, source, algorithms, dpop, mtls) => {
    const routes = constraints.map((senderConstraint, index) => ({ path: `/${index}`, senderConstraint }))
    expect(documents({ routes, clientCertificateFrom: { source } })).toEqual([
      expect.objectContaining({
        dpop_bound_access_tokens_required: dpop,
        tls_client_certificate_bound_access_tokens: mtls,
      }),
    ])
    expect(member('dpop_signing_alg_values_supported', { routes, clientCertificateFrom: { source } })).toEqual(
      algorithms,
    )
  })
  test('a bearer route asks for no binding', () => {
    const routes = [{ path: '/old', exceptions: ['bearerTokens'] }]
    expect(documents({ profile: 'compat', routes })).toEqual([
      {
        resource: API,
        authorization_servers: [bank.issuer],
        bearer_methods_supported: ['header'],
        dpop_bound_access_tokens_required: false,
        tls_client_certificate_bound_access_tokens: false,
      },
    ])
  })
  test('each origin by the routes that serve it, under whichever of its hosts', () => {
    const publicOrigins = [API, { origin: 'https://open.bank.example', hosts: ['edge.internal'] }]
    const authorizationServers = [{ ...bank, audiences: [API] }]
    const routes = [
      { ...one, hosts: ['api.bank.example'] },
      { ...two, hosts: ['edge.internal'], scopes: ['b'] },
      { path: '/three', scopes: ['c'] },
    ]
    expect(documents({ publicOrigins, authorizationServers, routes }).map((told) => told.scopes_supported)).toEqual([
      ['a', 'c'],
      ['b', 'c'],
    ])
  })
  test('no secret and nothing else of the configuration gets there', () => {
    const text = JSON.stringify(documents({ outbound: { ca: 'private-place.pem' } }))
    expect(text).not.toContain('private-place')
  })
})

describe('PRM-02 config check says what keeps clients from following', () => {
  const notes = (more: object) => resourceMetadataNotes(configure(more))
  const prefixed = [{ origin: API, pathPrefix: '/v4' }]
  test('that Envoy has to answer', () =>
    expect(notes({})).toEqual([
      `${API}/.well-known/oauth-protected-resource is for Envoy to answer; config metadata prints the route`,
    ]))
  test('that the place lies outside of the prefix, and a token for the resource would be refused', () =>
    expect(notes({ publicOrigins: prefixed }).slice(1)).toEqual([
      `${API}/.well-known/oauth-protected-resource/v4 does not begin with ${API}/v4: what stands before this Envoy has to send it here as it is`,
      `a token that bank gives for ${API}/v4 has to name one of its audiences here`,
    ]))
  test('a route that narrows audiences counts as it does', () => {
    const authorizationServers = [{ ...bank, audiences: [API, 'https://x.example'] }]
    const narrowed = (...audiences: readonly string[]) =>
      notes({ authorizationServers, routes: [{ ...one, accessToken: { audiences } }] }).slice(1)
    expect(narrowed(API)).toEqual([])
    expect(narrowed('https://x.example')).toHaveLength(1)
  })
  test('nothing when nothing is published', () => expect(notes({ resourceMetadata: undefined })).toEqual([]))
})

describe('PRM-04, ERR-14 challenges say where the metadata are', () => {
  const ALGS = 'algs="ES256 PS256 EdDSA Ed25519"'
  const URL_OF = 'https://api.example.com/.well-known/oauth-protected-resource'
  const published = { ...document, resourceMetadata: {} }
  const challenges = async (order: Order, rules: object = published) => {
    const request = order.token === undefined ? checkRequest(order) : goodRequest(order)
    return answered(overTheWire(await buildTestCheck({ document: rules }).ask(request)), 'www-authenticate')
  }

  test('without credentials, on every kind of route', async () => {
    const pointer = `resource_metadata="${URL_OF}"`
    expect(await challenges({ path: '/dpop' })).toEqual([`DPoP ${ALGS}, ${pointer}`])
    expect(await challenges({ path: '/mtls' })).toEqual([`Bearer ${pointer}`])
    expect(await challenges({ path: '/accounts' })).toEqual([`DPoP ${ALGS}, ${pointer}`, `Bearer ${pointer}`])
  })
  test('with an error, each parameter once', async () => {
    expect(await challenges({ path: '/dpop', token: mintToken({ claims: { exp: 0 } }) })).toEqual([
      `DPoP error="invalid_token", error_description="The access token has expired", ${ALGS}, resource_metadata="${URL_OF}"`,
    ])
  })
  test('of the origin that the request is for, whatever the client writes', async () => {
    const host = 'mtls.example.com:8443'
    const expected = `Bearer resource_metadata="https://${host}/.well-known/oauth-protected-resource"`
    expect(await challenges({ path: '/mtls', host })).toEqual([expected])
    expect(await challenges({ path: '/mtls', host: 'internal.example' })).toEqual([expected])
    const headers = [['x-forwarded-host', 'evil.example']] as const
    expect(await challenges({ path: '/mtls', host: 'internal.example', headers })).toEqual([expected])
  })
  test('none when the origin is unknown, and none when nothing is published', async () => {
    expect(await challenges({ host: 'evil.example' })).toEqual([])
    expect(await challenges({ path: '/mtls' }, document)).toEqual(['Bearer'])
  })
  test('a path prefix is part of it, and a token for the resource opens it', async () => {
    const origin = { origin: 'https://api.example.com', pathPrefix: "/it's(a)prefix" }
    const rules = { ...published, publicOrigins: [origin] }
    expect(await challenges({ path: '/mtls' }, rules)).toEqual([
      `Bearer resource_metadata="${URL_OF}${origin.pathPrefix}"`,
    ])
  })
})

test.each(['resource', 'authorization_servers', 'scopes_supported', 'signedMetadata'])(
  'PRM-03 what is enforced cannot be told otherwise: %s is no member of the configuration',
  (name) => expect(() => configure({ resourceMetadata: { [name]: 'x' } })).toThrow('unknown key'),
)
