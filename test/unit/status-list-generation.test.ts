import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildGeneration, type Generation, type World } from '../../src/generation.ts'
import { loadConfig } from '../../src/io/config-file.ts'
import { buildLog } from '../../src/io/log.ts'
import { buildMemory } from '../../src/memory.ts'
import { buildMetrics } from '../../src/metrics.ts'
import { swap } from '../../src/reload.ts'
import { describeStatus } from '../../src/status.ts'
import { directoryWith, smallest } from '../support/config-files.ts'
import { newSealingKey } from '../support/encrypted.ts'
import { serverJwks } from '../support/spine.ts'

const as = { name: 'as', issuer: 'https://as.example.com', keys: { file: 'jwks.json' } }
/** Nobody listens there. */
const HOST = 'localhost:1'
const listing = (options: object = {}) => ({ ...as, revocation: { statusList: { hosts: [HOST], ...options } } })
const pem = (key: ReturnType<typeof newSealingKey>): string =>
  key.ours.key.export({ type: 'pkcs8', format: 'pem' }) as string

/** A service's configuration with these servers, and what happens to it. */
function buildLife(servers: readonly object[], files: Readonly<Record<string, string>> = {}) {
  const text = (authorizationServers: readonly object[]): string =>
    JSON.stringify(smallest({ authorizationServers, stores: { afterRestart: 'accept' } }))
  const directory = directoryWith({ 'jwks.json': JSON.stringify(serverJwks), ...files, 'c.yaml': text(servers) })
  const file = join(directory, 'c.yaml')
  const loaded = loadConfig(file, {})
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const lines: Record<string, unknown>[] = []
  const metrics = buildMetrics()
  const log = buildLog('info', { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) })
  const memory = buildMemory(loaded.config)
  const world: World = { file, environment: {}, memory, metrics, log, observeKeys: () => {} }
  const built = buildGeneration(loaded, undefined, world)
  const change = (next: readonly object[], current: Generation): Promise<Generation> => {
    writeFileSync(file, text(next))
    return swap(current, world)
  }
  const degraded = (generation: Generation): readonly string[] =>
    describeStatus({ phase: 'ready', lastChange: 'applied', waitingFor: [] }, generation, memory).body.degraded
  return { built, change, degraded, lines, files: loaded.files, said: () => metrics.registry.metrics() }
}

function begin(...order: Parameters<typeof buildLife>) {
  const { built, ...life } = buildLife(...order)
  if (!built.ok) throw new Error(built.problem)
  return { start: built.value, ...life }
}

const listsOf = (generation: Generation) => generation.statusLists.get('as')
const look = async (generation: Generation) =>
  (await listsOf(generation)?.find({ uri: `https://${HOST}/1`, index: 0 }))?.kind

describe('the status lists of a configuration', () => {
  test('are there for the servers that have some', () => {
    const { start } = begin([listing(), { ...as, name: 'other', issuer: 'https://other.example' }])
    expect([...start.statusLists.keys()]).toEqual(['as'])
  })
  test('TSL-10 one that cannot be had is told, counted and shown', async () => {
    const { start, degraded, lines, said } = begin([listing()])
    await start.sources.get('as')?.load()
    expect(degraded(start)).toEqual([])
    expect(await look(start)).toBe('unavailable')
    expect(degraded(start)).toEqual(['status lists of as'])
    expect(lines).toMatchObject([{ msg: 'status list cannot be had', server: 'as' }])
    const text = await said()
    expect(text).toContain('envoy_fapi_status_list_fetches_total{server="as",result="failed"} 1')
    expect(text).toContain('envoy_fapi_dependency_up{name="status lists of as"} 0')
  })
  test('are kept where nothing changed for them, and closed where something did', async () => {
    const { start, change } = begin([listing()])
    await start.sources.get('as')?.load()
    const same = await change([{ ...listing(), audiences: ['https://api.bank.example'] }], start)
    expect(same).not.toBe(start)
    expect(listsOf(same)).toBe(listsOf(start))
    expect(await look(same)).toBe('unavailable')
    const other = await change([listing({ onFailure: 'soft' })], same)
    expect(listsOf(other)).not.toBe(listsOf(same))
    // What is closed does not try any more.
    expect(await listsOf(same)?.find({ uri: `https://${HOST}/2`, index: 0 })).toMatchObject({
      detail: 'the status lists of as are not asked for at the moment',
    })
    const none = await change([as], other)
    expect(none.statusLists.size).toBe(0)
    expect(none.loaded.config.authorizationServers[0]?.revocation.statusList).toBeUndefined()
  })
  test('of other algorithms are other ones', async () => {
    const { start, change } = begin([listing()])
    const next = await change([{ ...listing(), algorithms: ['ES256'] }], start)
    expect(listsOf(next)).not.toBe(listsOf(start))
  })
  test('of other keys are other ones', async () => {
    const { start, change } = begin([listing()], { 'new.json': JSON.stringify(serverJwks) })
    const next = await change([{ ...listing(), keys: { file: 'new.json' } }], start)
    expect(listsOf(next)).not.toBe(listsOf(start))
  })
  test('of a change that was refused are closed, and the old ones go on', async () => {
    const { start, change } = begin([listing()])
    const other = { ...listing(), name: 'b', issuer: 'https://b.example', keys: { file: 'jwks.json' } }
    const kept = await change([listing(), { ...other, encryption: { keys: ['jwks.json'] } }], start)
    expect(kept).toBe(start)
    expect(await look(kept)).toBe('unavailable')
  })
})

describe('JWT-23 the keys of encrypted tokens', () => {
  const sealing = (keys: readonly string[], more: object = {}) => [{ ...as, encryption: { keys, ...more } }]
  const rsa = newSealingKey('RSA', 'k-1')
  const jwk = (members: object = {}): string =>
    JSON.stringify({ ...rsa.ours.key.export({ format: 'jwk' }), ...members })

  test('are watched, so that a new one is taken over', () => {
    const { files } = begin(sealing(['a.pem', 'b.jwk']), { 'a.pem': pem(rsa), 'b.jwk': jwk({ kid: 'b' }) })
    expect(files.filter((name) => /[ab]\.(pem|jwk)$/.test(name))).toHaveLength(2)
  })
  test.each([
    ['RSA as PEM', pem(rsa)],
    ['RSA as JWK', jwk({ kid: 'k-1', use: 'enc' })],
    ['P-256', pem(newSealingKey('P-256'))],
    ['X25519', pem(newSealingKey('X25519'))],
  ])('%s', (_, content) => expect(buildLife(sealing(['key']), { key: content }).built.ok).toBe(true))
  test.each([
    ['no key', 'secret-value', /key: it holds no private key/],
    ['a public key', rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string, /holds no private key/],
    ['a key to sign with', jwk({ use: 'sig' }), /key: use of the key is not enc/],
    ['a name that is none', jwk({ kid: 1 }), /key: kid of the key is not a string/],
  ])('%s is refused, and nothing of it is told', (_, content, problem) => {
    const { built } = buildLife(sealing(['key']), { key: content })
    expect(built.ok ? '' : built.problem).toMatch(problem)
    expect(built.ok ? '' : built.problem).toMatch(/^authorizationServers\[0\]\.encryption\.keys\[0\]: /)
    expect(JSON.stringify(built)).not.toContain('secret-value')
  })
  test('a key that none of the algorithms can use is refused', () => {
    const files = { key: pem(rsa), curve: pem(newSealingKey('P-256')) }
    const problem = (key: string, algorithms: readonly string[]) => {
      const { built } = buildLife(sealing([key], { algorithms }), files)
      return built.ok ? 'none' : built.problem
    }
    expect(problem('key', ['ECDH-ES'])).toMatch(/none of the algorithms can be used with this key/)
    expect(problem('curve', ['RSA-OAEP-256'])).toMatch(/none of the algorithms can be used with this key/)
    expect(problem('key', ['ECDH-ES', 'RSA-OAEP-256'])).toBe('none')
  })
})
