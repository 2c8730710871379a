import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildGeneration, type Generation, type World } from '../../src/generation.ts'
import { loadConfig } from '../../src/io/config-file.ts'
import { buildLog } from '../../src/io/log.ts'
import { buildMemory } from '../../src/memory.ts'
import { buildMetrics } from '../../src/metrics.ts'
import { swap } from '../../src/reload.ts'
import { directoryWith, loadFixture } from '../support/config-files.ts'
import { newServerKey } from '../support/jwks.ts'

const keySet = (): string => JSON.stringify({ keys: [newServerKey('ES256', { kid: 'a' }).jwk] })
const server = (name: string, file = `${name}.json`): string =>
  `{ name: ${name}, issuer: https://${name}.example, audiences: [https://api.bank.example], keys: { file: ${file} } }`
const text = (servers: readonly string[], more = ''): string =>
  `publicOrigins: [https://api.bank.example]\nauthorizationServers: [${servers.join(', ')}]\nroutes: [{ path: /** }]\n${more}`

/** A service's configuration and what happens to it. */
function buildLife(first: string, environment: NodeJS.ProcessEnv = {}) {
  const directory = directoryWith({
    'one.json': keySet(),
    'two.json': keySet(),
    'three.json': keySet(),
    'c.yaml': first,
  })
  const file = join(directory, 'c.yaml')
  const lines: Record<string, unknown>[] = []
  const log = buildLog('info', { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) })
  const metrics = buildMetrics()
  const loaded = loadConfig(file, environment)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const memory = buildMemory(loaded.config)
  const world: World = { file, environment, memory, metrics, log, observeKeys: () => {} }
  const built = buildGeneration(loaded, undefined, world)
  if (!built.ok) throw new Error(built.problem)
  const start = built.value
  const change = (next: string, current: Generation): Promise<Generation> => {
    writeFileSync(file, next)
    return swap(current, world)
  }
  return { start, change, lines, world, text: () => metrics.registry.metrics() }
}

describe('a changed file', () => {
  test('takes the place of the old one whole', async () => {
    const { start, change, lines, text: said } = buildLife(text([server('one')]))
    const next = await change(text([server('one')], 'log: { level: warn }\nidentity: { token: forward }\n'), start)
    expect(next).not.toBe(start)
    expect(next.rules.identity.token).toBe('forward')
    expect(next.rules.hash).toBe(next.loaded.hash)
    expect(next.rules.hash).not.toBe(start.rules.hash)
    expect(await said()).toContain('envoy_fapi_config_reloads_total{result="applied"} 1')
    // The new level holds at once, so the line that says so at info is not told.
    expect(lines).toEqual([])
  })
  test('keeps the key source of a server that is the same, and closes the others', async () => {
    const { start, change } = buildLife(text([server('one'), server('two')]))
    await Promise.all([...start.sources.values()].map((source) => source.load()))
    const next = await change(text([server('one'), server('two', 'three.json'), server('three')]), start)
    expect(next.sources.get('one')).toBe(start.sources.get('one'))
    expect(next.sources.get('two')).not.toBe(start.sources.get('two'))
    expect([...next.sources.keys()]).toEqual(['one', 'two', 'three'])
    for (const source of next.sources.values()) await source.close()
  })
  test('that does not enforce says so, under the name of its component', async () => {
    const { start, change, lines } = buildLife(text([server('one')]))
    const [ending] = new Date(Date.now() + 86_400_000).toISOString().split('T')
    await change(text([server('one')], `mode: shadow\nuntil: ${ending}\n`), start)
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'warn', component: 'configuration', msg: 'not enforcing' }),
    )
  })
  test('says what takes effect at the next start', async () => {
    const { start, change, lines } = buildLife(text([server('one')]))
    await change(text([server('one')], 'limits: { concurrentChecks: 5 }\n'), start)
    expect(lines.map(({ msg }) => msg)).toEqual([
      'changes of listen, stores, limits, tracing and audit take effect at the next start',
      'configuration applied',
    ])
  })
})

describe('conf-broken: a broken file', () => {
  const reference = `$${'{SECRET}'}`
  test('is refused, told with every problem, and the last good one stays', async () => {
    const { start, change, lines, text: said } = buildLife(text([server('one')]), { SECRET: 'Correct-Horse-Battery' })
    const same = await change(text([server('one')], `replicas: 2\noutbound: { ca: '${reference}' }\n`), start)
    expect(same).toBe(start)
    expect(lines).toMatchObject([
      {
        level: 'error',
        msg: 'configuration refused, the last good one stays',
        problems: [
          { key: 'replicas', line: 4 },
          { key: 'outbound.ca', line: 5 },
        ],
      },
    ])
    expect(JSON.stringify(lines)).not.toContain('Horse')
    expect(await said()).toContain('envoy_fapi_config_reloads_total{result="refused"} 1')
    expect((await change(text([server('one')]), start)).loaded.ok).toBe(true)
  })
  test.each(['', '[', 'routes: *x\n', `a: ${'['.repeat(5000)}`, 'a: &a [*a]\n'])('%#', async (broken) => {
    const { start, change } = buildLife(text([server('one')]))
    expect(await change(broken, start)).toBe(start)
  })
})

test('what outlives a configuration has the room the configuration gives it', () => {
  expect(buildMemory(loadFixture('good/large.yaml')).replays.capacity).toBe(50_000)
  expect(buildMemory(loadFixture('good/smallest.yaml')).replays.capacity).toBe(500_000)
})
