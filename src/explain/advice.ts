import type { DenyReason } from '../denial.ts'
import { authorizationAdvice } from './advice-authorization.ts'
import { bindingAdvice } from './advice-bindings.ts'
import { certificateAdvice } from './advice-certificates.ts'
import { consentAdvice } from './advice-consents.ts'
import { proofAdvice } from './advice-proofs.ts'
import { requestAdvice } from './advice-requests.ts'
import { serviceAdvice } from './advice-service.ts'
import { tokenAdvice } from './advice-tokens.ts'

/** What a reason means and what to do about it. */
export interface Advice {
  /** The check that fails; stands in the explanation where no comparison was recorded. */
  readonly check: string
  readonly clause: string
  /** The option that decides, as `policy.option` or as a path of the document. */
  readonly option: string
  readonly cause: string
  readonly example: string
  /** What the client does about it. */
  readonly client: string
  /** What the operator does about it. */
  readonly operator: string
}

/** One entry for every reason; one that is missing does not compile. */
export const advice: Readonly<Record<DenyReason, Advice>> = {
  ...requestAdvice,
  ...tokenAdvice,
  ...bindingAdvice,
  ...proofAdvice,
  ...certificateAdvice,
  ...authorizationAdvice,
  ...consentAdvice,
  ...serviceAdvice,
}

/** Where the documentation speaks of a reason. */
export const docsOf = (reason: string): string => `docs/reasons.md#${reason}`
