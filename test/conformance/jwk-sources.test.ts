import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { fetchJson } from '../../src/io/fetch.ts'
import { buildKeySource, type KeyEvent, type LiveKeySource } from '../../src/io/keys.ts'
import { createAuthority, issue } from '../../tools/pki.ts'
import { verdict } from '../support/answers.ts'
import { stillClock } from '../support/clock.ts'
import { newServerKey } from '../support/jwks.ts'
import { buildPatience, serverWith } from '../support/key-sources.ts'
import { buildClientKey, type ClientKey } from '../support/proofs.ts'
import { buildTestCheck, goodRequest, mintToken, serverKey } from '../support/spine.ts'
import { authority, json, type Stub, serverIdentity, startStub } from '../support/stub-servers.ts'

const good = { ...serverKey.jwk, kid: 'as-1', use: 'sig' }
const nextKey = await buildClientKey()
const next = { ...nextKey.jwk, kid: 'as-2' }

const laterKey = await buildClientKey()
const later = { ...laterKey.jwk, kid: 'as-3' }

const closing: (() => unknown)[] = []
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

async function stub(...order: Parameters<typeof startStub>): Promise<Stub> {
  const started = await startStub(...order)
  closing.push(started.close)
  return started
}

type Place = Parameters<typeof serverWith>[0]

/** A whole Check whose keys come over real TLS from there. */
function serveWith(keys: Place, issuer?: string) {
  const events: KeyEvent[] = []
  const { monotonic, pass } = stillClock()
  const patience = buildPatience()
  const source: LiveKeySource = buildKeySource(serverWith(keys, issuer), {
    fetch: (url) => fetchJson(url, { ca: [authority.certificate], timeout: 600 }),
    monotonic,
    observe: (event) => events.push(event),
    schedule: () => () => undefined,
    wait: patience.wait,
  })
  closing.push(source.close)
  const { ask } = buildTestCheck({ keys: source })
  const decide = async (kid = 'as-1', key: ClientKey = serverKey): Promise<string> =>
    verdict(await ask(goodRequest({ token: tokenOf(kid, key) })))
  return { source, events, pass, ask, decide, patience }
}

const tokenOf = (kid: string, key: ClientKey = serverKey): string => mintToken({ header: { kid } }, key)

/** A server whose answer can be changed while it runs. */
async function changing(begin: Parameters<typeof startStub>[0]) {
  let handler = begin
  const server = await stub((request, response) => handler(request, response))
  const change = (to: typeof begin): void => {
    handler = to
  }
  return { server, change, uri: `${server.origin}/jwks` }
}

const serving = (...keys: readonly unknown[]) => json(() => ({ keys }))
const raw =
  (body: string | Buffer, headers: Record<string, string> = {}, status = 200) =>
  (_: unknown, response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(body)
  }
const trickle = (_: unknown, response: ServerResponse): void => {
  response.writeHead(200, { 'content-type': 'application/json' })
  const drip = setInterval(() => response.write(' '), 10)
  response.on('close', () => clearInterval(drip))
}
const body = JSON.stringify({ keys: [good] })

test('JWK-01 keys over verified https, and a request that they admit', async () => {
  const { uri } = await changing(serving(good))
  const { source, decide } = serveWith({ uri })
  expect(await source.load()).toBe(true)
  expect(await decide()).toBe('allow')
})

describe('as-tls-bad, JWK-01, FAPI-NET-03 a server that is not who it should be counts as down', () => {
  const day = 86_400_000
  test.each([
    ['self-signed', () => issue(undefined, { name: 'localhost', dns: ['localhost'] })],
    ['an unknown authority', () => serverIdentity({}, createAuthority('other'))],
    ['another name', () => serverIdentity({ dns: ['other.example'] })],
    ['a common name alone', () => serverIdentity({ name: 'localhost', dns: [], ips: [] })],
    [
      'expired',
      () => serverIdentity({ notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) }),
    ],
  ])('%s', async (_, make) => {
    const server = await stub(serving(good), make())
    const { source, events, decide } = serveWith({ uri: `${server.origin}/jwks` })
    expect(await source.load()).toBe(false)
    expect(await decide()).toBe('keys_unavailable')
    expect([server.hits, events[0]]).toMatchObject([[], { kind: 'failed', cause: 'tls' }])
  })
  test('plain http', async () => {
    const server = await stub(serving(good))
    const { source, decide } = serveWith({ uri: server.origin.replace('https', 'http') })
    expect([await source.load(), await decide(), server.hits]).toEqual([false, 'keys_unavailable', []])
  })
})

describe('JWK-04, JWK-05, att-jose-17 what a server should not answer', () => {
  test.each([
    ['JWK-01 a redirect', 'redirect', raw('', { location: '/elsewhere' }, 302)],
    ['att-dos-05 gzip', 'type', raw(gzipSync(body), { 'content-encoding': 'gzip' })],
    ['att-dos-05 a bomb', 'type', raw(gzipSync(Buffer.alloc(50_000_000, ' ')), { 'content-encoding': 'gzip' })],
    ['att-dos-05 a thousand encodings', 'type', raw(body, { 'content-encoding': Array(1000).fill('gzip').join() })],
    ['10 MB', 'size', raw(`${body.slice(0, -1)},"x":"${'x'.repeat(10_000_000)}"}`)],
    ['a trickle', 'timeout', trickle],
    ['silence', 'timeout', () => undefined],
    ['HTML', 'type', raw('<html></html>', { 'content-type': 'text/html' })],
    ['JSON called HTML', 'type', raw(body, { 'content-type': 'text/html' })],
    ['truncated JSON', 'garbage', raw(body.slice(0, -2))],
    ['{}', 'empty', raw('{}')],
    ['keys: []', 'empty', serving()],
    ['keys: null', 'empty', raw('{"keys":null}')],
    ['only broken keys', 'empty', serving({ kty: 'EC', crv: 'P-256' }, { kty: 'oct', k: 'AAAA' })],
    ['101 keys', 'empty', serving(...Array.from({ length: 101 }, () => good))],
    ['500', 'status', raw(body, {}, 500)],
  ] as const)('jwks-garbage %s: %s, down at the start, and the old set stays later', async (_, cause, bad) => {
    const { uri, change, server } = await changing(bad)
    const cold = serveWith({ uri })
    expect([await cold.source.load(), await cold.decide()]).toEqual([false, 'keys_unavailable'])

    change(serving(good))
    const warm = serveWith({ uri })
    await warm.source.load()
    change(bad)
    expect([await warm.source.load(), await warm.decide()]).toEqual([false, 'allow'])
    const told = { kind: 'failed', server: 'bank', problem: expect.any(String), cause }
    expect([cold.events, warm.events[1]]).toEqual([[told], told])
    expect(server.hits.every((path) => path === '/jwks')).toBe(true)
  })
  test('jwks-500, JWK-05 the old set serves 24 h, and its server is asked once per cooldown', async () => {
    const { uri, change, server } = await changing(serving(good))
    const { source, pass, decide, ask } = serveWith({ uri })
    await source.load()
    change(raw('', {}, 500))
    // An unknown kid says nothing against a token while nobody can be asked.
    for (let second = 0; second <= 60; second += 1) {
      expect(await decide('as-2', nextKey)).toBe('keys_unavailable')
      pass(1)
    }
    expect(server.hits).toHaveLength(4)
    const known = tokenOf('as-1')
    pass(86_339)
    expect([verdict(await ask(goodRequest({ token: known }))), server.hits.length]).toEqual(['allow', 4])
    pass(1)
    expect(await decide()).toBe('keys_unavailable')
    expect(verdict(await ask(goodRequest({ token: known })))).toBe('keys_unavailable')
    expect(server.hits).toHaveLength(5)
  })
})

describe('JWK-06, JWK-07, JWK-08 one bad key among good ones', () => {
  test.each<[string, object, boolean]>([
    ['a broken key', { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', kid: 'as-1' }, false],
    ['JWK-07, FAPI-CR-04 RSA of 1024 bits', { ...newServerKey('RSA1024').jwk, kid: 'as-1' }, false],
    ['a key for encryption', { ...next, use: 'enc', kid: 'as-1' }, false],
    ['a shared secret', { kty: 'oct', k: 'AAAA', kid: 'as-1' }, true],
  ])('%s is left out', async (_, bad, leaked) => {
    const { uri } = await changing(serving(bad, good))
    const { source, events, decide } = serveWith({ uri })
    expect([await source.load(), await decide(), source.size]).toEqual([true, 'allow', 1])
    expect(events).toEqual([{ kind: 'loaded', server: 'bank', keys: 1, skipped: [expect.any(String)], leaked }])
  })
  test('JWK-08 a published private key serves as a public one and is reported', async () => {
    const { uri } = await changing(serving({ ...good, d: 'AAAA' }))
    const { source, events, decide } = serveWith({ uri })
    expect([await source.load(), await decide()]).toEqual([true, 'allow'])
    expect(events).toEqual([{ kind: 'loaded', server: 'bank', keys: 1, skipped: [], leaked: true }])
  })
  test('JWT-21 two keys of one kid: the second verifies', async () => {
    const { uri } = await changing(serving({ ...next, kid: 'as-1' }, good))
    const { decide } = serveWith({ uri })
    expect([await decide('as-1', nextKey), await decide('as-1'), await decide('as-2')]).toEqual([
      'allow',
      'allow',
      'token_key_unknown',
    ])
  })
  test('JWK-09 a key that names another algorithm', async () => {
    const { uri } = await changing(serving({ ...good, alg: 'ES384' }))
    expect(await serveWith({ uri }).decide()).toBe('token_key_unknown')
  })
})

describe('JWK-03, att-ops-02, T-72 keys come and go without a restart', () => {
  test('as-rotate a new key is taken at its first token, or once the cooldown is over', async () => {
    const { uri, change } = await changing(serving(good))
    const { source, pass, decide } = serveWith({ uri })
    await source.load()
    change(serving(good, next))
    expect([await decide('as-2', nextKey), await decide()]).toEqual(['allow', 'allow'])
    change(serving(good, next, later))
    expect(await decide('as-3', laterKey)).toBe('token_key_unknown')
    pass(30)
    expect([await decide('as-3', laterKey), await decide()]).toEqual(['allow', 'allow'])
  })
  test('as-withdraw a withdrawn key is refused after the next look, also for a token seen before', async () => {
    const { uri, change } = await changing(serving(good, next))
    const { source, decide } = serveWith({ uri })
    await source.load()
    expect([await decide(), await decide('as-2', nextKey)]).toEqual(['allow', 'allow'])
    change(serving(next))
    await source.load()
    expect([await decide(), await decide('as-2', nextKey)]).toEqual(['token_key_unknown', 'allow'])
  })
  test.each([
    ['the next look', (source: LiveKeySource) => source.load()],
    ['a flush', (source: LiveKeySource) => source.flush()],
  ])('as-withdraw %s takes a key away from tokens that were good a moment ago', async (_, act) => {
    const { uri, change } = await changing(serving(good, next))
    const served = serveWith({ uri })
    await served.source.load()
    const [token, kept] = [tokenOf('as-1'), tokenOf('as-2', nextKey)]
    // The token stays the same, each request has a proof of its own.
    const present = async (one: string): Promise<string> => verdict(await served.ask(goodRequest({ token: one })))
    expect([await present(token), await present(kept)]).toEqual(['allow', 'allow'])
    change(serving(next))
    expect(await act(served.source)).toBe(true)
    expect([await present(token), await present(kept)]).toEqual(['token_key_unknown', 'allow'])
  })
  test('as-withdraw after a flush nothing passes until keys come, also not what passed before', async () => {
    const { uri, change } = await changing(serving(good))
    const served = serveWith({ uri })
    await served.source.load()
    const token = tokenOf('as-1')
    const present = async (): Promise<string> => verdict(await served.ask(goodRequest({ token })))
    expect(await present()).toBe('allow')
    change(raw('', {}, 500))
    expect([await served.source.flush(), await present()]).toEqual([false, 'keys_unavailable'])
    change(serving(good))
    served.pass(2)
    expect(await present()).toBe('allow')
  })
  test('att-envoy-16, kid-flood a thousand unknown kids at once: one fetch, no allow', async () => {
    const { uri, server } = await changing(serving(good))
    const { source, pass, ask } = serveWith({ uri })
    await source.load()
    pass(30)
    // Made before the first one is judged: signing a thousand tokens would take the fetch its time.
    const requests = Array.from({ length: 1000 }, (_, each) => goodRequest({ token: tokenOf(`random-${each}`) }))
    const decisions = await Promise.all(requests.map(async (request) => verdict(await ask(request))))
    expect([new Set(decisions), server.hits.length]).toEqual([new Set(['token_key_unknown', 'keys_unavailable']), 2])
    await Promise.all(requests.map(ask))
    expect(server.hits).toHaveLength(2)
  })
  test('jwks-hang a server that hangs does not stand in the way of known keys, and nothing is said of others', async () => {
    const { uri, change } = await changing(serving(good))
    const { source, pass, decide, patience } = serveWith({ uri })
    await source.load()
    change(() => undefined)
    pass(30)
    const unknown = decide('as-2', nextKey)
    expect(await decide()).toBe('allow')
    patience.end()
    expect(await unknown).toBe('keys_unavailable')
    // Whoever comes later does not wait at all.
    pass(1)
    expect([await decide('as-2', nextKey), await decide()]).toEqual(['keys_unavailable', 'allow'])
  })
})

describe('JWK-02 discovery', () => {
  async function discovering(issuerOf: (origin: string) => unknown, path = '') {
    const server = await stub((request, response) => {
      const document =
        request.url === '/jwks'
          ? { keys: [good] }
          : { issuer: issuerOf(server.origin), jwks_uri: `${server.origin}/jwks` }
      json(() => document)(request, response)
    })
    return { server, ...serveWith({ discovery: true }, server.origin + path) }
  }
  test('the issuer is exactly the configured one', async () => {
    const { source, server, decide } = await discovering((origin) => `${origin}/tenant`, '/tenant')
    expect([await source.load(), await decide()]).toEqual([true, 'allow'])
    expect(server.hits).toEqual(['/tenant/.well-known/openid-configuration', '/jwks'])
  })
  test.each<[string, (origin: string) => unknown]>([
    ['a slash more', (origin) => `${origin}/`],
    ['another', () => 'https://evil.example'],
    ['none', () => undefined],
  ])('%s is refused before any key is asked for', async (_, issuerOf) => {
    const { source, server, decide } = await discovering(issuerOf)
    expect([await source.load(), await decide()]).toEqual([false, 'keys_unavailable'])
    expect(server.hits).not.toContain('/jwks')
  })
  test('JWK-01, att-jose-16 metadata cannot lead to plain http', async () => {
    const server = await stub((request, response) =>
      json(() => ({ issuer: server.origin, jwks_uri: 'http://127.0.0.1/jwks' }))(request, response),
    )
    const { source, decide } = serveWith({ discovery: true }, server.origin)
    expect([await source.load(), await decide()]).toEqual([false, 'keys_unavailable'])
  })
})

test('JWT-02, att-jose-16 two issuers with one kid keep their keys apart', async () => {
  const [mine, theirs] = [await changing(serving(good)), await changing(serving({ ...next, kid: 'as-1' }))]
  const [ours, other] = [serveWith({ uri: mine.uri }), serveWith({ uri: theirs.uri })]
  await Promise.all([ours.source.load(), other.source.load()])
  expect([await ours.decide(), await ours.decide('as-1', nextKey)]).toEqual(['allow', 'token_signature_invalid'])
  expect([await other.decide(), await other.decide('as-1', nextKey)]).toEqual(['token_signature_invalid', 'allow'])
})
