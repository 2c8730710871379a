import { z } from 'zod'
import { deny, ok } from '../denial.ts'
import { duration } from '../durations.ts'
import { policyKind } from '../policy.ts'
import { isAuthenticatedEnough } from '../verify/user-authentication.ts'

/** Thirty days, seconds: whoever was authenticated longer ago than that was not asked to step up. */
const MAX_AGE = 2_592_000

/** It stands in a challenge as it is, apart from others by blanks (RFC 9470 section 3). */
const acr = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/, { error: 'an acr value without blanks, quotes and backslashes' })

const options = z
  .strictObject({
    /** Authentication contexts, any of which will do, the preferred one first. */
    acr: z.array(acr).max(16).default([]),
    /** How long ago the user may have been authenticated; absent: any time. */
    maxAge: duration(0, MAX_AGE)
      .refine((seconds) => Number.isInteger(seconds), { error: 'a whole number of seconds' })
      .optional(),
  })
  .refine(({ acr, maxAge }) => acr.length > 0 || maxAge !== undefined, { error: 'stepUp with acr, maxAge or both' })

export type StepUpOptions = z.output<typeof options>

/** The user was authenticated in one of these ways and not too long ago (RFC 9470). */
export const stepUp = policyKind({
  options,
  needs: ['token', 'binding'],
  yields: [],
  create:
    ({ acr, maxAge }) =>
    ({ now, trace }, { token }) =>
      isAuthenticatedEnough(token, { acr, maxAge }, now, trace)
        ? ok({})
        : deny('authentication_insufficient', 'the user was not authenticated as the route asks', {
            ...(acr.length > 0 && { acrValues: acr }),
            ...(maxAge !== undefined && { maxAge }),
          }),
})
