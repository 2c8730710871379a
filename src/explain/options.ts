import type { RouteConfig } from '../config.ts'
import type { Problem } from '../problems.ts'
import { advice } from './advice.ts'

/** Where an option stands, and whether it is written there or a default. */
export interface Spot {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly written: boolean
}

export type PlaceOf = (path: Problem['path']) => Spot

/** An option with its place. */
export interface Responsible extends Spot {
  readonly option: string
}

/** The option that decides about a check, as `policy.option` or as a path of the document. */
const deciding: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.values(advice).map(({ check, option }) => [check, option])),
  details: 'authorizationDetails',
  'details actions': 'authorizationDetails.actions',
  'details locations': 'authorizationDetails.locations',
  'details datatypes': 'authorizationDetails.datatypes',
  'details privileges': 'authorizationDetails.privileges',
  'details identifier': 'authorizationDetails.identifiers',
  'token auth_time': 'stepUp.maxAge',
  'token of a user': 'consent',
  'consent id': 'consent.source',
  'consent issuer': 'consent.source',
  'consent user': 'consent.source',
  'consent expiry': 'consent.source',
  'consent permissions, any': 'consent.permissions',
  'consent account': 'consent.accounts',
  'Authorization field': 'accessToken',
  'token key source': 'accessToken',
  'token members': 'authorizationServers',
  'token type': 'authorizationServers',
  'token encryption': 'authorizationServers',
  'token decryption': 'authorizationServers',
  'token status': 'authorizationServers',
  'token status list': 'authorizationServers',
  'token iat': 'accessToken',
  'token nbf': 'accessToken',
  'proof alg fits jwk': 'senderConstraint.dpop.algorithms',
  'proof key': 'senderConstraint',
  'proof exp': 'senderConstraint',
  'proof nbf': 'senderConstraint.dpop.futureTolerance',
}

export const knownChecks: ReadonlySet<string> = new Set(Object.keys(deciding))

/** The option behind a check, on the route or in its pipeline where that is written, else where it would be. */
export function responsibleFor(
  check: string,
  route: RouteConfig | undefined,
  placeOf: PlaceOf,
): Responsible | undefined {
  const option = Object.hasOwn(deciding, check) ? deciding[check] : undefined
  if (option === undefined) return undefined
  const [head = '', ...rest] = option.split('.')
  const entry = route?.policies.find(({ name }) => name === head)
  const bases = entry ? [entry.at, ...(entry.under ? [entry.under] : [])] : [[head]]
  const spots = bases.map((base) => placeOf([...base, ...rest]))
  const [first] = spots
  const best = spots.find(({ written }) => written) ?? first
  return best && { option, ...best }
}
