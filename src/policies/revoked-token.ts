import { type Denial, deny } from '../denial.ts'
import type { AuthorizationServer, RoutedRequest } from '../policy.ts'
import type { VerifiedToken } from '../verify/access-token.ts'

/**
 * Whether a verified token was revoked (FAPI 2.0 Security Profile section 5.3.4 (3)). Asked on every request, because the
 * signature of a token is remembered and this is not. Undefined lets it pass.
 */
export function judgeRevocation(
  token: VerifiedToken,
  { revocations }: AuthorizationServer,
  { now, trace }: RoutedRequest,
): Denial | undefined {
  if (!revocations) return undefined
  const verdict = revocations.judge(token, now)
  const found = verdict.kind === 'revoked' ? verdict.by : verdict.kind
  if (trace.holds('token revocation', 'FAPI 2.0 Security Profile section 5.3.4', verdict.kind === 'clean', found))
    return undefined
  if (verdict.kind === 'revoked') return deny('token_revoked', `it was revoked by its ${verdict.by}`)
  // That nobody knows is our trouble: it is no reason for a client to throw the token away.
  return deny('revocation_unavailable', verdict.kind === 'unknown' ? verdict.detail : '')
}
