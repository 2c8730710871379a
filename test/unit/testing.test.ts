import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { buildTrial, type TriedRequest } from '../../src/testing.ts'
import { pemOf as clientPem, issue } from '../support/client-certificates.ts'
import { certificateDer, certificateThumbprint, pemOf } from '../support/possession.ts'

const configuration = {
  publicOrigins: ['https://api.bank.example'],
  authorizationServers: [{ issuer: 'https://as.bank.example', keys: { file: 'not-read.json' } }],
  routes: [
    { path: '/health', methods: ['GET'], open: true },
    { path: '/mtls', senderConstraint: { methods: ['mtls'] } },
    { path: '/**', scopes: ['accounts'] },
  ],
}
const url = 'https://api.bank.example/accounts?page=2'
const scope = 'accounts'

/** The reason for the request with a token and a proof for it; what differs is said. */
async function tried(difference: {
  readonly claims?: Record<string, unknown>
  readonly proof?: Record<string, unknown>
  readonly request?: Partial<TriedRequest>
}): Promise<string> {
  const { mintToken, mintProof, send } = await buildTrial(configuration)
  const request = { url, token: await mintToken({ scope, ...difference.claims }) }
  const proof = await mintProof(request, difference.proof)
  return (await send({ ...request, proof, ...difference.request })).reason
}

test('a token with its proof is allowed, and the answer says what the upstream is told', async () => {
  const { mintToken, mintProof, send } = await buildTrial(configuration)
  const request = { url, token: await mintToken({ scope, sub: 'alice' }) }
  const { reason, status, headers } = await send({ ...request, proof: await mintProof(request) })
  expect([reason, status]).toEqual(['allowed', 200])
  expect(Object.fromEntries(headers)).toMatchObject({
    'x-authz-subject': 'alice',
    'x-authz-scope': 'accounts',
    'x-authz-binding': 'dpop',
  })
})

test.each([
  ['a token without the scope', { claims: { scope: 'payments' } }, 'scope_insufficient'],
  ['a token for somebody else', { claims: { aud: 'https://other.example' } }, 'token_audience_mismatch'],
  ['a token that is bound to another key', { claims: { cnf: { jkt: 'A'.repeat(43) } } }, 'proof_key_mismatch'],
  ['a token that is over', { claims: { exp: 1_799_999_000 } }, 'token_expired'],
  ['a proof for another method', { proof: { htm: 'POST' } }, 'proof_method_mismatch'],
  ['a proof for another URI', { proof: { htu: 'https://api.bank.example/x' } }, 'proof_target_mismatch'],
  ['a proof for another token', { proof: { ath: 'A'.repeat(43) } }, 'proof_token_mismatch'],
  ['a header of the client', { request: { headers: { 'X-Other': 'ü' } } }, 'allowed'],
  ['another method', { request: { method: 'OPTIONS' } }, 'method_not_allowed'],
  [
    'a path that is not canonical',
    { request: { url: 'https://api.bank.example/a/../accounts' } },
    'path_not_canonical',
  ],
  ['a host of somebody else', { request: { url: 'https://other.example/accounts' } }, 'host_unknown'],
])('%s: %o is %s', async (_, difference, reason) => expect(await tried(difference)).toBe(reason))

test('a request without credentials is challenged, an open route asks for none', async () => {
  const { send } = await buildTrial(configuration)
  const refused = await send({ url })
  expect(refused).toMatchObject({ reason: 'credentials_missing', status: 401 })
  expect(refused.headers.get('www-authenticate')).toMatch(/^DPoP .*, Bearer$/)
  expect(await send({ url: 'https://api.bank.example/health' })).toMatchObject({ reason: 'allowed', status: 200 })
})

test('a proof passes once', async () => {
  const { mintToken, mintProof, send } = await buildTrial(configuration)
  const request = { url, token: await mintToken({ scope }) }
  const proof = await mintProof(request)
  const reasons = [await send({ ...request, proof }), await send({ ...request, proof })].map(({ reason }) => reason)
  expect(reasons).toEqual(['allowed', 'proof_replayed'])
})

test('time passes when the clock is moved', async () => {
  const { clock, mintToken, mintProof, send } = await buildTrial(configuration)
  const request = { url, token: await mintToken({ scope }) }
  clock.now += 299
  expect((await send({ ...request, proof: await mintProof(request) })).reason).toBe('allowed')
  clock.now += 10
  expect((await send({ ...request, proof: await mintProof(request) })).reason).toBe('token_expired')
})

test('a certificate-bound token passes with its certificate and with no other way', async () => {
  const { mintToken, send } = await buildTrial(configuration)
  const token = await mintToken({ cnf: { 'x5t#S256': certificateThumbprint } })
  const request = { url: 'https://api.bank.example/mtls', token }
  expect((await send({ ...request, certificate: pemOf(certificateDer) })).reason).toBe('allowed')
  expect((await send(request)).reason).not.toBe('allowed')
})

test('a configuration that is refused throws its problems', async () => {
  await expect(buildTrial({ ...configuration, routes: [{ path: '/**', scope: ['x'] }] })).rejects.toThrow(/^routes\.0/)
})

test('nothing that serves imports it', () => {
  const importers = globSync('src/**/*.ts').filter((path) => /\/testing\.ts'/.test(readFileSync(path, 'utf8')))
  expect(importers).toEqual([])
})

test('a trial asks nobody about an opaque token', async () => {
  const [server] = configuration.authorizationServers
  const revocation = { introspection: { clientId: 'api', key: 'not-read.pem' } }
  const { mintToken, mintProof, send } = await buildTrial({
    ...configuration,
    authorizationServers: [{ ...server, revocation }],
  })
  const told = async (token: string) => {
    const request = { url, token }
    return (await send({ ...request, proof: await mintProof(request) })).reason
  }
  expect(await told('opaque')).toBe('introspection_unavailable')
  expect(await told(await mintToken({ scope }))).toBe('allowed')
})

test('of client certificates a pinned one is taken, and no other, because no file is read', async () => {
  const [own, other] = [issue(undefined), issue(undefined)]
  const routes = [
    { name: 'pinned', path: '/pinned', clientCertificate: { pinned: [own.thumbprint] } },
    { name: 'issued', path: '/issued', clientCertificate: { ca: 'not-read.pem' } },
  ]
  const { mintToken, mintProof, send } = await buildTrial({ ...configuration, routes })
  const reasonOf = async (path: string, certificate: typeof own): Promise<string> => {
    const request = { url: `https://api.bank.example${path}`, token: await mintToken({ scope }) }
    return (await send({ ...request, proof: await mintProof(request), certificate: clientPem(certificate) })).reason
  }
  expect(await reasonOf('/pinned', own)).toBe('allowed')
  expect(await reasonOf('/pinned', other)).toBe('client_certificate_untrusted')
  expect(await reasonOf('/issued', own)).toBe('client_certificate_untrusted')
})
