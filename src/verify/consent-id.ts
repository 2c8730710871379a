import type { VerifiedToken } from './access-token.ts'
import { isConsentId } from './consent-record.ts'
import { type Reading, read, unreadable } from './reading.ts'
import { isObject, type JsonObject, own } from './strict-json.ts'

/** Where a token names its consent. */
export type ConsentIdRules =
  | { readonly kind: 'claim' | 'introspection'; readonly paths: readonly string[] }
  /** A scope that carries it, `consent:{id}`. */
  | { readonly kind: 'scope'; readonly prefix: string; readonly suffix: string }

/** AZ-11: the one consent that a token names. None is a refusal, and so are two: nobody picks among them. */
export function readConsentId(token: VerifiedToken, rules: ConsentIdRules): Reading<string> {
  if (rules.kind === 'introspection' && !token.introspected)
    return unreadable('nobody was asked about the token, so no answer names a consent')
  const named = rules.kind === 'scope' ? idsInScopes(token.scopes ?? [], rules) : idsInClaims(token.claims, rules.paths)
  const [id, ...others] = new Set(named)
  if (id === undefined) return unreadable('the token names no consent')
  if (others.length > 0) return unreadable('the token names several consents')
  return isConsentId(id) ? read(id) : unreadable('the consent id is not 1 to 256 printable characters without blanks')
}

const idsInClaims = (claims: JsonObject, paths: readonly string[]): readonly unknown[] =>
  paths.map((path) => claimAt(claims, path)).filter((value) => value !== undefined)

function idsInScopes(scopes: readonly string[], { prefix, suffix }: { prefix: string; suffix: string }) {
  const least = prefix.length + suffix.length
  return scopes
    .filter((scope) => scope.length > least && scope.startsWith(prefix) && scope.endsWith(suffix))
    .map((scope) => scope.slice(prefix.length, scope.length - suffix.length))
}

/** The member of that name, or, of a path that begins with a slash, the one it leads to (RFC 6901) through objects. */
export function claimAt(claims: JsonObject, path: string): unknown {
  if (!path.startsWith('/')) return own(claims, path)
  let value: unknown = claims
  for (const part of path.slice(1).split('/')) {
    if (!isObject(value)) return undefined
    value = own(value, part.replaceAll('~1', '/').replaceAll('~0', '~'))
  }
  return value
}
