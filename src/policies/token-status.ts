import { type Denial, deny } from '../denial.ts'
import type { AuthorizationServer, RoutedRequest } from '../policy.ts'
import type { StatusAnswer } from '../ports.ts'
import type { VerifiedToken } from '../verify/access-token.ts'
import { hasStatus, readStatusReference } from '../verify/status-list.ts'
import { soon } from './soon.ts'

/** A value of Token Status List section 7.1 that lets a token pass; every other one says that it is not to be used. */
const VALID = 0

/**
 * Whether the status list that a verified token points to still has it as valid (Token Status List section 8.3). Asked on
 * every request: the signature of a token is remembered, its status is not. Undefined lets it pass. A token that its
 * server was asked about needs no list, but when it names one, that is looked at too.
 */
export function judgeStatus(
  token: VerifiedToken,
  { statusLists, unasked }: AuthorizationServer,
  { trace }: RoutedRequest,
  asked: boolean,
): Denial | undefined | Promise<Denial | undefined> {
  if (!statusLists) return undefined
  if (!hasStatus(token.claims)) {
    const needless = asked || !statusLists.required
    if (trace.holds('token status', 'Token Status List section 6.2', needless)) return undefined
    return deny('token_claims_invalid', 'there is no status, and tokens of this server have to have one')
  }
  const reference = readStatusReference(token.claims)
  if (!trace.holds('token status', 'Token Status List section 6.2', reference.ok) || !reference.ok)
    return deny('token_claims_invalid', reference.ok ? '' : reference.problem)

  const judge = (answer: StatusAnswer): Denial | undefined => {
    switch (answer.kind) {
      case 'found':
        if (trace.holds('token status list', 'Token Status List section 7.1', answer.status === VALID, answer.status))
          return undefined
        return deny('token_revoked', `its status is ${describe(answer.status)}`)
      case 'absent':
      case 'foreign':
        trace.holds('token status list', 'Token Status List section 8.3', false, answer.detail)
        return deny('token_claims_invalid', answer.detail)
      case 'unavailable':
        if (answer.tolerated && isHarmless(token, unasked)) return undefined
        trace.holds('token status list', 'Token Status List section 8.3', false, answer.detail)
        return deny('revocation_unavailable', answer.detail)
    }
  }
  return soon(statusLists.find(reference.value), judge)
}

/** Lives no longer than a token may of which no revocation can be learned, or is looked up in another list as well. */
const isHarmless = ({ issuedAt, expiresAt }: VerifiedToken, unasked: number | undefined): boolean =>
  unasked === undefined || expiresAt - issuedAt <= unasked

const describe = (status: number): string =>
  ['VALID', 'INVALID', 'SUSPENDED'][status] ?? `${status}, which is none of ours`
