import { expect, test } from 'vitest'
import type { Config } from '../../src/config.ts'
import { audit } from '../../src/config-audit.ts'
import { buildLog } from '../../src/io/log.ts'
import { buildMetrics } from '../../src/metrics.ts'
import { openRecording } from '../../src/recording.ts'

test('audit-sink-slow a reader that takes nothing: no Check is looked at, and the metric says so', async () => {
  let waiting = 0
  const output = { write: () => {}, backlog: () => waiting }
  const metrics = buildMetrics()
  // Nothing else of the configuration is read.
  const config = { audit: audit.parse({}) } as Config
  const parts = { metrics, log: buildLog('info', output), output }
  const opened = await openRecording({ config, hash: 'c0ffee' }, parts)
  if (!opened.ok) throw new Error(opened.problem)
  const { congested, refresh } = opened.value
  const look = async () => {
    refresh()
    return [congested(), (await metrics.auditUp.get()).values[0]?.value]
  }
  expect(await look()).toEqual([undefined, 1])
  waiting = 8_388_609
  expect(await look()).toEqual(['audit_unavailable', 0])
  waiting = 0
  expect(await look()).toEqual([undefined, 1])
  await opened.value.audit.close()
})
