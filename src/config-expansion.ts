import { z } from 'zod'
import type { Config, RouteConfig } from './config.ts'
import { withoutTokens } from './config-admin.ts'
import { withoutProxyPassword } from './config-outbound.ts'
import type { PolicyEntry } from './config-policies.ts'
import { withoutDenyListPassword } from './config-revocation.ts'
import { configSchema, type ParsedConfig } from './config-schema.ts'
import { withoutPasswords } from './config-stores.ts'
import { withoutKeys } from './config-tracing.ts'
import { standardOrder } from './policies/registry.ts'

/**
 * What defaults, pipelines and included files make of a configuration, in the language of configurations: it can be
 * read back and says the same.
 */
export function expandConfig(config: Config): unknown {
  const { publicOrigins, authorizationServers, identity, routes, ...rest } = config
  const unusual = routes.filter((route) => !isStandard(route))
  const expanded = {
    ...rest,
    publicOrigins: publicOrigins.map(({ origin, authorities, pathPrefix }) => ({
      origin,
      hosts: authorities.filter((host) => host !== origin.slice(8)),
      pathPrefix,
    })),
    authorizationServers: authorizationServers.map((server) => ({ ...server, audiences: [...server.audiences] })),
    identity: { ...identity, headers: Object.fromEntries(identity.headers) },
    pipelines: Object.fromEntries(unusual.map(({ name, policies }) => [name, policies.map(entry)])),
    defaults: {},
    routes: routes.map(expandRoute),
    include: [],
  }
  // Encoding undoes what reading did, so what goes in has the form that reading gives.
  const written = z.encode(configSchema, expanded as unknown as ParsedConfig)
  const stores = literal(written.stores) as typeof written.stores
  const servers = literal(written.authorizationServers) as typeof written.authorizationServers
  return {
    ...(literal(written) as object),
    listen: withoutTokens(literal(written.listen) as NonNullable<typeof written.listen>),
    outbound: withoutProxyPassword(literal(written.outbound) as typeof written.outbound),
    authorizationServers: servers.map(withoutDenyListPassword),
    stores: withoutPasswords(stores),
    nonces: withoutSecrets(written.nonces),
    ...(written.tracing && { tracing: withoutKeys(written.tracing) }),
  }
}

/** Secrets are not shown: each stands as a variable that whoever reads it again has to set. */
const withoutSecrets = (nonces: z.input<typeof configSchema>['nonces']): object => ({
  ...nonces,
  ...(nonces?.secrets && { secrets: nonces.secrets.map((_, index) => `\${NONCE_SECRET_${index + 1}}`) }),
})

function expandRoute(route: RouteConfig): unknown {
  const { name, kind, hosts, methods, path, exceptions, policies, shadow } = route
  return {
    name,
    kind,
    open: kind === 'open',
    ...(hosts && { hosts }),
    methods,
    path,
    exceptions,
    mode: shadow ? 'shadow' : 'enforce',
    ...(shadow?.until !== undefined && { until: shadow.until }),
    ...(isStandard(route) ? Object.assign({}, ...policies.map(entry)) : { pipeline: name }),
  }
}

const entry = ({ name, options }: PolicyEntry): object => ({ [name]: options })

/** Whether policy keys on the route say it all; an order of its own needs a pipeline. */
function isStandard({ policies }: RouteConfig): boolean {
  const places = policies.map(({ name }) => standardOrder.indexOf(name))
  return places.every((place, index) => place > (places[index - 1] ?? -1))
}

/** A text that holds `${` now would be taken for a reference when it is read again. */
function literal(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('${', () => '$${')
  if (Array.isArray(value)) return value.map(literal)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, literal(item)]),
  )
}
