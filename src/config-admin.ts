import { z } from 'zod'
import type { Config } from './config.ts'
import { weaknessOf } from './config-nonces.ts'
import type { Problem } from './problems.ts'

/** Who may change things through `listen.admin`. Without it nobody may. */
export const adminAccess = z.strictObject({
  /** Bearer tokens; two of them while one replaces the other. */
  tokens: z.array(z.string().min(1).max(256)).min(1).max(8),
})

/** RFC 6750 section 2.1: what can be sent as a bearer token. */
const BEARER = /^[A-Za-z0-9._~+/-]+=*$/

/** Tokens of operators cannot be guessed. Messages never show one. */
export function checkAdmin({ listen }: Config): readonly Problem[] {
  const problems: Problem[] = []
  const tokens = listen.adminAccess?.tokens ?? []
  for (const [index, token] of tokens.entries()) {
    const message = problemOf(token, tokens.indexOf(token) < index)
    if (message !== undefined) problems.push({ path: ['listen', 'adminAccess', 'tokens', index], message })
  }
  return problems
}

function problemOf(token: string, repeated: boolean): string | undefined {
  if (repeated) return 'this token stands twice'
  return BEARER.test(token) ? weaknessOf(token) : 'a token holds letters, digits and - . _ ~ + / and may end in ='
}

/** The same settings as they are written, with variables in the place of tokens. */
export const withoutTokens = <T extends { readonly adminAccess?: z.input<typeof adminAccess> | undefined }>(
  listen: T,
): T => ({
  ...listen,
  ...(listen.adminAccess && {
    adminAccess: { tokens: listen.adminAccess.tokens.map((_, index) => `\${ADMIN_TOKEN_${index + 1}}`) },
  }),
})
