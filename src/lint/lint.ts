import { authzRules } from './envoy-authz.ts'
import { gatewayRules } from './envoy-gateway.ts'
import { gatewayClientRules } from './envoy-gateway-clients.ts'
import { httpRules } from './envoy-http.ts'
import type { EnvoyPart } from './envoy-parts.ts'
import { tlsRules } from './envoy-tls.ts'
import { istioRules } from './istio.ts'
import { istioPatchRules } from './istio-patches.ts'
import { kubernetesRules } from './kubernetes.ts'
import type { KubernetesObject, Manifests, Rule } from './rule.ts'
import { at, isMembers, items, type LintDocument, members, present, type Spot, textOf } from './spot.ts'

/** Every rule, by id. */
export const rules: readonly Rule[] = [
  ...authzRules,
  ...httpRules,
  ...tlsRules,
  ...gatewayRules,
  ...gatewayClientRules,
  ...istioRules,
  ...istioPatchRules,
  ...kubernetesRules,
].toSorted((one, other) => (one.id < other.id ? -1 : 1))

/** A rule that something breaks, and where. */
export interface Finding {
  readonly rule: Rule
  readonly spot: Spot
}

/** What one document turned out to be. */
export type Recognized = 'envoy' | 'mesh' | 'kubernetes'

/** Judges documents together: what one lacks another may bring. */
export function lint(documents: readonly LintDocument[]): readonly Finding[] {
  const manifests = sort(documents)
  return rules.flatMap((rule) => rule.find(manifests).map((spot) => ({ rule, spot })))
}

/** What a document is, undefined when nothing here knows it. */
export function recognize(document: LintDocument): Recognized | undefined {
  const { envoy, objects, meshes } = sort([document])
  if (envoy.some((part) => part.path.length === 0)) return 'envoy'
  if (meshes.some((mesh) => mesh.path.length <= 1)) return 'mesh'
  return objects.length > 0 ? 'kubernetes' : undefined
}

/** The texts of a ConfigMap that hold a mesh configuration or an Envoy bootstrap. */
export const embedded = (document: LintDocument): readonly Spot[] =>
  objectsOf({ document, path: [], value: document.value })
    .filter(({ kind }) => kind === 'ConfigMap')
    .flatMap((map) => members(at(map, 'data')))
    .filter(
      ({ path, value }) => typeof value === 'string' && (path.at(-1) === 'mesh' || /static_?resources/i.test(value)),
    )

function sort(documents: readonly LintDocument[]): Manifests {
  const tops = documents.map((document): Spot => ({ document, path: [], value: document.value }))
  const objects = tops.flatMap(objectsOf)
  const loose = tops.filter((top) => objectsOf(top).length === 0)
  return {
    envoy: [
      ...loose.filter(isEnvoy).map((top) => ({ ...top, whole: !has(top, '@type') })),
      ...objects.flatMap(patches),
    ],
    objects,
    meshes: [
      ...loose.flatMap((top) => [top, at(top, 'meshConfig')].filter(isMesh)),
      ...objects.map((object) => at(object, 'spec', 'meshConfig')).filter(isMesh),
    ],
  }
}

const has = (spot: Spot, ...names: readonly string[]): boolean => names.some((name) => present(at(spot, name)))

/** A bootstrap, an xDS file, or one message. */
const isEnvoy = (top: Spot): boolean => has(top, 'static_resources', 'dynamic_resources', 'resources', '@type')

const isMesh = (spot: Spot): boolean =>
  isMembers(spot.value) && has(spot, 'extensionProviders', 'defaultConfig', 'pathNormalization', 'accessLogFormat')

function objectsOf(top: Spot): readonly KubernetesObject[] {
  const kind = textOf(at(top, 'kind'))
  if (kind === '' || !has(top, 'apiVersion')) return []
  return kind === 'List' ? items(at(top, 'items')).flatMap(objectsOf) : [{ ...top, kind }]
}

/** Envoy's messages inside the objects that patch it. */
function patches(object: KubernetesObject): readonly EnvoyPart[] {
  if (object.kind === 'EnvoyFilter')
    return items(at(object, 'spec', 'configPatches')).map((one) => ({ ...at(one, 'patch', 'value'), whole: false }))
  if (object.kind === 'EnvoyPatchPolicy')
    return items(at(object, 'spec', 'jsonPatches')).map((one) => ({ ...patched(at(one, 'operation')), whole: false }))
  return []
}

/** Fields that a JSON patch may set one by one, and the message each belongs to. */
const FIELDS: ReadonlyMap<string, string> = new Map([
  ...['failure_mode_allow', 'shadow_mode', 'clear_route_cache', 'include_peer_certificate', 'encode_raw_headers'].map(
    (name) => [name, 'ExtAuthz'] as const,
  ),
  ...['validate_mutations', 'with_request_body', 'decoder_header_mutation_rules'].map(
    (name) => [name, 'ExtAuthz'] as const,
  ),
  ...['normalize_path', 'merge_slashes', 'path_with_escaped_slashes_action', 'forward_client_cert_details'].map(
    (name) => [name, 'HttpConnectionManager'] as const,
  ),
  ...['require_client_certificate', 'disable_stateless_session_resumption', 'disable_stateful_session_resumption'].map(
    (name) => [name, 'DownstreamTlsContext'] as const,
  ),
])

/** The value of a patch; a single field as the message that it changes. */
function patched(operation: Spot): Spot {
  const value = at(operation, 'value')
  const [outer = '', field = ''] = textOf(at(operation, 'path')).split('/').slice(-2)
  if (outer === 'with_request_body') return { ...value, value: message('ExtAuthz', outer, { [field]: value.value }) }
  const type = FIELDS.get(field)
  return type === undefined ? value : { ...value, value: message(type, field, value.value) }
}

const message = (type: string, field: string, value: unknown) => ({ '@type': type, [field]: value })
