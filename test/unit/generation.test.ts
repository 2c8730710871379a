import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildGeneration, enforce } from '../../src/generation.ts'
import { loadConfig } from '../../src/io/config-file.ts'
import { buildLog } from '../../src/io/log.ts'
import { buildMemory } from '../../src/memory.ts'
import { buildMetrics } from '../../src/metrics.ts'
import { swap } from '../../src/reload.ts'
import { createAuthority } from '../../tools/pki.ts'
import { temporaryDirectory } from '../support/lifecycle-server.ts'
import { serverJwks } from '../support/spine.ts'

const authority = createAuthority('some CA').certificate
const document = {
  publicOrigins: ['https://api.example.com'],
  authorizationServers: [{ name: 'as', issuer: 'https://as.example.com', keys: { file: 'jwks.json' } }],
  routes: [{ path: '/accounts', scopes: ['accounts'] }],
}

/** A first generation with its keys, and how to change what it was built from. */
async function start(given: object) {
  const directory = temporaryDirectory()
  const file = join(directory, 'envoy-fapi.yaml')
  const write = (name: string, content: string): void => writeFileSync(join(directory, name), content)
  write('jwks.json', JSON.stringify(serverJwks))
  write('ca.pem', authority)
  write('envoy-fapi.yaml', JSON.stringify(given))
  const loaded = loadConfig(file, {})
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const lines: string[] = []
  let tries = 0
  const world = {
    file,
    environment: {},
    memory: buildMemory(loaded.config),
    metrics: buildMetrics(),
    log: buildLog('info', { write: (line) => void lines.push(line) }),
    observeKeys: () => undefined,
    tryLater: () => {
      tries += 1
    },
  }
  const built = buildGeneration(loaded, undefined, world)
  if (!built.ok) throw new Error(built.problem)
  enforce(built.value, world)
  await Promise.all([...built.value.sources.values()].map((source) => source.load()))
  return {
    first: built.value,
    write,
    again: () => swap(built.value, world),
    later: () => tries,
    trusted: () => world.memory.outbound.ca,
    lines,
  }
}

describe('keys outlive a change of what is trusted', () => {
  test('other authorities are trusted from then on, and nobody waits for keys', async () => {
    const { first, write, again, trusted } = await start(document)
    expect(trusted()).toBeUndefined()
    write('envoy-fapi.yaml', JSON.stringify({ ...document, outbound: { ca: 'ca.pem' } }))
    const next = await again()
    expect(next).not.toBe(first)
    expect([next.sources.get('as'), next.sources.get('as')?.size]).toEqual([first.sources.get('as'), 1])
    expect(trusted()?.at(-1)).toBe(authority)
  })

  test.each([
    ['half of a certificate', authority.slice(0, 200)],
    ['nothing', ''],
    ['a certificate that is none', authority.replace(/MII/, 'AAA')],
  ])('%s as authorities changes nothing', async (_, pem) => {
    const { first, write, again, trusted, lines } = await start({ ...document, outbound: { ca: 'ca.pem' } })
    write('ca.pem', pem)
    expect(await again()).toBe(first)
    expect(trusted()?.at(-1)).toBe(authority)
    expect(lines.at(-1)).toMatch(/configuration refused.*|outbound\.ca/)
  })
})

describe('keys from a new place', () => {
  const [server] = document.authorizationServers
  const withKeys = (keys: object, more: object = {}) =>
    JSON.stringify({ ...document, authorizationServers: [{ ...server, ...more, keys }] })

  test('are there before anybody needs them', async () => {
    const { first, write, again } = await start(document)
    write('other.json', JSON.stringify(serverJwks))
    write('envoy-fapi.yaml', withKeys({ file: 'other.json' }, { issuer: 'https://other.example.com' }))
    const next = await again()
    expect(next.sources.get('as')).not.toBe(first.sources.get('as'))
    expect(next.sources.get('as')?.size).toBe(1)
  })
  test.each([
    ['a server that does not answer', { uri: 'https://127.0.0.1:9/jwks' }],
    ['a file without keys', { file: 'none.json' }],
  ])('%s takes no good keys away, and is tried again', async (_, keys) => {
    const { first, write, again, lines, later } = await start(document)
    write('none.json', '{"keys":[]}')
    write('envoy-fapi.yaml', withKeys(keys))
    expect(await again()).toBe(first)
    expect(first.sources.get('as')?.size).toBe(1)
    expect(lines.at(-1)).toContain('no keys of as could be had from their new place')
    expect(later()).toBe(1)
  })
})

describe('the time in which a proof may be older than the process', () => {
  const settles = async (more: object): Promise<number> => {
    const { first } = await start({ ...document, ...more })
    const begun = performance.now() / 1000
    return Math.round(buildMemory(first.loaded.config).settledAt - begun)
  }
  test('lasts as long as a proof may be dated ahead, and a second', async () => expect(await settles({})).toBe(11))
  test('is longer where more is tolerated', async () =>
    expect(await settles({ routes: [{ path: '/', senderConstraint: { dpop: { futureTolerance: '30s' } } }] })).toBe(31))
  test('does not exist where no proofs are taken, or by choice', async () => {
    expect(await settles({ routes: [{ path: '/', senderConstraint: { methods: ['mtls'] } }] })).toBe(0)
    expect(await settles({ stores: { afterRestart: 'accept' } })).toBe(0)
  })
})
