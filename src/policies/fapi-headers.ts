import { z } from 'zod'
import { deny, ok } from '../denial.ts'
import { readInteractionId } from '../interaction-id.ts'
import { policyKind } from '../policy.ts'

const options = z.strictObject({
  /** What becomes of an `x-fapi-interaction-id` that is not a UUID: another one takes its place, or 400. */
  interactionId: z.enum(['replace', 'reject']).default('replace'),
})

/** The `x-fapi-*` request headers (FAPI 2.0 Implementation Advice section 2.2). The id itself is set on every answer. */
export const fapiHeaders = policyKind({
  options,
  needs: [],
  yields: [],
  create:
    ({ interactionId }) =>
    ({ attributes: { headers }, trace }) => {
      const sent = headers.get('x-fapi-interaction-id')
      const valid = interactionId === 'replace' || !sent || readInteractionId(headers) !== undefined
      if (trace.holds('x-fapi-interaction-id', 'FAPI 2.0 Implementation Advice section 2.2.1', valid, sent))
        return ok({})
      return deny('interaction_id_invalid', 'x-fapi-interaction-id is not one UUID')
    },
})
