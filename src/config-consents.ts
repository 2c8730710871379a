import type { Config, RouteConfig } from './config.ts'
import type { Locate } from './config-files.ts'
import { entryOf } from './config-policies.ts'
import type { ConsentOptions } from './policies/consent-options.ts'
import type { Problem } from './problems.ts'

/** The consent policy of each route that has one, and where it is written. */
export const consentSettings = ({
  routes,
}: Pick<Config, 'routes'>): readonly { readonly at: Problem['path']; readonly options: ConsentOptions }[] =>
  routes.flatMap((route) => {
    const entry = entryOf(route, 'consent')
    // Parsed by the very schema this type comes from.
    return entry ? [{ at: entry.at, options: entry.options as ConsentOptions }] : []
  })

/** The same route with the files of its consent policy located. */
export function locateConsents(route: RouteConfig, locate: Locate): RouteConfig {
  return {
    ...route,
    policies: route.policies.map((entry) => {
      if (entry.name !== 'consent') return entry
      const options = entry.options as ConsentOptions
      const { file, http, grpc } = options.source
      const at = [...entry.at, 'source']
      const source = {
        ...options.source,
        ...(file !== undefined && { file: locate([...at, 'file'], file) }),
        ...(http && { http: locateKeys(http, [...at, 'http'], locate) }),
        ...(grpc && { grpc: locateKeys(grpc, [...at, 'grpc'], locate) }),
      }
      return { ...entry, options: { ...options, source } }
    }),
  }
}

function locateKeys<T extends { readonly key: string; readonly certificate?: string | undefined }>(
  service: T,
  at: Problem['path'],
  locate: Locate,
): T {
  const { key, certificate } = service
  return {
    ...service,
    key: locate([...at, 'key'], key),
    ...(certificate !== undefined && { certificate: locate([...at, 'certificate'], certificate) }),
  }
}

/** What the options of one route cannot say alone. */
export function checkConsents(route: RouteConfig, { authorizationServers, outbound }: Config): readonly Problem[] {
  const entry = entryOf(route, 'consent')
  if (!entry) return []
  const { id, source, accounts, single, permissions } = entry.options as ConsentOptions
  const problems: Problem[] = []
  const names = route.template.segments.flatMap((segment) => ('name' in segment ? [segment.name] : []))
  for (const [index, name] of accounts.entries())
    if (!names.includes(name))
      problems.push({
        path: [...entry.at, 'accounts', index],
        message: `${route.path} has no parameter {${name}} that could be an account of the consent`,
      })
  const free = unasked(route, permissions)
  if (free.length > 0)
    problems.push({
      path: [...entry.at, 'permissions', 'methods'],
      message: `no permission is asked for ${free.join(', ')}; leave them out of the route's methods, or write ${free[0]}: []`,
    })
  if (single.length > 0 && route.policies.at(-1)?.name !== 'consent')
    problems.push({
      path: entry.at,
      message: 'what uses a consent up comes last: whatever is refused after it would have used it up for nothing',
    })
  if (source.grpc && outbound.proxy !== undefined)
    problems.push({
      path: [...entry.at, 'source', 'grpc'],
      message: 'gRPC does not go through outbound.proxy: use source.http',
    })
  const asked = authorizationServers.flatMap(({ revocation: { introspection } }) => introspection ?? [])
  for (const [key, wanted] of [
    ['id', id.introspection],
    ['source', source.introspection],
  ] as const)
    if (wanted !== undefined && asked.length === 0)
      problems.push({
        path: [...entry.at, key, 'introspection'],
        message: 'no authorization server is asked about tokens: revocation.introspection says how',
      })
  if (source.introspection !== undefined && asked.some(({ cache }) => cache > LONGEST))
    problems.push({
      path: [...entry.at, 'source', 'introspection'],
      message: 'answers about tokens are remembered longer than 5s: set revocation.introspection.cache to 5s or less',
    })
  return problems
}

/** Methods that permissions by method leave out, where nothing else is asked: that has to be written down. */
function unasked({ methods: taken }: RouteConfig, { all, any, methods }: ConsentOptions['permissions']) {
  const named: readonly string[] = Object.keys(methods)
  if (named.length === 0 || all.length > 0 || any.length > 0) return []
  return taken.filter((one) => !named.includes(one) && !(one === 'HEAD' && named.includes('GET')))
}

/** Seconds that a consent may be believed (AZ-14). */
const LONGEST = 5
