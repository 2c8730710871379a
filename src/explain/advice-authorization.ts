import type { Advice } from './advice.ts'

/** What to do about what a good token does not allow. */
export const authorizationAdvice = {
  authentication_insufficient: {
    check: 'token acr',
    clause: 'RFC 9470 section 3',
    option: 'stepUp.acr',
    cause: 'The token is good, but its user was not authenticated in a way that this route takes, or too long ago.',
    example: 'auth_time of an hour ago on a route with stepUp: { maxAge: 15m }; no acr in the token at all',
    client: 'Send the user to the authorization server again, with acr_values and max_age of the challenge.',
    operator:
      'Let the authorization server put acr (a text) and auth_time (a number) into access tokens, or change stepUp of the route.',
  },
} as const satisfies Record<string, Advice>
