import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { series } from '../../support/exposed-series.ts'
import { root, specOf } from '../../support/kubernetes.ts'

// promtool runs these cases (make verify-deploy). Here they are held to cover every alert with series that there are.
interface Case {
  readonly name: string
  readonly input_series: readonly { readonly series: string; readonly values: string }[]
  readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts?: readonly object[] }[]
}
const cases = globSync('test/fixtures/alerts/*.yaml', { cwd: root }).flatMap(
  (file) => (parse(readFileSync(join(root, file), 'utf8')) as { readonly tests: readonly Case[] }).tests,
)
const { groups } = specOf('k8s/monitoring/rules/prometheus-rule.yaml', 'PrometheusRule') as {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string }[] }[]
}
const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert))

/** What a case says about an alert: whether it fires. */
const verdicts = cases.flatMap(({ alert_rule_test: tests }) =>
  tests.map(
    ({ alertname, exp_alerts: expected = [] }) => `${alertname} ${expected.length > 0 ? 'fires' : 'is silent'}`,
  ),
)

test.each(alerts)('%s has a case in which it fires, and one in which it is silent', (alert) => {
  expect(verdicts).toContain(`${alert} fires`)
  expect(verdicts).toContain(`${alert} is silent`)
})

describe.each(cases)('$name', ({ name, input_series: input, alert_rule_test: tests }) => {
  test('asks about the alert that it names, which there is', () => {
    for (const { alertname, exp_alerts: expected } of tests) {
      expect(alerts).toContain(alertname)
      expect(name.startsWith(`${alertname} ${expected ? 'fires' : 'is silent'}: `)).toBe(true)
    }
  })
  test('feeds series that the service exposes', () => {
    for (const { series: fed } of input) {
      const [, metric = '', labels = ''] = /^(\w+)\{(.*)\}$/.exec(fed) ?? []
      expect([...series.keys()]).toContain(metric)
      for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) expect([...(series.get(metric) ?? [])]).toContain(label)
    }
  })
})
