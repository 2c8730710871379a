import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { anomalies } from '../../../src/anomalies/kinds.ts'
import { readConfig } from '../../../src/config.ts'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith, smallest } from '../../support/config-files.ts'

const read = (name: string): string => readFileSync(join(import.meta.dirname, '../../../docs', name), 'utf8')

describe('docs/shadow.md', () => {
  const text = read('shadow.md')
  test('its configuration says what it says', () => {
    const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(text) ?? []
    const reading = readConfig(smallest(parse(yaml) as object))
    if (!reading.ok) throw new Error(JSON.stringify(reading.problems))
    expect(reading.config.routes.map(({ path, shadow }) => [path, shadow])).toEqual([
      ['/payments', undefined],
      ['/partners/**', { until: undefined, at: ['pipelines', 'partners'] }],
      ['/**', { until: Date.parse('2027-01-31') / 1000, at: [] }],
    ])
  })
  test('which clients break if I enforce on Monday? The answer is the one it shows', async () => {
    const [, shown = ''] = /\$ envoy-fapi report [^\n]*\n([\s\S]*?)```/.exec(text) ?? []
    const line = (clientId: string, time: string, more: object = {}) =>
      JSON.stringify({
        ...{ time, msg: 'decision', route: 'payments', clientId, decision: 'allow', reason: 'allowed', mode: 'shadow' },
        ...more,
      })
    const would = { would: 'proof_missing' }
    const many = (count: number, clientId: string, more: object = {}) =>
      Array.from({ length: count }, () => line(clientId, '2026-11-22T10:00:00.000Z', more))
    const lines = [
      line('tpp-1', '2026-11-18T09:12:44.120Z'),
      line('tpp-2', '2026-11-20T08:00:11.000Z', would),
      ...many(39, 'tpp-2', would),
      ...many(79, 'tpp-2'),
      ...many(1082, 'tpp-1'),
      line('tpp-2', '2026-11-25T08:59:40.999Z', would),
      line('tpp-3', '2026-11-25T09:10:02.000Z'),
    ]
    const file = join(directoryWith({ 'audit.jsonl': lines.join('\n') }), 'audit.jsonl')
    expect(await commandLine(['report', file])).toEqual({ out: shown, err: '', code: 1 })
  })
})

test('docs/anomalies.md has a row for each kind, and no other', () => {
  const rows = [...read('anomalies.md').matchAll(/^\| `(\w+)` \|/gm)].map(([, kind]) => kind)
  expect(rows).toEqual(Object.keys(anomalies))
})
