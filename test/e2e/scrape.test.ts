import { once } from 'node:events'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { text } from 'node:stream/consumers'
import { describe, expect, test, vi } from 'vitest'
import { freePorts } from '../../demo/ports.ts'
import { series } from '../support/exposed-series.ts'
import { type Family, readExposition } from '../support/exposition.ts'
import { outcomeOf } from '../support/lifecycle-grpc.ts'
import { as, ENVOY, envoy, peer, tlsFiles } from '../support/lifecycle-peers.ts'
import { temporaryDirectory } from '../support/lifecycle-server.ts'
import { freshRequest, serviceDocument, startTestService, type TestService } from '../support/lifecycle-service.ts'
import { startRedis } from '../support/redis.ts'
import { scrapeParts } from '../support/scraped-parts.ts'
import { ISSUER, ORIGIN, serverJwks } from '../support/spine.ts'

const LOOPBACK = '127.0.0.2'
/** Addresses of this machine that are not the one Check and admin listen on; all but the first are no loopback at all. */
const elsewhere = [
  LOOPBACK,
  ...Object.values(networkInterfaces()).flatMap((ones) =>
    (ones ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
  ),
]

/** A service whose metrics Prometheus can reach, and everything else only Envoy. */
async function startScraped(stores: object = { afterRestart: 'accept', replayCapacity: 1000 }) {
  const { files } = tlsFiles(temporaryDirectory())
  const ports = await freePorts()
  const listen = {
    ...{ check: `127.0.0.1:${ports.check}`, metrics: `0.0.0.0:${ports.metrics}`, admin: `127.0.0.1:${ports.admin}` },
    tls: { ...files, peers: [ENVOY] },
  }
  const document = {
    ...serviceDocument,
    listen,
    profile: 'compat',
    stores,
    routes: [...serviceDocument.routes, { name: 'legacy', path: '/legacy', exceptions: ['bearerTokens'] }],
  }
  const service = await startTestService(document)
  const ask = async (address: string, path: string, init: RequestInit = {}): Promise<Response> =>
    await fetch(`http://${address}:${ports.metrics}${path}`, init)
  return { service, document, ports, ask }
}

/** Lets every metric with a label be counted once. */
async function makeBusy(service: TestService, document: object): Promise<void> {
  const client = service.connect(as(envoy))
  const outcomes = new Set<string>()
  for (let count = 0; count < 1001; count += 1) outcomes.add(outcomeOf(await client.ask(freshRequest())))
  expect(outcomes).toEqual(new Set(['allow', 'replay_quota']))
  await service.connect(as(peer({ uris: ['spiffe://bank.example/other'] }))).ask(freshRequest())
  const reloaded = (result: string): Promise<void> =>
    vi.waitFor(() => expect(service.records.some(({ msg }) => msg.startsWith(`configuration ${result}`))).toBe(true), {
      timeout: 10_000,
    })
  service.edit('not: a configuration')
  await reloaded('refused')
  service.edit(document)
  await reloaded('applied')
}

/** Nothing that a test without a slow dependency can bring about. */
const notProvoked = ['envoy_fapi_checks_shed_total']
const TARGET = ['namespace', 'job', 'instance', 'pod', 'container']

/** The labels that queries may use, as far as this scrape shows them. */
const shown = (families: readonly Family[]): ReadonlyMap<string, ReadonlySet<string>> => {
  const found = new Map<string, Set<string>>()
  for (const { samples } of families)
    for (const { name, labels } of samples) {
      const all = found.get(name) ?? new Set(TARGET)
      for (const label of Object.keys(labels)) all.add(label)
      found.set(name, all)
    }
  return found
}

/** What a service shows whose Redis came up empty, and went away. */
async function scrapeWithoutRedis(): Promise<readonly Family[]> {
  const redis = await startRedis()
  const { service, ask } = await startScraped({ replay: redis.url })
  await redis.stop()
  const client = service.connect(as(envoy))
  await vi.waitFor(async () => expect(outcomeOf(await client.ask(freshRequest()))).toBe('replay_unavailable'))
  return readExposition(await (await ask('127.0.0.1', '/metrics')).text())
}

test('Prometheus finds all that alerts and the dashboard ask for', async () => {
  const { service, document, ask } = await startScraped()
  await makeBusy(service, document)
  const answer = await ask(elsewhere.at(-1) ?? '', '/metrics', { headers: { accept: 'text/plain;version=0.0.4' } })
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    expect.stringMatching(/^text\/plain; version=0\.0\.4/),
  ])
  const families = [...readExposition(await answer.text()), ...(await scrapeWithoutRedis()), ...(await scrapeParts())]
  expect(families.filter(({ help, type }) => help === '' || type === '')).toEqual([])

  // The list that every query is held against is what a running service shows, label by label.
  const found = shown(families)
  const ours = [...series].filter(([name]) => name.startsWith('envoy_fapi_') && !notProvoked.includes(name))
  expect(ours.length).toBeGreaterThan(25)
  expect(ours.filter(([name]) => !found.has(name)).map(([name]) => name)).toEqual([])
  for (const [name, labels] of ours) expect([name, found.get(name)]).toEqual([name, labels])
  const names = new Set(families.flatMap(({ name, samples }) => [name, ...samples.map((one) => one.name)]))
  expect([...series.keys()].filter((name) => !names.has(name))).toEqual([])
})

describe.each(elsewhere)('at %s', (address) => {
  test('only the metrics port can be reached', async () => {
    const { ports, ask } = await startScraped()
    expect(await Promise.all(['/healthz', '/readyz'].map(async (path) => (await ask(address, path)).status))).toEqual([
      200, 200,
    ])
    for (const port of [ports.check, ports.admin]) {
      const [error] = await once(connect({ host: address, port }), 'error')
      expect((error as NodeJS.ErrnoException).code).toBe('ECONNREFUSED')
    }
  })

  test('it tells metrics, health and keys of assertions, and nothing else', async () => {
    const { service, ask } = await startScraped()
    for (const path of [
      '/',
      '/admin',
      '/decisions',
      '/config',
      '/routes',
      '/revocations',
      '/log',
      '/debug/pprof/',
      '/jwks',
    ])
      expect([path, (await ask(address, path)).status]).toEqual([path, 404])
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
      for (const path of ['/metrics', '/healthz', '/readyz'])
        expect((await ask(address, path, { method })).status).toBe(405)
    const said = await Promise.all(['/metrics', '/readyz'].map(async (path) => (await ask(address, path)).text()))
    // Neither where things are, nor whom it trusts, nor a key.
    expect(said.join()).not.toMatch(new RegExp(`${service.directory}|jwks\\.json|spiffe:|${ORIGIN}|${ISSUER}|BEGIN `))
    for (const { n = '', x = '' } of serverJwks.keys) expect(said.join()).not.toContain(n || x)
  })
})

test('who sends slowly or too much is cut off, and others are answered meanwhile', async () => {
  const { ports, ask } = await startScraped()
  const open = () => connect({ host: LOOPBACK, port: ports.metrics })
  const [header, body, huge] = [open(), open(), open()]
  header.write('GET /metrics HTTP/1.1\r\nHost: a\r\nX: ')
  body.write('POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n')
  const trickle = setInterval(() => {
    for (const socket of [header, body]) socket.write('a')
  }, 100)
  huge.write(`GET /metrics HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`)
  for (const socket of [header, body, huge]) socket.on('error', () => undefined)
  const closed = [header, body].map((socket) => once(socket.resume(), 'close'))
  expect(await text(huge)).not.toContain('HTTP/1.1 200')
  expect((await ask(LOOPBACK, '/healthz')).status).toBe(200)
  await Promise.all(closed)
  clearInterval(trickle)
})
