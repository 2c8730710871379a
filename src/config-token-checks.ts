import type { Config, RouteConfig, ServerConfig } from './config.ts'
import { entryOf, type PolicyEntry } from './config-policies.ts'
import { isEachTokenLookedUp } from './config-revocation.ts'
import { spellDuration } from './durations.ts'
import type { AccessTokenOptions } from './policies/access-token.ts'
import type { Problem } from './problems.ts'

/** What a route asks of tokens agrees with what is known about its authorization servers. */
export function checkTokens(route: RouteConfig, { authorizationServers, profile }: Config): readonly Problem[] {
  const entry = entryOf(route, 'accessToken')
  if (!entry) return []
  // Parsed by the very schema this type comes from.
  const { from, audiences, maxLifetime, forceIntrospection } = entry.options as AccessTokenOptions
  const unknown = [...(from ?? []).entries()].filter(
    ([, name]) => !authorizationServers.some((one) => one.name === name),
  )
  if (unknown.length > 0)
    return unknown.map(([index, name]) => ({
      path: [...entry.at, 'from', index],
      message: `there is no authorization server named "${name}"`,
    }))
  const servers = authorizationServers.filter(({ name }) => from === undefined || from.includes(name))
  const problems = [...checkAudiences(entry, audiences, servers)]
  const several = servers.find((server) => server.audiences.length > 1)
  if (several && !audiences && profile !== 'compat')
    problems.push({
      path: route.at,
      message: `${several.name} has several audiences; say with accessToken.audiences which are for this route`,
    })
  return [
    ...problems,
    ...checkIntrospection(entry, forceIntrospection, servers),
    ...checkLifetime(route, entry, maxLifetime, servers),
  ]
}

/** INT-12: an opaque token does not say whose it is, and it is shown to nobody but its issuer. */
function checkIntrospection(
  { at }: PolicyEntry,
  forced: boolean,
  servers: Config['authorizationServers'],
): readonly Problem[] {
  const [asked, other] = servers.filter(({ revocation }) => revocation.introspection)
  if (asked && other) {
    const message = `opaque tokens of ${asked.name} and ${other.name} cannot be told apart; say with accessToken.from whose are taken`
    return [{ path: at, message }]
  }
  const unasked = servers.find(({ revocation }) => !revocation.introspection)
  if (!forced || !unasked) return []
  const message = `${unasked.name} has no revocation.introspection, so its tokens would never be accepted`
  return [{ path: [...at, 'forceIntrospection'], message }]
}

/** `accessToken.audiences` narrows what the tokens of a server may be for; it cannot add to it. */
function checkAudiences(
  { at }: PolicyEntry,
  audiences: readonly string[] = [],
  servers: Config['authorizationServers'],
): readonly Problem[] {
  if (audiences.length === 0) return []
  const strange = [...audiences.entries()].filter(
    ([, one]) => !servers.some((server) => server.audiences.includes(one)),
  )
  if (strange.length > 0)
    return strange.map(([index, audience]) => ({
      path: [...at, 'audiences', index],
      message: `${audience} is no audience of an authorization server of this route; a route can only narrow them`,
    }))
  return servers
    .filter((server) => !server.audiences.some((audience) => audiences.includes(audience)))
    .map(({ name }) => ({
      path: [...at, 'audiences'],
      message: `none of these is an audience of ${name}; say with accessToken.from whose tokens are taken`,
    }))
}

const hasRevocation = ({ introspection, statusList, denyList }: ServerConfig['revocation']): boolean =>
  introspection !== undefined || statusList !== undefined || denyList !== undefined

/** JWT-30: a token whose revocation nobody can learn of must not live long. */
function checkLifetime(
  { at, exceptions }: RouteConfig,
  entry: PolicyEntry,
  maxLifetime: number,
  servers: Config['authorizationServers'],
): readonly Problem[] {
  if (exceptions.includes('noRevocation')) return []
  if (exceptions.includes('longLivedTokens') && servers.every(isEachTokenLookedUp)) return []
  if (exceptions.includes('longLivedTokens'))
    return [
      {
        path: [...at, 'exceptions'],
        message: 'longLivedTokens without a revocation source also needs noRevocation',
      },
    ]
  return (
    servers
      // Where revocation can be learned of, tokens of which it cannot are cut short all the same.
      .filter(({ revocation }) => !hasRevocation(revocation) && maxLifetime > revocation.shortLived)
      .map(({ name, revocation }) => ({
        path: [...entry.at, 'maxLifetime'],
        message: `tokens of ${name} may live ${spellDuration(maxLifetime)}, but without a revocation source only ${spellDuration(revocation.shortLived)} are accepted (revocation.shortLived); revocation.denyList, statusList or introspection is one`,
      }))
  )
}
