import { createPublicKey } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { jwtVerify } from 'jose'
import { afterEach, describe, expect, test } from 'vitest'
import { buildConsentLookups, type ConsentEvent } from '../../../src/io/consent-lookups.ts'
import { readConsentService } from '../../../src/io/consent-service.ts'
import type { ConsentService } from '../../../src/policies/consent-options.ts'
import type { ConsentQuestion } from '../../../src/ports.ts'
import { createAuthority, issue } from '../../../tools/pki.ts'
import { consentOf } from '../../support/consents.ts'
import { buildClientKey, PROOF_TIME } from '../../support/proofs.ts'
import { ISSUER } from '../../support/spine.ts'
import { authority, json, type Stub, serverIdentity, startStub } from '../../support/stub-servers.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const directory = mkdtempSync(join(tmpdir(), 'consent-service-'))
const write = (name: string, content: string): string => {
  writeFileSync(join(directory, name), content)
  return join(directory, name)
}
const clients = createAuthority('clients of the consent service')
const us = issue(clients, { name: 'envoy-fapi', dns: ['envoy-fapi.example'], usage: 'client' })
const jwt = await buildClientKey()
const mtls = { auth: 'mtls', key: write('us.key', us.key), certificate: write('us.pem', us.certificate) } as const
const signed = {
  auth: 'jwt',
  key: write('us.jwk', JSON.stringify({ ...jwt.privateJwk, kid: 'k1' })),
  clientId: 'envoy-fapi',
} as const

const open: Stub[] = []
afterEach(async () => {
  for (const stub of open.splice(0)) await stub.close()
})

const question: ConsentQuestion = {
  ...{ id: 'c-1', issuer: ISSUER, clientId: 'client-1', subject: 'user-1' },
  ...{ interactionId: 'aaaaaaaa-0000-4000-8000-000000000001', now: PROOF_TIME, fresh: false },
}

async function meet(handler: Handler, options: Partial<ConsentService> = {}, cache = 5, identity = serverIdentity({})) {
  const stub = await startStub(handler, identity, {
    requestCert: true,
    rejectUnauthorized: false,
    ca: clients.certificate,
  })
  open.push(stub)
  const base = { url: `${stub.origin}/consents/{id}`, timeout: 0.3, ...mtls, ...options }
  const calls = readConsentService(base, () => ({ ca: [authority.certificate] }))
  if (!calls.ok) throw new Error(calls.problem)
  const clock = { now: 100 }
  const events: ConsentEvent[] = []
  const lookups = buildConsentLookups(calls.value, {
    ...{ cache, states: ['ACTIVE'] as const, monotonic: () => clock.now, observe: (event) => events.push(event) },
  })
  const find = async (more: Partial<ConsentQuestion> = {}) => await lookups.find({ ...question, ...more })
  return { stub, lookups, find, clock, events }
}

const good = json(() => consentOf())
const say =
  (status: number, headers: Record<string, string> = {}, body = ''): Handler =>
  (_, response) => {
    response.writeHead(status, headers)
    response.end(body)
  }
const typed = { 'content-type': 'application/json' }
const text = JSON.stringify(consentOf())

describe('AZ-11 the question over https', () => {
  test('with our certificate, the interaction id, and the id as one segment of the path', async () => {
    let shown: string | undefined
    const { find, stub } = await meet((request, response) => {
      const { CN } = (request.socket as TLSSocket).getPeerCertificate().subject
      shown = String(CN)
      good(request, response)
    })
    expect(await find()).toMatchObject({ kind: 'found', record: { id: 'c-1', state: 'ACTIVE' } })
    expect(stub.hits).toEqual(['/consents/c-1'])
    expect(stub.last()).toMatchObject({ 'x-fapi-interaction-id': question.interactionId, accept: 'application/json' })
    expect([shown, stub.last().authorization]).toEqual(['envoy-fapi', undefined])
    await find({ id: '../admin?x=1#/%2e' })
    expect(stub.hits[1]).toBe('/consents/..%2Fadmin%3Fx%3D1%23%2F%252e')
  })
  test('with a JWT for that service alone, short, and never the same twice', async () => {
    const { find, stub } = await meet(good, { ...signed, certificate: undefined }, 0)
    const ids = new Set<unknown>()
    for (const _ of [1, 2]) {
      await find()
      const token = stub.last().authorization?.replace('Bearer ', '') ?? ''
      const key = createPublicKey(jwt.privateKey)
      const { payload } = await jwtVerify(token, key, { currentDate: new Date(PROOF_TIME * 1000) })
      expect(payload).toMatchObject({ iss: 'envoy-fapi', sub: 'envoy-fapi', aud: stub.origin })
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60)
      ids.add(payload.jti)
    }
    expect(ids.size).toBe(2)
  })
  test('keys and certificates that cannot be used are told at once', () => {
    const url = 'https://consents.example/{id}'
    const other = issue(clients, { name: 'other', usage: 'client' })
    const reading = (more: object) => readConsentService({ url, timeout: 0.2, ...mtls, ...more }, () => ({}))
    expect(reading({})).toMatchObject({ ok: true })
    for (const more of [
      { key: write('none.key', 'none') },
      { key: write('other.key', other.key) },
      { certificate: write('none.pem', 'none') },
      { ...signed, certificate: undefined, key: write('none.jwk', '{"kty":"oct","k":"AA"}') },
    ])
      expect(reading(more)).toMatchObject({ ok: false })
  })
})

describe('AZ-14 whatever is no consent is no answer', () => {
  test.each<readonly [string, Handler]>([
    ['500', say(500, typed, text)],
    ['503', say(503)],
    ['429', say(429)],
    ['401', say(401, typed, text)],
    ['403', say(403, typed, text)],
    ['201', say(201, typed, text)],
    ['204', say(204)],
    ['206', say(206, typed, text)],
    ['301', say(301, { location: '/consents/c-2' })],
    ['302', say(302, { location: 'https://elsewhere.example/' })],
    ['307', say(307, { location: '/consents/c-1' })],
    ['308', say(308, { location: '/consents/c-1' })],
    ['HTML', say(200, { 'content-type': 'text/html' }, '<html><body>Sign in</body></html>')],
    ['HTML that says it is JSON', say(200, typed, '<html></html>')],
    ['JSON that says it is text', say(200, { 'content-type': 'text/plain' }, text)],
    ['no type', say(200, {}, text)],
    ['compressed', say(200, { ...typed, 'content-encoding': 'gzip' }, text)],
    ['nothing', say(200, typed)],
    ['an array', say(200, typed, `[${text}]`)],
    ['a text', say(200, typed, '"ACTIVE"')],
    ['true', say(200, typed, 'true')],
    ['null', say(200, typed, 'null')],
    ['half of it', say(200, typed, text.slice(0, -3))],
    ['a member twice', say(200, typed, text.replace('{', '{"state":"REVOKED",'))],
    ['a byte-order mark', say(200, typed, `\ufeff${text}`)],
    ['1 MB', say(200, typed, text.replace('}', `,"x":"${'a'.repeat(1_048_576)}"}`))],
    ['1 MB of blanks first', say(200, typed, ' '.repeat(1_048_576) + text)],
    ['10,000 members', say(200, typed, text.replace('}', `,"x":[${'0,'.repeat(10_000)}0]}`))],
    ['a state nobody knows', json(() => consentOf({ state: 'Authorised' }))],
    ['a wrapper', json(() => ({ data: consentOf() }))],
    ['hanging', () => undefined],
    [
      'hanging after the head',
      (_, response) => {
        response.writeHead(200, typed)
        response.write(text.slice(0, 5))
      },
    ],
    [
      'trickling',
      (_, response) => {
        response.writeHead(200, typed)
        const drip = setInterval(() => response.write(' '), 10)
        response.on('close', () => clearInterval(drip))
      },
    ],
    ['hanging up', (request) => request.socket.destroy()],
    [
      'hanging up in the middle',
      (_, response) => {
        response.writeHead(200, { ...typed, 'content-length': String(text.length + 9) })
        response.write(text, () => response.destroy())
      },
    ],
  ])('%s', async (_, handler) => {
    const { find, stub } = await meet(handler)
    expect(await find()).toMatchObject({ kind: 'unavailable' })
    // Asked once: no redirect is followed, nothing is tried again.
    expect(stub.hits).toEqual(['/consents/c-1'])
  })
  test('404 says that there is none', async () => {
    const { find } = await meet(say(404, { 'content-type': 'text/html' }, '<html>'))
    expect(await find()).toEqual({ kind: 'absent' })
  })
  test('killed: nobody listens any more', async () => {
    const { find, stub } = await meet(good, {}, 0)
    expect(await find()).toMatchObject({ kind: 'found' })
    open.splice(0)
    await stub.close()
    expect(await find()).toMatchObject({ kind: 'unavailable' })
  })
  test.each<readonly [string, Parameters<typeof serverIdentity>]>([
    ['of another name', [{ dns: ['other.example'], ips: [] }]],
    ['by nobody we trust', [{}, createAuthority('nobody')]],
  ])('a certificate %s', async (_, how) => {
    const { find } = await meet(good, {}, 5, serverIdentity(...how))
    expect(await find()).toMatchObject({ kind: 'unavailable' })
  })
  test('no message holds the id or anything of the answer', async () => {
    for (const handler of [say(500, typed, 'secret'), say(200, typed, '{"secret":1}')]) {
      const told = JSON.stringify(await (await meet(handler)).find())
      expect(told).not.toMatch(/c-1|secret/)
    }
  })
})

describe('AZ-14 what is remembered', () => {
  test('a good answer, for as long as configured and never longer than 5 s', async () => {
    const { find, stub, clock } = await meet(good, {}, 60)
    await find()
    clock.now = 104.9
    await find()
    expect(stub.hits.length).toBe(1)
    clock.now = 105.01
    await find()
    expect(stub.hits.length).toBe(2)
  })
  test('nothing with cache: 0s', async () => {
    const { find, stub } = await meet(good, {}, 0)
    await find()
    await find()
    expect(stub.hits.length).toBe(2)
  })
  test.each<readonly [string, Handler]>([
    ['revoked', json(() => consentOf({ state: 'REVOKED' }))],
    ['of another user', json(() => consentOf({ subject: 'user-2' }))],
    ['of another client', json(() => consentOf({ clientId: 'client-2' }))],
    ['of another issuer', json(() => consentOf({ issuer: 'https://other.example' }))],
    ['another consent', json(() => consentOf({ consentId: 'c-2' }))],
    ['none', say(404)],
    ['no answer', say(500)],
  ])('not one that is %s', async (_, handler) => {
    const { find, stub } = await meet(handler)
    await find()
    await find()
    expect(stub.hits.length).toBe(2)
  })
  test.each([{ id: 'c-2' }, { issuer: 'https://other.example' }, { clientId: 'client-2' }, { subject: 'user-2' }])(
    'nothing for anybody else: %j',
    async (more) => {
      const { find, stub } = await meet(good)
      await find()
      await find(more)
      expect(stub.hits.length).toBe(2)
    },
  )
  test('nothing that is asked for afresh; what it brings takes back what was remembered', async () => {
    let state = 'ACTIVE'
    const { find, stub } = await meet(json(() => consentOf({ state })))
    await find()
    state = 'REVOKED'
    expect(await find()).toMatchObject({ record: { state: 'ACTIVE' } })
    expect(await find({ fresh: true })).toMatchObject({ record: { state: 'REVOKED' } })
    expect(await find()).toMatchObject({ record: { state: 'REVOKED' } })
    expect(stub.hits.length).toBe(3)
  })
  test('nothing another configuration was told', async () => {
    const first = await meet(good)
    const second = await meet(good)
    await first.find()
    await second.find()
    expect([first.stub.hits.length, second.stub.hits.length]).toEqual([1, 1])
  })
  test('many who ask at once ask once, those who ask afresh each', async () => {
    const { find, stub } = await meet((request, response) => void setTimeout(() => good(request, response), 50))
    const answers = await Promise.all(Array.from({ length: 20 }, () => find()))
    expect(answers.every(({ kind }) => kind === 'found')).toBe(true)
    expect(stub.hits.length).toBe(1)
    await Promise.all([find({ fresh: true }), find({ fresh: true })])
    expect(stub.hits.length).toBe(3)
  })
})

describe('AZ-14 a service that fails is left alone', () => {
  test('after five failures, and asked again after a second', async () => {
    let handler = say(500)
    const { find, stub, clock, lookups } = await meet((...call) => handler(...call), {}, 0)
    for (const _ of [1, 2, 3, 4, 5]) await find()
    expect(lookups.available).toBe(false)
    expect(await find()).toMatchObject({ kind: 'unavailable' })
    expect(stub.hits.length).toBe(5)
    handler = good
    clock.now = 101
    expect(await find()).toMatchObject({ kind: 'found' })
    expect([stub.hits.length, lookups.available]).toEqual([6, true])
  })
  test('but not because somebody asks for what is not there', async () => {
    const { find, stub, lookups } = await meet(say(404))
    for (const _ of [1, 2, 3, 4, 5, 6]) await find()
    expect([stub.hits.length, lookups.available]).toEqual([6, true])
  })
  test('one client does not take every place', async () => {
    const { find, events } = await meet(() => undefined, {}, 0)
    const flood = Array.from({ length: 100 }, (_, index) => find({ id: `x-${index}` }))
    const other = find({ id: 'y', clientId: 'client-2' })
    await Promise.all([...flood, other])
    expect(events.filter(({ kind }) => kind === 'refused').length).toBe(68)
    expect(await other).toMatchObject({ detail: expect.stringContaining('no whole answer in time') })
  })
})

describe('AZ-14 using a consent up', () => {
  test('is a POST with a key and whose consent it is meant to be', async () => {
    let body = ''
    let method: string | undefined
    const { lookups, stub } = await meet((request, response) => {
      method = request.method
      request.on('data', (chunk) => {
        body += String(chunk)
      })
      request.on('end', () => json(() => consentOf({ state: 'CONSUMED' }))(request, response))
    })
    expect(await lookups.consume?.(question, 'key-1')).toMatchObject({ kind: 'found', record: { state: 'CONSUMED' } })
    expect([method, stub.hits[0], stub.last()['x-idempotency-key']]).toEqual(['POST', '/consents/c-1/consume', 'key-1'])
    expect(JSON.parse(body)).toEqual({ issuer: ISSUER, clientId: 'client-1', subject: 'user-1' })
  })
  test('409 says that it was used before', async () => {
    const { lookups } = await meet(say(409))
    expect(await lookups.consume?.(question, 'key-1')).toEqual({ kind: 'spent' })
  })
  test('what was remembered of it is forgotten, also when no answer comes', async () => {
    const { lookups, find, stub } = await meet((request, response) =>
      request.method === 'GET' ? good(request, response) : undefined,
    )
    await find()
    expect(await lookups.consume?.(question, 'key-1')).toMatchObject({ kind: 'unavailable' })
    await find()
    expect(stub.hits).toEqual(['/consents/c-1', '/consents/c-1/consume', '/consents/c-1'])
  })
})
