import { isObject, own } from '../verify/strict-json.ts'

/** One decision as far as a report needs it. Nothing in it is to be believed or printed as it is. */
export interface Entry {
  /** Seconds since the epoch. */
  readonly time: number
  /** Undefined when the client did not come far enough to be known. */
  readonly clientId: string | undefined
  /** Who named the client so; two of them may know different ones by the same name. */
  readonly issuer?: string | undefined
  /** Where the request came from, as far as that was written down. */
  readonly network: string
  readonly route: string
  /** Why it was refused or would be; undefined when it was allowed and would be. */
  readonly reason: string | undefined
  /** `shadow`: it was let pass all the same. */
  readonly mode: 'enforce' | 'shadow'
}

/** `other`: a line about something else. `broken`: nothing that the service writes. */
export type Line =
  | { readonly kind: 'decision'; readonly entry: Entry }
  | { readonly kind: 'other' }
  | { readonly kind: 'broken' }

const BROKEN: Line = { kind: 'broken' }
/** Characters of a text; the service writes no longer ones, and what is kept of a line must not grow with it. */
const MAX_TEXT = 260

/** A line of the log or the audit. Members that it does not know are none of its business. */
export function readLine(text: string): Line {
  const record = parse(text)
  if (!isObject(record)) return BROKEN
  const message = own(record, 'msg')
  if (message !== 'decision') return { kind: typeof message === 'string' || isSigned(record) ? 'other' : 'broken' }

  const time = readTime(own(record, 'time'))
  const decision = own(record, 'decision')
  if (time === undefined || (decision !== 'allow' && decision !== 'deny')) return BROKEN
  const [reason, clientId, issuer, network, route] = [
    decision === 'deny' ? 'reason' : 'would',
    ...['clientId', 'issuer', 'client', 'route'],
  ].map((name) => own(record, name))
  if ([reason, clientId, issuer, network, route].some(isTooLong)) return BROKEN
  if (decision === 'deny' && textOf(reason) === undefined) return BROKEN
  const entry: Entry = {
    time,
    clientId: textOf(clientId),
    issuer: textOf(issuer),
    network: textOf(network) ?? 'unknown',
    route: textOf(route) ?? 'none',
    reason: textOf(reason),
    mode: own(record, 'mode') === 'shadow' ? 'shadow' : 'enforce',
  }
  return { kind: 'decision', entry }
}

/** The audit writes lines between decisions, too. */
const isSigned = (record: object): boolean => Object.hasOwn(record, 'seq') || Object.hasOwn(record, 'hash')

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

const isTooLong = (value: unknown): boolean => typeof value === 'string' && value.length > MAX_TEXT

const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z$/

function readTime(value: unknown): number | undefined {
  if (typeof value !== 'string' || !TIME.test(value)) return undefined
  const milliseconds = Date.parse(value)
  return Number.isFinite(milliseconds) ? milliseconds / 1000 : undefined
}
