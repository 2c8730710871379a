import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { mergeValues } from '../../support/helm-values.ts'
import { root } from '../../support/kubernetes.ts'

interface Schema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
}
type Values = Readonly<Record<string, unknown>>

const chart = join(root, 'k8s/helm/envoy-fapi')
const read = (name: string): string => readFileSync(join(chart, name), 'utf8')
const schema = JSON.parse(read('values.schema.json')) as Schema
// The alternatives of `check` name required members of the object around them.
const ajv = new Ajv({ allErrors: true, strict: true, strictRequired: false, strictTypes: false })
const validate = ajv.compile(schema)
/** Values as Helm judges them: the chart's defaults with those of a user over them, object by object. */
const values = mergeValues(parse(read('values.yaml')), parse(read('ci/mesh.yaml'))) as Values

/** Where the schema lists the members of an object. */
const closedObjects = ({ properties }: Schema, path: readonly string[] = []): readonly (readonly string[])[] =>
  properties ? [path, ...Object.entries(properties).flatMap(([key, one]) => closedObjects(one, [...path, key]))] : []

const nested = (path: readonly string[], value: unknown): unknown =>
  path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value)

/** The places of what is refused because nobody knows it. */
function unknownAt(candidate: unknown): readonly string[] {
  validate(candidate)
  return (validate.errors ?? [])
    .filter(({ keyword }) => keyword === 'additionalProperties')
    .map(
      ({ instancePath, params }) => `${instancePath}/${(params as { additionalProperty: string }).additionalProperty}`,
    )
}

describe('values.schema.json, in the eyes of a JSON Schema validator that knows nothing of us', () => {
  test.each(globSync('ci/*.yaml', { cwd: chart }))('%s over the defaults is accepted', (name) => {
    validate(mergeValues(parse(read('values.yaml')), parse(read(name))))
    expect(validate.errors).toBeNull()
  })
  const places = closedObjects(schema).map((path) => `/${path.join('/')}`)
  test('it lists the members of every object that is not free by nature', () => {
    expect(places).toEqual(
      expect.arrayContaining(['/', '/image', '/check', '/config', '/networkPolicy', '/config/limits']),
    )
  })
  test.each(places)('an unknown value in %s is refused', (place) => {
    const path = place.split('/').filter((key) => key !== '')
    const candidate = mergeValues(values, nested([...path, 'surplus'], true))
    expect(unknownAt(values)).toEqual([])
    expect(unknownAt(candidate)).toContain(`${place === '/' ? '' : place}/surplus`)
  })
  test.each(globSync('test/fixtures/kubernetes/refused/*.yaml', { cwd: root }))('%s is refused', (file) => {
    expect(validate(mergeValues(values, parse(readFileSync(join(root, file), 'utf8'))))).toBe(false)
  })
})
