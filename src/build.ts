import type { Challenges } from './challenge.ts'
import type { Rules } from './check.ts'
import type { Config, RouteConfig, ServerConfig } from './config.ts'
import { certificateSource } from './config-certificates.ts'
import { isEachTokenLookedUp } from './config-revocation.ts'
import { buildPipeline } from './pipeline.ts'
import { buildPolicy } from './policies/registry.ts'
import { challengesOf, type SenderConstraintOptions } from './policies/sender-constraint.ts'
import type { Policy, Ports } from './policy.ts'
import { publications } from './resource-metadata.ts'
import { buildRoutes, type Route } from './routes.ts'
import { grantShadow } from './shadow.ts'

/** A checked configuration and the outside world → the rules of one generation. Nothing is shared with the last one. */
export function buildRules(config: Config, hash: string, ports: Ports): Rules {
  const published = new Map(publications(config).map(({ origin, url }) => [origin, url]))
  return {
    routes: buildRoutes(
      config.publicOrigins.map((origin) => ({ ...origin, metadata: published.get(origin) })),
      config.routes.map((route) => buildRoute(route, ports)),
    ),
    identity: {
      headers: new Map(config.identity.headers),
      token: config.identity.token,
      proof: config.identity.proof,
      encoding: config.identity.encoding,
    },
    certificateFrom: certificateSource(config.clientCertificateFrom),
    hash,
  }
}

/** Where revocation can be learned of, tokens may live long, but not those of which it cannot. */
export function unaskedLifetime(server: ServerConfig): number | undefined {
  const { introspection, statusList, shortLived } = server.revocation
  return (introspection ?? statusList) && !isEachTokenLookedUp(server) ? shortLived : undefined
}

function buildRoute(route: RouteConfig, ports: Ports): Route {
  const setting = { route: route.name, exceptions: new Set<string>(route.exceptions) }
  const policies = route.policies.map(({ name, options }) => timed(buildPolicy(name, options, ports, setting), ports))
  return {
    name: route.name,
    kind: route.kind,
    hosts: route.hosts && new Set(route.hosts),
    methods: new Set(route.methods),
    template: route.template,
    challenges: challengesFor(route),
    pipeline: buildPipeline(policies),
    shadow: route.shadow && grantShadow(route.shadow.until),
  }
}

/** The same policy; how long it takes from the call to its answer is told. */
function timed(policy: Policy, { meter }: Ports): Policy {
  if (!meter) return policy
  const { now } = meter
  const took = meter.took(policy.name)
  return {
    ...policy,
    evaluate: (request, proven) => {
      const begun = now()
      const end = (): void => {
        const ended = now()
        took(ended - begun)
        request.trace.ran(policy.name, begun, ended)
      }
      const outcome = policy.evaluate(request, proven)
      if (outcome instanceof Promise) outcome.then(end, end)
      else end()
      return outcome
    },
  }
}

/** What a refused client is told to use: the bindings the route accepts, or Bearer where possession is not asked for. */
function challengesFor(route: RouteConfig): Challenges {
  const constraint = route.policies.find(({ name }) => name === 'senderConstraint')
  if (!constraint) return { dpopAlgorithms: undefined, bearer: route.kind === 'bearer' }
  // The options were parsed by the very schema this type comes from.
  return challengesOf(constraint.options as SenderConstraintOptions)
}
