import { type Denial, deny, ok, type Result } from '../denial.ts'
import type { Trace } from '../trace.ts'
import type { VerifiedToken } from './access-token.ts'
import type { ConsentRecord, ConsentState } from './consent-record.ts'

declare const verified: unique symbol

/** A consent that covers the request and is that of its token. Only `acceptConsent` makes one. */
export interface VerifiedConsent {
  readonly [verified]: 'consent'
  readonly id: string
  /** The token it was looked up for. */
  readonly token: VerifiedToken
}

const seals = new WeakSet<object>()

export const isVerifiedConsent = (value: unknown): value is VerifiedConsent =>
  typeof value === 'object' && value !== null && seals.has(value)

/** What a route asks of consents. */
export interface ConsentRules {
  readonly states: readonly ConsentState[]
  readonly all: readonly string[]
  readonly any: readonly string[]
  /** Permissions needed besides, by method. */
  readonly methods: ReadonlyMap<string, readonly string[]>
  /** Path parameters whose values have to be accounts of the consent. */
  readonly accounts: readonly string[]
}

/** The part of a request that a consent has to cover. */
export interface ConsentOccasion {
  readonly method: string
  /** Still percent-encoded. */
  readonly parameters: ReadonlyMap<string, string>
  /** Seconds since the epoch. */
  readonly now: number
  readonly trace: Trace
}

const CLAUSE = 'FAPI 2.0 Security Profile section 5.3.4'

/** AZ-11 to AZ-13: the consent that was asked for, this client's and user's, in force, and it covers the request. */
export function acceptConsent(
  record: ConsentRecord,
  id: string,
  token: VerifiedToken,
  rules: ConsentRules,
  occasion: ConsentOccasion,
): Result<VerifiedConsent> {
  const refusal =
    refuseForeign(record, id, token, occasion.trace) ??
    refuseState(record, rules.states, occasion) ??
    refusePermissions(record, rules, occasion) ??
    refuseAccounts(record, rules, occasion)
  if (refusal) return refusal
  // The seal: everything above has held.
  const consent = Object.freeze({ id, token }) as VerifiedConsent
  seals.add(consent)
  return ok(consent)
}

/** JWT-35: a token that a client got for itself speaks for no user, so nobody consented to what it does. */
export function refuseClientOnly({ subject, clientId }: VerifiedToken, trace: Trace): Denial | undefined {
  if (trace.holds('token of a user', 'RFC 9068 section 5', subject !== clientId, subject)) return undefined
  return deny('consent_missing', 'the token is that of the client itself, without a user')
}

/** What came with the token need not say again whose it is; whatever it says has to be right. */
function refuseForeign(record: ConsentRecord, id: string, token: VerifiedToken, trace: Trace): Denial | undefined {
  // An answer about something else is no answer.
  if (!trace.holds('consent id', CLAUSE, record.id === id, record.id, id))
    return deny('consent_unavailable', 'the answer is about another consent')
  const { issuer = token.issuer, clientId = token.clientId, subject = token.subject } = record
  if (!trace.holds('consent issuer', CLAUSE, issuer === token.issuer, issuer, token.issuer))
    return deny('consent_foreign', 'the consent was given at another authorization server')
  if (!trace.holds('consent client', CLAUSE, clientId === token.clientId, clientId, token.clientId))
    return deny('consent_foreign', 'the consent was given to another client')
  if (!trace.holds('consent user', CLAUSE, subject === token.subject, subject, token.subject))
    return deny('consent_foreign', 'the consent was given by another user')
  return undefined
}

function refuseState(
  { state, expiresAt }: ConsentRecord,
  states: readonly ConsentState[],
  { now, trace }: ConsentOccasion,
): Denial | undefined {
  if (!trace.holds('consent state', CLAUSE, states.includes(state), state, states))
    return deny(state === 'CONSUMED' ? 'consent_spent' : 'consent_inactive', `the consent is ${state}`)
  if (!trace.holds('consent expiry', CLAUSE, expiresAt === undefined || now < expiresAt, expiresAt, now))
    return deny('consent_inactive', 'the consent has expired')
  return undefined
}

/** HEAD shows what GET shows (RFC 9110 section 9.3.2), so it needs the same unless it is named itself. */
const permissionsOf = (method: string, { methods }: ConsentRules): readonly string[] =>
  methods.get(method) ?? (method === 'HEAD' ? methods.get('GET') : undefined) ?? []

function refusePermissions(
  { permissions }: ConsentRecord,
  rules: ConsentRules,
  { method, trace }: ConsentOccasion,
): Denial | undefined {
  const needed = [...rules.all, ...permissionsOf(method, rules)]
  const covered = needed.every((one) => permissions.includes(one))
  if (!trace.holds('consent permissions', CLAUSE, covered, permissions, needed))
    return deny('consent_insufficient', 'the consent lacks a permission')
  const some = rules.any.length === 0 || rules.any.some((one) => permissions.includes(one))
  if (!trace.holds('consent permissions, any', CLAUSE, some, permissions, rules.any))
    return deny('consent_insufficient', 'the consent has none of the permissions of which it needs one')
  return undefined
}

function refuseAccounts(
  { accounts }: ConsentRecord,
  rules: ConsentRules,
  { parameters, trace }: ConsentOccasion,
): Denial | undefined {
  for (const name of rules.accounts) {
    const wanted = decode(parameters.get(name))
    const listed = wanted !== undefined && accounts?.includes(wanted) === true
    if (!trace.holds('consent account', CLAUSE, listed, wanted, accounts))
      return deny('consent_insufficient', 'the account is not one of the consent')
  }
  return undefined
}

function decode(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Whether an answer may be remembered for whoever asked: only a consent in force, and theirs (AZ-14). */
export const isRemembered = (
  record: ConsentRecord,
  asked: { readonly id: string; readonly issuer: string; readonly clientId: string; readonly subject: string },
  states: readonly ConsentState[],
): boolean =>
  record.id === asked.id &&
  record.issuer === asked.issuer &&
  record.clientId === asked.clientId &&
  record.subject === asked.subject &&
  states.includes(record.state)
