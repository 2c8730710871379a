import { type Reading, read, unreadable } from './reading.ts'
import { type JsonObject, own } from './strict-json.ts'

/** Every state a consent can be in; whatever else is said is not understood. */
export const consentStates = ['ACTIVE', 'AWAITING', 'REJECTED', 'REVOKED', 'EXPIRED', 'CONSUMED'] as const
export type ConsentState = (typeof consentStates)[number]

/** A consent as somebody tells of it. Nothing is compared yet. */
export interface ConsentRecord {
  readonly id: string
  readonly state: ConsentState
  /** Whose it is: undefined only in what came with the token. */
  readonly issuer: string | undefined
  readonly clientId: string | undefined
  readonly subject: string | undefined
  readonly permissions: readonly string[]
  /** Undefined when it lists none, which is not the same as all of them. */
  readonly accounts: readonly string[] | undefined
  /** Seconds since the epoch; undefined when it does not end by itself. */
  readonly expiresAt: number | undefined
}

const MAX_PERMISSIONS = 256
const MAX_ACCOUNTS = 1000

/**
 * Reads a consent strictly. One member of the wrong type makes the whole unreadable: nobody guesses what it meant. In
 * what came with the token, the names of whose it is may be left out.
 */
export function readConsent(object: JsonObject, withToken = false): Reading<ConsentRecord> {
  const [id, state, expiresAt] = ['consentId', 'state', 'expiresAt'].map((name) => own(object, name))
  if (!isConsentId(id)) return unreadable('consentId is not 1 to 256 printable characters without blanks')
  const known = consentStates.find((one) => one === state)
  if (known === undefined) return unreadable('state is not one that is known')
  const [issuer, clientId, subject] = ['issuer', 'clientId', 'subject'].map((name) => own(object, name))
  if (!isName(issuer, withToken) || !isName(clientId, withToken) || !isName(subject, withToken))
    return unreadable('issuer, clientId and subject are not texts')
  const permissions = readTexts(own(object, 'permissions'), MAX_PERMISSIONS)
  if (!permissions) return unreadable('permissions is not a list of texts')
  const listed = own(object, 'accounts')
  const accounts = listed === undefined ? undefined : readTexts(listed, MAX_ACCOUNTS)
  if (listed !== undefined && !accounts) return unreadable('accounts is not a list of texts')
  if (expiresAt !== undefined && !isTime(expiresAt)) return unreadable('expiresAt is not seconds since the epoch')
  return read(Object.freeze({ id, state: known, issuer, clientId, subject, permissions, accounts, expiresAt }))
}

/** Printable ASCII without blanks, and no name that leads elsewhere in a path. */
export const isConsentId = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x21-\x7e]{1,256}$/.test(value) && value !== '.' && value !== '..'

const isName = (value: unknown, optional: boolean): value is string | undefined =>
  typeof value === 'string' ? value.length > 0 && value.length <= 1024 : optional && value === undefined

const isTime = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= 253_402_300_799

function readTexts(value: unknown, max: number): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length > max) return undefined
  const items: readonly unknown[] = value
  const fine = items.every((item): item is string => typeof item === 'string' && item !== '' && item.length <= 256)
  return fine ? Object.freeze([...items]) : undefined
}
