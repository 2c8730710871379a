import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { headerRules } from '../../../src/envoy-header-rules.ts'
import { at, inside, items, type Spot, textOf } from '../../../src/lint/spot.ts'
import { placeBootstrap } from '../../../tools/bootstrap.ts'
import { generated, sources } from '../../../tools/envoy-gateway.ts'
import { hashSources } from '../../../tools/manifests.ts'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith, loadText } from '../../support/config-files.ts'
import { asGenerated, edgeListener, managersOf, messagesOf, spot, type Variant } from '../../support/envoy-gateway.ts'
import { manifestsOf, root } from '../../support/kubernetes.ts'

const ours = (name: string): string => `k8s/envoy-gateway/${name}.yaml`
const read = (name: string): string => readFileSync(join(root, name), 'utf8')
const [whole, mtls] = manifestsOf(ours('plain/clients'))

/** The text of a service configuration, its files beside it. */
const configOf = (variant: string): string => read(ours(`${variant}/envoy-fapi`)).replaceAll('/etc/envoy-fapi/', '')
const files = { 'pki/service.pem': '', 'pki/service.key': '', 'pki/service-ca.pem': '' }

describe('what was generated', () => {
  test('is of the manifests as they are; run: tools/verify/envoy-gateway.sh test/fixtures/envoy-gateway', () =>
    expect(read('test/fixtures/envoy-gateway/sources.sha256')).toBe(`${hashSources(sources)}\n`))
  test.each(generated)('%s holds no certificate and no key', (variant) =>
    expect(read(`test/fixtures/envoy-gateway/${variant}.json`)).not.toMatch(/BEGIN |LS0tLS1|inlineBytes|inlineString/),
  )
})

describe('the manifests', () => {
  test('both listeners meet clients alike, but for the certificate that one demands', () => {
    const same = (policy: typeof whole, mode: string): string =>
      JSON.stringify(policy?.spec).replace(',"sectionName":"mtls"', '').replace(`"mode":"${mode}"`, '')
    expect(same(whole, 'VerifyIfGiven')).toBe(same(mtls, 'RequireAndVerify'))
    expect(JSON.stringify(whole?.spec)).not.toBe(same(whole, 'VerifyIfGiven'))
  })
  test('a listener without a policy of its own has that of the Gateway', () => {
    const targets = [whole, mtls].flatMap((policy) => items(at(spot(policy), 'spec', 'targetRefs')))
    const gateway = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' }
    expect(targets.map(({ value }) => value)).toEqual([gateway, { ...gateway, sectionName: 'mtls' }])
  })
  test('whatever comes through the Gateway is asked about', () => {
    const [policy] = manifestsOf(ours('plain/check'))
    const targets = items(at(spot(policy), 'spec', 'targetRefs'))
    expect(targets.map(({ value }) => value)).toEqual([
      { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' },
    ])
  })
  test('nobody reaches the API but the Envoys of this Gateway, the same that may ask', () => {
    const [route] = manifestsOf(ours('plain/gateway')).filter(({ kind }) => kind === 'HTTPRoute')
    const [policy] = manifestsOf(ours('plain/api'))
    const [patch] = parse(read(ours('plain/proxies'))) as readonly { readonly value: unknown }[]
    const [backend] = inside(spot(route?.spec)).filter(({ path }) => path.at(-2) === 'backendRefs')
    expect(policy?.spec).toEqual({
      podSelector: { matchLabels: { 'app.kubernetes.io/name': backend && at(backend, 'name').value } },
      policyTypes: ['Ingress'],
      ingress: [{ from: patch?.value }],
    })
    const { resources } = parse(read(ours('plain/kustomization'))) as { readonly resources: readonly string[] }
    expect(resources).toContain('api.yaml')
  })
  test.each(['plain', 'patched'])('the header expressions are those of the configuration of %s', (variant) => {
    const loaded = loadText(configOf(variant), {}, files)
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
    const { allowExpression, earlyStrip } = headerRules(loaded.config)
    for (const policy of [whole, mtls])
      expect(at(spot(policy?.spec), 'headers', 'earlyRequestHeaders', 'removeOnMatch').value).toEqual([
        { type: 'RegularExpression', value: earlyStrip },
      ])
    expect(read(ours('patched/patches'))).toContain(`regex: ${JSON.stringify(allowExpression)}`)
  })
  test.each([
    ['plain', 'envoy-gateway', undefined],
    ['plain', 'envoy-gateway-patched', 2],
    ['patched', 'envoy-gateway', 2],
    ['patched', 'envoy-gateway-patched', undefined],
  ])('config check takes the configuration of %s for %s: exit code %o', async (variant, platform, expected) => {
    const file = join(directoryWith({ ...files, 'envoy-fapi.yaml': configOf(variant) }), 'envoy-fapi.yaml')
    const { code } = await commandLine(['config', 'check', '--platform', platform, file])
    expect(code).toBe(expected)
  })
})

/** The filters of a connection manager, in order. */
const filtersOf = (manager: Spot): readonly Spot[] => items(at(manager, 'httpFilters'))
const named = (filters: readonly Spot[], name: string): readonly Spot[] =>
  filters.filter((filter) => textOf(at(filter, 'name')) === name)
const CHECK = 'envoy.filters.http.ext_authz/securitypolicy/fapi/fapi'

describe.each(generated)('%s', (variant: Variant) => {
  const patched = variant.startsWith('patched')
  const managers = managersOf(variant)
  const found = (...names: readonly string[]): readonly unknown[] => managers.map((one) => at(one, ...names).value)
  const settings = managers.map((manager) => named(filtersOf(manager), CHECK)[0])

  test('each listener of the Gateway has its chain', () => {
    const chains = items(at(spot(edgeListener(variant)), 'filterChains'))
    const names = chains.map((chain) => at(chain, 'filterChainMatch', 'serverNames').value)
    expect(names).toEqual([['api.bank.example'], ['mtls.bank.example']])
    expect(managers.length).toBe(2)
    const demanded = chains.map(
      (chain) => at(chain, 'transportSocket', 'typedConfig', 'requireClientCertificate').value,
    )
    expect(demanded).toEqual([false, true])
  })
  test('att-envoy-06: the check never opens and answers 503 when there is none', () => {
    for (const filter of settings) {
      const config = at(filter ?? spot(undefined), 'typedConfig')
      expect(at(config, 'failureModeAllow').value).toBeUndefined()
      expect(at(config, 'statusOnError').value).toEqual({ code: 'ServiceUnavailable' })
      expect(at(config, 'grpcService', 'timeout').value).toBe('0.500s')
      expect(at(config, 'grpcService', 'retryPolicy', 'retryBackOff').value).toEqual({
        baseInterval: '0.010s',
        maxInterval: '0.500s',
      })
    }
  })
  test('every patch arrives at every listener, and none where there are no patches', () => {
    for (const filter of settings) {
      const config = at(filter ?? spot(undefined), 'typedConfig')
      const on = ['includePeerCertificate', 'encodeRawHeaders', 'validateMutations'].map((key) => at(config, key).value)
      expect(on).toEqual(patched ? [true, true, true] : [undefined, undefined, undefined])
      expect(at(config, 'decoderHeaderMutationRules', 'disallowAll').value).toBe(patched || undefined)
      expect(at(config, 'withRequestBody').value).toEqual(
        patched ? { maxRequestBytes: 65536, packAsBytes: true } : undefined,
      )
      expect(filter && at(filter, 'disabled').value).toBe(patched ? undefined : true)
    }
    expect(found('schemeHeaderTransformation')).toEqual(
      managers.map(() => (patched ? { schemeToOverwrite: 'https' } : undefined)),
    )
    for (const manager of managers) {
      const names = filtersOf(manager).map((filter) => textOf(at(filter, 'name')))
      expect(names.slice(-3).includes('fapi.require_decision')).toBe(patched)
      if (patched) expect(names.slice(-3)).toEqual([CHECK, 'fapi.require_decision', 'envoy.filters.http.router'])
    }
  })
  test('the certificate comes one way only', () => {
    expect(found('forwardClientCertDetails')).toEqual(managers.map(() => (patched ? undefined : 'SANITIZE_SET')))
    expect(found('setCurrentClientCertDetails')).toEqual(managers.map(() => (patched ? undefined : { cert: true })))
  })
  test('Envoy shows envoy-fapi who it is, and demands its name', () => {
    const cluster = messagesOf(variant, 'Clusters').find(({ name }) => name === 'securitypolicy/fapi/fapi/extauth/0')
    const [tls] = items(at(spot(cluster), 'transportSocketMatches')).map((match) =>
      at(match, 'transportSocket', 'typedConfig'),
    )
    const context = at(tls ?? spot(undefined), 'commonTlsContext')
    expect(items(at(context, 'tlsCertificateSdsSecretConfigs')).map((one) => textOf(at(one, 'name')))).toEqual([
      'fapi/envoy-client',
    ])
    expect(
      at(context, 'combinedValidationContext', 'defaultValidationContext', 'matchTypedSubjectAltNames').value,
    ).toEqual([{ sanType: 'DNS', matcher: { exact: 'envoy-fapi.internal' } }])
    expect(at(tls ?? spot(undefined), 'sni').value).toBe('envoy-fapi.internal')
  })
  test('no query and no token is logged', () => {
    const formats = inside(spot(edgeListener(variant))).map((one) => at(one, 'jsonFormat').value)
    const [format] = formats.filter((one) => one !== undefined)
    expect(format).toMatchObject({ path: '%PATH(NQ)%', authz: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz)%' })
    expect(JSON.stringify(format)).not.toMatch(/authorization|dpop|cookie|:path/i)
  })
  test('lint finds what docs/envoy-gateway.md says is missing, and nothing else', async () => {
    const ports = { edge: 1, admin: 2, check: 3, upstream: 4 }
    const bootstrap = asGenerated(variant)(placeBootstrap('envoy/hardened.yaml', { pki: '/pki', ports }))
    const { out } = await commandLine([
      'lint',
      join(directoryWith({ 'envoy.json': bootstrap }), 'envoy.json'),
      '--json',
    ])
    const { findings } = JSON.parse(out) as { readonly findings: readonly { readonly id: string }[] }
    const plain = ['EL-02', 'EL-06', 'EL-09', 'EL-10', 'EL-23']
    // EL-30: routes take WebSockets; the listener makes ordinary requests of them before any route is looked for.
    expect(new Set(findings.map(({ id }) => id))).toEqual(new Set([...(patched ? [] : plain), 'EL-30']))
    expect(found('httpProtocolOptions', 'ignoreHttp11Upgrade')).toEqual(
      managers.map(() => [{ safeRegex: { regex: '.*' } }]),
    )
    expect(found('http2ProtocolOptions', 'allowConnect')).toEqual(managers.map(() => undefined))
  })
})
