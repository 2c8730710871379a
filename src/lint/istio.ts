import { type KubernetesObject, type Manifests, ofKind, type Rule } from './rule.ts'
import { at, inside, isEmpty, items, present, type Spot, secondsOf, textOf } from './spot.ts'

/** The policies that ask us. */
export const custom = (manifests: Manifests): readonly KubernetesObject[] =>
  ofKind(manifests, 'AuthorizationPolicy').filter((policy) => at(policy, 'spec', 'action').value === 'CUSTOM')

const providers = ({ meshes }: Manifests): readonly Spot[] =>
  meshes.flatMap((mesh) => items(at(mesh, 'extensionProviders')))

const grpc = (manifests: Manifests): readonly Spot[] =>
  providers(manifests)
    .map((provider) => at(provider, 'envoyExtAuthzGrpc'))
    .filter(present)

/** The providers that CUSTOM policies name. */
const named = (manifests: Manifests): readonly string[] =>
  custom(manifests).map((policy) => textOf(at(policy, 'spec', 'provider', 'name')))

/** What Istio is told. */
export const istioRules: readonly Rule[] = [
  {
    id: 'IL-01',
    severity: 'error',
    title: 'the CUSTOM policy does not match every request',
    why: 'What no rule matches is not checked: `hosts: [api.example]` is passed by `Host: api.example:443`, `paths` by other spellings.',
    fix: '`rules: [{}]`; hosts and paths belong into our configuration',
    find: (manifests) =>
      custom(manifests)
        .map((policy) => at(policy, 'spec', 'rules'))
        .filter((rules) => !items(rules).some(isEmpty)),
  },
  {
    id: 'IL-02',
    severity: 'error',
    title: '`failOpen` is on',
    why: 'Whenever the service does not answer, every request passes.',
    fix: '`failOpen: false`',
    find: (manifests) =>
      grpc(manifests)
        .map((provider) => at(provider, 'failOpen'))
        .filter(({ value }) => value === true),
  },
  {
    id: 'IL-03',
    severity: 'warning',
    title: 'a check may take ten minutes',
    why: 'Istio waits 600 s unless told otherwise; requests pile up behind one that is not answered.',
    fix: '`timeout: 0.5s`, at most a few seconds',
    find: (manifests) =>
      grpc(manifests)
        .map((provider) => at(provider, 'timeout'))
        .filter((timeout) => (secondsOf(timeout) ?? 600) > 5),
  },
  {
    id: 'IL-04',
    severity: 'warning',
    title: 'no answer is told as 403',
    why: 'A fault of the service looks like a refusal of the client, and is not tried again.',
    fix: '`statusOnError: "503"`',
    find: (manifests) =>
      grpc(manifests)
        .map((provider) => at(provider, 'statusOnError'))
        .filter((status) => textOf(status) !== '503'),
  },
  {
    id: 'IL-05',
    severity: 'error',
    title: 'a route is chosen anew after the check',
    why: 'What was checked is then not what is routed.',
    fix: '`clearRouteCache: false`',
    find: (manifests) =>
      grpc(manifests)
        .map((provider) => at(provider, 'clearRouteCache'))
        .filter(({ value }) => value === true),
  },
  {
    id: 'IL-06',
    severity: 'warning',
    title: 'bodies are sent as text or in part',
    why: 'Bytes that are not UTF-8 become `!`, and of a half body nothing can be said.',
    fix: '`packAsBytes: true`, `allowPartialMessage: false`',
    find: (manifests) =>
      grpc(manifests)
        .map((provider) => at(provider, 'includeRequestBodyInCheck'))
        .filter(present)
        .flatMap((body) => [
          ...[at(body, 'packAsBytes')].filter(({ value }) => value !== true),
          ...[at(body, 'allowPartialMessage')].filter(({ value }) => value === true),
        ]),
  },
  {
    id: 'IL-07',
    severity: 'error',
    title: 'a CUSTOM policy asks a provider that speaks HTTP',
    why: 'The service speaks gRPC only, and Envoy 1.37.0 drops headers of the HTTP form.',
    fix: '`envoyExtAuthzGrpc` in place of `envoyExtAuthzHttp`',
    find: (manifests) =>
      providers(manifests)
        .filter((provider) => named(manifests).includes(textOf(at(provider, 'name'))))
        .map((provider) => at(provider, 'envoyExtAuthzHttp'))
        .filter(present),
  },
  {
    id: 'IL-08',
    severity: 'error',
    title: 'a CUSTOM policy names no provider of this mesh',
    why: 'Istio then refuses every request of the workload, and `istioctl analyze` says nothing.',
    fix: 'the `name` of an entry of `extensionProviders`',
    find: (manifests) => {
      const known = providers(manifests).map((provider) => textOf(at(provider, 'name')))
      return custom(manifests)
        .map((policy) => at(policy, 'spec', 'provider', 'name'))
        .filter((name) => !present(name) || (known.length > 0 && !known.includes(textOf(name))))
    },
  },
  {
    id: 'IL-09',
    severity: 'error',
    title: 'gateways pass X-Forwarded-Client-Cert on',
    why: 'A client writes the header itself and is whoever it likes.',
    fix: '`SANITIZE_SET`, which is what gateways do when nothing is said, or `SANITIZE`',
    find: ({ meshes }) =>
      meshes
        .map((mesh) => at(mesh, 'defaultConfig', 'gatewayTopology', 'forwardClientCertDetails'))
        .filter((mode) => /^(?:APPEND_FORWARD|FORWARD_ONLY|ALWAYS_FORWARD_ONLY)$/.test(textOf(mode))),
  },
  {
    id: 'IL-10',
    severity: 'error',
    title: 'paths are not normalized',
    why: '`/open/../accounts` is checked as one path and served as another.',
    fix: '`pathNormalization.normalization: MERGE_SLASHES`',
    find: ({ meshes }) =>
      meshes.map((mesh) => at(mesh, 'pathNormalization', 'normalization')).filter(({ value }) => value === 'NONE'),
  },
  {
    id: 'IL-17',
    severity: 'error',
    title: 'the way to the service is open',
    why: 'Who stands between can let requests in, and who reaches the port can use up proofs.',
    fix: '`tls.mode: ISTIO_MUTUAL` in the DestinationRule of the service',
    find: (manifests) => {
      const hosts = grpc(manifests).map((provider) => textOf(at(provider, 'service')).replace(/^.*\//, ''))
      return ofKind(manifests, 'DestinationRule')
        .filter((rule) => hosts.includes(textOf(at(rule, 'spec', 'host'))))
        .map((rule) => at(rule, 'spec', 'trafficPolicy', 'tls', 'mode'))
        .filter((mode) => present(mode) && !['ISTIO_MUTUAL', 'MUTUAL'].includes(textOf(mode)))
    },
  },
  {
    id: 'IL-18',
    severity: 'warning',
    title: 'a waypoint checks',
    why: 'At a waypoint neither certificate nor X-Forwarded-Client-Cert arrives: tokens bound to certificates are refused.',
    fix: 'the policy on the ingress gateway; at a waypoint DPoP only',
    find: (manifests) =>
      custom(manifests)
        .flatMap((policy) => items(at(policy, 'spec', 'targetRefs')))
        .map((target) => at(target, 'kind'))
        .filter(({ value }) => value === 'Service' || value === 'ServiceEntry'),
  },
  {
    id: 'IL-19',
    severity: 'error',
    title: 'a VirtualService removes identity headers',
    why: 'It acts after the check: what the service wrote is gone, and the upstream sees nobody.',
    fix: 'leave them to the early strip and to the service',
    find: (manifests) =>
      ofKind(manifests, 'VirtualService')
        .flatMap((service) => inside(at(service, 'spec')))
        .flatMap((spot) => items(at(spot, 'headers', 'request', 'remove')))
        .filter((name) => /^x-authz-/i.test(textOf(name))),
  },
  {
    id: 'IL-20',
    severity: 'warning',
    title: 'preflights are checked',
    why: 'A preflight carries no token, and Istio answers CORS only after the CUSTOM policy.',
    fix: 'a route for OPTIONS with `open: true` in our configuration',
    find: (manifests) =>
      ofKind(manifests, 'VirtualService')
        .flatMap((service) => inside(at(service, 'spec')))
        .map((spot) => at(spot, 'corsPolicy'))
        .filter(present),
  },
]
