import { jsonSchema } from '../src/config-json-schema.ts'

/** The schema file of the repository, as `envoy-fapi config schema` prints it. */
export const jsonSchemaText = (): string => `${JSON.stringify(jsonSchema(), undefined, 2)}\n`
