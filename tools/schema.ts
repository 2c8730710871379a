import { jsonSchema } from '../src/config-json-schema.ts'
import { casesJsonSchema } from '../src/trial/cases-schema.ts'

/** The schema file of the repository, as `envoy-fapi config schema` prints it. */
export const jsonSchemaText = (): string => `${JSON.stringify(jsonSchema(), undefined, 2)}\n`

/** The same for files of policy tests. */
export const casesSchemaText = (): string => `${JSON.stringify(casesJsonSchema(), undefined, 2)}\n`
