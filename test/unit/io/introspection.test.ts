import { createHash } from 'node:crypto'
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { createAuthority, issue } from '../../../tools/pki.ts'
import {
  type Answering,
  type Asked,
  active,
  activeAnswer,
  CLIENT,
  ISSUER,
  inactive,
  meet,
  OPAQUE,
  SIGNED,
  say,
  signedAnswer,
  status,
} from '../../support/introspection.ts'
import { buildClientKey, PROOF_TIME } from '../../support/proofs.ts'
import { serverIdentity } from '../../support/stub-servers.ts'

const hang: Answering = () => undefined
const trickle: Answering = (_, response) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  const drip = setInterval(() => response.write(' '), 10)
  response.on('close', () => clearInterval(drip))
}

describe('INT-01 the question', () => {
  test('a form with token and hint, over TLS, and an answer in JSON', async () => {
    const { ask, asked } = await meet(active)
    expect(await ask()).toBe('active')
    const [{ form, request } = {} as Asked] = asked
    expect([request.method, request.url]).toEqual(['POST', '/introspect'])
    expect([form.get('token'), form.get('token_type_hint')]).toEqual([OPAQUE, 'access_token'])
    expect(request.headers).toMatchObject({
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
    })
    expect(request.headers.authorization).toBeUndefined()
  })
  test('a token that holds what a form would take for its own', async () => {
    const { ask, asked } = await meet(active)
    await ask('a+b/c==')
    expect(asked[0]?.form.get('token')).toBe('a+b/c==')
  })
  test('private_key_jwt: for the issuer alone, short, and never the same twice', async () => {
    const key = await buildClientKey('PS256')
    const pem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    const { ask, asked } = await meet(inactive, {
      certificate: { key: pem, certificate: '' },
      options: { certificate: undefined },
    })
    await ask('one')
    await ask('two')
    const ids = new Set<unknown>()
    for (const { form } of asked) {
      expect(form.get('client_assertion_type')).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
      const assertion = form.get('client_assertion') ?? ''
      expect(decodeProtectedHeader(assertion)).toEqual({ alg: 'PS256' })
      const { payload } = await jwtVerify(assertion, createLocalJWKSet({ keys: [key.jwk] }), {
        ...{ issuer: CLIENT, subject: CLIENT, currentDate: new Date(PROOF_TIME * 1000) },
      })
      expect(payload.aud).toBe(ISSUER)
      expect(Number(payload.exp) - PROOF_TIME).toBe(60)
      ids.add(payload.jti)
    }
    expect(ids.size).toBe(2)
  })
  test('mutual TLS: the certificate, and whose it is', async () => {
    const clients = createAuthority('clients')
    const identity = issue(clients, { name: CLIENT, dns: ['api.example'], usage: 'client' })
    const { ask, asked } = await meet(active, {
      certificate: identity,
      stub: [undefined, { requestCert: true, ca: clients.certificate, rejectUnauthorized: true }],
    })
    expect(await ask()).toBe('active')
    expect(asked[0]?.form.get('client_id')).toBe(CLIENT)
    expect(asked[0]?.form.has('client_assertion')).toBe(false)
  })
  test('mutual TLS with a certificate the server does not trust', async () => {
    const { ask, asked } = await meet(active, {
      certificate: issue(createAuthority('others'), { name: CLIENT, dns: ['api.example'], usage: 'client' }),
      stub: [undefined, { requestCert: true, ca: createAuthority('clients').certificate, rejectUnauthorized: true }],
    })
    expect([await ask(), asked.length]).toEqual(['unavailable', 0])
  })
})

describe('introspect-slow, INT-03 a server that misbehaves says nothing about the token', () => {
  test.each<readonly [string, Answering]>([
    ['500', status(500)],
    ['503 with Retry-After', status(503, { 'retry-after': '60' })],
    ['429', status(429)],
    ['401: we are the wrong client', status(401)],
    ['403', status(403)],
    ['400', status(400)],
    ['201 instead of 200', status(201)],
    ['a redirect', status(302, { location: 'https://localhost:1/' })],
    ['a redirect that keeps the method', status(307, { location: 'https://localhost:1/' })],
    ['silence', hang],
    ['one byte after the other', trickle],
    ['a connection that breaks off', ({ request }) => request.socket.destroy()],
    [
      'half an answer',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
        response.write('{"active":true')
        response.destroy()
      },
    ],
    ['HTML', say(() => '<html>', 'text/html')],
    ['HTML under the type of JSON', say(() => '<html>')],
    ['no type', (_, response) => response.end(JSON.stringify(activeAnswer()))],
    ['a list', say(() => [activeAnswer()])],
    ['active twice', say(() => '{"active":false,"active":true}')],
    ['10 MB', say(() => JSON.stringify(activeAnswer({ more: 'x'.repeat(10_000_000) })))],
    ['a little too much', say(() => JSON.stringify(activeAnswer({ more: 'x'.repeat(16_384) })))],
    ['very deep', say(() => `${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`)],
    [
      'what was not asked for: compressed',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
        response.end(JSON.stringify(activeAnswer()))
      },
    ],
    ['a signed answer that was not asked for', say(() => signedAnswer(activeAnswer()), SIGNED)],
  ])('%s', async (_, answering) => {
    const { ask, events } = await meet(answering)
    expect(await ask()).toBe('unavailable')
    expect(events.map(({ kind }) => kind)).toEqual(['unavailable'])
    expect(JSON.stringify(events)).not.toContain(OPAQUE)
  })
  test.each([
    ['self-signed', () => issue(undefined, { name: 'localhost', dns: ['localhost'] })],
    ['for another name', () => serverIdentity({ dns: ['other.example'] })],
    ['by an unknown authority', () => serverIdentity({}, createAuthority('other'))],
  ])('FAPI-NET-01 a certificate that is %s: the token is not even sent', async (_, make) => {
    const { ask, asked } = await meet(active, { stub: [make()] })
    expect([await ask(), asked.length]).toEqual(['unavailable', 0])
  })
  test('nothing of that is remembered', async () => {
    const { ask, asked, change } = await meet(status(500))
    expect(await ask()).toBe('unavailable')
    change(active)
    expect([await ask(), asked.length]).toEqual(['active', 2])
  })
})

describe('INT-08 a signed answer', () => {
  const signed = { options: { signed: true } }
  test('is asked for by its type', async () => {
    const { ask, asked } = await meet(
      say(() => signedAnswer(activeAnswer()), `${SIGNED}; charset=utf-8`),
      signed,
    )
    expect(await ask()).toBe('active')
    expect(asked[0]?.request.headers.accept).toBe(SIGNED)
  })
  test.each<readonly [string, Answering]>([
    ['plain JSON', active],
    ['a signed answer under the type of JSON', say(() => signedAnswer(activeAnswer()))],
    ['one by a key nobody has', say(() => signedAnswer(activeAnswer(), { header: { kid: 'another' } }), SIGNED)],
    ['one that is 10 MB', say(() => 'a.'.repeat(5_000_000), SIGNED)],
  ])('%s is none', async (_, answering) => {
    const { ask } = await meet(answering, signed)
    expect(await ask()).toBe('unavailable')
  })
  test('cannot be judged without the keys of the server', async () => {
    const keys = { generation: 1, find: () => ({ kind: 'unavailable', detail: 'no keys' }) as const }
    const { ask } = await meet(
      say(() => signedAnswer(activeAnswer()), SIGNED),
      { ...signed, keys },
    )
    expect(await ask()).toBe('unavailable')
  })
})

test('neither token nor assertion stands in what is told', async () => {
  const { ask, events, asked, change } = await meet(active)
  await ask()
  change(status(400))
  await ask('another')
  const said = JSON.stringify(events)
  for (const { form } of asked)
    for (const value of form.values()) if (value.length > 12) expect(said).not.toContain(value)
  expect(said).not.toContain(createHash('sha256').update(OPAQUE).digest('base64url'))
})
