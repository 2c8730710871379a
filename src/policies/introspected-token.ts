import { deny, ok, type Result } from '../denial.ts'
import type { RoutedRequest } from '../policy.ts'
import type { Introspector, Statement } from '../ports.ts'
import { acceptIntrospectedToken, type ResponseRules, type VerifiedToken } from '../verify/access-token.ts'
import type { Credentials } from '../verify/credentials.ts'
import { hasJwtForm } from '../verify/jws.ts'

/** The one server of a route that is asked about tokens, and what its answers have to say there. */
export interface Informant {
  readonly introspector: Introspector
  readonly claims: ResponseRules
}

type Yield = Result<{ readonly token: VerifiedToken }>

/**
 * Whether a token is asked about rather than judged by its signature. What looks like a JWT never comes here because it
 * failed as one (INT-12).
 */
export const isAskedAbout = (token: string, always: boolean): boolean => always || !hasJwtForm(token)

/** Asks about the token. Waits only when the answer is not remembered. */
export function introspect(
  request: RoutedRequest,
  credentials: Credentials,
  { introspector, claims }: Informant,
): Yield | Promise<Yield> {
  const { now, trace, attributes } = request
  const judge = (statement: Statement): Yield => {
    // A server that did not answer says nothing about the token: that is no reason for a client to throw it away.
    if (statement.kind === 'unavailable') return deny('introspection_unavailable', statement.detail)
    const active = statement.kind === 'active'
    if (!trace.holds('token active', 'RFC 7662 section 2.2', active) || !active)
      return deny('token_inactive', 'the authorization server says that it is not active')
    const sent = { raw: credentials.token, scheme: credentials.scheme }
    const accepted = acceptIntrospectedToken(statement.claims, sent, claims, now, trace)
    return accepted.ok ? ok({ token: accepted.value }) : accepted
  }
  const statement = introspector.ask(credentials.token, attributes.clientAddress)
  return statement instanceof Promise ? statement.then(judge) : judge(statement)
}
