import type { Advice } from './advice.ts'

/** What to do about what a good token does not allow. */
export const authorizationAdvice = {
  details_insufficient: {
    check: 'details type',
    clause: 'RFC 9396 section 2',
    option: 'authorizationDetails',
    cause:
      'The token is good, but none of its authorization_details is of the type, with the actions and so on, that this route asks for; or they are no list of objects with a type.',
    example: '"authorization_details":[{"type":"account_information"}] on a route with type: payment_initiation',
    client: 'Ask for a token with authorization_details of that type.',
    operator: 'envoy-fapi explain shows what the token has beside what the route asks for.',
  },
  details_mismatch: {
    check: 'details match',
    clause: 'RFC 9396 section 2',
    option: 'authorizationDetails.match',
    cause:
      'The user authorized something else: a field of the authorization_details is not what stands in the path, query or body.',
    example: 'amount "123.50" in the token and "1235.00" in the body',
    client: 'Send what the user authorized, or ask the user to authorize what is sent.',
    operator:
      'envoy-fapi explain shows each field. Amounts that are written with more or fewer zeros need as: decimal.',
  },
  details_request_unusable: {
    check: 'details request',
    clause: 'RFC 9396 section 2',
    option: 'authorizationDetails.match',
    cause:
      'What the authorization is compared with cannot be read, or could be read in two ways: no body, no JSON, a member or query parameter twice, also in another case.',
    example: '{"amount":"1","Amount":"1000"}; a body without Content-Type: application/json',
    client: 'Send one JSON object as application/json without compression, every member and parameter once.',
    operator: 'When it is all requests, Envoy sends no body: set with_request_body at the ext_authz filter.',
  },
  details_body_truncated: {
    check: 'details request',
    clause: 'RFC 9396 section 2',
    option: 'authorizationDetails.match',
    cause: 'Envoy sent only the beginning of the body, so nobody can say what the request asks for.',
    example: 'a body of 100 KiB where max_request_bytes is 64 KiB',
    client: 'Send a smaller body.',
    operator: 'Raise max_request_bytes of with_request_body, and set allow_partial_message: false.',
  },
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
