import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import { root } from './kubernetes.ts'

interface Schema {
  readonly properties: {
    readonly apiVersion: { readonly const: string }
    readonly kind: { readonly const: string }
    readonly spec?: { readonly additionalProperties?: unknown; readonly $ref?: string }
  }
}

/** One kind of object, in one version. */
export interface Kind {
  readonly apiVersion: string
  readonly kind: string
  readonly hasSpec: boolean
}

const MESH_CONFIG = 'meshconfig.json'
const directory = join(root, 'test/fixtures/schemas')
const ajv = new Ajv({
  allErrors: true,
  // Patterns are written for Go, which escapes more than ECMAScript allows with the flag u.
  unicodeRegExp: false,
  // The API server's own unions have no `type`, and name required members of the object around them.
  strictTypes: false,
  strictRequired: false,
})
const validators = new Map<string, ValidateFunction>()
const found: Kind[] = []
const read = (name: string): Schema => JSON.parse(readFileSync(join(directory, name), 'utf8')) as Schema
for (const name of globSync('*.json', { cwd: directory, exclude: [MESH_CONFIG] })) {
  const schema = read(name)
  const { apiVersion, kind, spec } = schema.properties
  validators.set(`${apiVersion.const} ${kind.const}`, ajv.compile({ ...schema, $id: basename(name) }))
  found.push({ apiVersion: apiVersion.const, kind: kind.const, hasSpec: spec !== undefined })
}

/** Every kind there is a schema for. */
export const kinds: readonly Kind[] = found

/** What the platform's schema finds wrong with an object; a kind without a schema is wrong. */
export function flawsOfObject(value: unknown): readonly string[] {
  const { apiVersion, kind } = value as Partial<Kind>
  const validate = validators.get(`${apiVersion} ${kind}`)
  if (!validate) return [`there is no schema for ${apiVersion} ${kind}`]
  return flawsBy(validate, value)
}

const meshConfig = ajv.compile(read(MESH_CONFIG))
/** The same of Istio's own configuration, which is no object of Kubernetes. */
export const flawsOfMeshConfig = (value: unknown): readonly string[] => flawsBy(meshConfig, value)

function flawsBy(validate: ValidateFunction, value: unknown): readonly string[] {
  validate(value)
  return (validate.errors ?? []).map(({ instancePath, message, params }) => {
    const { additionalProperty } = params as { readonly additionalProperty?: string }
    return `${instancePath} ${message}${additionalProperty === undefined ? '' : `: ${additionalProperty}`}`
  })
}
