import { expect, test } from 'vitest'
import { buildLog } from '../../../src/io/log.ts'
import { observeStore } from '../../../src/io/observation.ts'
import { causes } from '../../../src/io/redis-failures.ts'
import { buildMetrics } from '../../../src/metrics.ts'

/** What an observer was told and made of it. */
function observing() {
  const metrics = buildMetrics()
  const lines: Record<string, unknown>[] = []
  const log = buildLog('info', { write: (line) => void lines.push(JSON.parse(line)) })
  const value = async (series: string): Promise<number | undefined> => {
    const text = await metrics.registry.metrics()
    const line = text.split('\n').find((one) => one.startsWith(`envoy_fapi_${series} `))
    return line === undefined ? undefined : Number(line.split(' ').at(-1))
  }
  return { observe: observeStore(metrics, log), lines, value }
}

test('a failed claim is counted by its cause and not logged', async () => {
  const { observe, lines, value } = observing()
  observe({ kind: 'failed', cause: 'timeout' })
  observe({ kind: 'failed', cause: 'timeout' })
  expect(await value('replay_store_errors_total{cause="timeout"}')).toBe(2)
  expect(lines).toEqual([])
})

test.each(Object.keys(causes) as (keyof typeof causes)[])(
  '%s: a line that names the cause, and a metric',
  async (cause) => {
    const { observe, lines, value } = observing()
    observe({ kind: 'down', failure: { cause, code: 'CODE' } })
    expect(lines).toMatchObject([
      { level: 'error', msg: 'replay store unavailable', cause, code: 'CODE', problem: causes[cause] },
    ])
    expect(await value('dependency_up{name="replay"}')).toBe(0)
    observe({ kind: 'up' })
    expect(lines.at(-1)).toMatchObject({ level: 'info', msg: 'replay store available' })
    expect(await value('dependency_up{name="replay"}')).toBe(1)
  },
)

test('a loss says until when proofs are refused', async () => {
  const { observe, lines, value } = observing()
  observe({ kind: 'lost', loss: 'restarted', until: 1_700_000_000 })
  expect(lines).toMatchObject([
    {
      level: 'warn',
      msg: 'replay store may have forgotten used proofs',
      cause: 'restarted',
      refusedUntil: '2023-11-14T22:13:20.000Z',
    },
  ])
  expect(await value('replay_losses_total{cause="restarted"}')).toBe(1)
})

test('a shared store has no room to show', async () => {
  const metrics = buildMetrics()
  expect(await metrics.registry.metrics()).toContain('envoy_fapi_replay_entries')
  metrics.withoutRoom()
  expect(await metrics.registry.metrics()).not.toMatch(/envoy_fapi_replay_(?:entries|capacity)/)
})
