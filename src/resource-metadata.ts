import type { Config, RouteConfig, ServerConfig } from './config.ts'
import { entryOf } from './config-policies.ts'
import type { AccessTokenOptions } from './policies/access-token.ts'
import type { AuthorizationDetailsOptions } from './policies/authorization-details.ts'
import type { ScopesOptions } from './policies/scopes.ts'
import { challengesOf, type SenderConstraintOptions } from './policies/sender-constraint.ts'
import type { PublicOrigin } from './routes.ts'

/** What a client has to know before its first request, in the words of RFC 9728 section 2. */
export interface ResourceMetadata {
  readonly resource: string
  readonly authorization_servers: readonly string[]
  readonly scopes_supported?: readonly string[]
  readonly authorization_details_types_supported?: readonly string[]
  readonly bearer_methods_supported: readonly ['header']
  readonly dpop_signing_alg_values_supported?: readonly string[]
  readonly dpop_bound_access_tokens_required: boolean
  readonly tls_client_certificate_bound_access_tokens: boolean
  readonly resource_name?: string
  readonly resource_documentation?: string
  readonly resource_policy_uri?: string
  readonly resource_tos_uri?: string
}

/** The metadata of one public origin, and where clients look for them. */
export interface Publication {
  readonly origin: PublicOrigin
  readonly url: string
  readonly document: ResourceMetadata
}

type Enforced = Pick<
  Config,
  'publicOrigins' | 'authorizationServers' | 'routes' | 'clientCertificateFrom' | 'resourceMetadata'
>

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** RFC 9728 section 3.1: the well-known part stands between host and path. */
const metadataUrl = ({ origin, pathPrefix }: PublicOrigin): string => origin + WELL_KNOWN + pathPrefix

/** One document for each public origin where some route wants a token; none when nothing is to be published. */
export const publications = (config: Enforced): readonly Publication[] =>
  config.resourceMetadata === undefined
    ? []
    : config.publicOrigins
        .filter((origin) => protectedRoutes(origin, config).length > 0)
        .map((origin) => ({ origin, url: metadataUrl(origin), document: describeOrigin(origin, config) }))

function describeOrigin(origin: PublicOrigin, config: Enforced): ResourceMetadata {
  const routes = protectedRoutes(origin, config)
  const bindings = routes.map((route) => bindingsOf(route, config))
  const scopes = unique(routes.flatMap(scopesOf))
  const types = unique(
    routes.flatMap((route) => optionsOf<AuthorizationDetailsOptions>(route, 'authorizationDetails')?.type ?? []),
  )
  const algorithms = unique(bindings.flatMap(({ dpop }) => dpop))
  const { name, documentation, policy, termsOfService } = config.resourceMetadata ?? {}
  return {
    resource: resourceOf(origin),
    authorization_servers: serversOf(origin, config).map(({ issuer }) => issuer),
    // A member without values is left out (RFC 9728 section 3.2).
    ...(scopes.length > 0 && { scopes_supported: scopes }),
    ...(types.length > 0 && { authorization_details_types_supported: types }),
    bearer_methods_supported: ['header'],
    ...(algorithms.length > 0 && { dpop_signing_alg_values_supported: algorithms }),
    dpop_bound_access_tokens_required: bindings.every(({ dpop, needsDpop }) => dpop.length > 0 && needsDpop),
    tls_client_certificate_bound_access_tokens: bindings.some(({ mtls }) => mtls),
    ...(name !== undefined && { resource_name: name }),
    ...(documentation !== undefined && { resource_documentation: documentation }),
    ...(policy !== undefined && { resource_policy_uri: policy }),
    ...(termsOfService !== undefined && { resource_tos_uri: termsOfService }),
  }
}

/** The authorization servers whose tokens some route of the origin takes. */
const serversOf = (origin: PublicOrigin, config: Enforced): readonly ServerConfig[] => {
  const lists = protectedRoutes(origin, config).map((route) => tokensOf(route)?.from)
  return config.authorizationServers.filter(({ name }) => lists.some((from) => takes(from, name)))
}

/** Those whose tokens for the published resource some route of the origin would not take. */
export const refusingServers = (origin: PublicOrigin, config: Enforced): readonly ServerConfig[] => {
  const routes = protectedRoutes(origin, config).map(tokensOf)
  return config.authorizationServers.filter(({ name, audiences }) =>
    routes.some(
      (tokens) => takes(tokens?.from, name) && !(tokens?.audiences ?? audiences).includes(resourceOf(origin)),
    ),
  )
}

const takes = (from: readonly string[] | undefined, name: string): boolean => from === undefined || from.includes(name)

const tokensOf = (route: RouteConfig): AccessTokenOptions | undefined => optionsOf(route, 'accessToken')

const resourceOf = ({ origin, pathPrefix }: PublicOrigin): string => origin + pathPrefix

const protectedRoutes = (origin: PublicOrigin, { routes }: Enforced): readonly RouteConfig[] =>
  routes.filter(({ kind, hosts }) => kind !== 'open' && (hosts === undefined || isServed(origin, hosts)))

const isServed = ({ origin, authorities }: PublicOrigin, hosts: readonly string[]): boolean =>
  hosts.includes(origin.slice('https://'.length)) || authorities.some((authority) => hosts.includes(authority))

/** Every scope that is somewhere enough or asked for. One that carries a value has no name that could be told. */
function scopesOf(route: RouteConfig): readonly string[] {
  const scopes = optionsOf<ScopesOptions>(route, 'scopes')
  return scopes ? [...scopes.all, ...scopes.any, ...Object.values(scopes.methods).flatMap((names) => names ?? [])] : []
}

/** What a token may be bound to on this route. Where no certificate is ever seen, none can be shown. */
function bindingsOf(route: RouteConfig, { clientCertificateFrom }: Enforced) {
  const constraint = optionsOf<SenderConstraintOptions>(route, 'senderConstraint')
  const { dpopAlgorithms = [] } = constraint ? challengesOf(constraint) : {}
  const mtls = constraint?.methods.includes('mtls') === true && clientCertificateFrom.source !== 'none'
  return { dpop: dpopAlgorithms, mtls, needsDpop: !mtls || constraint.both }
}

/** The options of a policy of the route. They were parsed by the very schema that the type comes from. */
const optionsOf = <Options>(route: RouteConfig, name: Parameters<typeof entryOf>[1]): Options | undefined =>
  entryOf(route, name)?.options as Options | undefined

const unique = (items: readonly string[]): readonly string[] => [...new Set(items)]
