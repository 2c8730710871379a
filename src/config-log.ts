import { z } from 'zod'

/** Parts of the service whose lines can be wanted more or less of than of the others. */
export const components = [
  'configuration',
  'consent',
  'decisions',
  'introspection',
  'keys',
  'replay',
  'server',
] as const

const level = z.enum(['debug', 'info', 'warn', 'error'])

/** Which lines are written. */
export const logging = z.strictObject({
  level: level.default('info'),
  /** Where the level of a component differs. */
  components: z.partialRecord(z.enum(components), level).default({}),
})

export type Component = (typeof components)[number]
export type Level = z.output<typeof level>
/** The levels that differ. */
export type Levels = Readonly<z.output<typeof logging>['components']>
