import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { type Manifest, manifestsOf, rendered, root } from '../../support/kubernetes.ts'
import { flawsOfMeshConfig, flawsOfObject, kinds } from '../../support/schemas.ts'

interface Kustomization {
  readonly patches?: readonly { readonly path?: string }[]
  readonly configMapGenerator?: readonly { readonly files: readonly string[] }[]
}

/** What kustomize completes (a base without overlay), patches, or puts into a ConfigMap: no objects until rendered. */
const parts = new Set(
  globSync('k8s/**/kustomization.yaml', { cwd: root }).flatMap((file) => {
    const { patches = [], configMapGenerator = [] } = parse(readFileSync(join(root, file), 'utf8')) as Kustomization
    const named = [...patches.flatMap(({ path }) => path ?? []), ...configMapGenerator.flatMap(({ files }) => files)]
    return [file, ...named.map((name) => join(dirname(file), name))]
  }),
)
/** Not an object of Kubernetes, but a part of Istio's own configuration. */
const MESH_CONFIG = 'k8s/istio/mesh-config.yaml'
const files = [
  ...globSync('k8s/**/*.yaml', { cwd: root }).filter(
    (file) => !parts.has(file) && file !== MESH_CONFIG && !/^k8s\/(?:base|helm)\/|-tests\.yaml$/.test(file),
  ),
  ...globSync(`${rendered}/*.yaml`, { cwd: root }),
].sort((one, other) => one.localeCompare(other))
const objects = files.flatMap((file) => manifestsOf(file).map((object) => ({ file, object })))
const titled = objects.map(({ file, object }) => [`${file}: ${object.kind} ${object.metadata?.name}`, object] as const)

test('there is much to validate', () => {
  expect(files.length).toBeGreaterThan(8)
  expect(objects.length).toBeGreaterThan(30)
})

test.each(titled)('%s', (_, object) => expect(flawsOfObject(object)).toEqual([]))

test.each([{ apiVersion: 'v1', kind: 'Servce' }, { apiVersion: 'apps/v2', kind: 'Deployment' }, {}, ['v1'], 'v1'])(
  'what is no known object is refused: %j',
  (object) => expect(flawsOfObject(object)).toEqual([expect.stringMatching(/^there is no schema for /)]),
)

describe.each(kinds)('$apiVersion $kind', ({ apiVersion, kind, hasSpec }) => {
  const named = { apiVersion, kind, metadata: { name: 'x' } }
  const unknown = (name: string): unknown => expect.stringMatching(new RegExp(`additional properties: ${name}$`))

  test('a misspelled member is refused, at the top and in the metadata', () => {
    expect(flawsOfObject({ ...named, sepc: {} })).toContainEqual(unknown('sepc'))
    expect(flawsOfObject({ ...named, metadata: { name: 'x', lables: {} } })).toContainEqual(unknown('lables'))
  })
  test('and in the specification, where it has one', () => {
    expect(flawsOfObject({ ...named, spec: { misspelt: 1 } })).toContainEqual(unknown(hasSpec ? 'misspelt' : 'spec'))
  })
  test('it has a name', () => {
    expect(flawsOfObject({ apiVersion, kind })).toContain(" must have required property 'metadata'")
  })
})

/** Members below which every name is allowed: maps of the user's own names, quantities, and patches of Envoy's. */
const FREE = [
  /\/(?:labels|annotations|matchLabels|data|stringData|selector|nodeSelector|limits|requests)\/[^/]+$/,
  /\/(?:patch|operation)\/value\//,
  /\/accessLog\/settings\/[0-9]+\/format\/json\/[^/]+$/,
  /\/portLevelMtls\/[0-9]+$/,
]

/** Every path to a member of an object. */
const pathsOf = (value: unknown, at = ''): readonly string[] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([name, member]) => {
        const path = `${at}/${name.replaceAll('/', '~')}`
        return [...(Array.isArray(value) ? [] : [path]), ...pathsOf(member, path)]
      })
    : []

/** The object with one member renamed. */
const misspelled = (value: unknown, wanted: string, at = ''): unknown => {
  if (Array.isArray(value)) return value.map((member, index) => misspelled(member, wanted, `${at}/${index}`))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const path = `${at}/${name.replaceAll('/', '~')}`
      return [path === wanted ? `${name}X` : name, misspelled(member, wanted, path)]
    }),
  )
}

const oneOfEach = new Map(objects.map(({ object }: { readonly object: Manifest }) => [object.kind, object]))
test.each([...oneOfEach])('%s: no member of what is shipped can be misspelled', (_, object) => {
  const accepted = pathsOf(object).filter((path) => flawsOfObject(misspelled(object, path)).length === 0)
  expect(accepted.filter((path) => !FREE.some((free) => free.test(path)))).toEqual([])
})

test("Istio's own configuration: what it has is known, and no member of it can be misspelled", () => {
  const [config] = manifestsOf(MESH_CONFIG)
  expect(flawsOfMeshConfig(config)).toEqual([])
  const paths = pathsOf(config)
  expect(paths.length).toBeGreaterThan(10)
  expect(paths.filter((path) => flawsOfMeshConfig(misspelled(config, path)).length === 0)).toEqual([])
  expect(flawsOfMeshConfig({ pathNormalization: { normalization: 'MERGE' } })).not.toEqual([])
})
