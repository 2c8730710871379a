import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, send } from '../../demo/client.ts'
import { MTLS } from '../../demo/setting.ts'
import { readSeen } from '../../demo/upstream.ts'
import type { Identity } from '../../tools/pki.ts'
import { type Asking, boundToCertificate, lines, sawLines, startTestEdge, type TestEdge } from '../support/edge.ts'
import { reasonOf } from '../support/edge-refusals.ts'
import { type FirstHop, startFirstHop, type Telling } from '../support/first-hop.ts'

const GATEWAY = 'spiffe://bank.example/gateway'

/** An Envoy behind another: it passes on what it is told, and adds who told it. */
const appendForward = (bootstrap: string): string => {
  const [before, after] = ['"SANITIZE"', '"APPEND_FORWARD", "set_current_client_cert_details": { "uri": true }']
  if (!bootstrap.includes(before)) throw new Error('the bootstrap does not sanitize')
  return bootstrap.replaceAll(before, after)
}
/** `Client-Cert` has to reach us here, so `config headers` leaves it out of the early removal. */
const letThrough = (bootstrap: string): string => bootstrap.replaceAll('|client[-_.]cert([-_.]chain)?"', '"')

interface Cast {
  readonly edge: TestEdge
  readonly client: Identity
  readonly otherClient: Identity
  readonly gateway: Identity
  /** Sends the client's certificate-bound token through a first hop, or straight to the second when there is none. */
  readonly attempt: (order: Attempt) => Promise<Answer>
}

interface Attempt {
  readonly through?: FirstHop
  readonly certificate?: Identity
  readonly headers?: NonNullable<Asking['headers']>
  readonly url?: string
}

const ends: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const end of ends.reverse()) await end()
})

async function cast(clientCertificateFrom: object, adapt: (bootstrap: string) => string): Promise<Cast> {
  const edge = await startTestEdge({ document: { clientCertificateFrom }, adapt })
  ends.push(edge.stop)
  const { ca } = edge.setting.edge
  const client = edge.certify({ name: 'tpp', dns: ['tpp.example'] })
  const token = edge.mint({ claims: { cnf: boundToCertificate(client) } })
  return {
    edge,
    client,
    otherClient: edge.certify({ name: 'tpp-other', dns: ['tpp-other.example'] }),
    gateway: edge.certify({ name: 'gateway', uris: [GATEWAY] }),
    attempt: ({ through, certificate, headers, url = `${MTLS}/accounts` }) =>
      send(
        { port: through?.port ?? edge.setting.ports.edge, ca },
        { url, certificate, headers: { authorization: `Bearer ${token}`, ...headers } },
      ),
  }
}

async function hop({ edge, gateway }: Cast, telling: Telling, own = gateway): Promise<FirstHop> {
  const started = await startFirstHop(edge, own, telling)
  ends.push(started.stop)
  return started
}

/** Why the client was refused, from the log of the service. */
async function refusal({ edge }: Cast, answer: Answer): Promise<string | undefined> {
  expect(answer.status).toBe(401)
  return await reasonOf(edge, lines(answer, 'x-fapi-interaction-id').join())
}

/** What a first hop would write about a client. */
function elementOf({ certificate }: Identity): string {
  const hash = new X509Certificate(certificate).fingerprint256.replaceAll(':', '').toLowerCase()
  return `Hash=${hash};Cert="${encodeURIComponent(certificate)}";Subject="CN=tpp";URI=;DNS=tpp.example`
}

function expectBound(answer: Answer): void {
  expect(answer.status).toBe(200)
  expect(sawLines(readSeen(answer.body), 'x-authz-binding')).toEqual(['mtls'])
}

describe('MTLS-06, MTLS-07, MTLS-10 two Envoys, the first of which writes x-forwarded-client-cert', () => {
  const source = { source: 'xfcc', xfcc: { writtenBy: 'previousHop', hops: 1, trustedProxies: [GATEWAY] } }
  let all: Cast
  let first: FirstHop
  beforeAll(async () => {
    all = await cast(source, appendForward)
    first = await hop(all, 'xfcc')
  })
  const forged = (identity: Identity) => ({ 'x-forwarded-client-cert': elementOf(identity) })

  test('the client with its certificate', async () => {
    expectBound(await all.attempt({ through: first, certificate: all.client }))
  })
  test('a DPoP client without a certificate', async () => {
    const { url = '', headers } = all.edge.good({ url: `${MTLS}/accounts` })
    const { status, body } = await all.attempt({ through: first, url, ...(headers && { headers }) })
    expect([status, sawLines(readSeen(body), 'x-authz-binding')]).toEqual([200, ['dpop']])
  })
  test('no certificate, another one', async () => {
    const without = await all.attempt({ through: first })
    expect(await refusal(all, without)).toBe('certificate_missing')
    const other = await all.attempt({ through: first, certificate: all.otherClient })
    expect(await refusal(all, other)).toBe('certificate_mismatch')
  })

  test.each([
    ['as it is', (value: string) => value],
    ['twice', (value: string) => [value, value]],
    ['with the element of the gateway behind it', (value: string) => `${value},Hash=00;URI=${GATEWAY}`],
    ['with an open quote', (value: string) => `${value};Subject="`],
  ])('T-50, T-52, att-mtls-01 a header that the client forges, %s, changes nothing', async (_, spell) => {
    const headers = { 'x-forwarded-client-cert': spell(elementOf(all.client)) }
    const other = await all.attempt({ through: first, certificate: all.otherClient, headers })
    expect(await refusal(all, other)).toBe('certificate_mismatch')
    const without = await all.attempt({ through: first, headers })
    expect(await refusal(all, without)).toBe('certificate_missing')
    expectBound(await all.attempt({ through: first, certificate: all.client, headers }))
  })

  test('MTLS-07 straight to the second Envoy: only the gateway is believed', async () => {
    const { client, otherClient, gateway, edge } = all
    const neighbour = edge.certify({ name: 'gateway', uris: [`${GATEWAY}-2`] })
    for (const certificate of [otherClient, client, neighbour]) {
      const answer = await all.attempt({ certificate, headers: forged(client) })
      expect(await refusal(all, answer)).toBe('certificate_missing')
    }
    // The control: with the certificate of the gateway, the same element counts.
    expectBound(await all.attempt({ certificate: gateway, headers: forged(client) }))
  })
  test('T-51, att-mtls-02 a caller whose certificate names the gateway inside another name', async () => {
    const certificate = all.edge.certify({ name: 'evil', uris: [`https://evil.example/,URI=${GATEWAY}`] })
    const answer = await all.attempt({ certificate, headers: forged(all.client) })
    expect(await refusal(all, answer)).toBe('certificate_missing')
  })
  test('T-50 without TLS of its own to the second Envoy, nobody is believed', async () => {
    const answer = await all.attempt({ url: 'https://api.bank.example/accounts', headers: forged(all.client) })
    expect(await refusal(all, answer)).toBe('certificate_missing')
  })
  test('the gateway itself is not the client', async () => {
    const own = all.edge.mint({ claims: { cnf: boundToCertificate(all.gateway) } })
    const headers = { authorization: `Bearer ${own}` }
    const answer = await all.attempt({ through: first, certificate: all.client, headers })
    expect(await refusal(all, answer)).toBe('certificate_mismatch')
  })
  test('T-52 a first hop that appends to what clients send is noticed', async () => {
    const appending = await hop(all, 'xfcc-appended')
    const answer = await all.attempt({
      through: appending,
      certificate: all.otherClient,
      headers: forged(all.client),
    })
    expect(await refusal(all, answer)).toBe('certificate_unusable')
    expectBound(await all.attempt({ through: appending, certificate: all.client }))
  })
  test('MTLS-07 a first hop of another name', async () => {
    const stranger = await hop(all, 'xfcc', all.edge.certify({ name: 'gateway', uris: ['spiffe://bank.example/mail'] }))
    const answer = await all.attempt({ through: stranger, certificate: all.client })
    expect(await refusal(all, answer)).toBe('certificate_missing')
  })
  test('a hash without the certificate', async () => {
    const terse = await hop(all, 'xfcc-hash-only')
    const answer = await all.attempt({ through: terse, certificate: all.client })
    expect(await refusal(all, answer)).toBe('certificate_unusable')
  })
})

test('MTLS-10 a hash without the certificate, where the configuration takes it', async () => {
  const xfcc = { writtenBy: 'previousHop', hops: 1, trustedProxies: [GATEWAY], acceptHashOnly: true }
  const all = await cast({ source: 'xfcc', xfcc }, appendForward)
  const terse = await hop(all, 'xfcc-hash-only')
  expectBound(await all.attempt({ through: terse, certificate: all.client }))
  const other = await all.attempt({ through: terse, certificate: all.otherClient })
  expect(await refusal(all, other)).toBe('certificate_mismatch')
})

describe('MTLS-06, MTLS-07, MTLS-08, MTLS-09 two Envoys, the first of which writes Client-Cert', () => {
  let all: Cast
  let first: FirstHop
  beforeAll(async () => {
    all = await cast({ source: 'client-cert', clientCert: { trustedProxies: [GATEWAY] } }, letThrough)
    first = await hop(all, 'client-cert')
  })
  const field = ({ certificate }: Identity): string => `:${new X509Certificate(certificate).raw.toString('base64')}:`

  test('the client with its certificate; the field ends here', async () => {
    const answer = await all.attempt({ through: first, certificate: all.client })
    expectBound(answer)
    expect(sawLines(readSeen(answer.body), 'client-cert')).toEqual([])
  })
  test('no certificate, another one, and a field that the client forges', async () => {
    for (const headers of [{}, { 'client-cert': field(all.client) }]) {
      const other = await all.attempt({ through: first, certificate: all.otherClient, headers })
      expect(await refusal(all, other)).toBe('certificate_mismatch')
      const without = await all.attempt({ through: first, headers })
      expect(await refusal(all, without)).toBe('certificate_missing')
    }
  })
  test('MTLS-07 straight to the second Envoy: only the gateway is believed', async () => {
    const headers = { 'client-cert': field(all.client) }
    const answer = await all.attempt({ certificate: all.otherClient, headers })
    expect(await refusal(all, answer)).toBe('certificate_missing')
    expectBound(await all.attempt({ certificate: all.gateway, headers }))
  })
})
