import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { isObject } from '../../../src/verify/strict-json.ts'
import { readManifests } from '../../../tools/manifests.ts'
import { commandLine } from '../../support/command-line.ts'
import { init, mountedFiles, type Written } from '../../support/init.ts'
import { flawsOfMeshConfig, flawsOfObject } from '../../support/schemas.ts'

const platforms = [
  ['envoy', 'envoy-fapi.yaml'],
  ['sidecar', 'k8s/overlays/sidecar/envoy-fapi.yaml'],
  ['istio', 'k8s/istio/gateway/envoy-fapi.yaml'],
  ['envoy-gateway', 'k8s/envoy-gateway/patched/envoy-fapi.yaml'],
] as const
const bindings = ['dpop', 'mtls', 'both'] as const
const cases = platforms.flatMap(([platform, file]) => bindings.map((binding) => ({ platform, binding, file })))

const yamlOf = ({ files, folder }: Written): readonly string[] =>
  Object.keys(files)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => join(folder, name))

/** Files that kustomize completes or merges into others. */
const partial = /kustomization\.yaml$|^k8s\/base\/|overlays\/sidecar\/envoy\.yaml$|own-pod\.yaml$|in-mesh\.yaml$/

/** Every text in a document, keys left out. */
const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) || isObject(value) ? Object.values(value).flatMap(texts) : [String(value)]

describe.each(cases)('$platform with $binding', ({ platform, binding, file }) => {
  const flags = ['--for', platform, '--binding', binding, '--path', '/orders/{id}', '--scope', 'read write']

  test('config check is satisfied', async () => {
    const { folder } = await init(flags)
    const suited = platform === 'envoy-gateway' ? ['--platform', 'envoy-gateway-patched'] : []
    const checked = await commandLine(['config', 'check', ...suited, join(folder, file)], {
      ENVOY_FAPI_PKI: mountedFiles(),
    })
    expect(checked).toMatchObject({ code: undefined, err: '', out: expect.stringContaining('api     resource') })
    expect(checked.out).toContain('/orders/{id}')
  })
  test('lint finds nothing', async () => {
    const linted = await commandLine(['lint', ...yamlOf(await init(flags))])
    expect(linted).toMatchObject({ code: undefined, out: expect.stringMatching(/^fine: /m) })
  })
  test('no name of the examples is left, except where it stands for a name of the cluster', async () => {
    const written = await init(flags)
    const left = Object.values(written.files)
      .flatMap(readManifests)
      .flatMap(texts)
      .filter((text) => /(api|mtls|as)\.bank\.example/.test(text))
    expect(left).toEqual([])
    expect(Object.values(written.files).join('')).not.toMatch(/^ *#.*(api|mtls)\.bank\.example/m)
  })
  test('every manifest fits the schema of its kind', async () => {
    const manifests = Object.entries((await init(flags)).files).filter(([name]) => !partial.test(name))
    const flaws = manifests.flatMap(([name, text]) =>
      readManifests(text).flatMap((value) => {
        if (name.endsWith('mesh-config.yaml')) return flawsOfMeshConfig(value)
        return isObject(value) && 'kind' in value ? flawsOfObject(value) : []
      }),
    )
    expect(flaws).toEqual([])
  })
  test('tokens may be bound to what was said', async () => {
    const config = parse((await init(flags)).files[file] ?? '') as {
      readonly clientCertificateFrom: { readonly source: string }
      readonly routes: readonly { readonly senderConstraint?: object; readonly scopes?: readonly string[] }[]
    }
    expect(config.routes.at(-1)?.scopes).toEqual(['read', 'write'])
    expect(config.routes.at(-1)?.senderConstraint).toEqual(binding === 'both' ? undefined : { methods: [binding] })
    expect(config.clientCertificateFrom.source === 'none').toBe(binding === 'dpop')
  })
})

/** The commands of the next steps, each with the end of its line. */
const commandsIn = (out: string): readonly string[] =>
  [...out.replace(/^ {2}cd .*$/m, '').matchAll(/^ {2}(\S.*\n)/gm)].map(([, command = '']) => command)

describe('the next steps', () => {
  test.each(platforms)('of %s name files that were written, and check what they say', async (platform, file) => {
    const { out, folder, files } = await init(['--for', platform])
    const commands = commandsIn(out)
    const named = commands.flatMap((command) => command.match(/\bk8s\/\S+|\benvoy(?:-fapi)?\.yaml/g) ?? [])
    expect(named.length).toBeGreaterThan(1)
    const there = new Set(Object.keys(files).flatMap((name) => [name, name.slice(0, name.lastIndexOf('/'))]))
    expect(named.filter((name) => !there.has(name))).toEqual([])

    const check = commands.find((command) => command.includes(' config check ')) ?? ''
    const words = check
      .trimEnd()
      .replace(/^.*?npx envoy-fapi /, '')
      .split(' ')
    const argv = words.map((word) => (word === file ? join(folder, file) : word))
    expect(await commandLine(argv, { ENVOY_FAPI_PKI: mountedFiles() })).toMatchObject({ code: undefined, err: '' })
  })
  test('of a development machine are those of the README', async () => {
    const section = /^## Start your own\n([\s\S]*?)^## /m.exec(readFileSync('README.md', 'utf8'))?.[1] ?? ''
    const [, following] = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block)
    const flags = ['--dev', '--origin', 'https://api.bank.example', '--issuer', 'https://as.bank.example']
    expect(commandsIn((await init(flags)).out).join('')).toBe(following)
  })
  test('are in the folder that was named', async () => {
    const { out, folder } = await init([])
    expect(out).toContain(`\n  cd ${folder}\n`)
  })
})

describe('a client certificate', () => {
  const demanded = {
    envoy: ['envoy.yaml', /require_client_certificate: true/, /trusted_ca: \{ filename: client-ca\.pem/],
    sidecar: ['envoy.yaml', /require_client_certificate: true/, /filename: \/etc\/envoy-fapi\/pki\/client-ca\.pem/],
    istio: ['k8s/istio/edge/gateway.yaml', /mode: MUTUAL/, /credentialName: bank-api/],
    'envoy-gateway': ['k8s/envoy-gateway/plain/clients.yaml', /mode: RequireAndVerify/, /name: client-ca/],
  } as const
  test.each(platforms)(
    'is demanded where nothing else is taken, and may be left out otherwise: %s',
    async (platform) => {
      const [file, strict, authority] = demanded[platform]
      const mtls = (await init(['--for', platform, '--binding', 'mtls'])).files[file]
      const both = (await init(['--for', platform, '--binding', 'both'])).files[file]
      expect(mtls).toMatch(strict)
      expect(mtls).not.toMatch(/may be left out/)
      expect(both).not.toMatch(strict)
      for (const text of [mtls, both]) expect(text).toMatch(authority)
    },
  )
  test('is not asked for where no token is bound to one', async () => {
    expect((await init([])).files['envoy.yaml']).not.toMatch(/trusted_ca|client-ca\.pem|may be left out/)
  })
})

describe('the upstream', () => {
  test('is an address, or a name that is looked up', async () => {
    const address = (await init(['--upstream', '127.0.0.1:9000'])).files['envoy.yaml']
    expect(address).toMatch(/name: upstream\n +type: STATIC\n[\s\S]*address: 127\.0\.0\.1, port_value: 9000/)
    const name = (await init(['--upstream', 'orders.internal:81'])).files['envoy.yaml']
    expect(name).toMatch(/name: upstream\n +type: STRICT_DNS\n[\s\S]*address: orders\.internal, port_value: 81/)
  })
  test('is a Service in a namespace of the mesh, and all that protects it names the same', async () => {
    const { files } = await init(['--for', 'istio', '--upstream', 'orders.shop:81'])
    expect(files['k8s/istio/edge/virtual-service.yaml']).toContain(
      'host: orders.shop.svc.cluster.local, port: { number: 81 }',
    )
    expect(files['k8s/istio/edge/gateway.yaml']).toContain('hosts: [ shop/shop.acme.test ]')
    for (const file of ['k8s/istio/edge/api.yaml', 'k8s/istio/gateway/callers.yaml'])
      expect(files[file]).toMatch(/name: orders, namespace: shop[\s\S]*app\.kubernetes\.io\/name: orders/)
  })
  test('is a Service beside the Gateway', async () => {
    const { files } = await init(['--for', 'envoy-gateway', '--upstream', 'orders:81'])
    expect(files['k8s/envoy-gateway/plain/gateway.yaml']).toContain('backendRefs: [ { name: orders, port: 81 } ]')
  })
})

test('a port of the origin is in every name Envoy answers to', async () => {
  const { files } = await init(['--origin', 'https://shop.acme.test:8443'])
  expect(files['envoy.yaml']).toContain('domains: [ shop.acme.test, "shop.acme.test:8443" ]')
  expect(files['envoy-fapi.yaml']).toContain('- https://shop.acme.test:8443')
})
test('a path that the open route would take everything from stands alone', async () => {
  const { files } = await init(['--path', '/health'])
  expect((parse(String(files['envoy-fapi.yaml'])) as { readonly routes: readonly unknown[] }).routes.length).toBe(1)
})
test('keys in a file only with --dev, and then only loopback is listened on', async () => {
  const live = (await init([])).files
  const dev = (await init(['--dev'])).files
  expect(live['envoy-fapi.yaml']).not.toContain('as.jwks.json')
  expect(dev['envoy-fapi.yaml']).toContain('keys: { file: as.jwks.json }')
  expect(live['envoy.yaml']).toContain('address: 0.0.0.0, port_value: 8443')
  expect(dev['envoy.yaml']).toContain('address: 127.0.0.1, port_value: 8443')
})
test('the comments of the examples come along', async () => {
  const { files } = await init([])
  expect(files['envoy.yaml']).toContain('# Never open: without an answer there is no access.')
  expect(files['envoy-fapi.yaml']).toContain('# The first route that matches counts')
})
