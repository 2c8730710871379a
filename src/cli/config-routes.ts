import type { Config, RouteConfig } from '../config.ts'
import type { PolicyEntry } from '../config-policies.ts'
import type { PlaceOf } from '../explain/options.ts'
import { spellPlace } from './problems.ts'

/** The policies of one route in the order they run, each with where it comes from. */
function listPolicies({ policies }: RouteConfig, placeOf: PlaceOf) {
  return policies.map((entry) => ({ policy: entry.name, from: originOf(entry, placeOf), ...placeOf(entry.at) }))
}

/** `pipeline NAME`, `route`, `route over pipeline NAME`, or `default` when it is written nowhere. */
function originOf({ at, under }: PolicyEntry, placeOf: PlaceOf): string {
  if (at[0] === 'pipelines') return `pipeline ${at[1]}`
  if (!placeOf(at).written) return 'default'
  return under ? `route over pipeline ${under[1]}` : 'route'
}

/** `config expand --routes`: which policies run on each route, in which order, and where each was written. */
export function showRoutes({ routes }: Config, placeOf: PlaceOf, json: boolean): string {
  const listed = routes.map((route) => ({ route, at: placeOf(route.at), policies: listPolicies(route, placeOf) }))
  if (json) {
    const shown = listed.map(({ route: { name, kind, methods, hosts, path }, at, policies }) => ({
      ...{ name, kind, methods, hosts, path, at, policies },
    }))
    return `${JSON.stringify({ routes: shown })}\n`
  }
  return listed
    .map(({ route, at, policies }) => {
      const { name, kind, methods, hosts, path } = route
      const covers = [methods.join(','), ...(hosts ? [hosts.join(',')] : []), path].join(' ')
      const head = `${name}  ${route.shadow ? `${kind}, shadow` : kind}  ${covers}  ${spellPlace(at)}\n`
      const lines = policies.map(
        ({ policy, from, ...place }, index) =>
          `  ${index + 1}  ${policy.padEnd(16)}  ${from}${from === 'default' ? '' : `  ${spellPlace(place)}`}\n`,
      )
      return `${head}${lines.join('') || '  nothing is checked\n'}`
    })
    .join('\n')
}
