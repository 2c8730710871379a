import { compared, type Trace, type TraceEntry } from '../trace.ts'
import type { VerifiedToken } from './access-token.ts'

/** How, and how recently, the user has to have been authenticated (RFC 9470 section 3). */
export interface AuthenticationRules {
  /** Any of these will do, the preferred one first; empty: none is asked for. */
  readonly acr: readonly string[]
  /** Seconds since the authentication; undefined: it may be any time ago. */
  readonly maxAge: number | undefined
}

/** Seconds by which clocks may differ, as for `exp` and for times ahead of ours (FAPI 2.0 Security Profile 5.3.2.1). */
const [LEEWAY, FUTURE_TOLERANCE] = [5, 10]

/**
 * Whether the token says that its user was authenticated well enough and recently enough. A claim that is absent or of
 * another type says nothing (RFC 9068 section 2.2.1), and one from the future would never grow old, so neither is enough.
 */
export function isAuthenticatedEnough(
  { acr, authTime }: Pick<VerifiedToken, 'acr' | 'authTime'>,
  rules: AuthenticationRules,
  now: number,
  trace: Trace,
): boolean {
  const comparisons: TraceEntry[] = []
  if (rules.acr.length > 0) {
    const known = acr !== undefined && rules.acr.includes(acr)
    comparisons.push(compared('token acr', 'RFC 9470 section 3', known, acr, rules.acr))
  }
  if (rules.maxAge !== undefined) {
    const [earliest, latest] = [now - rules.maxAge - LEEWAY, now + FUTURE_TOLERANCE]
    const recent = authTime !== undefined && authTime >= earliest && authTime <= latest
    comparisons.push(
      compared('token auth_time', 'OpenID Connect Core section 3.1.2.1', recent, authTime, [earliest, latest]),
    )
  }
  return trace.all(comparisons)
}
