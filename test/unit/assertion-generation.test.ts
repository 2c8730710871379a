import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { describe, expect, onTestFinished, test } from 'vitest'
import { admit } from '../../src/admission.ts'
import { buildGeneration, type World } from '../../src/generation.ts'
import { loadConfig } from '../../src/io/config-file.ts'
import { serveHttp } from '../../src/io/http.ts'
import { buildLog } from '../../src/io/log.ts'
import { buildMemory } from '../../src/memory.ts'
import { buildMetrics } from '../../src/metrics.ts'
import { swap } from '../../src/reload.ts'
import { directoryWith } from '../support/config-files.ts'
import { newServerKey } from '../support/jwks.ts'
import { evidence } from '../support/modules.ts'

const newKey = (curve = 'P-256'): string =>
  generateKeyPairSync('ec', { namedCurve: curve }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()

const ASSERTION = '{ key: assertion.key, issuer: https://edge.bank.example, audience: https://api.bank.example }'

/** A configuration with assertions (or without), and what a service would make of it. */
function buildLife(identity = `{ assertion: ${ASSERTION} }`, key = newKey()) {
  const directory = directoryWith({
    'keys.json': JSON.stringify({ keys: [newServerKey('ES256', { kid: 'a' }).jwk] }),
    'assertion.key': key,
    'c.yaml': `publicOrigins: [https://api.bank.example]
authorizationServers: [{ name: one, issuer: https://one.example, keys: { file: keys.json } }]
routes: [{ path: /** }]
listen: { metrics: 127.0.0.1:9464 }
identity: ${identity}
`,
  })
  const file = join(directory, 'c.yaml')
  const lines: string[] = []
  const log = buildLog('info', { write: (line) => void lines.push(line) })
  const loaded = loadConfig(file, {})
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const world: World = {
    file,
    environment: {},
    memory: buildMemory(loaded.config),
    metrics: buildMetrics(),
    log,
    observeKeys: () => {},
  }
  const change = (next: string): void => writeFileSync(join(directory, 'assertion.key'), next)
  return { loaded, world, lines, change, directory, built: buildGeneration(loaded, undefined, world) }
}

const admission = () => {
  const admitted = admit('resource', evidence({}))
  if (!admitted.ok) throw new Error(admitted.detail)
  return admitted.value
}

describe('a configuration with assertions', () => {
  test('makes ones that are accepted with its keys, each with an id of its own', async () => {
    const { built } = buildLife()
    if (!built.ok) throw new Error(built.problem)
    const { rules, jwks } = built.value
    const [one = '', other = ''] = [rules.identity.assert?.(admission()), rules.identity.assert?.(admission())]
    const keys = createLocalJWKSet(jwks as JSONWebKeySet)
    const expected = { issuer: 'https://edge.bank.example', audience: 'https://api.bank.example' }
    const { payload } = await jwtVerify(one, keys, expected)
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(30)
    expect((await jwtVerify(other, keys, expected)).payload.jti).not.toBe(payload.jti)
  })
  test('watches its key file', () => {
    const { loaded, directory } = buildLife()
    expect(loaded.files).toContain(join(directory, 'assertion.key'))
  })
  test('is not built with a key that cannot sign', () => {
    const { built, directory } = buildLife(undefined, newKey('P-384'))
    expect(built).toEqual({
      ok: false,
      problem: `identity.assertion.key: ${directory}/assertion.key: the key is neither on P-256 nor Ed25519`,
    })
  })
  test('takes a new key over, and keeps the last good one when the new is broken', async () => {
    const { built, world, change, lines } = buildLife()
    if (!built.ok) throw new Error(built.problem)
    change(newKey())
    const next = await swap(built.value, world)
    expect(next).not.toBe(built.value)
    expect(next.jwks).not.toEqual(built.value.jwks)
    change('-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n')
    expect(await swap(next, world)).toBe(next)
    expect(lines.join('')).toContain('identity.assertion.key')
    expect(lines.join('')).not.toContain('c2VjcmV0')
  })
})

test('a configuration without makes none and serves none', () => {
  const { built } = buildLife('{}')
  if (!built.ok) throw new Error(built.problem)
  expect([built.value.jwks, built.value.rules.identity.assert]).toEqual([undefined, undefined])
})

describe('/jwks', () => {
  async function ask(jwks: (() => object | undefined) | undefined, init: RequestInit = {}): Promise<Response> {
    const status = () => ({ ready: true, body: {} })
    const port = { address: '127.0.0.1:0', key: 'listen.metrics' }
    const { registry } = buildMetrics()
    const opened = await serveHttp(port, { registry, status, beforeScrape: () => {}, jwks })
    if (!opened.ok) throw new Error(opened.problem)
    onTestFinished(() => opened.value.close())
    return await fetch(`http://${opened.value.address}/jwks`, init)
  }

  test('holds the keys of the moment', async () => {
    const answer = await ask(() => ({ keys: [{ kty: 'EC' }] }))
    expect([answer.status, answer.headers.get('content-type'), await answer.json()]).toEqual([
      200,
      'application/jwk-set+json',
      { keys: [{ kty: 'EC' }] },
    ])
  })
  test('is not there without assertions', async () => {
    expect((await ask(() => undefined)).status).toBe(404)
    expect((await ask(undefined)).status).toBe(404)
  })
  test('is read only', async () => expect((await ask(() => ({ keys: [] }), { method: 'POST' })).status).toBe(405))
})
