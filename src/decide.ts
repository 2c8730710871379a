import { type Admission, admit, admitInShadow } from './admission.ts'
import type { Headers } from './attributes.ts'
import { type Denial, deny } from './denial.ts'
import { type IdentityRules, identify } from './identity.ts'
import type { Passage } from './pipeline.ts'
import type { Evidence } from './policy.ts'
import type { Decision, Mode, Occasion } from './response.ts'
import type { Match } from './routes.ts'
import { isInForce } from './shadow.ts'

/** Where a request came to before its policies ran. */
export interface Arrived {
  readonly headers: Headers
  readonly match: Match | undefined
  /** Why it came no further. No shadow falls on it: nobody knows where it would lead, or it could lead to two places. */
  readonly denial: Denial | undefined
  /** Wall clock, seconds since the epoch. */
  readonly now: number
}

/** Evidence → admission → identity headers; on a route in shadow, denial → admission. */
export function decide({ match, headers, denial, now }: Arrived, passage: Passage, rules: IdentityRules): Decision {
  if (denial) return denial
  if (!match) return passage.denial ?? deny('internal_error', 'no route was matched')
  const { kind, shadow } = match.route
  const shadowed = isInForce(shadow, now)

  const admission = passage.denial ?? admit(kind, passage.evidence)
  const decision = admission.ok ? equip(admission.value, headers, shadowed ? forwarding(rules) : rules) : admission
  if (decision.ok || !shadowed) return decision

  const overlooked = admitInShadow(shadow, decision, now)
  return overlooked.ok ? equip(overlooked.value, headers, rules) : overlooked
}

function equip(admission: Admission, headers: Headers, rules: IdentityRules): Decision {
  const identity = identify(admission, headers, rules)
  return identity.ok ? { ok: true, admission, identity: identity.value } : identity
}

/** The upstream goes on judging tokens and proofs by itself as long as we do not. */
const forwarding = (rules: IdentityRules): IdentityRules => ({ ...rules, token: 'forward', proof: 'forward' })

/** What a decision was made under. A denial is enforcement, wherever it falls. */
export const modeOf = ({ match, now }: Arrived, decision: Decision): Mode =>
  decision.ok && isInForce(match?.route.shadow, now) ? 'shadow' : 'enforce'

/** Who the request comes from, as far as its policies came. */
export const verified = ({ token, binding }: Partial<Evidence>): Occasion['verified'] => ({
  ...(token && { issuer: token.issuer, clientId: token.clientId, subject: token.subject }),
  ...(binding && { binding: binding.methods.join(' ') }),
})
