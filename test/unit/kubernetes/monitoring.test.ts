import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { anomalies } from '../../../src/anomalies/kinds.ts'
import { answers } from '../../../src/denial.ts'
import { policies } from '../../../src/policies/registry.ts'
import { series } from '../../support/exposed-series.ts'
import { manifestsOf, rendered, root, specOf } from '../../support/kubernetes.ts'

interface Alert {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string }
}
interface Group {
  readonly name: string
  readonly rules: readonly Alert[]
}
interface Panel {
  readonly id: number
  readonly title: string
  readonly description: string
  readonly targets: readonly { readonly expr: string }[]
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>
}

const { groups } = specOf('k8s/monitoring/rules/prometheus-rule.yaml', 'PrometheusRule') as {
  readonly groups: readonly Group[]
}
const alerts = groups.flatMap(({ rules }) => rules)
const dashboard = JSON.parse(readFileSync(join(root, 'k8s/monitoring/rules/dashboard.json'), 'utf8')) as {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] }
}

/** Values that a label can take, where the source says which. */
const known: Readonly<Record<string, readonly string[]>> = {
  decision: ['allow', 'deny'],
  reason: ['allowed', ...Object.keys(answers)],
  claim: Object.keys(answers).filter((reason) => reason.startsWith('replay_')),
  policy: Object.keys(policies),
  kind: Object.keys(anomalies),
  result: ['applied', 'refused', 'loaded', 'failed', 'stored', 'full'],
}

/** Functions and words of PromQL that stand in our queries. */
const words =
  /^(?:sum|min|count|rate|increase|changes|absent|histogram_quantile|time|by|on|and|or|unless|offset|[0-9]*[smhd])$/

/** What a query says that no series bears out. */
function flawsOf(query: string): readonly string[] {
  const flaws: string[] = []
  const labels = new Set<string>()
  let rest = query.replaceAll(/\[(?:[0-9]+[smhd]|\$__rate_interval)\]/g, '')
  rest = rest.replaceAll(/([a-z_0-9]+)\{([^}]*)\}/g, (_, name: string, matchers: string) => {
    for (const [, label = '', value = ''] of matchers.matchAll(/([a-z_]+)(?:=~|!~|!=|=)"([^"]*)"/g)) {
      if (!series.get(name)?.has(label)) flaws.push(`${name} has no label ${label}`)
      const possible = known[label]
      if (possible)
        for (const one of value.split('|')) if (!possible.includes(one)) flaws.push(`${label} is never ${one}`)
    }
    return name
  })
  rest = rest.replaceAll(/\b(?:by|on) \(([a-z_, ]+)\)/g, (_, list: string) => {
    for (const label of list.split(', ')) labels.add(label)
    return ''
  })
  const names = [...rest.matchAll(/[a-z_][a-z_0-9]*/g)].map(([word]) => word).filter((word) => !words.test(word))
  for (const name of names) if (!series.has(name)) flaws.push(`there is no ${name}`)
  for (const label of labels)
    if (!names.some((name) => series.get(name)?.has(label))) flaws.push(`no series of it has a label ${label}`)
  if (names.length === 0) flaws.push('it asks for nothing')
  return flaws
}

describe('the judge of queries', () => {
  test.each([
    ['rate(envoy_fapi_checks_total{decision="deny"}[5m])', []],
    ['rate(envoy_fapi_check_total[5m])', ['there is no envoy_fapi_check_total']],
    ['envoy_fapi_checks_total{client="x"}', ['envoy_fapi_checks_total has no label client']],
    ['envoy_fapi_checks_total{reason=~"allowed|token_stolen"}', ['reason is never token_stolen']],
    ['sum by (subject) (envoy_fapi_checks_total)', ['no series of it has a label subject']],
    ['envoy_fapi_check_duration_seconds', ['there is no envoy_fapi_check_duration_seconds']],
    ['nodejs_eventloop_lag_p99_seconds > 0.1', []],
    ['time() > 1', ['it asks for nothing']],
  ])('%s', (query, flaws) => expect(flawsOf(query)).toEqual(flaws))
})

describe('alerts', () => {
  const runbook = readFileSync(join(root, 'docs/runbook.md'), 'utf8')
  const sections = [...runbook.matchAll(/^## (\S+)$/gm)].map(([, name]) => name)

  test.each(alerts)('$alert asks for what is exposed', ({ expr }) => expect(flawsOf(expr)).toEqual([]))
  test.each(alerts)('$alert says what to do', ({ alert, labels, annotations }) => {
    expect(labels.severity).toMatch(/^(?:critical|warning|info)$/)
    expect(annotations.summary).not.toBe('')
    expect(annotations.runbook_url).toBe(`docs/runbook.md#${alert.toLowerCase()}`)
  })
  test('the runbook has a section for each, in their order, and no other', () => {
    expect(sections).toEqual(alerts.map(({ alert }) => alert))
  })
  test.each(alerts)('$alert names only labels that its query keeps', ({ expr, annotations }) => {
    const named = [...annotations.description.matchAll(/\$labels\.([a-z_]+)/g)].map(([, label = '']) => label)
    const kept = /^(?:sum|min) by \(([a-z_, ]+)\)/.exec(expr)?.[1]?.split(', ')
    const name = /^[a-z_]+/.exec(expr)?.[0] ?? ''
    for (const label of named) expect(kept ?? [...(series.get(name) ?? [])]).toContain(label)
  })
})

describe('the dashboard', () => {
  const queries = dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ title, expr })))

  test.each(queries)('$title asks for what is exposed: $expr', ({ expr }) => expect(flawsOf(expr)).toEqual([]))
  test('its variables come from a series that is always there', () => {
    const asked = dashboard.templating.list.flatMap(({ query }) => /^label_values\((\w+)/.exec(query)?.[1] ?? [])
    expect(new Set(asked)).toEqual(new Set(['envoy_fapi_build_info']))
  })
  test('panels are told apart, explained, and do not lie on each other', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
    const taken = new Set<string>()
    for (const { description, gridPos } of dashboard.panels) {
      expect(description).not.toBe('')
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        expect(x).toBeLessThan(24)
        expect(taken).not.toContain(`${x} ${gridPos.y}`)
        taken.add(`${x} ${gridPos.y}`)
      }
    }
  })
})

describe.each([
  ['PodMonitor', 'kustomize-monitoring-sidecar.yaml', 'kustomize-overlays-sidecar.yaml', 'Deployment'],
  ['ServiceMonitor', 'kustomize-monitoring-standalone.yaml', 'kustomize-overlays-standalone.yaml', 'Service'],
  ['ServiceMonitor', 'helm-mesh.yaml', 'helm-mesh.yaml', 'Service'],
])('%s of %s', (kind, file, workload, of) => {
  const { selector, ...monitor } = specOf(`${rendered}/${file}`, kind) as {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
    readonly endpoints?: readonly { readonly port: string; readonly path: string }[]
    readonly podMetricsEndpoints?: readonly { readonly port: string; readonly path: string }[]
  }
  test('finds the port of the metrics', () => {
    const target = manifestsOf(`${rendered}/${workload}`).find((one) => one.kind === of)
    expect(target?.metadata.labels).toMatchObject(selector.matchLabels)
    const [endpoint] = monitor.endpoints ?? monitor.podMetricsEndpoints ?? []
    expect(endpoint?.path).toBe('/metrics')
    expect(JSON.stringify(target?.spec)).toContain(`"name":"${endpoint?.port}"`)
  })
  test('comes with the alerts and the dashboard', () => {
    expect(specOf(`${rendered}/${file}`, 'PrometheusRule')).toEqual({ groups })
    const map = manifestsOf(`${rendered}/${file}`).find(({ data }) => data?.['envoy-fapi.json'] !== undefined)
    expect(JSON.parse(map?.data?.['envoy-fapi.json'] ?? '')).toEqual(dashboard)
    expect(map?.metadata.labels).toMatchObject({ grafana_dashboard: '1' })
  })
})
