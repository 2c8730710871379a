import type { Config, RouteConfig } from './config.ts'
import { covers } from './path-template.ts'
import type { AccessTokenOptions } from './policies/access-token.ts'
import { needsOf, policies } from './policies/registry.ts'
import type { Problem } from './problems.ts'

/** What the schema alone cannot say: settings that contradict each other or would be unsafe together. */
export const checkConfig = (config: Config): readonly Problem[] => [
  ...checkListen(config),
  ...checkServers(config),
  ...checkReplicas(config),
  ...checkIdentity(config),
  ...checkNames(config),
  ...config.routes.flatMap((route, index) => [
    ...checkRoute(route, config),
    ...checkHidden(route, config.routes.slice(0, index)),
  ]),
]

/** FAPI-NET-05: the Check port belongs on loopback, a socket, or behind mutual TLS with pinned peers. */
function checkListen({ listen, profile }: Config): readonly Problem[] {
  const problems: Problem[] = []
  const local = /^(?:unix:|127\.|localhost:|\[::1\]:)/.test(listen.check)
  const { tls } = listen
  if (tls?.peers && !tls.clientCa)
    problems.push({ path: ['listen', 'tls', 'clientCa'], message: 'peers can only be pinned together with clientCa' })
  if (!local && !(tls?.clientCa && tls.peers) && !listen.insecureCheck)
    problems.push({
      path: ['listen', 'check'],
      message: `${listen.check} can be reached from outside: set listen.tls with clientCa and peers, or use loopback or unix:/path`,
    })
  if (!local && listen.insecureCheck && !listen.meshTls && profile !== 'compat')
    problems.push({
      path: ['listen', 'insecureCheck'],
      message: `profile ${profile} allows this only together with meshTls: true (the mesh authenticates and encrypts)`,
    })
  return problems
}

function checkServers({ authorizationServers }: Config): readonly Problem[] {
  const problems: Problem[] = []
  for (const [index, { issuer, keys, name }] of authorizationServers.entries()) {
    const path = ['authorizationServers', index]
    if (!/^https:\/\/[^\s?#@]+$/.test(issuer))
      problems.push({ path: [...path, 'issuer'], message: 'expected an https URL without query, fragment and user' })
    if ('uri' in keys && !/^https:\/\/[^\s#@]+$/.test(keys.uri))
      problems.push({
        path: [...path, 'keys', 'uri'],
        message: 'expected an https URL (FAPI 2.0 Security Profile section 5.2.1)',
      })
    const before = authorizationServers.slice(0, index)
    if (before.some((other) => other.issuer === issuer))
      problems.push({ path: [...path, 'issuer'], message: `the issuer ${issuer} stands twice` })
    if (before.some((other) => other.name === name))
      problems.push({
        path: [...path, 'name'],
        message: `the name ${name} stands twice; give each server its own name`,
      })
  }
  return problems
}

function checkReplicas({ replicas }: Config): readonly Problem[] {
  if (replicas === 1) return []
  const message = `replicas: ${replicas} need a shared replay store; a proof used at one replica would pass at another`
  return [{ path: ['replicas'], message }]
}

/** Headers Envoy, HTTP itself or the token travel in are not ours to give to an identity. */
const reserved =
  /^(?:host|authorization|proxy-.*|cookie|set-cookie|dpop|connection|keep-alive|te|trailer|transfer-encoding|upgrade|via|expect|forwarded|content-.*|x-forwarded-.*|x-envoy-.*|x-request-id|x-fapi-.*|date|server|age|accept.*|user-agent|origin|referer|signature.*|client-cert.*|www-authenticate|cache-control|range|if-.*)$/

function checkIdentity({ identity }: Config): readonly Problem[] {
  const problems: Problem[] = []
  const seen = new Set<string>()
  for (const [fact, name] of identity.headers) {
    const path = ['identity', 'headers', fact]
    if (reserved.test(name)) problems.push({ path, message: `${name} is not free for identity; x-authz-… names are` })
    if (seen.has(name)) problems.push({ path, message: `${name} stands for two facts` })
    seen.add(name)
  }
  return problems
}

function checkNames({ routes, publicOrigins }: Config): readonly Problem[] {
  const problems: Problem[] = []
  const names = new Set<string>()
  for (const { name, at } of routes) {
    if (names.has(name))
      problems.push({ path: at, message: `two routes are named "${name}"; give this one a name of its own` })
    names.add(name)
  }
  const authorities = new Map<string, string>()
  for (const [index, { origin, authorities: own }] of publicOrigins.entries())
    for (const authority of own) {
      const other = authorities.get(authority)
      if (other !== undefined)
        problems.push({ path: ['publicOrigins', index], message: `the host ${authority} already selects ${other}` })
      authorities.set(authority, origin)
    }
  return problems
}

function checkRoute(route: RouteConfig, config: Config): readonly Problem[] {
  const { at, kind, exceptions, hosts } = route
  const problems: Problem[] = []
  const [exception] = exceptions
  if (exception !== undefined && config.profile !== 'compat')
    problems.push({ path: [...at, 'exceptions'], message: `${exception} is only allowed under profile: compat` })
  if (kind === 'bearer' && !exceptions.includes('bearerTokens'))
    problems.push({ path: [...at, 'kind'], message: 'kind: bearer needs exceptions: [bearerTokens]' })
  if (kind !== 'bearer' && exceptions.includes('bearerTokens'))
    problems.push({ path: [...at, 'kind'], message: 'exceptions: [bearerTokens] makes this a bearer route' })
  if (kind === 'open' && route.template.rest && route.template.segments.length === 0)
    problems.push({
      path: [...at, 'path'],
      message: 'an open route cannot cover /**; name the paths that need no token',
    })
  const known = new Set(config.publicOrigins.flatMap(({ origin, authorities }) => [...authorities, origin.slice(8)]))
  for (const host of hosts ?? [])
    if (!known.has(host))
      problems.push({ path: [...at, 'hosts'], message: `${host} selects none of the publicOrigins` })
  return [...problems, ...checkOrder(route), ...checkTokens(route, config)]
}

/** Every policy finds what it needs proven before it, and the route's kind finds what it demands at the end. */
function checkOrder({ at, kind, policies: entries, exceptions }: RouteConfig): readonly Problem[] {
  const problems: Problem[] = []
  const proven = new Set<string>()
  for (const { name } of entries) {
    for (const fact of needsOf(name, new Set(exceptions)))
      if (!proven.has(fact))
        problems.push({ path: at, message: `${name} needs a verified ${fact}; put the policy that yields it first` })
    for (const fact of policies[name].yields) proven.add(fact)
  }
  const demanded = kind === 'resource' ? ['token', 'binding'] : kind === 'bearer' ? ['token'] : []
  for (const fact of demanded)
    if (!proven.has(fact))
      problems.push({ path: at, message: `the pipeline of this route never yields a verified ${fact}` })
  return problems
}

/** What a route asks of tokens agrees with what is known about its authorization servers. */
function checkTokens({ at, policies: entries, exceptions }: RouteConfig, config: Config): readonly Problem[] {
  const entry = entries.find(({ name }) => name === 'accessToken')
  if (!entry) return []
  // Parsed by the very schema this type comes from.
  const { from, audiences, maxLifetime } = entry.options as AccessTokenOptions
  const names = config.authorizationServers.map(({ name }) => name)
  const unknown = from?.find((name) => !names.includes(name))
  if (unknown !== undefined)
    return [{ path: [...at, 'accessToken', 'from'], message: `there is no authorization server named "${unknown}"` }]
  const servers = config.authorizationServers.filter(({ name }) => from === undefined || from.includes(name))

  const problems: Problem[] = []
  const several = servers.find((server) => server.audiences.length > 1)
  if (several && !audiences && config.profile !== 'compat')
    problems.push({
      path: at,
      message: `${several.name} has several audiences; say with accessToken.audiences which are for this route`,
    })
  const lasting = servers.find(({ revocation }) => maxLifetime > revocation.shortLived)
  if (lasting && !exceptions.includes('noRevocation'))
    problems.push({
      path: [...at, 'accessToken', 'maxLifetime'],
      message: `tokens of ${lasting.name} may live ${maxLifetime} s, but without a revocation source only ${lasting.revocation.shortLived} s are accepted (revocation.shortLived)`,
    })
  const endless = exceptions.includes('longLivedTokens') && !exceptions.includes('noRevocation')
  if (endless)
    problems.push({
      path: [...at, 'exceptions'],
      message: 'longLivedTokens without a revocation source also needs noRevocation',
    })
  return problems
}

/** A route that an earlier one always takes is a mistake, and a dangerous one when the earlier one is open. */
function checkHidden(route: RouteConfig, before: readonly RouteConfig[]): readonly Problem[] {
  const hiding = before.find(
    (earlier) =>
      within(route.hosts, earlier.hosts) &&
      route.methods.every((method) => earlier.methods.includes(method)) &&
      covers(earlier.template, route.template),
  )
  if (!hiding) return []
  return [
    {
      path: route.at,
      message: `route "${route.name}" is never reached: "${hiding.name}" (${hiding.path}) before it takes all its requests`,
    },
  ]
}

const within = (inner: readonly string[] | undefined, outer: readonly string[] | undefined): boolean =>
  outer === undefined || inner?.every((item) => outer.includes(item)) === true
