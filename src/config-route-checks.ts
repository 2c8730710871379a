import type { Config, RouteConfig } from './config.ts'
import { checkAuthorizationDetails } from './config-authorization-details.ts'
import { checkClaims } from './config-claims.ts'
import { checkClientCertificates } from './config-client-certificates.ts'
import { checkConsents } from './config-consents.ts'
import { entryOf, type PolicyEntry } from './config-policies.ts'
import { checkTokens } from './config-token-checks.ts'
import { covers, overlaps } from './path-template.ts'
import { needsOf, policies } from './policies/registry.ts'
import type { ScopesOptions } from './policies/scopes.ts'
import type { SenderConstraintOptions } from './policies/sender-constraint.ts'
import { nearest, type Problem } from './problems.ts'

/** What is wrong with a route by itself, with what surrounds it, and with the routes before it. */
export const checkRoute = (route: RouteConfig, before: readonly RouteConfig[], config: Config): readonly Problem[] => [
  ...checkKind(route, config),
  ...checkHosts(route, config),
  ...checkOrder(route),
  ...checkTokens(route, config),
  ...checkPossession(route, config),
  ...checkScopes(route),
  ...checkClientCertificates(route, config),
  ...checkAuthorizationDetails(route),
  ...checkClaims(route, config),
  ...checkConsents(route, config),
  ...checkHidden(route, before, config),
]

function checkKind({ at, kind, path, exceptions, template }: RouteConfig, { profile }: Config): readonly Problem[] {
  const problems: Problem[] = []
  const [exception] = exceptions
  if (exception !== undefined && profile !== 'compat')
    problems.push({ path: [...at, 'exceptions'], message: `${exception} is only allowed under profile: compat` })
  if (kind === 'bearer' && !exceptions.includes('bearerTokens'))
    problems.push({ path: [...at, 'kind'], message: 'kind: bearer needs exceptions: [bearerTokens]' })
  if (kind !== 'bearer' && exceptions.includes('bearerTokens'))
    problems.push({ path: [...at, 'kind'], message: 'exceptions: [bearerTokens] makes this a bearer route' })
  if (kind === 'open' && template.rest && !template.segments.some((segment) => 'literal' in segment))
    problems.push({
      path: [...at, 'path'],
      message: `an open route cannot cover ${path}; name the paths that need no token`,
    })
  return problems
}

function checkHosts({ at, hosts = [] }: RouteConfig, { publicOrigins }: Config): readonly Problem[] {
  const known = new Set(publicOrigins.flatMap(({ origin, authorities }) => [...authorities, origin.slice(8)]))
  return [...hosts.entries()]
    .filter(([, host]) => !known.has(host))
    .map(([index, host]) => ({
      path: [...at, 'hosts', index],
      message: `${host} selects none of the publicOrigins`,
    }))
}

/** Every policy finds what it needs proven before it, and the route's kind finds what it demands at the end. */
function checkOrder({ at, kind, policies: entries, exceptions }: RouteConfig): readonly Problem[] {
  const problems: Problem[] = []
  const proven = new Set<string>()
  for (const { name, at: place } of entries) {
    for (const fact of needsOf(name, new Set(exceptions)))
      if (!proven.has(fact))
        problems.push({ path: place, message: `${name} needs a verified ${fact}; put the policy that yields it first` })
    for (const fact of policies[name].yields) proven.add(fact)
  }
  const demanded = kind === 'resource' ? ['token', 'binding'] : kind === 'bearer' ? ['token'] : []
  for (const fact of demanded)
    if (!proven.has(fact))
      problems.push({ path: at, message: `the pipeline of this route never yields a verified ${fact}` })
  return problems
}

/** A binding that can never be shown would refuse every request. */
function checkPossession(route: RouteConfig, { clientCertificateFrom }: Config): readonly Problem[] {
  const entry = entryOf(route, 'senderConstraint')
  if (!entry || clientCertificateFrom.source !== 'none') return []
  // Parsed by the very schema this type comes from.
  const { methods, both } = entry.options as SenderConstraintOptions
  if (!both && methods.includes('dpop')) return []
  return [{ path: entry.at, message: 'this needs a client certificate, and clientCertificateFrom.source is none' }]
}

function checkScopes(route: RouteConfig): readonly Problem[] {
  const entry = entryOf(route, 'scopes')
  // Parsed by the very schema this type comes from.
  return entry ? [...checkAsking(route, entry), ...checkParameter(route, entry)] : []
}

/** Scopes by method say nothing about the methods they leave out: what a route takes without scope is written down. */
function checkAsking({ methods: taken }: RouteConfig, entry: PolicyEntry): readonly Problem[] {
  const { all, any, methods, parameter } = entry.options as ScopesOptions
  if (all.length > 0 || any.length > 0 || parameter) return []
  const named: readonly string[] = Object.keys(methods)
  const free = taken.filter((one) => !named.includes(one) && !(one === 'HEAD' && named.includes('GET')))
  if (free.length === 0) return []
  return [
    {
      path: entry.at,
      message: `no scope is asked for ${free.join(', ')}; leave them out of the route's methods, or write methods: { ${free[0]}: [] }`,
    },
  ]
}

/** A misspelled path parameter would let any value of the scope pass. A path without parameters may stay without. */
function checkParameter(route: RouteConfig, entry: PolicyEntry): readonly Problem[] {
  const { parameter } = entry.options as ScopesOptions
  if (!parameter) return []
  const { fact, scope } = parameter
  const names = parametersOf(route)
  if (names.includes(fact)) return []
  const path = [...entry.at, 'parameter', 'fact']
  const written = names.find((name) => scope.includes(`{${name}}`))
  if (written !== undefined) {
    const message = `${route.path} has a {${written}} like the scope; write fact: ${written} to compare the two, or call the scope's something else`
    return [{ path, message }]
  }
  const near = nearest(fact, names)
  if (near === undefined) return []
  return [{ path, message: `${route.path} has no parameter {${fact}}; did you mean "${near}"?` }]
}

const parametersOf = ({ template }: Pick<RouteConfig, 'template'>): readonly string[] =>
  template.segments.flatMap((segment) => ('name' in segment ? [segment.name] : []))

/** The scope whose value is compared with no part of the path, though it has some: any value of it passes. */
export function looseScope(route: RouteConfig): string | undefined {
  const entry = entryOf(route, 'scopes')
  const parameter = (entry?.options as ScopesOptions | undefined)?.parameter
  const names = parametersOf(route)
  return parameter && names.length > 0 && !names.includes(parameter.fact) ? parameter.scope : undefined
}

/** A route that an earlier one always takes is a mistake, and a dangerous one when the earlier one is open. */
function checkHidden(route: RouteConfig, before: readonly RouteConfig[], config: Config): readonly Problem[] {
  const above = before.filter((earlier) => covers(earlier.template, route.template))
  const hosts = authoritiesOf(route, config)
  if (hosts.size === 0) return []
  const hiding = above.find(
    (earlier) =>
      isWithin(hosts, authoritiesOf(earlier, config)) &&
      route.methods.every((method) => earlier.methods.includes(method)),
  )
  if (hiding)
    return [
      {
        path: route.at,
        message: `route "${route.name}" is never reached: "${hiding.name}" (${hiding.path}) before it takes all its requests`,
      },
    ]
  return [...above, ...before.filter((earlier) => earlier.shadow && crosses(earlier, route))]
    .filter((earlier) => isEverWeaker(earlier, route))
    .flatMap((weaker) => {
      const methods = route.methods.filter((one) => weaker.methods.includes(one))
      if (methods.length === 0 || !meets(hosts, authoritiesOf(weaker, config))) return []
      const message = `the ${weaker.shadow ? 'shadowed' : weaker.kind} route "${weaker.name}" (${weaker.path}) before it takes its ${methods.join(', ')} requests; leave the methods or hosts out of one of them`
      return [{ path: route.at, message }]
    })
}

/** Some paths in common, and neither is an exception from the other. */
const crosses = (one: RouteConfig, other: RouteConfig): boolean =>
  overlaps(one.template, other.template) &&
  !covers(one.template, other.template) &&
  !covers(other.template, one.template)

/** Whether there is a time at which the first demands less. Shadows end without anybody looking at the order again. */
const isEverWeaker = (one: RouteConfig, other: RouteConfig): boolean =>
  [0, one.shadow?.until ?? 0, other.shadow?.until ?? 0].some((time) => strengthOf(one, time) < strengthOf(other, time))

/** What a route demands, compared with the others: in shadow nothing. */
const strengthOf = ({ kind, shadow }: RouteConfig, time: number): number =>
  shadow && (shadow.until === undefined || time < shadow.until) ? 0 : strength[kind]
const strength = { open: 0, bearer: 1, resource: 2 } as const

/** What Envoy may call the hosts a route is for (as in routes.ts). */
function authoritiesOf({ hosts }: RouteConfig, { publicOrigins }: Config): ReadonlySet<string> {
  const served = publicOrigins.flatMap(({ origin, authorities }) =>
    hosts === undefined || hosts.includes(origin.slice(8))
      ? authorities
      : authorities.filter((authority) => hosts.includes(authority)),
  )
  return new Set(served)
}

const isWithin = (inner: ReadonlySet<string>, outer: ReadonlySet<string>): boolean =>
  [...inner].every((item) => outer.has(item))

const meets = (one: ReadonlySet<string>, other: ReadonlySet<string>): boolean =>
  [...one].some((item) => other.has(item))
