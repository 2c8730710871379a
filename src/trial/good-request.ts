import { readAttributes, readHeaders } from '../attributes.ts'
import type { Rules } from '../check.ts'
import type { Config, RouteConfig, ServerConfig } from '../config.ts'
import { entryOf } from '../config-policies.ts'
import type { AccessTokenOptions } from '../policies/access-token.ts'
import type { ScopesOptions } from '../policies/scopes.ts'
import type { SenderConstraintOptions } from '../policies/sender-constraint.ts'
import type { StepUpOptions } from '../policies/step-up.ts'
import type { CheckRequest } from '../wire.ts'
import type { Algorithm, TokenDifference } from './cases-schema.ts'

/** What a request has to have so that its route takes it. */
export interface Good {
  /** False where nobody is asked for a token. */
  readonly token: boolean
  readonly server: ServerConfig
  readonly audience: string
  readonly algorithm: Algorithm
  readonly typ: string
  /** Seconds. */
  readonly lifetime: number
  readonly scopes: readonly string[]
  /** How its user was authenticated; undefined where nobody asks. */
  readonly acr: string | undefined
  /** The user was authenticated at the moment of the request. */
  readonly authenticated: boolean
  readonly bind: NonNullable<TokenDifference['bind']>
  /** The client has to show its certificate, whatever its token is bound to. */
  readonly certificate: boolean
  /** Proofs need a nonce. */
  readonly nonce: boolean
}

/** Asks the routes themselves where a request without credentials leads, and reads what is demanded there. */
export function goodRequest(asked: CheckRequest, rules: Rules, config: Config): Good {
  const attributes = readAttributes(asked, readHeaders(asked))
  const match = attributes.ok ? rules.routes.match(attributes.value) : attributes
  const found = match.ok ? match.value : undefined
  const route = config.routes.find(({ name }) => name === found?.route.name)
  const method = asked.attributes?.request?.http?.method ?? 'GET'
  return {
    token: route?.kind !== 'open',
    certificate: route !== undefined && entryOf(route, 'clientCertificate') !== undefined,
    ...tokenOf(route, config),
    ...bindingOf(route),
    acr: optionsOf<StepUpOptions>(route, 'stepUp')?.acr[0],
    authenticated: optionsOf<StepUpOptions>(route, 'stepUp') !== undefined,
    scopes: scopesOf(route, method, found?.parameters ?? new Map()),
  }
}

/** The options were parsed by the very schema the type comes from. */
const optionsOf = <T>(route: RouteConfig | undefined, name: Parameters<typeof entryOf>[1]): T | undefined =>
  route && (entryOf(route, name)?.options as T | undefined)

function tokenOf(route: RouteConfig | undefined, { authorizationServers }: Config) {
  const { from, audiences, typ, maxLifetime = FIVE_MINUTES } = optionsOf<AccessTokenOptions>(route, 'accessToken') ?? {}
  const server = authorizationServers.find(({ name }) => from?.includes(name) ?? true)
  if (!server) throw new Error('a checked configuration has an authorization server')
  return {
    server,
    audience: server.audiences.find((audience) => audiences?.includes(audience) ?? true) ?? '',
    algorithm: preferred.find((one) => (server.algorithms as readonly string[]).includes(one)) ?? 'ES256',
    typ: typ?.[0] ?? 'at+jwt',
    lifetime: Math.min(FIVE_MINUTES, maxLifetime, server.revocation.shortLived),
  }
}

const FIVE_MINUTES = 300
/** The cheapest first. */
const preferred: readonly Algorithm[] = ['ES256', 'EdDSA', 'Ed25519', 'PS256']

function bindingOf(route: RouteConfig | undefined): Pick<Good, 'bind' | 'nonce'> {
  const options = optionsOf<SenderConstraintOptions>(route, 'senderConstraint')
  if (!options) return { bind: route ? 'none' : 'dpop', nonce: false }
  const { methods, both, dpop } = options
  return { bind: both ? 'both' : methods.includes('dpop') ? 'dpop' : 'mtls', nonce: dpop.nonce === 'required' }
}

function scopesOf(
  route: RouteConfig | undefined,
  method: string,
  parameters: ReadonlyMap<string, string>,
): readonly string[] {
  const options = optionsOf<ScopesOptions>(route, 'scopes')
  if (!options) return []
  const { all, any, methods, parameter } = options
  const byMethod = new Map<string, readonly string[]>(Object.entries(methods))
  const further = byMethod.get(method) ?? (method === 'HEAD' ? byMethod.get('GET') : undefined) ?? []
  const carried = parameter?.scope.replace(/\{(\w+)\}/, (_, name: string) =>
    decodeURIComponent(parameters.get(name) ?? parameters.get(parameter.fact) ?? '1'),
  )
  return [...new Set([...all, ...further, ...any.slice(0, 1), ...(carried === undefined ? [] : [carried])])]
}
