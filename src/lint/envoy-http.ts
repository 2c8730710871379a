import { managers, messages, otherwise, stripsEarly, surroundings, switchedOff, typeOf } from './envoy-parts.ts'
import type { Manifests, Rule } from './rule.ts'
import { at, inside, items, present, type Spot, textOf } from './spot.ts'

const judged = ({ envoy }: Manifests) => managers(envoy)

const notStripped = (manifests: Manifests, names: readonly string[]): readonly Spot[] =>
  judged(manifests)
    .filter((manager) => manager.whole || present(at(manager, 'early_header_mutation_extensions')))
    .filter((manager) => !names.every((name) => stripsEarly(manager, name)))
    .map((manager) => at(manager, 'early_header_mutation_extensions'))

const everywhere = (manifests: Manifests, name: string): readonly Spot[] =>
  surroundings(manifests.envoy)
    .map((spot) => at(spot, name))
    .filter(present)

/** What clients send and what is routed. */
export const httpRules: readonly Rule[] = [
  {
    id: 'EL-20',
    severity: 'error',
    title: 'paths are not normalized',
    why: '`/open/../accounts` is checked as one path and served as another.',
    fix: '`normalize_path: true`',
    find: (manifests) => switchedOff(judged(manifests), 'normalize_path'),
  },
  {
    id: 'EL-21',
    severity: 'error',
    title: 'slashes are not merged',
    why: '`//accounts` is checked as one path and may be served as another.',
    fix: '`merge_slashes: true`',
    find: (manifests) => switchedOff(judged(manifests), 'merge_slashes'),
  },
  {
    id: 'EL-22',
    severity: 'error',
    title: 'escaped slashes are taken',
    why: '`/open%2f..%2faccounts` is checked as one path and may be served as another.',
    fix: '`path_with_escaped_slashes_action: REJECT_REQUEST`',
    find: (manifests) => otherwise(judged(manifests), 'path_with_escaped_slashes_action', ['REJECT_REQUEST']),
  },
  {
    id: 'EL-23',
    severity: 'warning',
    title: 'the client chooses the scheme',
    why: 'The scheme of a request is what the client writes, also `http` on a TLS connection.',
    fix: '`scheme_header_transformation: { scheme_to_overwrite: https }`',
    find: (manifests) =>
      judged(manifests)
        .filter((manager) => manager.whole || present(at(manager, 'scheme_header_transformation')))
        .map((manager) => at(manager, 'scheme_header_transformation', 'scheme_to_overwrite'))
        .filter(({ value }) => value !== 'https'),
  },
  {
    id: 'EL-24',
    severity: 'warning',
    title: 'the client is taken for a proxy',
    why: "X-Forwarded-Proto, X-Forwarded-For and Envoy's own headers are believed as the client sends them.",
    fix: '`use_remote_address: true`',
    find: (manifests) => switchedOff(judged(manifests), 'use_remote_address'),
  },
  {
    id: 'EL-25',
    severity: 'warning',
    title: 'every host is served',
    why: 'Unknown and doubled host names reach the upstream when a route of ours has no host.',
    fix: 'the public names in `domains`, with `:443` or `strip_matching_host_port`',
    find: (manifests) =>
      judged(manifests)
        .flatMap((manager) => inside(manager))
        .filter((host) => items(at(host, 'routes')).some((route) => present(at(route, 'route'))))
        .flatMap((host) => items(at(host, 'domains')))
        .filter(({ value }) => value === '*'),
  },
  {
    id: 'EL-26',
    severity: 'warning',
    title: 'clients may send identity headers',
    why: 'The service removes them on every allow; only an early strip also keeps them from other filters and from routing.',
    fix: 'an early header mutation with the expression that `envoy-fapi config headers FILE` prints',
    find: (manifests) => notStripped(manifests, ['x-authz-subject']),
  },
  {
    id: 'EL-27',
    severity: 'warning',
    title: 'clients may send what only ext_authz writes',
    why: "An upstream that reads `x-envoy-auth-failure-mode-allowed` or `x-envoy-auth-partial-body` would read the client's words.",
    fix: 'an early header mutation that removes both',
    find: (manifests) => notStripped(manifests, ['x-envoy-auth-failure-mode-allowed', 'x-envoy-auth-partial-body']),
  },
  {
    id: 'EL-28',
    severity: 'warning',
    title: 'underscores in header names are taken',
    why: 'Many upstreams read `x_authz_subject` as `x-authz-subject`.',
    fix: '`common_http_protocol_options.headers_with_underscores_action: REJECT_REQUEST`',
    find: (manifests) =>
      judged(manifests)
        .filter((manager) => manager.whole || present(at(manager, 'common_http_protocol_options')))
        .map((manager) => at(manager, 'common_http_protocol_options', 'headers_with_underscores_action'))
        .filter((action) => !['REJECT_REQUEST', 'DROP_HEADER'].includes(textOf(action))),
  },
  {
    id: 'EL-29',
    severity: 'error',
    title: 'a route removes identity headers',
    why: 'The route acts after the check: what the service wrote is gone, and the upstream sees nobody.',
    fix: 'remove them early (`early_header_mutation_extensions`), not in the route',
    find: (manifests) =>
      everywhere(manifests, 'request_headers_to_remove')
        .flatMap(items)
        .filter((name) => /^x-authz-/i.test(textOf(name))),
  },
  {
    id: 'EL-30',
    severity: 'warning',
    title: 'upgrades are served',
    why: 'A WebSocket upgrade with a body is checked without that body, and a tunnel is checked once, when it opens.',
    fix: 'no `upgrade_configs` on routes that are protected',
    find: (manifests) =>
      everywhere(manifests, 'upgrade_configs')
        .flatMap(items)
        .filter((upgrade) => at(upgrade, 'enabled').value !== false),
  },
  {
    id: 'EL-31',
    severity: 'error',
    title: 'redirects are followed inside',
    why: 'The redirected request is checked with the proof of the first one, and Envoy crashed on it (CVE-2026-47221).',
    fix: 'no `internal_redirect_policy`',
    find: (manifests) => everywhere(manifests, 'internal_redirect_policy'),
  },
  {
    id: 'EL-32',
    severity: 'error',
    title: 'tokens are logged or traced',
    why: 'Who reads the log can use them, or learns what they say.',
    fix: 'leave Authorization, DPoP and Cookie out of logs and spans',
    find: ({ envoy, meshes }) => [
      ...[...surroundings(envoy), ...meshes.flatMap((mesh) => inside(mesh))].filter(
        ({ value }) => typeof value === 'string' && /%REQ\((?:[^)]*\?)?(?:authorization|dpop|cookie)\b/i.test(value),
      ),
      ...surroundings(envoy)
        .map((spot) => at(spot, 'request_header', 'name'))
        .filter((name) => /^(?:authorization|dpop|cookie)$/i.test(textOf(name))),
    ],
  },
  {
    id: 'EL-33',
    severity: 'warning',
    title: 'queries are logged',
    why: "A path with its query may hold tokens and personal data; Envoy's default format writes it.",
    fix: 'a `log_format` with `%PATH(NQ)%`',
    find: ({ envoy }) => [
      ...surroundings(envoy).filter(
        ({ value }) => typeof value === 'string' && /%REQ\([^)]*:PATH\)|%PATH\((?!NQ)/i.test(value),
      ),
      ...messages(surroundings(envoy), 'HttpConnectionManager')
        .flatMap((manager) => items(at(manager, 'access_log')).map((log) => at(log, 'typed_config')))
        .filter((log) => /^(?:Stdout|Stderr|File)AccessLog$/.test(typeOf(log)))
        .filter(
          (log) => !['log_format', 'format', 'json_format', 'typed_json_format'].some((name) => present(at(log, name))),
        )
        .map((log) => at(log, 'log_format')),
    ],
  },
]
