import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildCheck, type DecisionRecord } from '../../src/check.ts'
import { buildGeneration } from '../../src/generation.ts'
import { loadConfig } from '../../src/io/config-file.ts'
import { buildLog } from '../../src/io/log.ts'
import { buildMemory, wall } from '../../src/memory.ts'
import { buildMetrics } from '../../src/metrics.ts'
import { swap } from '../../src/reload.ts'
import { type CheckClient, outcomeOf } from '../support/lifecycle-grpc.ts'
import { startTestServer, temporaryDirectory } from '../support/lifecycle-server.ts'
import { freshRequest, serviceDocument } from '../support/lifecycle-service.ts'
import { serverJwks } from '../support/spine.ts'

const CHANGES = 200

/** Three configurations that answer the same requests differently, and one that is broken. */
const configurations = [
  serviceDocument,
  { ...serviceDocument, routes: [{ name: 'accounts', path: '/accounts', scopes: ['admin'] }] },
  { ...serviceDocument, routes: [{ name: 'other', path: '/health', methods: ['POST'], open: true }] },
  { ...serviceDocument, routes: [{ name: 'accounts', path: '/accounts', scope: ['accounts'] }] },
]

/** What the service does with a configuration, without files that have to be watched. */
async function startSwapping() {
  const directory = temporaryDirectory()
  const file = join(directory, 'envoy-fapi.yaml')
  writeFileSync(join(directory, 'jwks.json'), JSON.stringify(serverJwks))
  const write = (index: number): void =>
    writeFileSync(file, JSON.stringify(configurations[index % configurations.length]))
  write(0)
  const loaded = loadConfig(file, {})
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const metrics = buildMetrics()
  const log = buildLog('error', { write: () => undefined })
  const world = {
    file,
    environment: {},
    memory: buildMemory(loaded.config),
    metrics,
    log,
    observeKeys: () => undefined,
  }
  const first = buildGeneration(loaded, undefined, world)
  if (!first.ok) throw new Error(first.problem)
  let current = first.value
  await Promise.all([...current.sources.values()].map((source) => source.load()))
  const records: DecisionRecord[] = []
  const check = buildCheck({
    rules: () => current.rules,
    now: wall,
    monotonic: () => performance.now() / 1000,
    uuid: randomUUID,
    observe: (record) => void records.push(record),
    report: () => undefined,
    timer: () => ({ elapsed: Promise.withResolvers<void>().promise, cancel: () => undefined }),
  })
  return {
    ...(await startTestServer({ check })),
    records,
    metrics,
    change: async (index: number): Promise<string> => {
      write(index)
      current = await swap(current, world)
      return current.loaded.hash
    },
    hash: () => current.loaded.hash,
  }
}

test('att-ops-03: 200 changes under load: every decision is that of one configuration, named in its record', async () => {
  const { connect, change, records, metrics, hash } = await startSwapping()
  const hashes = new Set([hash()])
  const outcomes = new Set<string>()
  const end = new AbortController()
  let asked = 0
  const keepOn = async (client: CheckClient, path: string, most: number): Promise<void> => {
    for (let count = 0; count < most && !end.signal.aborted; count += 1) {
      outcomes.add(outcomeOf(await client.ask(freshRequest(path))))
      asked += 1
    }
  }
  const client = connect()
  // One key may have some thousand proofs live, so only so many ask for what is protected.
  const load = [keepOn(client, '/accounts', 2000), ...Array.from({ length: 5 }, () => keepOn(client, '/health', 1e9))]
  for (let index = 1; index <= CHANGES; index += 1) {
    hashes.add(await change(index))
    const before = asked
    while (asked < before + 5) await new Promise((resolve) => setImmediate(resolve))
  }
  end.abort()
  await Promise.all(load)

  expect(hashes.size).toBe(3)
  expect(outcomes).toEqual(new Set(['allow', 'scope_insufficient', 'route_unknown', 'method_not_allowed']))
  expect(records).toHaveLength(asked)
  const explained = new Map<string, Set<string>>()
  for (const { hash: named, decision, attributes } of records) {
    const what = `${attributes?.path} ${decision.ok ? 'allow' : decision.reason}`
    explained.set(named, (explained.get(named) ?? new Set()).add(what))
  }
  expect(explained.size).toBe(hashes.size)
  expect(
    [...hashes].map((named) => [...(explained.get(named) ?? [])].toSorted((one, other) => one.localeCompare(other))),
  ).toEqual([
    ['/accounts allow', '/health allow'],
    ['/accounts scope_insufficient', '/health route_unknown'],
    ['/accounts route_unknown', '/health method_not_allowed'],
  ])
  const text = await metrics.registry.metrics()
  expect(text).toContain(`config_reloads_total{result="applied"} ${(CHANGES * 3) / 4}\n`)
  expect(text).toContain(`config_reloads_total{result="refused"} ${CHANGES / 4}\n`)
})
