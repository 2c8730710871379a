import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findFree } from '../../demo/ports.ts'
import { API, MTLS } from '../../demo/setting.ts'
import { type Collector, startCollector } from '../support/collector.ts'
import {
  type Asking,
  boundToCertificate,
  edgeDocument,
  startTestEdge,
  type TestEdge,
  type Told,
} from '../support/edge.ts'
import { plainReasons } from '../support/edge-reasons.ts'

/** Everything somebody could read afterwards, by name. */
const places = new Map<string, string>()
/** Everything that must not stand there, by what it is. */
const secrets = new Map<string, string>()
const ADMIN = 'a-token-of-the-operators-0123456789'
let edge: TestEdge
let collector: Collector
let allowed = 0
let denied = 0

/** Whole, and in the parts that a log might cut it into. */
function keepSecret(name: string, text: string): void {
  for (const part of [text, ...text.split(/[.\s]/)]) if (part.length >= 24) secrets.set(`${name}: ${part}`, part)
}

function remember({ headers = {} }: Asking): void {
  for (const name of ['authorization', 'dpop']) {
    const value = (headers as Readonly<Record<string, unknown>>)[name]
    for (const text of Array.isArray(value) ? value : [value])
      if (typeof text === 'string') keepSecret(name, text.replace(/^[A-Za-z]+ /, ''))
  }
}

async function send(asking: Asking): Promise<Told> {
  remember(asking)
  const told = await edge.ask(asking)
  if (told.status === 200) allowed += 1
  else denied += 1
  // What the upstream says about a request is its own; ours are the headers, and the bodies of refusals.
  places.set(`answer ${told.id}`, JSON.stringify([...told.headers]) + (told.seen ? '' : told.body))
  return told
}

const read = async (path: string): Promise<string> =>
  await (await fetch(`http://127.0.0.1:${edge.setting.ports.metrics}${path}`)).text()

beforeAll(async () => {
  collector = await startCollector()
  const [admin = 0] = await findFree(1)
  const lines: string[] = []
  edge = await startTestEdge({
    document: {
      publicOrigins: [API, MTLS],
      log: { level: 'debug' },
      audit: { to: { file: 'audit.jsonl' } },
      listen: { ...edgeDocument.listen, admin: `127.0.0.1:${admin}`, adminAccess: { tokens: [ADMIN] } },
      tracing: { otlp: { endpoint: collector.endpoint }, sample: 1 },
    },
    follow: (record) => void lines.push(JSON.stringify(record)),
  })
  for (const row of plainReasons) await send(await row.ask(edge))
  const good = edge.good()
  for (const asking of [good, good]) await send(asking)
  const certificate = edge.certify({})
  const token = edge.mint({ claims: { cnf: boundToCertificate(certificate) } })
  for (const scheme of ['Bearer', 'DPoP'])
    await send({ url: `${MTLS}/accounts`, certificate, headers: { authorization: `${scheme} ${token}` } })
  // A client may put a token anywhere.
  const misplaced = edge.mint()
  keepSecret('misplaced', misplaced)
  await send(edge.good({ path: `/accounts/${misplaced}` }))
  await send(
    edge.good({ headers: { 'x-fapi-interaction-id': misplaced, 'user-agent': misplaced, 'x-request-id': misplaced } }),
  )

  const decisions = await fetch(`http://127.0.0.1:${admin}/decisions?last=100`, {
    headers: { authorization: `Bearer ${ADMIN}` },
  })
  places.set('/decisions', await decisions.text())
  keepSecret('token of the operators', ADMIN)
  for (const path of ['/metrics', '/readyz', '/healthz', '/jwks']) places.set(path, await read(path))
  const { directory } = edge
  const pki = join(directory, 'pki')
  for (const name of readdirSync(pki))
    for (const line of readFileSync(join(pki, name), 'latin1').split('\n'))
      if (!line.startsWith('-----')) keepSecret(name, line)
  for (const line of `${certificate.certificate}\n${certificate.key}`.split('\n'))
    if (!line.startsWith('-----')) keepSecret('certificate of the client', line)
  for (const jwk of [edge.key.privateJwk, edge.setting.dpopClientJwk, edge.setting.authorizationServer.signingKey])
    for (const member of ['d', 'p', 'q'] as const) keepSecret('private key', jwk[member] ?? '')

  await edge.setting.service().stop()
  places.set('audit', readFileSync(join(directory, 'audit.jsonl'), 'utf8'))
  places.set('standard error', readFileSync(join(directory, 'service.log'), 'utf8'))
  places.set('log', lines.join('\n'))
  places.set('traces', collector.bytes().toString('latin1'))
  await edge.stop()
})
afterAll(() => collector.stop())

test('there is something to look for and to look at', () => {
  expect([allowed, denied]).toEqual([expect.any(Number), expect.any(Number)])
  expect(allowed).toBeGreaterThan(1)
  expect(denied).toBeGreaterThan(20)
  expect(secrets.size).toBeGreaterThan(200)
  expect(places.get('log')?.split('\n').length).toBeGreaterThan(20)
  expect(places.get('traces')).toContain('envoy_fapi.decision')
  expect(places.get('audit')?.match(/"msg":"decision"/g)?.length).toBeGreaterThan(20)
  expect(places.get('/decisions')).toContain('proof htu')
  expect(places.get('/metrics')).toContain('envoy_fapi_checks_total')
})

describe('no token, proof, key or certificate of a whole run', () => {
  test.each([
    'log',
    'audit',
    'standard error',
    'traces',
    '/decisions',
    '/metrics',
    '/readyz',
    '/healthz',
    '/jwks',
    'answer',
  ])('stands in: %s', (place) => {
    const found = [...places]
      .filter(([name]) => name === place || name.startsWith(`${place} `))
      .flatMap(([name, text]) =>
        [...secrets].filter(([, secret]) => text.includes(secret)).map(([what]) => [name, what]),
      )
    expect(found).toEqual([])
  })
})
