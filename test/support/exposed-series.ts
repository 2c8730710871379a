import { collectDefaultMetrics, Registry } from 'prom-client'
import { buildMetrics } from '../../src/metrics.ts'

/** Labels that Prometheus puts on whatever it scrapes. */
const TARGET = ['namespace', 'job', 'instance', 'pod', 'container']

const found = new Map<string, ReadonlySet<string>>()
for (const { name, type, labels } of [...buildMetrics().describe(), ...processMetrics()]) {
  const all = new Set([...labels, ...TARGET])
  if (type !== 'histogram') found.set(name, all)
  else
    for (const [suffix, more] of [
      ['bucket', ['le']],
      ['sum', []],
      ['count', []],
    ] as const)
      found.set(`${name}_${suffix}`, new Set([...all, ...more]))
}

/** What the client library adds about the process; the labels that we use of it: none. */
function processMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return registry.getMetricsAsArray().map(({ name, type }) => ({ name, type: String(type), labels: [] }))
}

/** Labels of every series the running service exposes, by the name a query uses. */
export const series: ReadonlyMap<string, ReadonlySet<string>> = found
