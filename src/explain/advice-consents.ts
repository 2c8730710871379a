import type { Advice } from './advice.ts'

const clause = 'FAPI 2.0 Security Profile section 5.3.4'

/** What to do about consents. */
export const consentAdvice = {
  consent_missing: {
    check: 'token names a consent',
    clause,
    option: 'consent.id',
    cause: 'The token names no consent, or several, or it is one that the client got for itself.',
    example: 'a token from the client credentials grant on a route with consent',
    client: 'Ask the user for a consent, and for a token that names it.',
    operator: 'Let the authorization server name the consent where consent.id looks for it.',
  },
  consent_unknown: {
    check: 'consent found',
    clause,
    option: 'consent.source',
    cause: 'Whoever is asked about consents knows none of that id.',
    example: 'the service answers 404',
    client: 'Ask the user for a consent again.',
    operator: 'Look whether consent.source asks where this authorization server keeps its consents.',
  },
  consent_foreign: {
    check: 'consent client',
    clause,
    option: 'consent.source',
    cause: 'The consent was given to another client, by another user, or at another authorization server.',
    example: 'a token of one app with the consent id of another app',
    client: 'Use the consent that was given to this client by this user.',
    operator: 'Ask who wrote that consent id into the token: an authorization server should not have done so.',
  },
  consent_inactive: {
    check: 'consent state',
    clause,
    option: 'consent.states',
    cause: 'The consent is not in a state that counts on this route, or it has expired.',
    example: 'the user withdrew the consent a moment ago',
    client: 'Ask the user for a consent again.',
    operator: 'The detail names the state. consent.states lists those that count.',
  },
  consent_spent: {
    check: 'consent used up',
    clause,
    option: 'consent.single',
    cause: 'The consent is good for one use, and it was used.',
    example: 'a second POST /payments with one payment consent',
    client: 'Look what became of the first request; ask the user for another consent.',
    operator: 'The consent service tells under which x-idempotency-key it was used.',
  },
  consent_insufficient: {
    check: 'consent permissions',
    clause,
    option: 'consent.permissions',
    cause: 'The consent lacks a permission, or the account of the path is not one of it.',
    example: 'ReadAccountsBasic on a route that needs ReadBalances',
    client: 'Ask the user for a consent that covers this.',
    operator: 'Compare consent.permissions and consent.accounts of the route with what users are asked.',
  },
  consent_unavailable: {
    check: 'consent found',
    clause,
    option: 'consent.source',
    cause: 'The consent was to be looked up and there was no usable answer.',
    example: 'the consent service is down, slow, redirects, or tells of a state that is not known',
    client: 'Try again after Retry-After; where the request uses a consent up, look first whether it went through.',
    operator: 'The detail and /readyz name the service; docs/consent.md says what its answers have to look like.',
  },
} as const satisfies Record<string, Advice>
