import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, vi } from 'vitest'
import { findFree } from '../../demo/ports.ts'
import { pemOf, sent } from './client-certificates.ts'
import { startCollector } from './collector.ts'
import { certifier, revocationList, shown } from './edge-certificates.ts'
import { type Family, readExposition } from './exposition.ts'
import { outcomeOf } from './lifecycle-grpc.ts'
import { temporaryDirectory } from './lifecycle-server.ts'
import { serviceDocument, startTestService } from './lifecycle-service.ts'
import { buildClientKey } from './proofs.ts'
import { startRedis } from './redis.ts'
import { goodRequest, mintToken, ORIGIN, proofFor, serverJwks } from './spine.ts'
import { at, mintList } from './status-lists.ts'
import { authority, json, startStub } from './stub-servers.ts'

const ADMIN = 'a-token-of-the-operators-0123456789'
const now = (): number => Math.floor(Date.now() / 1000)

/** A good request of this moment with a token of its own. */
function ask(claims: object = {}) {
  const token = mintToken({ claims: { iat: now() - 10, exp: now() + 290, ...claims } })
  return goodRequest({ token, proof: proofFor(token, { claims: { iat: now() } }) })
}

const clients = certifier('Clients')
/** A list of somebody else and a responder that is not there: nothing can be learned, and that is accepted. */
const certified = (file: (name: string, text: string) => string) => ({
  ca: file('clients.pem', pemOf(clients.certificate)),
  revocation: {
    ...{ crl: 'soft', files: [file('other.crl', revocationList(certifier('Others'), []))] },
    ...{ ocsp: 'soft', responder: 'http://127.0.0.1:9' },
  },
})
function askWithCertificate() {
  const token = mintToken({ claims: { iat: now() - 10, exp: now() + 290 } })
  const proof = proofFor(token, { claims: { iat: now(), htu: `${ORIGIN}/certified` } })
  return goodRequest({ path: '/certified', token, proof, certificate: sent(shown(clients).certificate) })
}

/** Keys, answers about tokens and status lists; nothing at `/gone`. */
async function startAuthorizationServer() {
  const server = await startStub((request, response) => {
    const path = request.url ?? ''
    if (path === '/jwks') json(() => serverJwks)(request, response)
    else if (path === '/introspect') json(() => ({ active: false }))(request, response)
    else if (path === '/lists/1')
      response
        .writeHead(200, { 'content-type': 'application/statuslist+jwt' })
        .end(mintList({ claims: { sub: `${server.origin}/lists/1`, iat: now(), exp: now() + 600 } }))
    else response.writeHead(404).end()
  })
  onTestFinished(() => server.close())
  return server
}

/**
 * What a service shows that asks about tokens, looks up lists, has operators and a collector, and a route that does not
 * enforce, once all of it was used and part of it has failed.
 */
export async function scrapeParts(): Promise<readonly Family[]> {
  const [server, collector, redis] = await Promise.all([startAuthorizationServer(), startCollector(), startRedis()])
  onTestFinished(() => collector.stop())
  const directory = temporaryDirectory()
  const [admin = 0, metrics = 0] = await findFree(2)
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  const cacheDir = temporaryDirectory()
  const us = file('accounts.jwk', JSON.stringify((await buildClientKey()).privateJwk))
  const http = { url: `${server.origin}/consents/{id}`, auth: 'jwt', key: us, clientId: 'accounts', timeout: '1s' }
  const [bank] = serviceDocument.authorizationServers
  const service = await startTestService({
    ...serviceDocument,
    listen: {
      ...serviceDocument.listen,
      metrics: `127.0.0.1:${metrics}`,
      admin: `127.0.0.1:${admin}`,
      adminAccess: { tokens: [ADMIN] },
    },
    outbound: { ca: file('authority.pem', authority.certificate) },
    authorizationServers: [
      {
        ...bank,
        keys: { uri: `${server.origin}/jwks`, cacheDir },
        revocation: {
          statusList: { hosts: [new URL(server.origin).host], onFailure: 'soft' },
          denyList: {
            ...{ file: file('revoked.jsonl', '{"jti":"one"}\n'), redis: { url: redis.url } },
            ...{ onOutage: 'soft', maxStale: '1s' },
          },
        },
      },
      {
        ...{ name: 'asked', issuer: 'https://asked.example', audiences: [ORIGIN] },
        keys: { uri: 'https://127.0.0.1:1/jwks' },
        revocation: {
          introspection: {
            ...{ endpoint: `${server.origin}/introspect`, clientId: 'accounts' },
            key: us,
          },
        },
      },
    ],
    routes: [
      ...serviceDocument.routes,
      { name: 'trial', path: '/trial', mode: 'shadow' },
      { name: 'certified', path: '/certified', clientCertificate: certified(file) },
      { name: 'consented', path: '/consented', consent: { id: { claim: 'consent_id' }, source: { http } } },
    ],
    tracing: { otlp: { endpoint: collector.endpoint }, sample: 1 },
  })
  const client = service.connect()
  const outcome = async (request: ReturnType<typeof ask>): Promise<string> => outcomeOf(await client.ask(request))
  const operate = async (path: string, body: object): Promise<number> => {
    const headers = { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' }
    const told = await fetch(`http://127.0.0.1:${admin}${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    })
    return told.status
  }

  await vi.waitFor(async () => expect(await outcome(ask())).toBe('allow'), 10_000)
  await vi.waitFor(async () => expect(await outcome(ask(at(0, `${server.origin}/lists/1`)))).toBe('allow'), 5000)
  // Short-lived, and nobody has its list.
  await vi.waitFor(async () => expect(await outcome(ask(at(0, `${server.origin}/gone`)))).toBe('allow'), 5000)
  const opaque = { token: 'opaque-1', proof: proofFor('opaque-1', { claims: { iat: now() } }) }
  expect([await outcome(goodRequest(opaque)), await outcome(goodRequest(opaque))]).toEqual([
    'token_inactive',
    'token_inactive',
  ])
  const token = mintToken({ claims: { iat: now() - 10, exp: now() + 290, consent_id: 'c-1' } })
  const proof = proofFor(token, { claims: { iat: now(), htu: `${ORIGIN}/consented` } })
  expect(await outcome(goodRequest({ path: '/consented', token, proof }))).toBe('consent_unknown')
  expect(await outcome(goodRequest({ path: '/trial', token: 'nothing', proof: null }))).toBe('allow')
  expect(await outcome(askWithCertificate())).toBe('allow')
  expect(await operate('/revocations', { server: 'as', jti: 'two' })).toBe(200)
  // The next set of keys has nowhere to be kept.
  rmSync(cacheDir, { recursive: true })
  expect(await operate('/keys/flush', { server: 'as' })).toBe(200)
  await redis.stop()
  await vi.waitFor(async () => {
    const ready = await (await fetch(`http://127.0.0.1:${metrics}/readyz`)).text()
    expect(ready).toMatch(/revocations of as: .*, tokens pass unchecked/)
  }, 10_000)
  expect(await outcome(ask())).toBe('allow')
  return readExposition(await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text())
}
