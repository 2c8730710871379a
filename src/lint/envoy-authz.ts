import {
  answered,
  authzFilters,
  demandsDecision,
  type EnvoyPart,
  filtersOf,
  fits,
  managers,
  surroundings,
  switchedOff,
  switchedOn,
  typeOf,
  unguarded,
} from './envoy-parts.ts'
import type { Rule } from './rule.ts'
import { at, isMembers, members, present, type Spot, secondsOf, textOf } from './spot.ts'

/** The filters before and after the first ext_authz filter of a connection manager. */
function around(manager: Spot): { readonly before: readonly Spot[]; readonly after: readonly Spot[] } {
  const filters = filtersOf(manager)
  const index = filters.findIndex((filter) => typeOf(filter) === 'ExtAuthz')
  return index < 0 ? { before: [], after: [] } : { before: filters.slice(0, index), after: filters.slice(index + 1) }
}

const later = (parts: readonly EnvoyPart[], type: string): readonly Spot[] =>
  managers(parts).flatMap((manager) => around(manager).after.filter((filter) => typeOf(filter) === type))

/** Objects with a setting of our filter for one route or host, and that setting. */
function perRoute(parts: readonly EnvoyPart[]): readonly { readonly owner: Spot; readonly setting: Spot }[] {
  const around = surroundings(parts)
  const names = around
    .filter((filter) => typeOf(at(filter, 'typed_config')) === 'ExtAuthz')
    .map((filter) => textOf(at(filter, 'name')))
  const ours = (setting: Spot): boolean => {
    const name = String(setting.path.at(-1))
    return typeOf(setting) === 'ExtAuthzPerRoute' || names.includes(name) || name.includes('ext_authz')
  }
  return around.flatMap((owner) =>
    members(at(owner, 'typed_per_filter_config'))
      .filter(ours)
      .map((setting) => ({ owner, setting })),
  )
}

/** Whether a route is found by exactly one path, or by whole segments. */
const exact = (owner: Spot): boolean =>
  present(at(owner, 'match', 'path')) || present(at(owner, 'match', 'path_separated_prefix'))

const disabled = (parts: readonly EnvoyPart[], exactly: boolean): readonly Spot[] =>
  perRoute(parts)
    .filter(({ owner }) => exact(owner) === exactly && !answered(owner))
    .map(({ setting }) => at(setting, 'disabled'))
    .filter(({ value }) => value === true)

/** Names we set or remove by default. */
const OURS = ['x-authz-subject', 'x-fapi-interaction-id', 'authorization', 'dpop', 'client-cert']

/** The ext_authz filter and what stands around it. */
export const authzRules: readonly Rule[] = [
  {
    id: 'EL-01',
    severity: 'error',
    title: '`failure_mode_allow` is on',
    why: 'Whenever the service does not answer, every request passes; messages that Envoy cannot encode pass as well (CVE-2023-27488, CVE-2024-23324).',
    fix: '`failure_mode_allow: false`',
    find: ({ envoy }) => switchedOn(authzFilters(envoy), 'failure_mode_allow'),
  },
  {
    id: 'EL-02',
    severity: 'error',
    title: 'no second lock after ext_authz',
    why: 'An empty answer, a switched-off filter and shadow mode let a request pass; only a filter that demands our decision stops them.',
    fix: 'after ext_authz, an RBAC filter that allows only `decision: allow` in the metadata of `envoy.filters.http.ext_authz` (see envoy/minimal.yaml)',
    find: ({ envoy }) =>
      managers(envoy)
        .filter((manager) => manager.whole && !around(manager).after.some(demandsDecision))
        .map((manager) => at(manager, 'http_filters')),
  },
  {
    id: 'EL-03',
    severity: 'error',
    title: 'nothing asks',
    why: 'Requests reach the upstream past a connection manager without an ext_authz filter.',
    fix: 'an ext_authz filter with `grpc_service` (see envoy/minimal.yaml)',
    find: ({ envoy }) => unguarded(envoy).map((manager) => at(manager, 'http_filters')),
  },
  {
    id: 'EL-04',
    severity: 'error',
    title: 'ext_authz over HTTP',
    why: 'The service speaks gRPC only, and Envoy 1.37.0 drops headers of the HTTP form.',
    fix: '`grpc_service` in place of `http_service`',
    find: ({ envoy }) =>
      authzFilters(envoy)
        .map((filter) => at(filter, 'http_service'))
        .filter(present),
  },
  {
    id: 'EL-05',
    severity: 'error',
    title: 'the filter can be off',
    why: 'Requests that the filter skips, or that it only watches, reach the upstream unchecked.',
    fix: '`filter_enabled` at 100 with `deny_at_disable`, no `filter_enabled_metadata`, no `shadow_mode`',
    find: ({ envoy }) =>
      authzFilters(envoy).flatMap((filter) => {
        const enabled = at(filter, 'filter_enabled', 'default_value')
        const share = Number(at(enabled, 'numerator').value ?? 0)
        const of = { TEN_THOUSAND: 10_000, MILLION: 1_000_000 }[textOf(at(enabled, 'denominator'))] ?? 100
        const partly = present(at(filter, 'filter_enabled')) && share < of
        const denies = at(filter, 'deny_at_disable', 'default_value').value === true
        return [
          ...(partly && !denies ? [at(filter, 'filter_enabled')] : []),
          ...[at(filter, 'filter_enabled_metadata')].filter(present),
          ...switchedOn([filter], 'shadow_mode'),
        ]
      }),
  },
  {
    id: 'EL-06',
    severity: 'error',
    title: 'ext_authz disabled where a path begins alike',
    why: '`/open/../accounts`, `/open%2f..%2faccounts` and `/openX` reach the upstream through such a route unchecked.',
    fix: 'leave the filter on and name the path in our configuration with `open: true`',
    find: ({ envoy }) => [
      ...disabled(envoy, false),
      ...surroundings(envoy)
        .filter((spot) => typeOf(at(spot, 'typed_config')) === 'ExtAuthz')
        .flatMap((spot) => switchedOn([spot], 'disabled')),
    ],
  },
  {
    id: 'EL-07',
    severity: 'warning',
    title: 'ext_authz disabled for a route',
    why: 'What is open should stand in one place, where it is listed and counted; a path that is spelled in another way may find this route.',
    fix: 'leave the filter on and name the path in our configuration with `open: true`',
    find: ({ envoy }) => disabled(envoy, true),
  },
  {
    id: 'EL-08',
    severity: 'error',
    title: 'a route is chosen anew after the check',
    why: 'What was checked is then not what is routed.',
    fix: '`clear_route_cache: false`; transcoders before ext_authz or not at all',
    find: ({ envoy }) => [
      ...switchedOn(authzFilters(envoy), 'clear_route_cache'),
      ...later(envoy, 'GrpcJsonTranscoder'),
    ],
  },
  {
    id: 'EL-09',
    severity: 'warning',
    title: 'headers are sent joined',
    why: 'Repeated headers arrive as one, and bytes that are not UTF-8 arrive altered.',
    fix: '`encode_raw_headers: true`',
    find: ({ envoy }) => switchedOff(authzFilters(envoy), 'encode_raw_headers'),
  },
  {
    id: 'EL-10',
    severity: 'warning',
    title: 'the answer is taken unchecked',
    why: 'Envoy does not look at the header values of the answer; a broken one could split a response.',
    fix: '`validate_mutations: true`',
    find: ({ envoy }) => switchedOff(authzFilters(envoy), 'validate_mutations'),
  },
  {
    id: 'EL-11',
    severity: 'warning',
    title: 'the body is sent as text',
    why: 'Bytes that are not UTF-8 become `!`, so digests do not fit. The setting of the filter counts, that of a route is ignored.',
    fix: '`with_request_body.pack_as_bytes: true` at the filter',
    find: ({ envoy }) =>
      switchedOff(
        authzFilters(envoy).filter((filter) => present(at(filter, 'with_request_body'))),
        'with_request_body',
        'pack_as_bytes',
      ),
  },
  {
    id: 'EL-12',
    severity: 'warning',
    title: 'half bodies are sent',
    why: 'The service sees the beginning and the upstream the whole, so what needs the body is refused.',
    fix: '`allow_partial_message: false`',
    find: ({ envoy }) =>
      surroundings(envoy).flatMap((spot) => switchedOn([spot], 'with_request_body', 'allow_partial_message')),
  },
  {
    id: 'EL-13',
    severity: 'warning',
    title: 'a streaming route waits for its body',
    why: 'The check is not sent before the stream ends, and a stream that waits for an answer never ends.',
    fix: '`check_settings.disable_request_body_buffering: true` on the route',
    find: ({ envoy }) =>
      managers(envoy)
        .filter((manager) => filtersOf(manager).some((filter) => present(at(filter, 'with_request_body'))))
        .flatMap((manager) => surroundings([manager]))
        .filter((route) => isMembers(at(route, 'match', 'grpc').value) && !unbuffered(route))
        .map((route) => at(route, 'match', 'grpc')),
  },
  {
    id: 'EL-14',
    severity: 'warning',
    title: 'preflights are checked',
    why: 'A preflight carries no token, and the CORS filter that would answer it comes too late.',
    fix: 'the CORS filter before ext_authz, or a route for OPTIONS with `open: true`',
    find: ({ envoy }) => later(envoy, 'Cors'),
  },
  {
    id: 'EL-15',
    severity: 'warning',
    title: 'no answer is told as 403',
    why: 'Without `status_on_error` a fault of the service looks like a refusal of the client, and is not tried again.',
    fix: '`status_on_error: { code: ServiceUnavailable }`',
    find: ({ envoy }) =>
      authzFilters(envoy)
        .filter((filter) => filter.whole || present(at(filter, 'status_on_error')))
        .map((filter) => at(filter, 'status_on_error', 'code'))
        .filter((code) => !['ServiceUnavailable', '503'].includes(textOf(code))),
  },
  {
    id: 'EL-16',
    severity: 'warning',
    title: 'a retry gives up before the check does',
    why: 'Envoy ends each try after `max_interval`; a check that takes longer is never answered.',
    fix: '`retry_back_off.max_interval` as long as the timeout of the check',
    find: ({ envoy }) =>
      authzFilters(envoy).flatMap((filter) => {
        const longest = at(filter, 'grpc_service', 'retry_policy', 'retry_back_off', 'max_interval')
        const timeout = secondsOf(at(filter, 'grpc_service', 'timeout')) ?? 0.2
        return (secondsOf(longest) ?? timeout) < timeout ? [longest] : []
      }),
  },
  {
    id: 'EL-17',
    severity: 'error',
    title: 'our own headers may not be changed',
    why: 'Envoy answers 500, or ignores the change, when the service sets or removes a header outside the expression.',
    fix: 'the expression that `envoy-fapi config headers FILE` prints',
    find: ({ envoy }) =>
      authzFilters(envoy)
        .map((filter) => at(filter, 'decoder_header_mutation_rules', 'allow_expression', 'regex'))
        .filter((regex) => present(regex) && !OURS.every((name) => fits(textOf(regex), name))),
  },
]

const unbuffered = (route: Spot): boolean =>
  members(at(route, 'typed_per_filter_config')).some(
    (setting) => at(setting, 'check_settings', 'disable_request_body_buffering').value === true,
  )
