import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildGeneration, type Generation } from '../../src/generation.ts'
import { loadConfig } from '../../src/io/config-file.ts'
import { buildLog } from '../../src/io/log.ts'
import { buildMemory } from '../../src/memory.ts'
import { buildMetrics } from '../../src/metrics.ts'
import { describeStatus } from '../../src/status.ts'
import { clientPem } from '../support/introspection.ts'
import { temporaryDirectory } from '../support/lifecycle-server.ts'
import { serverJwks } from '../support/spine.ts'

/** A generation of a server that is asked at an address where nobody listens, with that key. */
function start(key: string) {
  const directory = temporaryDirectory()
  const write = (name: string, content: string): void => writeFileSync(join(directory, name), content)
  const introspection = { clientId: 'api', key: 'api.pem', endpoint: 'https://127.0.0.1:1/introspect' }
  const server = { name: 'as', issuer: 'https://as.example.com', keys: { file: 'jwks.json' } }
  write('jwks.json', JSON.stringify(serverJwks))
  write('api.pem', key)
  write(
    'envoy-fapi.yaml',
    JSON.stringify({
      publicOrigins: ['https://api.example.com'],
      authorizationServers: [{ ...server, revocation: { introspection } }],
      stores: { afterRestart: 'accept' },
      routes: [{ path: '/accounts' }],
    }),
  )
  const file = join(directory, 'envoy-fapi.yaml')
  const loaded = loadConfig(file, {})
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const memory = buildMemory(loaded.config)
  const log = buildLog('error', { write: () => undefined })
  const world = { file, environment: {}, memory, metrics: buildMetrics(), log, observeKeys: () => undefined }
  const build = () => buildGeneration(loaded, undefined, world)
  const degraded = async (generation: Generation): Promise<readonly string[]> => {
    await generation.sources.get('as')?.load()
    const moment = { phase: 'ready', lastChange: 'applied', waitingFor: [] } as const
    return describeStatus(moment, generation, memory).body.degraded
  }
  return { build, degraded, files: loaded.files }
}

const built = (outcome: ReturnType<ReturnType<typeof start>['build']>): Generation => {
  if (!outcome.ok) throw new Error(outcome.problem)
  return outcome.value
}

describe('a configuration whose server is asked about tokens', () => {
  test('watches the key, so that a new one is taken over', () =>
    expect(start(clientPem()).files.some((name) => name.endsWith('api.pem'))).toBe(true))
  test('is refused with a key that cannot be read, and none of it is told', () => {
    const outcome = start('secret-value').build()
    expect(outcome.ok ? '' : outcome.problem).toMatch(
      /^authorizationServers\[0\]\.revocation\.introspection: .*api\.pem: it holds no private key/,
    )
    expect(JSON.stringify(outcome)).not.toContain('secret-value')
  })
  test('is degraded while the server does not answer', async () => {
    const { build, degraded } = start(clientPem())
    const generation = built(build())
    expect(await degraded(generation)).toEqual([])
    const introspector = generation.introspectors.get('as')
    for (let time = 0; time < 5; time += 1)
      expect((await introspector?.ask(`token-${time}`, ''))?.kind).toBe('unavailable')
    expect(await degraded(generation)).toEqual(['introspection of as'])
  })
  test('believes nothing that was said under another one', () => {
    const { build } = start(clientPem())
    expect(built(build()).introspectors.get('as')).not.toBe(built(build()).introspectors.get('as'))
  })
})
