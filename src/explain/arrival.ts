import type { Attributes } from '../attributes.ts'
import type { Config, RouteConfig } from '../config.ts'
import type { DenyReason } from '../denial.ts'
import type { TraceEntry } from '../trace.ts'
import { advice } from './advice.ts'

/** The steps from a request to its route, which leave nothing behind when they succeed, in their order. */
export function arrivalChecks(
  { authority, path, method }: Attributes,
  config: Config,
  route: RouteConfig | undefined,
  reason: DenyReason | 'allowed',
): readonly TraceEntry[] {
  const request = `${method} ${path}`
  const routes = route ? spellRoute(route) : config.routes.map(spellRoute)
  const steps: readonly (readonly [reason: DenyReason, found: unknown, expected: unknown])[] = [
    ['host_unknown', authority, config.publicOrigins.flatMap(({ authorities }) => authorities)],
    ['path_not_canonical', path, undefined],
    [reason === 'method_not_allowed' ? reason : 'route_unknown', request, routes],
  ]
  const failed = steps.findIndex(([one]) => one === reason)
  // A refusal before any route, for another reason than these, says nothing about them.
  if (failed < 0 && !route) return []
  return steps.slice(0, failed < 0 ? undefined : failed + 1).map(([one, found, expected], index) => ({
    check: advice[one].check,
    clause: advice[one].clause,
    result: index === failed ? 'fail' : 'pass',
    found,
    expected,
  }))
}

const spellRoute = ({ hosts, methods, path }: RouteConfig): string =>
  `${methods.join('|')} ${hosts ? `${hosts.join('|')} ` : ''}${path}`
