import { z } from 'zod'
import type { Config } from './config.ts'
import type { Problem } from './problems.ts'
import { contentEncryption, keyManagement, MAX_ATTEMPTS } from './verify/encrypted-token.ts'

/** What the access tokens of an authorization server are encrypted for, and how (RFC 9068 section 4). */
export const encryption = z.strictObject({
  /** Files with a private key each, PEM or JWK, the newest first. */
  keys: z.array(z.string().min(1)).min(1).max(4),
  algorithms: z
    .array(z.enum(keyManagement))
    .min(1)
    .default([...keyManagement]),
  encodings: z
    .array(z.enum(contentEncryption))
    .min(1)
    .default([...contentEncryption]),
  /** Tokens of this server that are not encrypted are refused. */
  required: z.boolean().default(true),
})

/** A key tells whose tokens it opens, and no token is tried with more keys than is worth the while. */
export function checkEncryption({ authorizationServers }: Config): readonly Problem[] {
  const problems: Problem[] = []
  const seen = new Map<string, string>()
  for (const [index, { name, encryption: settings }] of authorizationServers.entries())
    for (const [position, file] of (settings?.keys ?? []).entries()) {
      const path = ['authorizationServers', index, 'encryption', 'keys', position]
      const other = seen.get(file)
      if (other !== undefined)
        problems.push({
          path,
          message: `this file is named for ${other} already; each key opens the tokens of one server`,
        })
      else if (seen.size === MAX_ATTEMPTS)
        problems.push({ path, message: `more than ${MAX_ATTEMPTS} keys for all servers together` })
      seen.set(file, name)
    }
  return problems
}
