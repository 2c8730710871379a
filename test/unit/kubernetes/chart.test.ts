import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { chartAlertsText, chartDashboardText, chartSchemaText } from '../../../tools/helm-chart.ts'
import { isPlain, mergeValues } from '../../support/helm-values.ts'
import { root } from '../../support/kubernetes.ts'

const chart = join(root, 'k8s/helm/envoy-fapi')
const read = (name: string): string => readFileSync(join(chart, name), 'utf8')

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: unknown
}
const schema = JSON.parse(read('values.schema.json')) as Schema
const values = z.fromJSONSchema(schema as z.core.JSONSchema.JSONSchema)
const defaults = parse(read('values.yaml')) as Record<string, object>
const variants = globSync('ci/*.yaml', { cwd: chart }).map((name) => parse(read(name)) as Record<string, object>)

/** `a.b` for each value that is not the root of a free tree. */
const leavesOf = ({ properties = {} }: Schema, prefix = ''): readonly string[] =>
  Object.entries(properties).flatMap(([key, one]) =>
    one.properties && key !== 'config' && key !== 'resources' ? leavesOf(one, `${prefix}${key}.`) : [prefix + key],
  )

describe('values', () => {
  test('the generated files are those of these sources', () => {
    expect(read('values.schema.json')).toBe(chartSchemaText())
    expect(read('files/alerts.yaml')).toBe(chartAlertsText())
    expect(read('files/dashboard.json')).toBe(chartDashboardText())
  })
  test.each(variants.map((variant, index) => [index, variant]))('variant %i is accepted', (_, variant) => {
    expect(values.safeParse(mergeValues(defaults, variant)).error).toBeUndefined()
  })

  const refused = globSync('test/fixtures/kubernetes/refused/*.yaml', { cwd: root })
  test('there are values to refuse', () => expect(refused.length).toBeGreaterThan(10))
  test.each(refused)('%s is refused', (file) => {
    const change = parse(readFileSync(join(root, file), 'utf8')) as Record<string, unknown>
    expect(values.safeParse(mergeValues(mergeValues(defaults, variants[0]), change)).success).toBe(false)
  })
  // Only Helm runs a template (make verify-deploy). Here it is held that the schema leaves these to it, and what it says.
  const left = globSync('test/fixtures/kubernetes/refused-by-templates/*.yaml', { cwd: root })
  test('there are values for templates to refuse', () => expect(left.length).toBeGreaterThan(2))
  test.each(left)('%s is left to a template', (file) => {
    const text = readFileSync(join(root, file), 'utf8')
    const variant = mergeValues(defaults, parse(read('ci/mutual-tls.yaml')))
    expect(values.safeParse(mergeValues(variant, parse(text))).error).toBeUndefined()
    const said = /^# [0-9]+ (.*)$/m.exec(text)?.[1] ?? ''
    expect(said).not.toBe('')
    expect(read('templates/_helpers.tpl')).toContain(said)
  })
  test('the defaults alone are refused: nobody runs with origins and issuers of an example', () => {
    expect(values.safeParse(defaults).success).toBe(false)
  })
  test('Helm can compile every pattern: its regular expressions have no lookaround', () => {
    expect(read('values.schema.json')).not.toMatch(/"pattern": ".*\(\?[=!<]/)
  })
})

describe('templates', () => {
  const templates = globSync('templates/*', { cwd: chart }).map((name) => ({ name: basename(name), text: read(name) }))
  const used = new Set(
    templates.flatMap(({ text }) => [...text.matchAll(/\.Values\.([A-Za-z.]+)/g)].map(([, path = '']) => path)),
  )

  test('take every value of the schema, and no other', () => {
    const leaves = leavesOf(schema).filter((path) => path !== 'global')
    expect([...used].sort((one, other) => one.localeCompare(other))).toEqual(
      [...leaves].sort((one, other) => one.localeCompare(other)),
    )
  })
  test('every value has its default in values.yaml', () => {
    const has = (path: string): boolean =>
      path.split('.').reduce<unknown>((at, key) => (isPlain(at) ? at[key] : undefined), defaults) !== undefined
    expect([...used].filter((path) => !has(path))).toEqual([])
  })
  test.each(templates)('$name closes what it opens', ({ text }) => {
    const opened = [...text.matchAll(/\{\{-? *(?:if|with|range|define) /g)].length
    expect([...text.matchAll(/\{\{-? *end *-?\}\}/g)]).toHaveLength(opened)
    expect([...text.matchAll(/\{\{/g)]).toHaveLength([...text.matchAll(/\}\}/g)].length)
  })
  test('the version is that of the package', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string }
    expect(parse(read('Chart.yaml'))).toMatchObject({ version, appVersion: version })
  })
})
