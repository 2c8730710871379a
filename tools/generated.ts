// Writes every generated part of the repository, or with --check says which are stale and exits 1.
import { readFileSync, writeFileSync } from 'node:fs'
import { regionsTable } from '../bench/regions.ts'
import { attackMap } from './attack-map.ts'
import { conformanceMap } from './conformance-map.ts'
import { doctorTable } from './doctor-table.ts'
import { chartAlertsText, chartDashboardText, chartSchemaText } from './helm-chart.ts'
import { lintTable } from './lint-table.ts'
import { platformTable } from './platform-table.ts'
import { denialTable, metricsTable } from './readme-tables.ts'
import { reasonsPage } from './reasons-page.ts'
import { casesSchemaText, jsonSchemaText } from './schema.ts'

const check = process.argv.includes('--check')

/** Replaces what stands between two markers of a Markdown file. */
function between(file: string, name: string, content: string): string {
  const text = readFileSync(file, 'utf8')
  const [open, close] = [`<!-- ${name}: generated -->`, `<!-- /${name} -->`]
  const [start, end] = [text.indexOf(open), text.indexOf(close)]
  if (start < 0 || end < start) throw new Error(`${file} lacks the markers of ${name}`)
  return `${text.slice(0, start + open.length)}\n${content}\n${text.slice(end)}`
}

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

const parts: readonly (readonly [file: string, make: () => string])[] = [
  ['README.md', () => between('README.md', 'reasons', denialTable())],
  ['README.md', () => between('README.md', 'metrics', metricsTable())],
  ['docs/lint.md', () => between('docs/lint.md', 'findings', lintTable())],
  ['docs/regions.md', () => between('docs/regions.md', 'regions', regionsTable())],
  ['docs/reasons.md', () => between('docs/reasons.md', 'reasons', reasonsPage())],
  ['docs/doctor.md', () => between('docs/doctor.md', 'findings', doctorTable())],
  ['docs/envoy-gateway.md', () => between('docs/envoy-gateway.md', 'capabilities', platformTable())],
  ['schema/envoy-fapi.schema.json', jsonSchemaText],
  ['schema/envoy-fapi-tests.schema.json', casesSchemaText],
  ['k8s/helm/envoy-fapi/values.schema.json', chartSchemaText],
  ['k8s/helm/envoy-fapi/files/alerts.yaml', chartAlertsText],
  ['k8s/helm/envoy-fapi/files/dashboard.json', chartDashboardText],
  ['test/conformance/README.md', conformanceMap],
  ['test/attacks/README.md', attackMap],
]

let stale = false
for (const [file, make] of parts) {
  const made = make()
  if (made === read(file)) continue
  if (check) {
    process.stderr.write(`${file} is stale; run: node tools/generated.ts\n`)
    stale = true
  } else writeFileSync(file, made)
}
process.exitCode = stale ? 1 : 0
