import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { buildMetrics } from '../../src/metrics.ts'

describe('metrics', () => {
  const metrics = buildMetrics()
  const described = metrics.describe()

  test('every metric of the registry is described, with its type, labels and help', async () => {
    const registered = await metrics.registry.getMetricsAsJSON()
    expect(described.map(({ name, type, help }) => ({ name, type, help }))).toEqual(
      registered.map(({ name, type, help }) => ({ name, type: String(type), help })),
    )
  })
  test('names carry the prefix and the unit, help is a sentence', () => {
    for (const { name, type, help } of described) {
      expect(name).toMatch(/^envoy_fapi_[a-z_]+$/)
      expect(name.endsWith('_total')).toBe(type === 'counter')
      expect(help).toMatch(/^[A-Z0-9].*\.$/)
    }
  })
  test('att-dos-08 labels are names of the configuration and of our own tables', () => {
    const labels = new Set(described.flatMap((one) => one.labels))
    const ours = [
      'route',
      'policy',
      'decision',
      'reason',
      'server',
      'service',
      'result',
      'claim',
      'kind',
      'cause',
      'name',
      'exception',
      'action',
      'version',
      'config_hash',
      'action',
      'source',
    ]
    expect([...labels].filter((label) => !ours.includes(label))).toEqual([])
  })
  test('each registry is its own', () => {
    const other = buildMetrics()
    other.refusedPeers.inc()
    expect(other.registry).not.toBe(metrics.registry)
  })
  test('the README lists them', () => {
    const readme = readFileSync('README.md', 'utf8')
    for (const { name } of described) expect(readme).toContain(`\`${name}\``)
  })
})
