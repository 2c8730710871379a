import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MTLS } from '../../demo/setting.ts'
import { placeBootstrap, validateBootstrap } from '../../tools/bootstrap.ts'
import { findEnvoy } from '../../tools/envoy.ts'
import {
  type Asking,
  boundToCertificate,
  edgeDocument,
  lines,
  sawLines,
  startTestEdge,
  type TestEdge,
} from '../support/edge.ts'
import { rulesFor } from '../support/edge-custom.ts'
import { identityLines } from '../support/edge-identity.ts'
import { reasonOf } from '../support/edge-refusals.ts'
import { startStandIn } from '../support/edge-standin.ts'

const directory = fileURLToPath(new URL('../../envoy', import.meta.url))
const shipped = (name: string): string => join(directory, `${name}.yaml`)
const everyName = globSync('*.yaml', { cwd: directory })
  .map((file) => basename(file, '.yaml'))
  .filter((name) => readFileSync(shipped(name), 'utf8').includes('static_resources:'))
const placed = ({ setting: { pki, ports } }: TestEdge, name: string): string =>
  placeBootstrap(shipped(name), { pki: pki.directory, ports })

/** Every value of members of that name, wherever they stand. */
function membersOf(bootstrap: string, name: string): readonly unknown[] {
  const found: unknown[] = []
  JSON.parse(bootstrap, (key, value: unknown) => {
    if (key === name) found.push(value)
    return value
  })
  return found
}

const unique = (values: readonly unknown[]): readonly string[] => [
  ...new Set(values.map((value) => JSON.stringify(value))),
]

const TLS_1_2_SUITES = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
]

describe('envoy/hardened.yaml', () => {
  let edge: TestEdge
  beforeAll(async () => {
    edge = await startTestEdge()
  })
  afterAll(() => edge.stop())

  test.each(everyName)('Envoy takes envoy/%s.yaml, and not a broken one', (name) => {
    const file = join(edge.directory, `${name}.json`)
    writeFileSync(file, placed(edge, name))
    expect(
      validateBootstrap(
        findEnvoy(() => undefined),
        file,
      ),
    ).toBeUndefined()
    writeFileSync(file, placed(edge, name).replaceAll('failure_mode_allow', 'failure_mode_alow'))
    expect(
      validateBootstrap(
        findEnvoy(() => undefined),
        file,
      ),
    ).toContain('failure_mode_alow')
  })

  test('its header rules are those that envoy-fapi config headers prints', () => {
    const { allowExpression, earlyStrip } = rulesFor()
    for (const name of ['hardened', 'minimal'])
      expect(unique(membersOf(placed(edge, name), 'safe_regex'))).toEqual([JSON.stringify({ regex: earlyStrip })])
    expect(unique(membersOf(placed(edge, 'hardened'), 'allow_expression'))).toEqual([
      JSON.stringify({ regex: allowExpression }),
    ])
  })

  test('FAPI-NET-02: the suites of TLS 1.2 are those of BCP 195, on every side', () => {
    expect(unique(membersOf(placed(edge, 'hardened'), 'cipher_suites'))).toEqual([JSON.stringify(TLS_1_2_SUITES)])
  })

  test('att-envoy-06: neither bootstrap ever opens', () => {
    for (const name of ['hardened', 'minimal'])
      expect(unique(membersOf(placed(edge, name), 'failure_mode_allow'))).toEqual(['false'])
  })

  const certified = (): Asking => {
    const { client } = edge.setting.pki
    const token = edge.mint({ claims: { cnf: boundToCertificate(client) } })
    return { headers: { authorization: `Bearer ${token}` }, certificate: client }
  }
  const both = (): Asking => {
    const { client } = edge.setting.pki
    const cnf = { ...boundToCertificate(client), jkt: edge.key.thumbprint }
    return edge.good({ token: edge.mint({ claims: { cnf } }), path: '/both', certificate: client })
  }
  test.each<readonly [string, () => Asking, string | undefined]>([
    ['a DPoP-bound token', () => edge.good(), 'dpop'],
    ['a DPoP-bound token, with query', () => edge.good({ path: '/accounts/1?a=b%20c' }), 'dpop'],
    ['a DPoP-bound token, HEAD', () => edge.good({ method: 'HEAD' }), undefined],
    ['a DPoP-bound token, POST', () => edge.good({ method: 'POST', path: '/payments', body: '{}' }), 'dpop'],
    [
      'a DPoP-bound token on the host for certificates',
      () => ({ ...edge.good({ url: `${MTLS}/accounts` }), ...certificate() }),
      'dpop',
    ],
    ['a certificate-bound token', certified, 'mtls'],
    ['a certificate-bound token on its own host', () => ({ ...certified(), url: `${MTLS}/accounts` }), 'mtls'],
    ['MTLS-15: a token bound to both', both, 'dpop mtls'],
    ['an open route', () => ({ path: '/public/x' }), undefined],
  ])('lets in %s', async (_, make, binding) => {
    for (const http2 of [false, true]) {
      const told = await edge.ask({ ...make(), http2 })
      expect(told).toMatchObject({ status: 200, hits: 1 })
      expect(lines(told, 'x-fapi-interaction-id')).toEqual([told.id])
      expect(sawLines(told.seen, 'x-authz-binding')).toEqual(binding === undefined ? [] : [binding])
    }
  })
  const certificate = (): Asking => ({ certificate: edge.setting.pki.client })

  test('att-envoy-15, MTLS-03: a certificate is known by its hash, whatever it calls itself', async () => {
    const subject = {
      name: 'admin',
      dns: ['a.example\0.evil.example'],
      uris: ['https://x/a,Hash=ff;URI=spiffe://admin'],
    }
    const [own, other] = [edge.certify(subject), edge.certify(subject)]
    const headers = { authorization: `Bearer ${edge.mint({ claims: { cnf: boundToCertificate(own) } })}` }
    const told = await edge.ask({ headers, certificate: own })
    expect([told.status, sawLines(told.seen, 'x-authz-thumbprint')]).toEqual([
      200,
      [boundToCertificate(own)['x5t#S256']],
    ])
    expect(JSON.stringify(told.seen)).not.toContain('evil')
    expect(await edge.ask({ headers, certificate: other })).toMatchObject({ status: 401, hits: 0 })
  })

  // The last one: it takes the place of the service.
  test('a Check may take as long as the timeout says, and is told so', async () => {
    const standIn = await startStandIn(edge)
    standIn.answer('UNAVAILABLE')
    expect(await edge.ask({})).toMatchObject({ status: 503, hits: 0 })
    standIn.answer(Buffer.alloc(0))
    await edge.ask({})
    expect(standIn.patience()).toBe('500')
    standIn.stop()
  })
})

describe('envoy/minimal.yaml', () => {
  let edge: TestEdge
  beforeAll(async () => {
    // Its service stands on loopback without TLS.
    const { tls: _, ...listen } = edgeDocument.listen
    edge = await startTestEdge({ document: { listen }, bootstrap: 'envoy/minimal.yaml' })
  })
  afterAll(() => edge.stop())

  test.each([false, true])(
    'lets in a DPoP-bound token once, and strips what a client may not say (HTTP/2: %s)',
    async (http2) => {
      const asking = edge.good({ http2, headers: { 'x-authz-subject': 'admin', 'x-authz-roles': 'admin' } })
      const told = await edge.ask(asking)
      expect(told).toMatchObject({ status: 200, hits: 1 })
      expect(identityLines(told.seen)).toMatchObject({ 'x-authz-subject': 'user-1', 'x-authz-binding': 'dpop' })
      expect(identityLines(told.seen)).not.toHaveProperty('x-authz-roles')
      expect(['authorization', 'dpop'].flatMap((name) => sawLines(told.seen, name))).toEqual([])
      const again = await edge.ask(asking)
      expect([again.status, again.hits, await reasonOf(edge, again.id)]).toEqual([401, 0, 'proof_replayed'])
    },
  )
  test('an open route', async () => {
    const told = await edge.ask({
      path: '/public/x',
      headers: { x_authz_subject: 'admin', 'x.authz.subject': 'admin' },
    })
    expect([told.status, told.hits, identityLines(told.seen)]).toEqual([200, 1, {}])
  })
  test.each<readonly [string, () => Asking, number, string]>([
    ['no token', () => ({}), 401, 'credentials_missing'],
    ['no proof', () => ({ headers: { authorization: `DPoP ${edge.mint()}` } }), 401, 'proof_missing'],
    ['two proofs', () => edge.good({ headers: { dpop: ['a.b.c', 'd.e.f'] } }), 401, 'proof_repeated'],
    [
      'a certificate-bound token: there are no certificates',
      () => ({
        headers: {
          authorization: `Bearer ${edge.mint({ claims: { cnf: boundToCertificate(edge.setting.pki.client) } })}`,
        },
      }),
      401,
      'certificate_missing',
    ],
    ['no scope', () => edge.good({ path: '/admin' }), 403, 'scope_insufficient'],
    ['no route', () => edge.good({ path: '/elsewhere' }), 403, 'route_unknown'],
    ['a path with a parameter', () => ({ path: '/public;/x' }), 400, 'path_not_canonical'],
  ])('refuses %s', async (_, make, status, reason) => {
    const told = await edge.ask(make())
    expect([told.status, told.hits, await reasonOf(edge, told.id)]).toEqual([status, 0, reason])
  })
  test.each(['/public/..%2faccounts', '/public/%2e%2e/accounts', '//accounts'])('and %s', async (path) => {
    const { status, hits } = await edge.ask({ path })
    expect([[400, 401].includes(status), hits]).toEqual([true, 0])
  })
})
