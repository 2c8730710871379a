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
  claims_insufficient: {
    check: 'token claim',
    clause: 'RFC 9068 section 4',
    option: 'claims.require',
    cause: 'The token is good, but a claim that this route asks for is absent, of another type, or has another value.',
    example: '"tenant":"silver" on a route with claims: { require: { /tenant: gold } }',
    client: 'Nothing, unless it can get another token; the claims are the word of the authorization server.',
    operator:
      'envoy-fapi explain shows each claim beside what is asked for: change the route, or what the server says.',
  },
} as const satisfies Record<string, Advice>
