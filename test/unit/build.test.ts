import { describe, expect, test } from 'vitest'
import { buildRules } from '../../src/build.ts'
import { readConfig } from '../../src/config.ts'
import type { Meter } from '../../src/ports.ts'
import { smallest } from '../support/config-files.ts'
import { nonceMaker } from '../support/nonces.ts'
import { freshReplays, routedRequest } from '../support/possession.ts'
import { keyMemory } from '../support/proofs.ts'
import { keySource, memory } from '../support/spine.ts'

function rulesOf(difference: object = {}, servers = ['as.bank.example'], meter?: Meter) {
  const reading = readConfig(smallest(difference))
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems))
  const { config } = reading
  return buildRules(config, 'hash', {
    servers: new Map(
      config.authorizationServers
        .filter(({ name }) => servers.includes(name))
        .map((server) => [server.name, { ...server, keys: keySource() }]),
    ),
    replays: freshReplays(),
    proofKeys: keyMemory(),
    nonces: nonceMaker(),
    signedTokens: memory(),
    ...(meter && { meter }),
  })
}

const routed = (difference: object) => {
  const { attributes } = routedRequest(undefined, { authority: 'api.bank.example', path: '/a' })
  const match = rulesOf({ routes: [{ path: '/a', ...difference }] }).routes.match(attributes)
  return match.ok ? match.value.route : match.reason
}

describe('a configuration becomes rules', () => {
  test('with the hash of what was read', () => expect(rulesOf().hash).toBe('hash'))
  test('the certificate of the connection is believed unless the configuration says none', () => {
    expect(rulesOf().certificateFrom).toEqual({ kind: 'connection' })
    expect(rulesOf({ clientCertificateFrom: { source: 'none' } }).certificateFrom).toEqual({ kind: 'none' })
  })
  const trustedProxies = ['10.0.0.0/8', 'spiffe://a']
  const read = [
    { kind: 'addresses', network: 0x0a00_0000n, bits: 32, prefix: 8 },
    { kind: 'principal', principal: 'spiffe://a' },
  ]
  const hop = { writtenBy: 'previousHop', trustedProxies }
  test.each([
    [{ source: 'xfcc', xfcc: { writtenBy: 'thisEnvoy' } }, { kind: 'xfccOfThisEnvoy' }],
    [
      { source: 'xfcc', xfcc: hop },
      { kind: 'xfccOfPreviousHop', hops: 1, trustedProxies: read, acceptHashOnly: false },
    ],
    [
      { source: 'xfcc', xfcc: { ...hop, hops: 3, acceptHashOnly: true } },
      { kind: 'xfccOfPreviousHop', hops: 3, trustedProxies: read, acceptHashOnly: true },
    ],
    [
      { source: 'client-cert', clientCert: { trustedProxies } },
      { kind: 'clientCert', trustedProxies: read },
    ],
  ])('MTLS-06, MTLS-07 one source of certificates: %j', (clientCertificateFrom, source) =>
    expect(rulesOf({ clientCertificateFrom }).certificateFrom).toEqual(source),
  )
  test('identity: names, token, proof, encoding', () =>
    expect(
      rulesOf({ identity: { headers: { subject: 'x-user' }, token: 'forward', proof: 'forward', encoding: 'percent' } })
        .identity,
    ).toEqual({ headers: new Map([['subject', 'x-user']]), token: 'forward', proof: 'forward', encoding: 'percent' }))
  test('routes: name, kind, hosts, methods', () =>
    expect(routed({ name: 'one', hosts: ['API.bank.example'], methods: ['GET', 'POST'], open: true })).toMatchObject({
      name: 'one',
      kind: 'open',
      hosts: new Set(['api.bank.example']),
      methods: new Set(['GET', 'POST']),
    }))
  test('a server without keys is a fault of ours, not a rule that never fits', () =>
    expect(() => rulesOf({ routes: [{ path: '/a', accessToken: { from: ['as.bank.example'] } }] }, [])).toThrow(
      'there is no authorization server named as.bank.example',
    ))
})

describe('what a refused client is told to use', () => {
  test.each<[object, object]>([
    [{}, { dpopAlgorithms: ['ES256', 'PS256', 'EdDSA', 'Ed25519'], bearer: true }],
    [
      { senderConstraint: { methods: ['dpop'] } },
      { dpopAlgorithms: ['ES256', 'PS256', 'EdDSA', 'Ed25519'], bearer: false },
    ],
    [{ senderConstraint: { methods: ['mtls'] } }, { dpopAlgorithms: undefined, bearer: true }],
    [
      { senderConstraint: { both: true, dpop: { algorithms: ['ES256'] } } },
      { dpopAlgorithms: ['ES256'], bearer: false },
    ],
    [{ open: true }, { dpopAlgorithms: undefined, bearer: false }],
  ])('%j', (difference, challenges) => expect(routed(difference)).toMatchObject({ challenges }))
})

test('each policy that is asked tells how long it took, until its answer is there', async () => {
  let now = 0
  const told: [string, number][] = []
  const meter: Meter = {
    now: () => {
      now += 1
      return now
    },
    took: (policy) => (seconds) => void told.push([policy, seconds]),
  }
  const request = routedRequest(undefined, { authority: 'api.bank.example', path: '/a' })
  const match = rulesOf({ routes: [{ path: '/a', fapiHeaders: {} }] }, undefined, meter).routes.match(
    request.attributes,
  )
  if (!match.ok) throw new Error(match.reason)
  const { denial } = await match.value.route.pipeline(request)
  expect(denial?.reason).toBe('credentials_missing')
  expect(told).toEqual([
    ['fapiHeaders', 1],
    ['accessToken', 1],
  ])
})
