import type { RouteConfig } from './config.ts'
import { entryOf } from './config-policies.ts'
import type { AuthorizationDetailsOptions } from './policies/authorization-details.ts'
import { nearest, type Problem } from './problems.ts'

/** A parameter that the path does not have would refuse every request. */
export function checkAuthorizationDetails(route: RouteConfig): readonly Problem[] {
  const entry = entryOf(route, 'authorizationDetails')
  if (!entry) return []
  const names = route.template.segments.flatMap((segment) => ('name' in segment ? [segment.name] : []))
  // Parsed by the very schema this type comes from.
  return Object.entries((entry.options as AuthorizationDetailsOptions).match).flatMap(([pointer, written]) => {
    const from = typeof written === 'string' ? written : written.from
    const name = from.slice('path:'.length)
    if (!from.startsWith('path:') || names.includes(name)) return []
    const near = nearest(name, names)
    const hint = near === undefined ? '' : `; did you mean "${near}"?`
    const message = `${route.path} has no parameter {${name}} to compare with${hint}`
    return [{ path: [...entry.at, 'match', pointer], message }]
  })
}
