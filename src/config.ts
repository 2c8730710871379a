import type { RouteKind } from './admission.ts'
import { checkConfig } from './config-checks.ts'
import { configSchema, type ParsedConfig, type ParsedRoute } from './config-schema.ts'
import type { IdentityFact } from './identity.ts'
import { compileTemplate, type Template } from './path-template.ts'
import { type PolicyName, policies, standardOrder } from './policies/registry.ts'
import type { Problem } from './problems.ts'
import type { PublicOrigin } from './routes.ts'
import { isObject, type JsonObject, own } from './verify/strict-json.ts'
import { normalizeOrigin } from './verify/target-uri.ts'
import { describeIssues } from './zod-problems.ts'

/** One policy of a route with its options, defaults included. */
interface PolicyEntry {
  readonly name: PolicyName
  readonly options: unknown
}

/** A route with everything defaults and pipelines say about it. */
export interface RouteConfig {
  readonly name: string
  readonly kind: RouteKind
  readonly hosts: readonly string[] | undefined
  readonly methods: readonly string[]
  readonly path: string
  readonly template: Template
  readonly exceptions: readonly string[]
  readonly policies: readonly PolicyEntry[]
  /** Where it stands in the document. */
  readonly at: Problem['path']
}

export interface ServerConfig extends Omit<ParsedConfig['authorizationServers'][number], 'name' | 'audiences'> {
  readonly name: string
  readonly audiences: readonly string[]
}

/** A checked configuration: plain data, every default filled in, every origin normalised. */
export interface Config
  extends Pick<
    ParsedConfig,
    'profile' | 'listen' | 'clientCertificateFrom' | 'outbound' | 'stores' | 'replicas' | 'limits' | 'log'
  > {
  readonly publicOrigins: readonly PublicOrigin[]
  readonly authorizationServers: readonly ServerConfig[]
  readonly identity: Omit<ParsedConfig['identity'], 'headers'> & {
    readonly headers: readonly (readonly [IdentityFact, string])[]
  }
  readonly routes: readonly RouteConfig[]
}

export type ConfigReading =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** A parsed document → Config, or every problem it has. Files it names are not looked at. */
export function readConfig(document: unknown): ConfigReading {
  const parsed = configSchema.safeParse(document)
  if (!parsed.success) return { ok: false, problems: describeIssues(parsed.error.issues, document) }
  const raw = isObject(document) ? document : {}
  const problems: Problem[] = []
  const publicOrigins = parsed.data.publicOrigins.map((origin, index) => readOrigin(origin, index, problems))
  const config: Config = {
    ...parsed.data,
    publicOrigins,
    authorizationServers: parsed.data.authorizationServers.map((server) => ({
      ...server,
      name: server.name ?? hostOf(server.issuer),
      audiences: server.audiences ?? publicOrigins.map(({ origin }) => origin),
    })),
    identity: { ...parsed.data.identity, headers: readIdentityNames(parsed.data.identity.headers) },
    routes: parsed.data.routes.map((route, index) => readRoute(route, index, parsed.data, raw, problems)),
  }
  problems.push(...checkConfig(config))
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config }
}

function readOrigin(origin: ParsedConfig['publicOrigins'][number], index: number, problems: Problem[]): PublicOrigin {
  const {
    origin: written,
    hosts,
    pathPrefix,
  } = typeof origin === 'string' ? { origin, hosts: [], pathPrefix: '' } : origin
  const normal = normalizeOrigin(written)
  if (!normal.ok)
    problems.push({ path: ['publicOrigins', index], message: `expected https://host[:port]: ${normal.problem}` })
  const value = normal.ok ? normal.value : 'https://invalid'
  const host = value.slice('https://'.length)
  const spelled = /:[0-9]+$/.test(host) ? [host] : [host, `${host}:443`]
  return { origin: value, authorities: [...spelled, ...hosts.map((name) => name.toLowerCase())], pathPrefix }
}

/** Methods of a route that names none. OPTIONS has to be asked for; TRACE and CONNECT never match. */
const defaultMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

const hostOf = (issuer: string): string => /^https:\/\/([^/:]+)/.exec(issuer)?.[1] ?? issuer

const defaultNames: readonly (readonly [IdentityFact, string])[] = [
  ['issuer', 'x-authz-issuer'],
  ['subject', 'x-authz-subject'],
  ['clientId', 'x-authz-client-id'],
  ['scope', 'x-authz-scope'],
  ['binding', 'x-authz-binding'],
  ['thumbprint', 'x-authz-thumbprint'],
  ['acr', 'x-authz-acr'],
]

/** A list selects among the default names; a map gives names of its own to the facts it lists. */
function readIdentityNames(headers: ParsedConfig['identity']['headers']): Config['identity']['headers'] {
  if (headers === undefined) return defaultNames
  if (Array.isArray(headers)) return defaultNames.filter(([fact]) => headers.includes(fact))
  return defaultNames.flatMap(([fact]) => {
    const name = headers[fact]
    return name === undefined ? [] : [[fact, name] as const]
  })
}

function readRoute(
  route: ParsedRoute,
  index: number,
  all: ParsedConfig,
  raw: JsonObject,
  problems: Problem[],
): RouteConfig {
  const at = ['routes', index]
  const template = compileTemplate(route.path)
  if (!template.ok) problems.push({ path: [...at, 'path'], message: template.problem })
  const kind = route.kind ?? (route.open ? 'open' : route.exceptions.includes('bearerTokens') ? 'bearer' : 'resource')
  return {
    name: route.name ?? nameOf(route),
    kind,
    hosts: route.hosts?.map((host) => host.toLowerCase()),
    methods: route.methods ?? defaultMethods,
    path: route.path,
    template: template.ok ? template.value : { segments: [], rest: false },
    exceptions: route.exceptions,
    policies: kind === 'open' ? openPolicies(route, at, problems) : readPolicies(route, at, kind, all, raw, problems),
    at,
  }
}

/** `/accounts/{id}/balances` → `accounts-id-balances`; methods in front when the route names some. */
const nameOf = ({ path, methods }: ParsedRoute): string =>
  [...(methods ?? []).map((method) => method.toLowerCase()), ...path.split(/[^A-Za-z0-9]+/)]
    .filter(Boolean)
    .join('-')
    .slice(0, 64) || (path.endsWith('**') ? 'all' : 'root')

function openPolicies(route: ParsedRoute, at: Problem['path'], problems: Problem[]): readonly PolicyEntry[] {
  const written = standardOrder.filter((name) => name !== 'fapiHeaders' && route[name] !== undefined)
  for (const name of written)
    problems.push({ path: [...at, name], message: `an open route checks nothing, so ${name} cannot stand on it` })
  return route.fapiHeaders === undefined ? [] : [{ name: 'fapiHeaders', options: route.fapiHeaders }]
}

/** The named pipeline with the policy keys of the route merged in, in standard order. */
function readPolicies(
  route: ParsedRoute,
  at: Problem['path'],
  kind: RouteKind,
  all: ParsedConfig,
  raw: JsonObject,
  problems: Problem[],
): readonly PolicyEntry[] {
  const name = route.pipeline ?? all.defaults.pipeline
  const entries = name === undefined ? builtIn(kind) : own(own(raw, 'pipelines') as JsonObject, name)
  if (!Array.isArray(entries)) {
    const path = route.pipeline === undefined ? ['defaults', 'pipeline'] : [...at, 'pipeline']
    problems.push({ path, message: `there is no pipeline named "${name}"` })
    return []
  }
  const written = (own(raw, 'routes') as readonly JsonObject[])[Number(at[1])] ?? {}
  const merged = new Map<PolicyName, unknown>(entries.map(readEntry))
  const added = standardOrder.filter((policy) => Object.hasOwn(written, policy))
  for (const policy of added) {
    const options = merge(merged.get(policy), own(written, policy))
    if (merged.has(policy)) merged.set(policy, options)
    else insert(merged, policy, options)
  }
  return [...merged].map(([policy, options]) => ({ name: policy, options: policies[policy].options.parse(options) }))
}

const builtIn = (kind: RouteKind): readonly unknown[] =>
  kind === 'bearer' ? ['accessToken'] : ['accessToken', 'senderConstraint']

// The schema has accepted the document, so an entry is a policy name or an object with one.
const readEntry = (entry: unknown): [PolicyName, unknown] =>
  typeof entry === 'string' ? [entry as PolicyName, {}] : (Object.entries(entry as object)[0] as [PolicyName, unknown])

/** Puts a policy in front of the first one that comes later in the standard order. */
function insert(merged: Map<PolicyName, unknown>, name: PolicyName, options: unknown): void {
  const entries = [...merged]
  const later = entries.findIndex(([other]) => standardOrder.indexOf(other) > standardOrder.indexOf(name))
  entries.splice(later < 0 ? entries.length : later, 0, [name, options])
  merged.clear()
  for (const [key, value] of entries) merged.set(key, value)
}

/** The route's options over the pipeline's: maps member by member, anything else as a whole. */
function merge(base: unknown, over: unknown): unknown {
  if (!isObject(base) || !isObject(over)) return over ?? base
  const members = new Set([...Object.keys(base), ...Object.keys(over)])
  return Object.fromEntries([...members].map((name) => [name, merge(own(base, name), own(over, name))]))
}
