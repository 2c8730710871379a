import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildGeneration, type Generation, type World } from '../../src/generation.ts'
import { loadConfig } from '../../src/io/config-file.ts'
import { buildLog } from '../../src/io/log.ts'
import { buildMemory } from '../../src/memory.ts'
import { buildMetrics } from '../../src/metrics.ts'
import { swap } from '../../src/reload.ts'
import { directoryWith } from '../support/config-files.ts'
import { secretOf } from '../support/nonces.ts'
import { serverJwks } from '../support/spine.ts'

/** A configuration whose secrets lie in files beside it. */
const text = (...files: readonly string[]): string =>
  JSON.stringify({
    publicOrigins: ['https://api.bank.example'],
    authorizationServers: [{ name: 'as', issuer: 'https://as.bank.example', keys: { file: 'keys.json' } }],
    nonces: files.length === 0 ? {} : { secrets: files.map((file) => `$${`{file:${file}}`}`) },
    routes: [{ path: '/**', senderConstraint: { dpop: { nonce: 'required' } } }],
  })

/** A service's configuration and what happens to it. */
function buildLife(...files: readonly string[]) {
  const directory = directoryWith({
    'keys.json': JSON.stringify(serverJwks),
    n1: `${secretOf.first}\n`,
    n2: `${secretOf.second}\n`,
    weak: 'too short',
    'c.yaml': text(...files),
  })
  const file = join(directory, 'c.yaml')
  const loaded = loadConfig(file, {})
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const lines: string[] = []
  const log = buildLog('info', { write: (line) => void lines.push(line) })
  const memory = buildMemory(loaded.config)
  const world: World = { file, environment: {}, memory, metrics: buildMetrics(), log, observeKeys: () => {} }
  const built = buildGeneration(loaded, undefined, world)
  if (!built.ok) throw new Error(built.problem)
  const change = (current: Generation, ...next: readonly string[]): Promise<Generation> => {
    writeFileSync(file, text(...next))
    return swap(current, world)
  }
  return { start: built.value, change, lines, files: loaded.files.map((path) => path.slice(directory.length + 1)) }
}
const secretsOf = ({ nonceSecrets }: Generation): readonly string[] => nonceSecrets.map(({ secret }) => secret)

describe('att-dpop-11 secrets of nonces when the configuration is read again', () => {
  test('the files they lie in are watched', () =>
    expect(buildLife('n2', 'n1').files).toEqual(expect.arrayContaining(['n1', 'n2'])))
  test('keeps the time since when a secret is known', async () => {
    const { start, change } = buildLife('n1')
    const [known] = start.nonceSecrets
    const next = await change(start, 'n2', 'n1')
    expect(secretsOf(next)).toEqual([secretOf.second, secretOf.first])
    expect(next.nonceSecrets[1]).toEqual(known)
    expect(next.nonceSecrets[0]?.since).toBeGreaterThan(known?.since ?? Number.POSITIVE_INFINITY)
    const again = await change(next, 'n2')
    expect(again.nonceSecrets).toEqual([next.nonceSecrets[0]])
  })
  test('a weak one is refused, the last good ones stay, and no line shows any', async () => {
    const { start, change, lines } = buildLife('n1')
    const same = await change(start, 'weak', 'n1')
    expect(same).toBe(start)
    expect(lines.join('')).toContain('a secret has at least 32 bytes')
    for (const secret of ['too short', secretOf.first]) expect(lines.join('')).not.toContain(secret)
  })
  test('without any the process makes one of its own and keeps it', async () => {
    const { start, change } = buildLife()
    const next = await change(start)
    expect(next.nonceSecrets).toEqual(start.nonceSecrets)
    expect(Buffer.from(secretsOf(start).join(), 'base64url').length).toBe(32)
    expect(secretsOf(buildLife().start)).not.toEqual(secretsOf(start))
  })
})
