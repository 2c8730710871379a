import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { commandLine } from '../support/command-line.ts'
import { directoryWith } from '../support/config-files.ts'
import { init } from '../support/init.ts'

const fixtures = 'test/fixtures'

/** Every case passes and every route has one. */
async function tried(configuration: string, cases: string): Promise<void> {
  const { out, err, code } = await commandLine(['test', '--config', configuration, cases, '--require-coverage'])
  expect({ err, code, out: out.split('\n').filter((line) => !line.startsWith('  ok  ')) }).toEqual({
    err: '',
    code: 0,
    out: [expect.stringContaining('.yaml'), '', expect.stringMatching(/^[1-9]\d* passed, 0 failed$/), ''],
  })
}

describe('an example configuration ships with its tests, and they pass:', () => {
  test.each([
    'envoy',
    'demo',
    'k8s/overlays/sidecar',
    'k8s/overlays/standalone',
    'k8s/overlays/replicas',
    'k8s/istio/gateway',
    'k8s/istio/gateway-unpatched',
    'k8s/istio/sidecar',
    'k8s/envoy-gateway/plain',
    'k8s/envoy-gateway/patched',
  ])('%s', (folder) => tried(`${folder}/envoy-fapi.yaml`, `${folder}/envoy-fapi-tests.yaml`))

  test.each(['smallest', 'large', 'compat'])('the %s of the fixtures', (name) =>
    tried(`${fixtures}/config/good/${name}.yaml`, `${fixtures}/cases/good/${name}.yaml`),
  )

  test('k8s/sidecar.yaml, the configuration in its ConfigMap', async () => {
    const manifest = readFileSync('k8s/sidecar.yaml', 'utf8')
    const [, block = ''] = /^ {2}envoy-fapi\.yaml: \|\n((?: {4}.*\n|\n)+)/m.exec(manifest) ?? []
    const folder = directoryWith({ 'envoy-fapi.yaml': block.replaceAll(/^ {4}/gm, '') })
    await tried(join(folder, 'envoy-fapi.yaml'), 'k8s/overlays/sidecar/envoy-fapi-tests.yaml')
  })
})

describe('a configuration of the documentation does what its tests say:', () => {
  const blocks = [...readFileSync('README.md', 'utf8').matchAll(/^```yaml\n([\s\S]*?)^```$/gm)]
    .map(([, block = '']) => block)
    .filter((block) => /^publicOrigins:/m.test(block) && /^routes:/m.test(block))

  test('there are two, the smallest and one with every key', () => expect(blocks.length).toBe(2))
  test.each(['readme-smallest', 'readme-every-key'])('%s', async (name) => {
    const folder = directoryWith({ 'envoy-fapi.yaml': blocks[name === 'readme-smallest' ? 0 : 1] ?? '' })
    await tried(join(folder, 'envoy-fapi.yaml'), `${fixtures}/cases/good/${name}.yaml`)
  })
})

describe('init writes tests beside the configuration:', () => {
  const platforms = [
    ['envoy', 'envoy-fapi'],
    ['sidecar', 'k8s/overlays/sidecar/envoy-fapi'],
    ['istio', 'k8s/istio/gateway/envoy-fapi'],
    ['envoy-gateway', 'k8s/envoy-gateway/patched/envoy-fapi'],
  ] as const
  const cases = platforms.flatMap(([platform, file]) =>
    (['dpop', 'mtls', 'both'] as const).map((binding) => ({ platform, binding, file })),
  )
  test.each(cases)('for $platform with $binding', async ({ platform, binding, file }) => {
    const { folder, files } = await init([
      '--for',
      platform,
      '--binding',
      binding,
      '--path',
      '/o/{id}',
      '--scope',
      "a 'b",
    ])
    expect(Object.keys(files).filter((name) => name.endsWith('-tests.yaml'))).toEqual([`${file}-tests.yaml`])
    await tried(join(folder, `${file}.yaml`), join(folder, `${file}-tests.yaml`))
  })
  test.each(['/**', '/health', '/health/**', '/a.b/~c/{x}/**'])('for the path %s', async (path) => {
    const { folder } = await init(['--path', path])
    await tried(join(folder, 'envoy-fapi.yaml'), join(folder, 'envoy-fapi-tests.yaml'))
  })
  test('for a machine of your own', async () => {
    const { folder, out } = await init(['--dev'])
    expect(out).toContain('npx envoy-fapi test --config envoy-fapi.yaml envoy-fapi-tests.yaml')
    await tried(join(folder, 'envoy-fapi.yaml'), join(folder, 'envoy-fapi-tests.yaml'))
  })
  test('the example of the package is what init writes for it', async () => {
    const { files } = await init(['--origin', 'https://api.bank.example', '--issuer', 'https://as.bank.example'])
    expect(parse(readFileSync('envoy/envoy-fapi-tests.yaml', 'utf8'))).toEqual(
      parse(String(files['envoy-fapi-tests.yaml'])),
    )
  })
})
