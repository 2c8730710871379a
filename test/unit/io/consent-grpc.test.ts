import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, test } from 'vitest'
import { readGrpcConsentService } from '../../../src/io/consent-grpc.ts'
import { loadConsentProto } from '../../../src/io/protos.ts'
import type { GrpcConsentService } from '../../../src/policies/consent-options.ts'
import type { ConsentQuestion } from '../../../src/ports.ts'
import { createAuthority, issue } from '../../../tools/pki.ts'
import { consentOf } from '../../support/consents.ts'
import { buildClientKey, PROOF_TIME } from '../../support/proofs.ts'
import { ISSUER } from '../../support/spine.ts'
import { authority, serverIdentity } from '../../support/stub-servers.ts'

const directory = mkdtempSync(join(tmpdir(), 'consent-grpc-'))
const write = (name: string, content: string): string => {
  writeFileSync(join(directory, name), content)
  return join(directory, name)
}
const clients = createAuthority('clients of the consent service')
const us = issue(clients, { name: 'envoy-fapi', dns: ['envoy-fapi.example'], usage: 'client' })
const mtls = { auth: 'mtls', key: write('us.key', us.key), certificate: write('us.pem', us.certificate) } as const
const jwk = write('us.jwk', JSON.stringify((await buildClientKey()).privateJwk))

const question: ConsentQuestion = {
  ...{ id: 'c-1', issuer: ISSUER, clientId: 'client-1', subject: 'user-1' },
  ...{ interactionId: 'aaaaaaaa-0000-4000-8000-000000000001', now: PROOF_TIME, fresh: false },
}

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

interface Asked {
  readonly request: object
  readonly metadata: Metadata
}
type Answer = object | { readonly code: number } | undefined

async function meet(
  answer: () => Answer,
  { options = {}, identity = serverIdentity({}) }: { options?: Partial<GrpcConsentService>; identity?: typeof us } = {},
) {
  const asked: Asked[] = []
  const { Read, Consume } = loadConsentProto()
  const server = new Server()
  type Handle = (
    call: { request: object; metadata: Metadata },
    done: (error: object | null, value?: object) => void,
  ) => void
  const handle: Handle = (call, done) => {
    asked.push({ request: call.request, metadata: call.metadata })
    const said = answer()
    if (said === undefined) return
    if ('code' in said) done(said)
    else done(null, said)
  }
  server.addService({ Read, Consume }, { Read: handle, Consume: handle })
  const { key, certificate } = identity
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(certificate) }
  const secure = ServerCredentials.createSsl(Buffer.from(clients.certificate), [pair], options.auth !== 'jwt')
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', secure, (error, bound) => (error ? reject(error) : resolve(bound))),
  )
  ends.push(() => server.forceShutdown())
  return { asked, server, ...read(`https://localhost:${port}`, options) }
}

function read(url: string, options: Partial<GrpcConsentService> = {}) {
  const calls = readGrpcConsentService({ url, timeout: 0.5, ...mtls, ...options }, () => ({
    ca: [authority.certificate],
    resolve: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
  }))
  if (!calls.ok) throw new Error(calls.problem)
  const { look, consume } = calls.value
  return { look: async () => await look(question), consume: async () => await consume(question, 'key-1') }
}

const good = (): object => consentOf()

describe('AZ-11 a consent service over gRPC', () => {
  test('is asked with our certificate and the interaction id', async () => {
    const { look, asked } = await meet(good)
    expect(await look()).toMatchObject({
      statement: {
        kind: 'found',
        record: { id: 'c-1', state: 'ACTIVE', accounts: ['22289'], expiresAt: PROOF_TIME + 60 },
      },
    })
    expect(asked.map(({ request }) => request)).toEqual([{ consentId: 'c-1' }])
    expect(asked[0]?.metadata.get('x-fapi-interaction-id')).toEqual([question.interactionId])
    expect(asked[0]?.metadata.get('authorization')).toEqual([])
  })
  test('or with a signed JWT', async () => {
    const options = { auth: 'jwt', key: jwk, certificate: undefined, clientId: 'envoy-fapi' } as const
    const { look, asked } = await meet(good, { options })
    expect(await look()).toMatchObject({ statement: { kind: 'found' } })
    expect(asked[0]?.metadata.get('authorization')).toEqual([expect.stringMatching(/^Bearer [\w-]+\.[\w-]+\.[\w-]+$/)])
  })
  test('uses up, and tells whose it is meant to be', async () => {
    const { consume, asked } = await meet(() => consentOf({ state: 'CONSUMED' }))
    expect(await consume()).toMatchObject({ statement: { kind: 'found', record: { state: 'CONSUMED' } } })
    const whose = { issuer: ISSUER, clientId: 'client-1', subject: 'user-1' }
    expect(asked[0]?.request).toEqual({ consentId: 'c-1', ...whose, idempotencyKey: 'key-1' })
  })
})

describe('AZ-14 whatever is no consent is no answer', () => {
  test.each([
    [status.NOT_FOUND, { kind: 'absent' }, false],
    [status.FAILED_PRECONDITION, { kind: 'spent' }, false],
    [status.PERMISSION_DENIED, { kind: 'unavailable' }, false],
    [status.UNAVAILABLE, { kind: 'unavailable' }, true],
    [status.INTERNAL, { kind: 'unavailable' }, true],
    [status.UNAUTHENTICATED, { kind: 'unavailable' }, true],
    [status.UNIMPLEMENTED, { kind: 'unavailable' }, true],
  ])('status %s', async (code, statement, fault) => {
    const { look, asked } = await meet(() => ({ code, details: 'secret' }))
    const outcome = await look()
    expect(outcome).toMatchObject({ statement, fault })
    expect(JSON.stringify(outcome)).not.toMatch(/secret|c-1/)
    expect(asked.length).toBe(1)
  })
  test.each<readonly [string, () => object]>([
    ['an empty message', () => ({})],
    ['no state', () => consentOf({ state: undefined })],
    ['the state that says nothing', () => consentOf({ state: 'STATE_UNSPECIFIED' })],
    ['a state nobody knows', () => consentOf({ state: 99 })],
    ['no subject', () => consentOf({ subject: undefined })],
    ['a time before all times', () => consentOf({ expiresAt: -1 })],
    ['an empty permission', () => consentOf({ permissions: [''] })],
    ['1 MB', () => consentOf({ permissions: ['x'.repeat(1_048_576)] })],
  ])('%s', async (_, answer) => {
    const { look } = await meet(answer)
    expect(await look()).toMatchObject({ statement: { kind: 'unavailable' } })
  })
  test('without permissions and accounts it covers none', async () => {
    const { look } = await meet(() => consentOf({ permissions: [], accounts: [] }))
    expect(await look()).toMatchObject({ statement: { record: { permissions: [], accounts: undefined } } })
  })
  test('hanging', async () => {
    const { look } = await meet(() => undefined)
    expect(await look()).toMatchObject({ statement: { kind: 'unavailable' }, fault: true })
  })
  test('killed', async () => {
    const { look, server } = await meet(good)
    server.forceShutdown()
    expect(await look()).toMatchObject({ statement: { kind: 'unavailable' }, fault: true })
  })
  test('something else than gRPC listens there, or nothing answers the handshake', async () => {
    for (const greeting of ['HTTP/1.1 200 OK\r\n\r\n', '']) {
      const server = createTcpServer((socket) => {
        socket.on('error', () => undefined)
        socket.write(greeting)
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      ends.push(() => server.close())
      const { look } = read(`https://localhost:${(server.address() as AddressInfo).port}`)
      expect(await look()).toMatchObject({ statement: { kind: 'unavailable' }, fault: true })
    }
  })
  test.each<readonly [string, Parameters<typeof serverIdentity>]>([
    ['of another name', [{ dns: ['other.example'], ips: [] }]],
    ['by nobody we trust', [{}, createAuthority('nobody')]],
  ])('a certificate %s', async (_, how) => {
    const { look, asked } = await meet(good, { identity: serverIdentity(...how) })
    expect(await look()).toMatchObject({ statement: { kind: 'unavailable' } })
    expect(asked).toEqual([])
  })
  test('an address where nobody is called', async () => {
    const calls = readGrpcConsentService({ url: 'https://169.254.169.254', timeout: 0.5, ...mtls }, () => ({}))
    if (!calls.ok) throw new Error(calls.problem)
    expect(await calls.value.look(question)).toMatchObject({ statement: { kind: 'unavailable' } })
  })
  test('a key that cannot be used is told at once', () => {
    const service = { url: 'https://localhost', timeout: 0.5, ...mtls, key: write('none', 'none') }
    expect(readGrpcConsentService(service, () => ({}))).toMatchObject({ ok: false })
  })
})
