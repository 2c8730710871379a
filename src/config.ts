import type { z } from 'zod'
import type { RouteKind } from './admission.ts'
import { checkConfig } from './config-checks.ts'
import { openPolicies, type PolicyEntry, type Reading, readPolicies } from './config-policies.ts'
import { configSchema, type ParsedConfig, type ParsedRoute } from './config-schema.ts'
import { checkModes, type ShadowConfig, settleShadow } from './config-shadow.ts'
import type { IdentityFact } from './identity.ts'
import { compileTemplate, type Template } from './path-template.ts'
import type { Problem } from './problems.ts'
import { nameAuthority, type PublicOrigin } from './routes.ts'
import { unreadable } from './verify/reading.ts'
import { isObject } from './verify/strict-json.ts'
import { normalizeOrigin } from './verify/target-uri.ts'
import { describeIssues } from './zod-problems.ts'

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
  /** Undefined: it enforces. */
  readonly shadow: ShadowConfig | undefined
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
    | 'profile'
    | 'listen'
    | 'clientCertificateFrom'
    | 'outbound'
    | 'resourceMetadata'
    | 'stores'
    | 'nonces'
    | 'replicas'
    | 'limits'
    | 'log'
    | 'tracing'
    | 'audit'
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
  | {
      readonly ok: false
      readonly problems: readonly Problem[]
      /** What could be read all the same, for the checks that come after. */
      readonly draft: Config | undefined
    }

/** A parsed document → Config, or every problem it has. Files it names are not looked at. */
export function readConfig(document: unknown): ConfigReading {
  const parsed = configSchema.safeParse(document)
  if (parsed.success) {
    const { config, problems } = build(parsed.data, document)
    return problems.length === 0 ? { ok: true, config } : { ok: false, problems, draft: config }
  }
  const { issues } = parsed.error
  const wrong = describeIssues(issues, document)
  // A misspelled key does not keep what is wrong with the others from being told.
  const known = withoutUnknownKeys(document, issues)
  const again = configSchema.safeParse(known)
  if (!again.success) return { ok: false, problems: wrong, draft: undefined }
  const { config, problems } = build(again.data, known)
  return { ok: false, problems: [...wrong, ...problems.filter((one) => !isFollower(one, wrong))], draft: config }
}

function withoutUnknownKeys(document: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  const copy: unknown = structuredClone(document)
  for (const issue of issues) {
    if (issue.code !== 'unrecognized_keys') continue
    const holder = issue.path.reduce<unknown>(
      (value, key) => (isObject(value) || Array.isArray(value) ? Reflect.get(value, key) : undefined),
      copy,
    )
    if (isObject(holder)) for (const key of issue.keys) Reflect.deleteProperty(holder, key)
  }
  return copy
}

/** Fills in what defaults and pipelines say, and checks what the schema alone cannot. */
function build(
  all: ParsedConfig,
  document: unknown,
): { readonly config: Config; readonly problems: readonly Problem[] } {
  const reading: Reading = { all, raw: isObject(document) ? document : {}, problems: [] }
  const publicOrigins = all.publicOrigins.map((origin, index) => readOrigin(origin, index, reading.problems))
  const { pipelines: _pipelines, defaults: _defaults, include: _include, mode: _mode, until: _until, ...kept } = all
  const config: Config = {
    ...kept,
    publicOrigins,
    authorizationServers: all.authorizationServers.map((server) => ({
      ...server,
      name: server.name ?? hostOf(server.issuer),
      audiences: server.audiences ?? publicOrigins.map(({ origin }) => origin),
    })),
    identity: { ...all.identity, headers: readIdentityNames(all.identity.headers) },
    routes: all.routes.map((route, index) => readRoute(route, index, reading)),
  }
  const problems = [...reading.problems, ...checkModes(all), ...checkConfig(config)]
  // What stands in a pipeline is told once, not once for each route that runs it.
  const seen = new Set<string>()
  return { config, problems: problems.filter((one) => seen.size !== seen.add(JSON.stringify(one)).size) }
}

/** What is said of a policy whose own options are wrong may be nothing but a consequence. */
const isFollower = ({ path }: Problem, causes: readonly Problem[]): boolean =>
  path.length > 2 && causes.some((cause) => path.every((key, index) => cause.path[index] === key))

function readOrigin(origin: ParsedConfig['publicOrigins'][number], index: number, problems: Problem[]): PublicOrigin {
  const {
    origin: written,
    hosts,
    pathPrefix,
  } = typeof origin === 'string' ? { origin, hosts: [], pathPrefix: '' } : origin
  const parsed = normalizeOrigin(written)
  // A host that looks like a number has to be an address.
  const normal = parsed.ok && !URL.canParse(parsed.value) ? unreadable('its host is no name and no address') : parsed
  if (!normal.ok)
    problems.push({
      path: ['publicOrigins', index],
      message: `${JSON.stringify(written)} is no public origin: ${normal.problem}`,
    })
  for (const [position, host] of hosts.entries())
    if (!AUTHORITY.test(host))
      problems.push({
        path: ['publicOrigins', index, 'hosts', position],
        message: `expected host or host:port, found ${JSON.stringify(host)}`,
      })
  // One that cannot be used is guessed at, so that nothing else is said to be wrong because of it.
  const value = normal.ok ? normal.value : `https://${/^(?:[a-z]+:\/\/)?([^/?#]*)/i.exec(written)?.[1]?.toLowerCase()}`
  return { origin: value, authorities: [...new Set([value.slice(8), ...hosts].map(nameAuthority))], pathPrefix }
}

const AUTHORITY = /^(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/

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
  ['certificateSubject', 'x-authz-certificate-subject'],
  ['certificateIssuer', 'x-authz-certificate-issuer'],
  ['certificateSerial', 'x-authz-certificate-serial'],
  ['certificateThumbprint', 'x-authz-certificate-thumbprint'],
  ['certificateRoles', 'x-authz-certificate-roles'],
  ['consentId', 'x-authz-consent-id'],
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

function readRoute(route: ParsedRoute, index: number, reading: Reading): RouteConfig {
  const at = ['routes', index]
  const { all, problems } = reading
  const template = compileTemplate(route.path)
  if (!template.ok) problems.push({ path: [...at, 'path'], message: template.problem })
  if (route.open && route.kind !== undefined && route.kind !== 'open')
    problems.push({ path: [...at, 'kind'], message: `open: true contradicts kind: ${route.kind}` })
  const kind = route.kind ?? (route.open ? 'open' : route.exceptions.includes('bearerTokens') ? 'bearer' : 'resource')
  return {
    name: route.name ?? nameOf(route),
    kind,
    hosts: route.hosts?.map(nameAuthority),
    methods: route.methods ?? defaultMethods,
    path: route.path,
    // One that cannot be read is like no other, so no route is said to hide another because of it.
    template: template.ok ? template.value : { segments: [{ literal: `/${index}` }], rest: false },
    exceptions: route.exceptions,
    shadow: settleShadow(route, at, all),
    policies: kind === 'open' ? openPolicies(route, at, reading) : readPolicies(route, at, kind, reading),
    at,
  }
}

/** `/accounts/{id}/balances` → `accounts-id-balances`; methods in front when the route names some. */
const nameOf = ({ path, methods }: ParsedRoute): string =>
  [...(methods ?? []).map((method) => method.toLowerCase()), ...path.split(/[^A-Za-z0-9]+/)]
    .filter(Boolean)
    .join('-')
    .slice(0, 64) || (path.endsWith('**') ? 'all' : 'root')
