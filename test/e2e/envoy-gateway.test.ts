import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Pki } from '../../demo/pki.ts'
import { MTLS } from '../../demo/setting.ts'
import {
  type Asking,
  boundToCertificate,
  lines,
  sawLines,
  startTestEdge,
  type TestEdge,
  type Told,
} from '../support/edge.ts'
import { aliases, expectIdentity, identityLines } from '../support/edge-identity.ts'
import { reasonOf } from '../support/edge-refusals.ts'
import { asGenerated, documentOf } from '../support/envoy-gateway.ts'
import { forgedXfcc } from '../support/forged-xfcc.ts'
import { buildClientKey } from '../support/proofs.ts'

// What Envoy Gateway's own generator makes of k8s/envoy-gateway, on a real Envoy in front of the real service.
describe.each(['plain', 'patched'] as const)('k8s/envoy-gateway/%s as Envoy Gateway translates it', (variant) => {
  let edge: TestEdge
  let pki: Pki
  beforeAll(async () => {
    edge = await startTestEdge({ document: documentOf(variant), adapt: asGenerated(variant) })
    pki = edge.setting.pki
  })
  afterAll(() => edge.stop())

  const bound = (): string => edge.mint({ claims: { cnf: boundToCertificate(pki.client) } })
  const bearer = (token = bound()) => ({ authorization: `Bearer ${token}` })
  const identity = () => ({
    'x-authz-issuer': edge.setting.authorizationServer.issuer,
    'x-authz-subject': 'user-1',
    'x-authz-client-id': 'tpp-1',
    'x-authz-scope': 'accounts payments',
  })
  const byProof = () => ({ ...identity(), 'x-authz-binding': 'dpop', 'x-authz-thumbprint': edge.key.thumbprint })
  const byCertificate = () => ({
    ...identity(),
    'x-authz-binding': 'mtls',
    'x-authz-thumbprint': boundToCertificate(pki.client)['x5t#S256'],
  })
  const expectRefused = async (told: Told, status: number, reason: string): Promise<void> =>
    expect([told.status, told.hits, await reasonOf(edge, told.id)]).toEqual([status, 0, reason])

  describe.each([false, true])('who may (HTTP/2: %s)', (http2) => {
    test('a client with a DPoP-bound token', async () =>
      expectIdentity(await edge.ask(edge.good({ http2 })), byProof()))
    test('a client with a DPoP-bound token and a body', async () => {
      const told = await edge.ask(edge.good({ method: 'POST', path: '/payments', body: '{"a":"ä"}', http2 }))
      expectIdentity(told, byProof())
    })
    test.each(['https://api.bank.example', MTLS])('a client with a certificate-bound token at %s', async (origin) =>
      expectIdentity(
        await edge.ask({ url: `${origin}/accounts`, certificate: pki.client, headers: bearer(), http2 }),
        byCertificate(),
      ),
    )
    test('anybody, where a route is open', async () => {
      const told = await edge.ask({ path: '/health', http2 })
      expect([told.status, told.hits, identityLines(told.seen)]).toEqual([200, 1, {}])
    })
  })
  test('the upstream sees the certificate in the plain variant only', async () => {
    const { seen } = await edge.ask({ certificate: pki.client, headers: bearer() })
    expect(sawLines(seen, 'x-forwarded-client-cert').length).toBe(variant === 'plain' ? 1 : 0)
  })

  describe('who may not', () => {
    test.each<readonly [string, () => Asking | Promise<Asking>, number, string]>([
      ['nobody', () => ({}), 401, 'credentials_missing'],
      [
        'HDR-09: a stolen DPoP-bound token as Bearer',
        () => ({ headers: bearer(edge.mint()) }),
        401,
        'bound_token_as_bearer',
      ],
      [
        'a stolen DPoP-bound token without a proof',
        () => ({ headers: { authorization: `DPoP ${edge.mint()}` } }),
        401,
        'proof_missing',
      ],
      [
        'a stolen DPoP-bound token with a proof of another key',
        async () => edge.good({ proofKey: await buildClientKey() }),
        401,
        'proof_key_mismatch',
      ],
      [
        'ENV-03, att-envoy-01: two proofs',
        () => edge.good({ headers: { dpop: ['a.b.c', 'd.e.f'] } }),
        401,
        'proof_repeated',
      ],
      [
        'a proof for another path',
        () => edge.good({ proof: { claims: { htu: 'https://api.bank.example/payments' } } }),
        401,
        'proof_target_mismatch',
      ],
      ['another certificate', () => ({ certificate: pki.otherClient, headers: bearer() }), 401, 'certificate_mismatch'],
      ['MTLS-02: no certificate', () => ({ headers: bearer() }), 401, 'certificate_missing'],
      [
        'too little scope',
        () => edge.good({ token: edge.mint({ claims: { scope: 'payments' } }) }),
        403,
        'scope_insufficient',
      ],
      ['a path that nobody configured', () => edge.good({ path: '/elsewhere' }), 403, 'route_unknown'],
    ])('%s', async (_, make, status, reason) => expectRefused(await edge.ask(await make()), status, reason))
    test('a proof that was used', async () => {
      const asking = edge.good()
      expect(await edge.ask(asking)).toMatchObject({ status: 200, hits: 1 })
      await expectRefused(await edge.ask(asking), 401, 'proof_replayed')
      await expectRefused(await edge.ask({ ...asking, http2: true }), 401, 'proof_replayed')
    })
    test('without a certificate there is no connection to the name for certificates', async () =>
      await expect(edge.ask({ url: `${MTLS}/accounts`, headers: bearer() })).rejects.toThrow(/certificate required/i))
    test('the refusal is the whole challenge', async () => {
      const told = await edge.ask({})
      expect(lines(told, 'www-authenticate').map((line) => line.split(' ')[0])).toEqual(['DPoP', 'Bearer'])
      expect(lines(told, 'cache-control')).toEqual(['no-store'])
    })
  })

  describe('HDR-16, T-77, att-header-01: forged identity headers', () => {
    test.each(aliases)('%s', async (name) => {
      const forged = { [name]: ['admin', 'root'] }
      const told = await edge.ask(edge.good({ headers: forged }))
      const open = await edge.ask({ path: '/health', headers: forged })
      if (name.includes('_'))
        expect([told, open]).toMatchObject([
          { status: 400, hits: 0 },
          { status: 400, hits: 0 },
        ])
      else {
        expectIdentity(told, byProof())
        expect([open.status, identityLines(open.seen)]).toEqual([200, {}])
      }
    })
    test.each(['x-envoy-auth-failure-mode-allowed', 'x-envoy-auth-partial-body', 'x-original-url', 'client-cert'])(
      'att-envoy-11, att-header-02: %s ends here',
      async (name) => {
        const { seen } = await edge.ask({ path: '/health', headers: { [name]: 'true' } })
        expect(sawLines(seen, name)).toEqual([])
      },
    )
  })

  describe('T-50, att-mtls-01, MTLS-10: forged x-forwarded-client-cert', () => {
    test.each<readonly [string, (value: string) => Readonly<Record<string, string | readonly string[]>>]>([
      ['as it is', (value) => ({ 'x-forwarded-client-cert': value })],
      ['in capitals', (value) => ({ 'X-FORWARDED-CLIENT-CERT': value })],
      ['twice', (value) => ({ 'x-forwarded-client-cert': [value, value] })],
      ['with an element behind it', (value) => ({ 'x-forwarded-client-cert': `${value},By=x` })],
      ['with an open quote', (value) => ({ 'x-forwarded-client-cert': `${value};Subject="` })],
      ['with dots', (value) => ({ 'x.forwarded.client.cert': value })],
      [
        'nominated by Connection',
        (value) => ({ 'x-forwarded-client-cert': value, connection: 'x-forwarded-client-cert' }),
      ],
    ])('%s', async (_, spell) => {
      const forged = spell(forgedXfcc(pki.client))
      const headers = { ...bearer(), ...forged }
      await expectRefused(await edge.ask({ certificate: pki.otherClient, headers }), 401, 'certificate_mismatch')
      await expectRefused(await edge.ask({ headers }), 401, 'certificate_missing')
      // The honest client is not harmed by what it sends.
      expectIdentity(await edge.ask({ certificate: pki.client, headers }), byCertificate())
    })
    test('with underscores it does not get in', async () => {
      const headers = { ...bearer(), x_forwarded_client_cert: forgedXfcc(pki.client) }
      expect(await edge.ask({ certificate: pki.otherClient, headers })).toMatchObject({ status: 400, hits: 0 })
    })
    test('a name in the certificate that would write an element', async () => {
      const element = forgedXfcc(pki.client).replaceAll('"', '')
      const thief = edge.certify({
        uris: [`https://x/a,${element.slice(0, 200)}`],
        dns: ['a,Hash=ff'],
        name: 'x,Hash=ff',
      })
      const told = await edge.ask({ certificate: thief, headers: bearer() })
      expect([told.status, told.hits]).toEqual([401, 0])
    })
  })
})
