import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { headerRules } from '../../../src/envoy-header-rules.ts'
import { at, inside, items, type Spot, textOf } from '../../../src/lint/spot.ts'
import { hashSources } from '../../../tools/manifests.ts'
import { sources } from '../../../tools/verify/istio/sources.ts'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith, loadText } from '../../support/config-files.ts'
import { spot } from '../../support/envoy-gateway.ts'
import { type Made, placeProxy, principalOf, readMade } from '../../support/istio.ts'
import { manifestsOf, root } from '../../support/kubernetes.ts'

const ours = (name: string): string => `k8s/istio/${name}.yaml`
const read = (name: string): string => readFileSync(join(root, name), 'utf8')

const generated = globSync('*.json', { cwd: join(root, 'test/fixtures/istio') }).map(
  (name) => name.replace('.json', '') as Made,
)
/** The Envoys that ask the service with everything that k8s/istio says. */
const asking = ['gateway', 'sidecar-api'] as const

const typed = (made: Made, type: string): readonly Spot[] =>
  inside(spot(readMade(made))).filter((one) => textOf(at(one, '@type')).endsWith(`.${type}`))
const managersOf = (made: Made): readonly Spot[] => typed(made, 'HttpConnectionManager')
const filterNames = (manager: Spot): readonly string[] =>
  items(at(manager, 'http_filters')).map((filter) => textOf(at(filter, 'name')))

function configOf(folder: string) {
  const loaded = loadText(read(ours(`${folder}/envoy-fapi`)))
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.config
}

describe('the manifests', () => {
  test.each(['gateway', 'gateway-unpatched', 'sidecar'])('config check finds nothing in %s', async (folder) => {
    const { code, out } = await commandLine(['config', 'check', join(root, ours(`${folder}/envoy-fapi`))])
    expect([code, out.includes('fine: 2 routes, profile fapi2-security')]).toEqual([undefined, true])
  })
  test.each(['gateway', 'sidecar'])('the header expressions are those of the configuration of %s', (folder) => {
    const { allowExpression, earlyStrip } = headerRules(configOf(folder))
    const [, filter] = manifestsOf(ours(`${folder}/enforcement`))
    const everything = inside(spot(filter))
    expect(everything.map((one) => at(one, 'allow_expression', 'regex').value).filter(Boolean)).toEqual([
      allowExpression,
    ])
    expect(
      everything.map((one) => at(one, 'remove_on_match', 'key_matcher', 'safe_regex', 'regex').value).filter(Boolean),
    ).toEqual([earlyStrip])
  })
  test.each(['gateway', 'sidecar'])('%s: every request is asked about', (folder) => {
    const [policy] = manifestsOf(ours(`${folder}/enforcement`))
    expect(policy?.spec).toMatchObject({ action: 'CUSTOM', provider: { name: 'envoy-fapi' }, rules: [{}] })
  })
  test('the sidecar believes the gateway that the generator ran as, and nobody else', () => {
    expect(configOf('sidecar').clientCertificateFrom).toMatchObject({
      source: 'xfcc',
      xfcc: {
        writtenBy: 'previousHop',
        hops: 1,
        trustedProxies: [principalOf.gateway],
      },
    })
  })
  test('folders differ in where the certificate comes from, and in nothing else', () => {
    const without = (folder: string): unknown => ({
      ...(parse(read(ours(`${folder}/envoy-fapi`))) as object),
      clientCertificateFrom: undefined,
    })
    expect(without('sidecar')).toEqual(without('gateway'))
    expect(without('gateway-unpatched')).toEqual(without('gateway'))
  })
  test('the way to the service is that of the mesh, wide enough, and closed to others', () => {
    expect(manifestsOf(ours('service/mesh')).map(({ spec }) => spec)).toMatchObject([
      { mtls: { mode: 'STRICT' } },
      { trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' }, connectionPool: { http: { http2MaxRequests: 4096 } } } },
    ])
  })
})

describe('what Istio made of them', () => {
  test('is of the manifests as they are; run: tools/verify/istio-config.sh test/fixtures/istio', () =>
    expect(read('test/fixtures/istio/sources.sha256')).toBe(`${hashSources(sources)}\n`))
  test.each(generated)('%s holds no certificate and no key', (made) =>
    expect(read(`test/fixtures/istio/${made}.json`)).not.toMatch(/BEGIN |inline_(?:string|bytes)/),
  )
  test.each(asking)('%s: the lock stands right behind the check, wherever requests come in', (made) => {
    const managers = managersOf(made)
    expect(managers.length).toBe(2)
    for (const names of managers.map(filterNames)) {
      const check = names.indexOf('envoy.filters.http.ext_authz')
      expect(names.slice(check - 1, check + 2)).toEqual([
        'envoy.filters.http.rbac',
        'envoy.filters.http.ext_authz',
        'fapi.require_decision',
      ])
      expect(names.at(-1)).toBe('envoy.filters.http.router')
    }
  })
  test('sidecar-api: what is not HTTP is asked about as well, which the service refuses', () => {
    const [listener] = readMade('sidecar-api').listeners
    const chains = items(at(spot(listener), 'filter_chains'))
      .map((chain) => items(at(chain, 'filters')).map((filter) => textOf(at(filter, 'name'))))
      .filter((names) => names.at(-1) === 'envoy.filters.network.tcp_proxy')
    // The other one is Istio's black hole: what was sent to its own port.
    expect(chains.map((names) => names.includes('envoy.filters.network.ext_authz'))).toEqual([true, false])
  })
  test.each(asking)('%s: the check is told everything and may change little', (made) => {
    const filters = typed(made, 'http.ext_authz.v3.ExtAuthz')
    expect(filters.length).toBe(2)
    for (const { value } of filters)
      expect(value).toMatchObject({
        encode_raw_headers: true,
        validate_mutations: true,
        decoder_header_mutation_rules: { disallow_all: true, disallow_is_error: true },
        enforce_response_header_limits: true,
        deny_at_disable: { default_value: true },
        status_on_error: { code: 'ServiceUnavailable' },
        with_request_body: { max_request_bytes: 65_536, pack_as_bytes: true },
        grpc_service: {
          timeout: '0.500s',
          retry_policy: { num_retries: 1, retry_back_off: { base_interval: '0.010s', max_interval: '0.500s' } },
        },
      })
    // Only the Envoy that meets the client has its certificate.
    for (const filter of filters) expect(at(filter, 'include_peer_certificate').value === true).toBe(made === 'gateway')
  })
  test.each(generated)('%s: nothing lets requests pass without an answer', (made) => {
    for (const filter of typed(made, 'ExtAuthz')) expect(at(filter, 'failure_mode_allow').value ?? false).toBe(false)
    for (const filter of typed(made, 'ExtAuthz')) expect(at(filter, 'clear_route_cache').value ?? false).toBe(false)
  })
  test.each(asking)('%s: paths, scheme and headers are settled before the check', (made) => {
    for (const { value } of managersOf(made))
      expect(value).toMatchObject({
        normalize_path: true,
        merge_slashes: true,
        path_with_escaped_slashes_action: 'REJECT_REQUEST',
        scheme_header_transformation: { scheme_to_overwrite: 'https' },
        common_http_protocol_options: { headers_with_underscores_action: 'REJECT_REQUEST' },
        early_header_mutation_extensions: [{}],
      })
  })
  test.each(generated)('%s: every TLS of it has a certificate to show', (made) => {
    // A patch that meets a listener without TLS would give it one that no connection survives.
    for (const context of typed(made, 'DownstreamTlsContext'))
      expect(items(at(context, 'common_tls_context', 'tls_certificate_sds_secret_configs')).length).toBe(1)
  })
  test.each(['gateway', 'sidecar', 'sidecar-api'] as const)('%s: no session of TLS is resumed', (made) => {
    const contexts = typed(made, 'DownstreamTlsContext')
    expect(contexts.length).toBeGreaterThan(1)
    for (const { value } of contexts)
      expect(value).toMatchObject({
        disable_stateless_session_resumption: true,
        disable_stateful_session_resumption: true,
      })
  })
  test.each(['gateway', 'gateway-unpatched', 'sidecar'] as const)(
    '%s: what clients say of themselves is removed',
    (made) => {
      for (const { value } of managersOf(made))
        expect(value).toMatchObject({
          use_remote_address: true,
          forward_client_cert_details: 'SANITIZE_SET',
          set_current_client_cert_details: { cert: true },
        })
    },
  )
  test.each(['gateway', 'sidecar'] as const)('%s: a pod of the API without its Envoy is not reached', (made) => {
    // Left to itself Istio would go there in plain text, and in the sidecar variant nobody would have checked.
    const [cluster] = readMade(made).clusters.filter(({ name }) => String(name).startsWith('outbound|8080|'))
    expect(cluster).toMatchObject({ transport_socket: { name: 'envoy.transport_sockets.tls' } })
    expect(JSON.stringify(cluster)).not.toContain('raw_buffer')
    expect(JSON.stringify(cluster)).toContain(`[{"exact":"${principalOf.api}"}]`)
  })
  test.each(['gateway', 'sidecar-api'] as const)('%s: the service is who it says, by its account', (made) => {
    const [cluster] = readMade(made).clusters.filter(({ name }) => String(name).startsWith('outbound|9191|'))
    expect(JSON.stringify(cluster)).toContain(`[{"exact":"${principalOf.service}"}]`)
  })
})

test('docs/istio.md: at a waypoint, a configuration without certificates, and what lint says of the policy', async () => {
  const [policy = '', config = ''] = [...read('docs/istio.md').matchAll(/```yaml\n([\s\S]*?)```/g)].map(
    ([, text]) => text,
  )
  const loaded = loadText(config)
  expect(loaded.ok && loaded.config.clientCertificateFrom).toEqual({ source: 'none' })
  const { out } = await commandLine(['lint', join(directoryWith({ 'policy.yaml': policy }), 'policy.yaml'), '--json'])
  const { findings } = JSON.parse(out) as { readonly findings: readonly { readonly id: string }[] }
  expect(findings.map(({ id }) => id)).toEqual(['IL-11', 'IL-12', 'IL-13', 'IL-14', 'IL-15', 'IL-16'])
})

test.each(generated)('%s is run without these parts, and with all others', (made) => {
  const names = (value: unknown): readonly string[] =>
    inside(spot(value))
      .map((one) => textOf(at(one, 'name')))
      .filter((name) => /^(?:istio|envoy|fapi)\./.test(name))
  const placed = placeProxy({ made, account: 'api', port: 1, serves: 8080, to: {} }, '/pki')
  const kept = new Set(names(placed))
  const left = new Set(names(readMade(made)).filter((name) => !kept.has(name)))
  const gateway = /^(?:gateway|sidecar)(?:-unpatched|-host-rule)?$/.test(made)
  expect(left).toEqual(
    new Set(
      gateway
        ? ['istio.alpn', 'istio.metadata_exchange']
        : ['envoy.filters.listener.original_dst', 'istio.metadata_exchange'],
    ),
  )
})
