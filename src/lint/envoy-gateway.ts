import { takes } from './envoy-gateway-clients.ts'
import { demandsDecision, messages } from './envoy-parts.ts'
import { type Manifests, ofKind, type Rule } from './rule.ts'
import { at, inside, isMembers, items, present, type Spot, secondsOf, textOf } from './spot.ts'

/** The settings of the policies that ask us. */
const extAuth = (manifests: Manifests): readonly Spot[] =>
  ofKind(manifests, 'SecurityPolicy')
    .map((policy) => at(policy, 'spec', 'extAuth'))
    .filter(present)

const isOn = ({ value }: Spot): boolean => value === true

const packs = (manifests: Manifests): boolean =>
  messages(manifests.envoy, 'ExtAuthz').some(
    (filter) => at(filter, 'with_request_body', 'pack_as_bytes').value === true,
  )

/** What a SecurityPolicy is about. */
const targetsOf = (policy: Spot): readonly Spot[] => [
  ...[at(policy, 'spec', 'targetRef')].filter(present),
  ...['targetRefs', 'targetSelectors'].flatMap((key) => items(at(policy, 'spec', key))),
]

/** The Gateway a policy is about, by its full name; none when it is chosen by labels. */
const gatewayOf = (policy: Spot, target: Spot): string | undefined =>
  present(at(target, 'name'))
    ? `${textOf(at(policy, 'metadata', 'namespace'))}/${textOf(at(target, 'name'))}`
    : undefined

/** What policies that ask nobody are about, where one that asks is about the same, or about what it is part of. */
function takingOver(manifests: Manifests): readonly Spot[] {
  const policies = ofKind(manifests, 'SecurityPolicy')
  const asking = policies.filter((policy) => present(at(policy, 'spec', 'extAuth')))
  if (asking.length === 0) return []
  const asked = asking.flatMap((policy) => targetsOf(policy).map((target) => gatewayOf(policy, target)))
  const touches = (gateway: string | undefined): boolean =>
    gateway === undefined || asked.includes(undefined) || asked.includes(gateway)
  return policies
    .filter((policy) => !(asking.includes(policy) || present(at(policy, 'spec', 'mergeType'))))
    .flatMap((policy) =>
      targetsOf(policy).filter(
        (target) => textOf(at(target, 'kind')) !== 'Gateway' || touches(gatewayOf(policy, target)),
      ),
    )
}

/** What the policies, routes and listeners of Envoy Gateway say. */
export const gatewayRules: readonly Rule[] = [
  {
    id: 'GL-01',
    severity: 'error',
    title: '`failOpen` is on',
    why: 'Whenever the service does not answer, and when the policy itself is broken, every request passes.',
    fix: '`failOpen: false`',
    find: (manifests) =>
      extAuth(manifests)
        .map((auth) => at(auth, 'failOpen'))
        .filter(isOn),
  },
  {
    id: 'GL-02',
    severity: 'warning',
    title: 'a check may take ten seconds',
    why: 'Envoy Gateway waits 10 s unless told otherwise; requests pile up behind one that is not answered.',
    fix: '`timeout: 500ms`, at most a few seconds',
    find: (manifests) =>
      extAuth(manifests)
        .map((auth) => at(auth, 'timeout'))
        .filter((timeout) => (secondsOf(timeout) ?? 10) > 5),
  },
  {
    id: 'GL-03',
    severity: 'warning',
    title: 'no answer is told as 403',
    why: 'A fault of the service looks like a refusal of the client, and is not tried again.',
    fix: '`statusOnError: 503`',
    find: (manifests) =>
      extAuth(manifests)
        .map((auth) => at(auth, 'statusOnError'))
        .filter((status) => textOf(status) !== '503'),
  },
  {
    id: 'GL-04',
    severity: 'error',
    title: 'a route is chosen anew after the check',
    why: 'What was checked is then not what is routed.',
    fix: '`recomputeRoute: false`',
    find: (manifests) =>
      extAuth(manifests)
        .map((auth) => at(auth, 'recomputeRoute'))
        .filter(isOn),
  },
  {
    id: 'GL-05',
    severity: 'error',
    title: 'ext_authz over HTTP',
    why: 'The service speaks gRPC only, and Envoy 1.37.0 drops headers of the HTTP form.',
    fix: '`extAuth.grpc` in place of `extAuth.http`',
    find: (manifests) =>
      extAuth(manifests)
        .map((auth) => at(auth, 'http'))
        .filter(present),
  },
  {
    id: 'GL-06',
    severity: 'warning',
    title: 'the body is sent as text',
    why: 'Envoy Gateway has no setting for bytes: those that are not UTF-8 become `!`, so digests do not fit.',
    fix: 'an EnvoyPatchPolicy with `pack_as_bytes: true`, or no `bodyToExtAuth`',
    find: (manifests) =>
      extAuth(manifests)
        .map((auth) => at(auth, 'bodyToExtAuth'))
        .filter((body) => present(body) && !packs(manifests)),
  },
  {
    id: 'GL-15',
    severity: 'error',
    title: 'a route removes identity headers',
    why: 'The route acts after the check: what the service wrote is gone, and the upstream sees nobody.',
    fix: '`headers.earlyRequestHeaders.remove` of a ClientTrafficPolicy, not a filter of the route',
    find: (manifests) =>
      ofKind(manifests, 'HTTPRoute', 'GRPCRoute')
        .flatMap((route) => inside(at(route, 'spec')))
        .filter(({ value }) => isMembers(value))
        .flatMap((spot) => items(at(spot, 'requestHeaderModifier', 'remove')))
        .filter((name) => /^x-authz-/i.test(textOf(name))),
  },
  {
    id: 'GL-16',
    severity: 'warning',
    title: 'every host is served',
    why: 'Unknown and doubled host names reach the upstream when a route of ours has no host.',
    fix: '`hostname` at the listener',
    find: (manifests) =>
      extAuth(manifests).length === 0
        ? []
        : ofKind(manifests, 'Gateway')
            .flatMap((gateway) => items(at(gateway, 'spec', 'listeners')))
            .map((listener) => at(listener, 'hostname'))
            .filter((host) => !present(host)),
  },
  {
    id: 'GL-17',
    severity: 'warning',
    title: 'no second lock after ext_authz',
    why: 'An empty answer, or a policy that Envoy Gateway does not apply (it happened in 1.8.0), lets a request pass.',
    fix: 'an EnvoyPatchPolicy that puts an RBAC filter before the router, allowing only `decision: allow`; where those are not enabled, `--ignore GL-17` and a test that an anonymous request is refused',
    find: (manifests) =>
      messages(manifests.envoy, 'RBAC').some((filter) => demandsDecision(filter)) ? [] : extAuth(manifests),
  },
  {
    id: 'GL-18',
    severity: 'warning',
    title: 'upgrades are served',
    why: 'A WebSocket upgrade with a body is checked without that body, and a tunnel is checked once, when it opens.',
    fix: '`http1: { ignoredUpgradeTypes: [{ type: RegularExpression, value: ".*" }] }` in every ClientTrafficPolicy, because Envoy Gateway opens WebSockets unless told otherwise and takes the word in any case; no `httpUpgrade` for routes that are protected',
    find: (manifests) => [
      ...ofKind(manifests, 'BackendTrafficPolicy')
        .map((policy) => at(policy, 'spec', 'httpUpgrade'))
        .filter((upgrade) => items(upgrade).length > 0),
      ...(extAuth(manifests).length === 0 ? [] : ofKind(manifests, 'ClientTrafficPolicy'))
        .map((policy) => at(policy, 'spec', 'http1', 'ignoredUpgradeTypes'))
        .filter((types) =>
          ['websocket', 'WebSocket'].some((word) => !items(types).some((match) => takes(match, word))),
        ),
    ],
  },
  {
    id: 'GL-19',
    severity: 'error',
    title: 'a route or a listener loses its check',
    why: 'A SecurityPolicy for a route or a listener takes the place of the one for the Gateway, and of two for the same Gateway one alone counts: nobody is asked any more.',
    fix: 'for a route `mergeType: StrategicMerge` beside `targetRefs`; for a listener or the Gateway everything in the policy with `extAuth`',
    find: takingOver,
  },
]
