import { z } from 'zod'
import type { Config } from './config.ts'
import type { Problem } from './problems.ts'

const text = z.string().min(1)

/** Where the record of each decision goes, and what it takes for an allow to leave. */
export const audit = z.strictObject({
  to: z
    .union([z.literal('stdout'), z.strictObject({ file: text })], { error: 'stdout or { file: PATH }' })
    .default('stdout'),
  /** A private key on Ed25519, PEM or JWK, that signs the chain of records. */
  signingKey: text.optional(),
  /** `synced`: an allow waits until its record is on disk. */
  durability: z.enum(['queued', 'synced']).default('queued'),
  clientAddress: z.enum(['truncated', 'full', 'none']).default('truncated'),
  /** The service sets the file aside by itself. */
  rotate: z
    .strictObject({
      maxBytes: z.int().min(65_536).max(1_099_511_627_776),
      /** Files that are kept besides the current one; absent: all. */
      keep: z.int().min(1).max(10_000).optional(),
    })
    .optional(),
})

export type AuditConfig = z.output<typeof audit>

/** What only a file can promise. */
export function checkAudit({ audit: { to, durability, rotate } }: Config): readonly Problem[] {
  if (to !== 'stdout') return []
  const message = 'standard output makes no promise about records: this is for to: { file: … }'
  return [
    ...(durability === 'synced' ? [{ path: ['audit', 'durability'], message }] : []),
    ...(rotate ? [{ path: ['audit', 'rotate'], message }] : []),
  ]
}

/** Said by `config check`. */
export const auditNotes = ({ audit: { to, signingKey } }: Config): readonly string[] =>
  to !== 'stdout' && signingKey === undefined
    ? ['audit.signingKey is missing: whoever can write to the audit can make its chain anew']
    : []
