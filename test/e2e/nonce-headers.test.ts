import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { API, MTLS } from '../../demo/setting.ts'
import { buildNonces } from '../../src/verify/nonce.ts'
import { type Asking, lines, startTestEdge, type TestEdge, withSettings } from '../support/edge.ts'
import { secretOf } from '../support/nonces.ts'

const PORTAL = 'https://portal.example'
const STEP = 60

/** An upstream that speaks of nonces and caches itself, as Envoy's router hands its answers on. */
const response_headers_to_add = [
  { header: { key: 'dpop-nonce', value: 'of-the-upstream' } },
  { header: { key: 'cache-control', value: 'public, max-age=600' } },
]
const typed_per_filter_config = {
  cors: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy',
    allow_origin_string_match: [{ exact: PORTAL }],
    allow_methods: 'GET, POST',
    allow_headers: 'authorization, dpop, x-fapi-interaction-id',
    expose_headers: 'WWW-Authenticate, DPoP-Nonce, x-fapi-interaction-id',
  },
}

interface VirtualHost {
  readonly domains: readonly string[]
  readonly routes: readonly object[]
}

/** Envoy's CORS filter in front of ours; for the mTLS host Envoy removes nonces of the upstream. */
const adapt = withSettings({
  http_filters: (filters) => [
    { name: 'cors', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors' } },
    ...(filters as readonly unknown[]),
  ],
  virtual_hosts: (hosts) =>
    (hosts as readonly VirtualHost[]).flatMap((host) => {
      const routes = host.routes.map((route) => ({ ...route, response_headers_to_add }))
      const [api, mtls] = ['api.', 'mtls.'].map((name) => host.domains.filter((domain) => domain.startsWith(name)))
      return [
        { ...host, routes, typed_per_filter_config, domains: api },
        { ...host, routes, name: 'mtls', domains: mtls, response_headers_to_remove: ['dpop-nonce'] },
      ]
    }),
})

let edge: TestEdge
beforeAll(async () => {
  edge = await startTestEdge({ document: { nonces: { secrets: [secretOf.first], step: `${STEP}s` } }, adapt })
})
afterAll(() => edge.stop())

/** What the service issued so many steps ago. */
const nonceAt = (steps: number, origin = API): string =>
  buildNonces({ secrets: [{ secret: secretOf.first, since: -1e6 }], step: STEP, monotonic: () => 0 }).issue(
    origin,
    Date.now() / 1000 + steps * STEP,
  )
const asking = (nonce: string | undefined, more: Asking = {}): Asking =>
  edge.good({ path: '/nonce', ...more, proof: { claims: { nonce } } })

describe('T-27, ERR-08, ERR-09 one nonce in an answer, and no cache keeps it', () => {
  test('a renewed nonce takes the place of the upstream’s, and so does no-store', async () => {
    const told = await edge.ask(asking(nonceAt(-1)))
    expect([told.status, told.hits]).toEqual([200, 1])
    const [nonce, ...more] = lines(told, 'dpop-nonce')
    expect(more).toEqual([])
    expect([nonceAt(0), nonceAt(-1)]).toContain(nonce)
    expect(lines(told, 'cache-control')).toEqual(['no-store'])
  })
  test('with the newest nonce nothing is added: what the upstream says stays', async () => {
    // A step ahead: it stays the newest whenever the step ends.
    const told = await edge.ask(asking(nonceAt(1)))
    expect(told.status).toBe(200)
    expect(lines(told, 'dpop-nonce')).toEqual(['of-the-upstream'])
    expect(lines(told, 'cache-control')).toEqual(['public, max-age=600'])
  })
  test('unless Envoy is told to remove nonces of upstreams; ours are written after that', async () => {
    const at = (nonce: string): Asking => asking(nonce, { url: `${MTLS}/nonce`, certificate: edge.setting.pki.client })
    const [newest, renewed] = [await edge.ask(at(nonceAt(1, MTLS))), await edge.ask(at(nonceAt(-1, MTLS)))]
    expect([newest.status, renewed.status]).toEqual([200, 200])
    expect([lines(newest, 'dpop-nonce').length, lines(renewed, 'dpop-nonce').length]).toEqual([0, 1])
    expect(lines(renewed, 'dpop-nonce')).not.toContain('of-the-upstream')
  })
  test('a nonce of the upstream is none of ours: refused, with one that is', async () => {
    const told = await edge.ask(asking('of-the-upstream'))
    expect([told.status, told.hits]).toEqual([401, 0])
    expect(lines(told, 'dpop-nonce')).toHaveLength(1)
    expect(lines(told, 'www-authenticate')[0]).toContain('error="use_dpop_nonce"')
    expect(lines(told, 'cache-control')).toEqual(['no-store'])
  })
})

describe('ERR-10 a page of another origin can read the answers', () => {
  const origin = { origin: PORTAL }
  const exposed = 'WWW-Authenticate, DPoP-Nonce, x-fapi-interaction-id'
  const cors = (told: Parameters<typeof lines>[0]) =>
    ['access-control-allow-origin', 'access-control-expose-headers'].map((name) => lines(told, name))

  test('denials too, as long as the CORS filter stands before ext_authz', async () => {
    const { headers } = asking(undefined)
    const told = await edge.ask({ path: '/nonce', headers: { ...headers, ...origin } })
    expect(told.status).toBe(401)
    expect(lines(told, 'dpop-nonce')).toHaveLength(1)
    expect(cors(told)).toEqual([[PORTAL], [exposed]])
  })
  test('and what was let in', async () => {
    const { headers } = asking(nonceAt(0))
    const told = await edge.ask({ path: '/nonce', headers: { ...headers, ...origin } })
    expect([told.status, ...cors(told)]).toEqual([200, [PORTAL], [exposed]])
  })
  test('a preflight needs no token and does not reach the upstream', async () => {
    const wanted = { 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization, dpop' }
    const told = await edge.ask({ method: 'OPTIONS', path: '/nonce', headers: { ...origin, ...wanted } })
    expect([told.status, told.hits]).toEqual([200, 0])
    expect(lines(told, 'access-control-allow-origin')).toEqual([PORTAL])
  })
  test('another origin gets none of it', async () => {
    const { headers } = asking(nonceAt(0))
    const told = await edge.ask({ path: '/nonce', headers: { ...headers, origin: 'https://evil.example' } })
    expect(cors(told)).toEqual([[], []])
  })
})
