import type { Config, RouteConfig } from './config.ts'
import { entryOf } from './config-policies.ts'
import type { ClaimsOptions } from './policies/claims.ts'
import type { Problem } from './problems.ts'

/** Other names for claims are an exception, of servers that there are, and of claims that something is asked of. */
export function checkClaims(route: RouteConfig, { authorizationServers }: Config): readonly Problem[] {
  const entry = entryOf(route, 'claims')
  if (!entry) return []
  // Parsed by the very schema this type comes from.
  const { require, mapping } = entry.options as ClaimsOptions
  const at = [...entry.at, 'mapping']
  const servers = Object.entries(mapping)
  if (servers.length === 0) return []
  if (!route.exceptions.includes('claimMapping'))
    return [{ path: at, message: 'claims by other names need exceptions: [claimMapping]' }]
  return servers.flatMap(([name, names]) => {
    if (!authorizationServers.some((server) => server.name === name))
      return [{ path: [...at, name], message: `there is no authorization server named "${name}"` }]
    return Object.keys(names)
      .filter((pointer) => !Object.hasOwn(require, pointer))
      .map((pointer) => ({ path: [...at, name, pointer], message: `nothing is required of ${pointer}` }))
  })
}
