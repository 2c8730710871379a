import { z } from 'zod'

/** Helm's patterns repeat nothing more than 1000 times, so the length is told apart. */
const page = z
  .string()
  .max(2008)
  .regex(/^https:\/\/[!-~]+$/, { error: 'an https URL' })

/** What RFC 9728 metadata say for people. All the rest comes from what is enforced. Present: they are published. */
export const resourceMetadata = z
  .strictObject({
    name: z
      .string()
      .regex(/^\P{C}{1,200}$/u, { error: 'up to 200 characters on one line' })
      .optional(),
    documentation: page.optional(),
    policy: page.optional(),
    termsOfService: page.optional(),
  })
  .optional()
