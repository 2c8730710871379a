import { authzFilters, managers, messages, switchedOff, switchedOn, typeOf, upstreamsOf } from './envoy-parts.ts'
import type { Manifests, Rule } from './rule.ts'
import { at, inside, isMembers, items, present, type Spot, textOf } from './spot.ts'

const server = ({ envoy }: Manifests) => messages(envoy, 'DownstreamTlsContext')

const VALIDATIONS = ['validation_context', 'combined_validation_context', 'validation_context_sds_secret_config']

/** Where a TLS context says whose certificates it takes. */
const validation = (context: Spot): Spot | undefined =>
  VALIDATIONS.map((name) => at(context, 'common_tls_context', name)).find(present)

/** Whether there is an authority to check against: named, or delivered by SDS. */
function hasAuthority(context: Spot): boolean {
  const common = at(context, 'common_tls_context')
  if (VALIDATIONS.slice(1).some((name) => present(at(common, name)))) return true
  const own = at(common, 'validation_context')
  return ['trusted_ca', 'ca_certificate_provider_instance', 'system_root_certs'].some((name) => present(at(own, name)))
}

const services = ({ envoy }: Manifests): readonly Spot[] =>
  messages(envoy, 'ExtAuthz')
    .map((filter) => at(filter, 'grpc_service'))
    .filter(present)

const clusters = ({ envoy }: Manifests, names: readonly string[]): readonly Spot[] =>
  envoy
    .flatMap((part) => inside(part))
    .filter((spot) => typeOf(spot) === 'Cluster' || spot.path.at(-2) === 'clusters')
    .filter((cluster) => present(at(cluster, 'name')) && names.includes(textOf(at(cluster, 'name'))))

/** The clusters that ext_authz filters ask. */
const asked = (manifests: Manifests): readonly Spot[] =>
  clusters(
    manifests,
    services(manifests).map((service) => textOf(at(service, 'envoy_grpc', 'cluster_name'))),
  )

/** The clusters that get what the service let in. */
const protectedUpstreams = (manifests: Manifests): readonly Spot[] =>
  clusters(manifests, managers(manifests.envoy).flatMap(upstreamsOf))

/** The TLS of the clusters that lead elsewhere where not both ends know each other. */
const openWays = (found: readonly Spot[]): readonly Spot[] =>
  found
    .filter((cluster) => remote(cluster) && !isMutual(at(cluster, 'transport_socket', 'typed_config')))
    .map((cluster) => at(cluster, 'transport_socket'))

const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|::1|localhost)$/

/** Whether a cluster leads elsewhere, as far as its file says where it leads. */
const remote = (cluster: Spot): boolean => {
  const around = inside(at(cluster, 'load_assignment'))
  const addresses = around.map((spot) => at(spot, 'socket_address', 'address')).filter(present)
  const sockets = around.filter((spot) => present(at(spot, 'pipe')))
  return addresses.length + sockets.length === 0 || !addresses.every((address) => LOOPBACK.test(textOf(address)))
}

/** The ways of Google's gRPC client that lead elsewhere without TLS. */
const googles = (manifests: Manifests): readonly Spot[] =>
  services(manifests)
    .map((service) => at(service, 'google_grpc'))
    .filter((google) => present(google) && !present(at(google, 'channel_credentials', 'ssl_credentials')))
    .map((google) => at(google, 'target_uri'))
    .filter((target) => !/^(?:unix:|(?:127\.\d+\.\d+\.\d+|\[::1\]|localhost):\d+$)/.test(textOf(target)))

/** Both ends know each other: our certificate, their authority, their name. */
function isMutual(context: Spot): boolean {
  const common = at(context, 'common_tls_context')
  const shown = ['tls_certificates', 'tls_certificate_sds_secret_configs'].some(
    (name) => items(at(common, name)).length > 0,
  )
  const names = inside(common).some((spot) =>
    ['match_typed_subject_alt_names', 'match_subject_alt_names'].some((name) => items(at(spot, name)).length > 0),
  )
  return typeOf(context) === 'UpstreamTlsContext' && shown && hasAuthority(context) && names
}

const forwards = ({ envoy }: Manifests, modes: readonly string[]): readonly Spot[] =>
  managers(envoy)
    .map((manager) => at(manager, 'forward_client_cert_details'))
    .filter((mode) => modes.includes(textOf(mode)))

/** Certificates, and the ways to us and to Envoy's own administration. */
export const tlsRules: readonly Rule[] = [
  {
    id: 'EL-40',
    severity: 'error',
    title: 'a certificate is required and no authority is named',
    why: 'Envoy then asks for no certificate at all: clients without one come in.',
    fix: '`validation_context.trusted_ca` beside `require_client_certificate: true`',
    find: (manifests) =>
      switchedOn(
        server(manifests).filter((context) => !hasAuthority(context)),
        'require_client_certificate',
      ),
  },
  {
    id: 'EL-41',
    severity: 'warning',
    title: 'nothing says whether a certificate is required',
    why: 'Left out, it means optional, and Envoy is about to change that.',
    fix: '`require_client_certificate: true` or `false`',
    find: (manifests) =>
      server(manifests)
        .filter((context) => validation(context) && !present(at(context, 'require_client_certificate')))
        .map((context) => at(context, 'require_client_certificate')),
  },
  {
    id: 'EL-42',
    severity: 'error',
    title: 'certificates that failed the check are taken',
    why: 'Nothing in the check tells a verified certificate from another.',
    fix: '`trust_chain_verification: VERIFY_TRUST_CHAIN`, no `allow_expired_certificate`',
    find: (manifests) =>
      server(manifests)
        .flatMap((context) => inside(at(context, 'common_tls_context')))
        .flatMap((spot) => [
          ...[at(spot, 'trust_chain_verification')].filter((mode) => textOf(mode) === 'ACCEPT_UNTRUSTED'),
          ...switchedOn([spot], 'allow_expired_certificate'),
        ]),
  },
  {
    id: 'EL-43',
    severity: 'error',
    title: 'X-Forwarded-Client-Cert is passed on',
    why: 'A client writes the header itself and is whoever it likes.',
    fix: '`SANITIZE` (the certificate travels in the check), or `SANITIZE_SET`',
    find: (manifests) => forwards(manifests, ['FORWARD_ONLY', 'ALWAYS_FORWARD_ONLY']),
  },
  {
    id: 'EL-44',
    severity: 'warning',
    title: 'X-Forwarded-Client-Cert is added to',
    why: 'What the client wrote stands in front of what is true.',
    fix: '`SANITIZE` or `SANITIZE_SET` at the edge; behind another Envoy that does so, say how many hops there are in our configuration',
    find: (manifests) => forwards(manifests, ['APPEND_FORWARD']),
  },
  {
    id: 'EL-45',
    severity: 'warning',
    title: 'the certificate does not reach the service',
    why: 'Envoy asks for a client certificate and tells us nothing of it: tokens bound to certificates are refused.',
    fix: '`include_peer_certificate: true` at ext_authz',
    find: (manifests) => {
      const asks = server(manifests).some((context) => validation(context))
      const sets = managers(manifests.envoy).some(
        (manager) => textOf(at(manager, 'forward_client_cert_details')) === 'SANITIZE_SET',
      )
      return asks && !sets ? switchedOff(authzFilters(manifests.envoy), 'include_peer_certificate') : []
    },
  },
  {
    id: 'EL-46',
    severity: 'warning',
    title: 'TLS sessions are resumed',
    why: 'A resumed session shows a certificate without checking it again: revocation and expiry wait.',
    fix: '`disable_stateless_session_resumption: true` and `disable_stateful_session_resumption: true`',
    find: (manifests) =>
      ['disable_stateless_session_resumption', 'disable_stateful_session_resumption'].flatMap((name) =>
        switchedOff(
          server(manifests).filter((context) => validation(context) || present(at(context, name))),
          name,
        ),
      ),
  },
  {
    id: 'EL-47',
    severity: 'error',
    title: 'the way to the service is open',
    why: 'Who reaches the port can ask it about tokens and use up proofs; who stands between can let requests in.',
    fix: 'a Unix socket, loopback, or TLS with a certificate on both ends and `match_typed_subject_alt_names`',
    find: (manifests) => [...openWays(asked(manifests)), ...googles(manifests)],
  },
  {
    id: 'EL-48',
    severity: 'error',
    title: 'the admin port can be reached',
    why: 'It shows the configuration, and stops Envoy for whoever asks.',
    fix: 'a Unix socket with mode 0600, or 127.0.0.1',
    find: ({ envoy }) =>
      envoy
        .filter(({ value }) => isMembers(value))
        .map((part) => at(part, 'admin', 'address', 'socket_address', 'address'))
        .filter((address) => present(address) && !LOOPBACK.test(textOf(address))),
  },
  {
    id: 'EL-49',
    severity: 'warning',
    title: 'the way to the upstream is open',
    why: 'It believes every identity header: who reaches it past Envoy is whoever it likes, and who stands between sees and changes what is sent.',
    fix: 'a Unix socket, loopback, or TLS with a certificate on both ends and `match_typed_subject_alt_names` (see envoy/upstream-mtls.yaml)',
    find: (manifests) => openWays(protectedUpstreams(manifests)),
  },
]
