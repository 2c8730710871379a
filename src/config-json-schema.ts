import { z } from 'zod'
import { configSchema } from './config-schema.ts'

/** The JSON Schema (draft 2020-12) of what a configuration file may hold, made from the schema that reads it. */
export const jsonSchema = (): Record<string, unknown> => ({
  title: 'envoy-fapi configuration',
  ...z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }),
})
