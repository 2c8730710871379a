import { demandsDecision, managers, messages, stripsEarly } from './envoy-parts.ts'
import { custom } from './istio.ts'
import { type Manifests, ofKind, type Rule } from './rule.ts'
import { at, inside, items, present, type Spot, textOf } from './spot.ts'

/** The CUSTOM policies, when no patch of these files does what Istio has no setting for. */
const unlessPatched = (manifests: Manifests, does: (manifests: Manifests) => boolean): readonly Spot[] =>
  does(manifests) ? [] : custom(manifests).map((policy) => at(policy, 'spec'))

const someAuthz = ({ envoy }: Manifests, name: string): boolean =>
  messages(envoy, 'ExtAuthz').some((filter) => at(filter, name).value === true)

const CERTIFICATES = ['tls_certificates', 'tls_certificate_sds_secret_configs', 'tls_certificate_provider_instance']

/** Whether a patch reaches filter chains of TLS only. */
function meetsTls(patch: Spot): boolean {
  const chain = at(patch, 'match', 'listener', 'filter_chain')
  return textOf(at(chain, 'sni')) !== '' || textOf(at(chain, 'transport_protocol')) === 'tls'
}

/** The TLS, without a certificate of its own, that patches merge into filter chains of any kind. */
const strayTls = (manifests: Manifests): readonly Spot[] =>
  ofKind(manifests, 'EnvoyFilter')
    .flatMap((filter) => items(at(filter, 'spec', 'config_patches')))
    .filter((patch) => /^(?:FILTER_CHAIN|LISTENER)$/.test(textOf(at(patch, 'apply_to'))) && !meetsTls(patch))
    .filter((patch) => textOf(at(patch, 'patch', 'operation')) === 'MERGE')
    .flatMap((patch) => inside(at(patch, 'patch', 'value')))
    .map((spot) => at(spot, 'transport_socket'))
    .filter(
      (socket) =>
        present(socket) && !inside(socket).some((spot) => CERTIFICATES.some((name) => present(at(spot, name)))),
    )

/** What Istio cannot be told without an EnvoyFilter. */
export const istioPatchRules: readonly Rule[] = [
  {
    id: 'IL-11',
    severity: 'error',
    title: 'no second lock after ext_authz',
    why: 'An empty answer, or a policy that matches less than it should, lets a request pass; only a filter that demands our decision stops it.',
    fix: 'an EnvoyFilter that puts an RBAC filter after ext_authz, allowing only `decision: allow` in the metadata of `envoy.filters.http.ext_authz`',
    find: (manifests) =>
      unlessPatched(manifests, ({ envoy }) => messages(envoy, 'RBAC').some((filter) => demandsDecision(filter))),
  },
  {
    id: 'IL-12',
    severity: 'error',
    title: 'escaped slashes are taken',
    why: 'Istio keeps `%2f` unless an EnvoyFilter says otherwise: `/open%2f..%2faccounts` is checked as one path and may be served as another.',
    fix: 'an EnvoyFilter with `path_with_escaped_slashes_action: REJECT_REQUEST` and `merge_slashes: true`',
    find: (manifests) =>
      unlessPatched(manifests, ({ envoy }) =>
        managers(envoy).some(
          (manager) =>
            at(manager, 'path_with_escaped_slashes_action').value === 'REJECT_REQUEST' &&
            at(manager, 'merge_slashes').value === true,
        ),
      ),
  },
  {
    id: 'IL-13',
    severity: 'warning',
    title: 'clients may send identity headers',
    why: 'The service removes them on every allow; only an early strip also keeps them from other filters and from routing.',
    fix: 'an EnvoyFilter with an early header mutation that removes `x-authz-…`',
    find: (manifests) =>
      unlessPatched(manifests, ({ envoy }) =>
        managers(envoy).some((manager) => stripsEarly(manager, 'x-authz-subject')),
      ),
  },
  {
    id: 'IL-14',
    severity: 'warning',
    title: 'headers are sent joined and answers taken unchecked',
    why: 'Repeated headers arrive as one and bytes that are not UTF-8 altered; a broken header value could split a response.',
    fix: 'an EnvoyFilter with `encode_raw_headers: true` and `validate_mutations: true`',
    find: (manifests) =>
      unlessPatched(manifests, (all) => someAuthz(all, 'encode_raw_headers') && someAuthz(all, 'validate_mutations')),
  },
  {
    id: 'IL-15',
    severity: 'warning',
    title: 'the client chooses the scheme',
    why: 'The scheme of a request is what the client writes, also `http` on a TLS connection.',
    fix: 'an EnvoyFilter with `scheme_header_transformation: { scheme_to_overwrite: https }`',
    find: (manifests) =>
      unlessPatched(manifests, ({ envoy }) =>
        managers(envoy).some(
          (manager) => at(manager, 'scheme_header_transformation', 'scheme_to_overwrite').value === 'https',
        ),
      ),
  },
  {
    id: 'IL-16',
    severity: 'warning',
    title: 'TLS sessions are resumed',
    why: 'A resumed session shows a certificate without checking it again: revocation and expiry wait.',
    fix: 'an EnvoyFilter with `disable_stateless_session_resumption: true` and `disable_stateful_session_resumption: true`',
    find: (manifests) =>
      unlessPatched(manifests, ({ envoy }) =>
        messages(envoy, 'DownstreamTlsContext').some(
          (context) =>
            at(context, 'disable_stateless_session_resumption').value === true &&
            at(context, 'disable_stateful_session_resumption').value === true,
        ),
      ),
  },
  {
    id: 'IL-21',
    severity: 'error',
    title: 'filter chains without TLS get a TLS without certificate',
    why: 'A patch that meets every chain adds its transport socket also where there is none: Envoy then refuses the listener, and goes on with what it had before.',
    fix: '`match.listener.filterChain` with `sni` or `transportProtocol: tls`',
    find: strayTls,
  },
]
