import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { buildDetector } from '../../src/anomalies/detector.ts'
import { type AnomalyKind, anomalies } from '../../src/anomalies/kinds.ts'
import { publicNetwork } from '../../src/anomalies/network.ts'
import { boundedCache } from '../../src/io/caches.ts'
import { buildLog } from '../../src/io/log.ts'
import { observeDecision } from '../../src/io/observation.ts'
import { buildMetrics } from '../../src/metrics.ts'
import type { CheckRequest } from '../../src/wire.ts'
import { authority } from '../support/chains.ts'
import { asking, issue, root, sent, trusting } from '../support/client-certificates.ts'
import { nonceDocument, nonceOf } from '../support/nonce-spine.ts'
import { certificate, certificateThumbprint } from '../support/possession.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import { checkRequest } from '../support/requests.ts'
import { boundTo, buildTestCheck, document, goodRequest, mintToken, otherKey, proofFor } from '../support/spine.ts'

/** Two networks of the documentation ranges, and one of IPv6. */
const [here, there, elsewhere] = ['192.0.2.1', '198.51.100.1', '2001:db8::1'] as const

/** A Check whose decisions somebody watches. */
function buildWatched(options: Parameters<typeof buildTestCheck>[0] = {}) {
  const { ask, records, clock } = buildTestCheck(options)
  const memory = {
    tokens: boundedCache<never>(1000, 3600),
    clients: boundedCache<never>(2, 86_400),
    networks: boundedCache<never>(1000, 3600),
    ending: boundedCache<never>(1000, 86_400),
  }
  const identity = { headers: new Map([['clientId', 'x-client'] as const]) }
  const detect = buildDetector({ ...memory, identity: () => identity })
  const told = async (request: CheckRequest): Promise<readonly AnomalyKind[]> => {
    await ask(request)
    const record = records.at(-1)
    if (!record) throw new Error('nothing was recorded')
    return detect(record, clock.now)
  }
  return { told, clock, detect, records }
}

type Order = Parameters<typeof goodRequest>[0]
const good = (order: Order = {}) => goodRequest({ id: randomUUID(), ...order })
const byMtls = (order: Order = {}) =>
  good({
    path: '/mtls',
    token: mintToken({ claims: { cnf: boundTo.mtls } }),
    scheme: 'Bearer',
    certificate,
    proof: null,
    ...order,
  })

describe('ordinary traffic raises nothing', () => {
  test('every way to be let in, again and again, and an open route', async () => {
    const { told, clock } = buildWatched()
    const token = mintToken()
    for (let round = 0; round < 50; round += 1) {
      clock.now = PROOF_TIME + round
      const proof = proofFor(token, { claims: { iat: clock.now } })
      expect(await told(good({ token, proof }))).toEqual([])
      expect(await told(byMtls())).toEqual([])
      expect(await told(checkRequest({ path: '/public/x' }))).toEqual([])
    }
  })
  test.each<readonly [string, Order]>([
    ['no proof', { proof: null }],
    ['another scope', { token: mintToken({ claims: { scope: 'x' } }) }],
    ['an expired token', { token: mintToken({ claims: { exp: PROOF_TIME - 60 } }) }],
    ['no token at all', { headers: [], token: 'garbage' }],
    [
      'names that look a little like ours',
      {
        headers: [
          ['x-auth-subject', 'me'],
          ['authz', 'x'],
        ],
      },
    ],
  ])('refusals that everybody meets: %s', async (_, order) => {
    expect(await buildWatched().told(good(order))).toEqual([])
  })
  test('a client that begins without a nonce, and one that comes back after an hour', async () => {
    const { told } = buildWatched({ document: nonceDocument })
    const token = mintToken()
    const withNonce = (nonce?: string) =>
      good({
        path: '/required',
        token,
        proof: proofFor(token, { claims: { htu: 'https://api.example.com/required', nonce } }),
      })
    for (const nonce of [undefined, nonceOf(), nonceOf(-60)]) expect(await told(withNonce(nonce))).toEqual([])
  })
  test('Envoy asks again about the same request', async () => {
    const { told } = buildWatched()
    const request = goodRequest({ id: 'stream-7' })
    expect([await told(request), await told(request)]).toEqual([[], []])
  })
})

describe('one of each kind', () => {
  const one: Readonly<Record<string, readonly [AnomalyKind, () => CheckRequest]>> = {
    'a bound token as Bearer': ['bound_token_as_bearer', () => good({ scheme: 'Bearer' })],
    'another key': [
      'other_key',
      () => {
        const token = mintToken()
        return good({ token, proof: proofFor(token, {}, otherKey) })
      },
    ],
    'another certificate': [
      'other_certificate',
      () => byMtls({ token: mintToken({ claims: { cnf: { 'x5t#S256': 'A'.repeat(43) } } }) }),
    ],
    'a proof dated 31 s ago': ['clock_skew', () => skewed(-31)],
    'a proof dated 31 s ahead, which is refused': ['clock_skew', () => skewed(31)],
    'a header like ours': ['forged_identity', () => good({ headers: [['x-authz-subject', 'admin']] })],
    'one in another spelling': ['forged_identity', () => good({ headers: [['X_Authz.Scope', 'all']] })],
    'a configured name, on an open route': [
      'forged_identity',
      () => checkRequest({ path: '/public/x', headers: [['x_client', 'tpp-1']] }),
    ],
  }
  const skewed = (offset: number): CheckRequest => {
    const token = mintToken()
    return good({ token, proof: proofFor(token, { claims: { iat: PROOF_TIME + offset } }) })
  }
  test.each(Object.entries(one))('%s', async (_, [kind, request]) => {
    expect(await buildWatched().told(request())).toEqual([kind])
  })
  test.each([30, -30, 0])('a proof dated %i s away is in time', async (offset) =>
    expect(await buildWatched().told(skewed(offset))).toEqual([]),
  )
  test('a replay', async () => {
    const { told } = buildWatched()
    const token = mintToken()
    const again = { token, proof: proofFor(token) }
    expect([await told(good(again)), await told(good(again))]).toEqual([[], ['replay']])
  })
  test('in shadow as well', async () => {
    const routes = document.routes.map((route) => (route.name === 'accounts' ? { ...route, mode: 'shadow' } : route))
    const { told } = buildWatched({ document: { ...document, routes } })
    expect(await told(good({ scheme: 'Bearer' }))).toEqual(['bound_token_as_bearer'])
  })
  test.each([
    ['made up', 'x'.repeat(43)],
    ['of another origin', nonceOf(0, 'https://other.example')],
    ['not yet issued', nonceOf(5)],
  ])('a nonce that is %s', async (_, nonce) => {
    const token = mintToken()
    const proof = proofFor(token, { claims: { htu: 'https://api.example.com/required', nonce } })
    const { told } = buildWatched({ document: nonceDocument })
    expect(await told(good({ path: '/required', token, proof }))).toEqual(['foreign_nonce'])
  })
})

describe('one token', () => {
  test('under two keys, told once', async () => {
    const { told } = buildWatched()
    const token = mintToken()
    expect(await told(good({ token }))).toEqual([])
    const stolen = () => good({ token, proof: proofFor(token, {}, otherKey) })
    expect([await told(stolen()), await told(stolen())]).toEqual([['other_key', 'token_shared'], ['other_key']])
    expect(await told(good({ token, proof: proofFor(token) }))).toEqual([])
  })
  test.each<readonly [string, string, string, number, boolean]>([
    ['two networks within a minute', here, there, 59, true],
    ['two networks, a minute apart', here, there, 60, false],
    ['two addresses of one network', here, '192.0.2.200', 1, false],
    ['IPv4 and IPv6, as one client may', here, elsewhere, 1, false],
    ['two networks of IPv6', elsewhere, '2001:db8:1::1', 1, true],
    ['private networks', '10.0.0.1', '192.168.1.1', 1, false],
  ])('from %s', async (_, from, to, seconds, expected) => {
    const { told, clock } = buildWatched()
    const token = mintToken()
    const request = (address: string) =>
      good({ token, address, proof: proofFor(token, { claims: { iat: Math.floor(clock.now) } }) })
    expect(await told(request(from))).toEqual([])
    clock.now += seconds
    expect(await told(request(to))).toEqual(expected ? ['token_shared'] : [])
    expect(await told(request(to))).toEqual([])
  })
  test('through more gateways than are remembered, told once a minute', async () => {
    const { told, clock } = buildWatched()
    const token = mintToken()
    const found: AnomalyKind[] = []
    for (let round = 0; round < 60; round += 1) {
      const proof = proofFor(token, { claims: { iat: Math.floor(clock.now) } })
      found.push(...(await told(good({ token, proof, address: `198.51.${round % 6}.1` }))))
      clock.now += 2
    }
    expect(found).toEqual(['token_shared', 'token_shared'])
  })
  test('two tokens from two networks are two tokens', async () => {
    const { told } = buildWatched()
    expect([await told(good({ address: here })), await told(good({ address: there }))]).toEqual([[], []])
  })
})

describe('a client and its certificates', () => {
  const known = async (seconds: number, first: CheckRequest) => {
    const { told, clock } = buildWatched()
    expect(await told(first)).toEqual([])
    clock.now += seconds
    const times = { iat: clock.now - 1, exp: clock.now + 200, cnf: boundTo.mtls }
    const request = () => byMtls({ token: mintToken({ claims: times }) })
    return [await told(request()), await told(request())]
  }
  const byKey = () => good({ address: here })
  test('the first one of a client known for an hour, told once', async () => {
    expect(certificateThumbprint).toHaveLength(43)
    expect(await known(3600, byKey())).toEqual([['first_certificate'], []])
  })
  test('one that is known, whoever came in between without showing a key', async () => {
    const { told, clock } = buildWatched()
    await told(byKey())
    for (let network = 0; network < 10; network += 1)
      await told(checkRequest({ path: '/accounts', address: `198.51.${network}.1` }))
    clock.now += 3600
    const times = { iat: clock.now - 1, exp: clock.now + 200, cnf: boundTo.mtls }
    expect(await told(byMtls({ token: mintToken({ claims: times }) }))).toEqual(['first_certificate'])
  })
  test('one of a client that has a new one all the time means nothing', async () => {
    const { told, detect, records, clock } = buildWatched()
    await told(byMtls())
    const [record] = records
    if (!record?.evidence.binding) throw new Error('nothing was bound')
    const { binding } = record.evidence
    const tell = (name: number) =>
      detect(
        { ...record, evidence: { ...record.evidence, binding: { ...binding, certificateThumbprint: `${name}` } } },
        clock.now,
      )
    clock.now += 3600
    const rounds = Array.from({ length: 3 }, () => Array.from({ length: 20 }, (_, name) => tell(name)).flat().length)
    expect(rounds).toEqual([15, 0, 0])
  })
  test('while it is new', async () => expect(await known(3599, byKey())).toEqual([[], []]))
  test('the one it has always had', async () => expect(await known(3600, byMtls())).toEqual([[], []]))
})

describe('a certificate that ends within 30 days', () => {
  const DAY = 86_400
  /** What is said of such a certificate, at these times. */
  async function told(left: number, ...times: readonly number[]): Promise<readonly (readonly AnomalyKind[])[]> {
    const soon = issue(root, { notAfter: PROOF_TIME + left })
    const long = authority('Root', undefined, {
      ...{ notBefore: PROOF_TIME - DAY, notAfter: PROOF_TIME + 400 * DAY, keys: root.keys },
    })
    const watched = buildWatched({ document: asking(), authorities: { trust: trusting(long) } })
    const said: (readonly AnomalyKind[])[] = []
    for (const time of times) {
      watched.clock.now = PROOF_TIME + time
      const token = mintToken({ claims: { iat: watched.clock.now - 1, exp: watched.clock.now + 200 } })
      const proof = proofFor(token, { claims: { iat: watched.clock.now } })
      said.push(await watched.told(good({ token, proof, certificate: sent(soon) })))
    }
    return said
  }
  test('once a day', async () => {
    expect(await told(20 * DAY, 0, 10, DAY - 1, DAY, DAY + 5)).toEqual([
      ['certificate_expiry'],
      [],
      [],
      ['certificate_expiry'],
      [],
    ])
  })
  test('not before', async () =>
    expect(await told(31 * DAY, 0, DAY - 1, DAY)).toEqual([[], [], ['certificate_expiry']]))
})

describe('refusals within a minute', () => {
  const refused = () => checkRequest({ path: '/accounts', address: here })
  async function run(count: number, allowed: number, options: { readonly replays?: 'unavailable' } = {}) {
    const { told, clock } = buildWatched(
      options.replays ? { replays: { claim: () => options.replays ?? 'unavailable' } } : {},
    )
    const found: AnomalyKind[] = []
    for (let index = 0; index < allowed; index += 1)
      found.push(...(await told(checkRequest({ path: '/public/x', address: here }))))
    for (let index = 0; index < count; index += 1)
      found.push(...(await told(options.replays ? good({ address: here }) : refused())))
    return { found, told, clock }
  }
  test.each([
    ['19', 19, 0, 0],
    ['20', 20, 0, 1],
    ['100: told once', 100, 0, 1],
    ['half of them', 30, 30, 0],
    ['one more than half', 31, 30, 1],
  ])('%s', async (_, count, allowed, expected) => {
    expect((await run(count, allowed)).found).toEqual(Array.from({ length: expected }, () => 'deny_rate'))
  })
  test('told again in another minute, when there are as many', async () => {
    const { told, clock } = await run(20, 0)
    clock.now += 60
    const found: AnomalyKind[] = []
    for (let index = 0; index < 20; index += 1) found.push(...(await told(refused())))
    expect(found).toEqual(['deny_rate'])
  })
  test('whoever shows no key cannot spoil the name of a client', async () => {
    const { told } = buildWatched()
    const found: AnomalyKind[] = []
    for (let index = 0; index < 25; index += 1) found.push(...(await told(good({ proof: null, address: there }))))
    expect(found).toEqual(['deny_rate'])
    // The client itself, from its own network, has not been refused once.
    const narrow = () => good({ token: mintToken({ claims: { scope: 'x' } }), address: here })
    for (let index = 0; index < 19; index += 1) expect(await told(narrow())).toEqual([])
    expect(await told(narrow())).toEqual(['deny_rate'])
  })
  test('faults of ours are nobody’s', async () => {
    expect((await run(30, 0, { replays: 'unavailable' })).found).toEqual([])
  })
})

test('each is counted, and stands in the record', async () => {
  const metrics = buildMetrics()
  const lines: string[] = []
  const observe = observeDecision(metrics, buildLog('info', { write: (line) => void lines.push(line) }))
  const { told, detect, records, clock } = buildWatched()
  await told(checkRequest({ path: '/public/x', headers: [['x-authz-subject', 'admin']] }))
  const [record] = records
  if (!record) throw new Error('nothing was recorded')
  observe({ ...record, anomalies: detect(record, clock.now) })
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ anomalies: ['forged_identity'] })
  expect(await metrics.registry.metrics()).toContain('envoy_fapi_anomalies_total{kind="forged_identity"} 1')
})

test('the list is closed: eleven', () => expect(Object.keys(anomalies)).toHaveLength(11))

test.each([
  ['192.0.2.7', 'c00002/24'],
  ['::ffff:192.0.2.7', 'c00002/24'],
  ['2001:db8:1:2::3', '20010db80001::/48'],
  ['10.1.2.3', undefined],
  ['100.64.0.1', undefined],
  ['172.31.255.255', undefined],
  ['172.32.0.1', 'ac2000/24'],
  ['127.0.0.1', undefined],
  ['fe80::1', undefined],
  ['fd00::1', undefined],
  ['not an address', undefined],
  ['', undefined],
])('the network of %s', (address, expected) => expect(publicNetwork(address)).toBe(expected))
