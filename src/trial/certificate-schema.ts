import { z } from 'zod'
import { roleNames } from '../verify/certificate-roles.ts'

const text = z.string().min(1).max(8192)

/** What the certificate of a built-in client says. */
export const certificate = z.strictObject({
  /** Common name of the subject; the client's name when absent. */
  name: z.string().min(1).max(64).optional(),
  uris: z.array(text).max(8).default([]),
  dns: z.array(text).max(8).default([]),
  /** Further attributes of the subject, by short name or dotted OID. */
  subject: z.record(z.string(), z.string().min(1).max(200)).default({}),
  /** Roles of payment services; with any it is a qualified certificate. */
  roles: z.array(z.enum(roleNames)).max(4).optional(),
  qwac: z.boolean().optional(),
  /** What it is for. */
  eku: z.enum(['clientAuth', 'serverAuth', 'none']).default('clientAuth'),
  /** OIDs of certificate policies; those that the routes ask for when absent. */
  policies: z
    .array(z.string().regex(/^[0-2](?:\.[0-9]{1,9}){1,30}$/, { error: 'an OID, for example 0.4.0.194112.1.4' }))
    .max(64)
    .optional(),
  /** Whether the authority that the routes trust has issued it; it is signed by itself otherwise. */
  trusted: z.boolean().default(true),
  /** What is said when somebody asks whether it was revoked. */
  status: z.enum(['good', 'revoked', 'unknown', 'unavailable']).default('good'),
})

export type CertificateNames = z.output<typeof certificate>
