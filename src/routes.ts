import type { RouteKind } from './admission.ts'
import type { Attributes } from './attributes.ts'
import type { Challenges } from './challenge.ts'
import { deny, ok, type Result } from './denial.ts'
import { matchTemplate, type Template } from './path-template.ts'
import type { Pipeline } from './pipeline.ts'
import { ReadOnlyMap } from './read-only-map.ts'
import type { Shadow } from './shadow.ts'
import { canonicalPath } from './verify/target-uri.ts'

/** A configured match and what it demands. */
export interface Route {
  readonly name: string
  readonly kind: RouteKind
  /** Hosts the route is for, as `nameAuthority` gives them; undefined means every public origin. */
  readonly hosts: ReadonlySet<string> | undefined
  readonly methods: ReadonlySet<string>
  readonly template: Template
  readonly challenges: Challenges
  readonly pipeline: Pipeline
  /** Leave not to enforce; undefined on every other route. */
  readonly shadow?: Shadow | undefined
}

/** A public origin: what clients call us, and by which authorities Envoy may know it. */
export interface PublicOrigin {
  /** Normalised, for example `https://api.bank.example`. */
  readonly origin: string
  /** What selects this origin, as `nameAuthority` gives it. */
  readonly authorities: readonly string[]
  /** Path in front of what Envoy sees; empty or starting with a slash. */
  readonly pathPrefix: string
}

/** A public origin, and where its protected resource metadata are when they are published (RFC 9728). */
export interface PublishedOrigin extends PublicOrigin {
  readonly metadata?: string | undefined
}

/** A matched request: the route, the values of its path template, the canonical request URI without query. */
export interface Match {
  readonly route: Route
  readonly parameters: ReadonlyMap<string, string>
  readonly target: string
  /** Where the metadata of its public origin are. */
  readonly metadata: string | undefined
}

export interface Routes {
  readonly match: (attributes: Attributes) => Result<Match>
}

/** The one spelling of a `host[:port]`: lower case, the default port of https left out. */
export const nameAuthority = (host: string): string => host.toLowerCase().replace(/:443$/, '')

/** First match wins; no match denies. The host is never taken into the target: only a configured origin is. */
export function buildRoutes(origins: readonly PublishedOrigin[], routes: readonly Route[]): Routes {
  const byAuthority = new Map(origins.flatMap((origin) => origin.authorities.map((name) => [name, origin] as const)))

  return {
    match(attributes) {
      const authority = nameAuthority(attributes.authority)
      const origin = byAuthority.get(authority)
      if (!origin) return deny('host_unknown', 'the authority selects no public origin')

      const path = canonicalPath(attributes.path)
      if (!path.ok) return deny('path_not_canonical', path.problem)

      const candidates = candidatesFor(attributes, routes)
      const allowed = new Set<string>()
      for (const route of candidates) {
        if (route.hosts && !servesHost(route.hosts, authority, origin)) continue
        const parameters = matchTemplate(route.template, path.value)
        if (!parameters) continue
        if (route.methods.has(attributes.method))
          return ok({
            route,
            parameters: new ReadOnlyMap(parameters),
            target: origin.origin + origin.pathPrefix + path.value,
            metadata: origin.metadata,
          })
        for (const method of route.methods) allowed.add(method)
      }
      if (allowed.size > 0)
        return deny('method_not_allowed', 'the path matches, the method does not', { allow: [...allowed] })
      return deny('route_unknown', 'no route matches the host and path')
    },
  }
}

/** Envoy's context extension `route` narrows the choice to one name; what that route demands still has to match. */
function candidatesFor({ contextExtensions }: Attributes, routes: readonly Route[]): readonly Route[] {
  const name = contextExtensions.get('route')
  return name === undefined ? routes : routes.filter((route) => route.name === name)
}

const servesHost = (hosts: ReadonlySet<string>, authority: string, { origin }: PublicOrigin): boolean =>
  hosts.has(authority) || hosts.has(origin.slice('https://'.length))
