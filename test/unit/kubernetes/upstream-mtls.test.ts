import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { readManifests } from '../../../tools/manifests.ts'
import { containersOf, manifestsOf, podOf, rendered, root } from '../../support/kubernetes.ts'
import { flawsOfObject } from '../../support/schemas.ts'

const overlay = `${rendered}/kustomize-overlays-sidecar-upstream-mtls.yaml`
const text = (file: string): string => readFileSync(join(root, file), 'utf8')
const envoyFiles = ['upstream-mtls', 'upstream-identity', 'upstream-authority'].map((name) => `envoy/${name}.yaml`)

/** Every value of members of these names. */
function valuesOf(file: string, ...names: readonly string[]): readonly unknown[] {
  const found: unknown[] = []
  JSON.parse(JSON.stringify(parse(text(file))), (name, value: unknown) => {
    if (names.includes(name)) found.push(value)
    return value
  })
  return found
}

describe('k8s/overlays/sidecar-upstream-mtls', () => {
  const containers = containersOf(podOf(overlay))
  const envoy = containers.find(({ name }) => name === 'envoy')
  const mountOf = (name: string) => envoy?.volumeMounts?.find((one) => one.name === name)?.mountPath

  test('the Secret and the files of SDS are where Envoy looks for them', () => {
    const files = envoyFiles.flatMap((file) => valuesOf(file, 'filename', 'path')).map(String)
    expect(files.length).toBe(9)
    const directories = [mountOf('upstream'), mountOf('envoy')]
    expect(directories).toEqual(['/etc/envoy-fapi/upstream', '/etc/envoy'])
    expect(
      files.filter((file) => !directories.some((place) => file === place || file.startsWith(`${place}/`))),
    ).toEqual([])
    expect(podOf(overlay).volumes.find(({ name }) => name === 'upstream')?.secret?.secretName).toBe('edge-upstream')
  })

  test('no API beside Envoy, and a way out to the port of the other one', () => {
    expect(containers.map(({ name }) => name)).toEqual(['envoy-fapi', 'envoy'])
    const [port] = valuesOf('envoy/upstream-mtls.yaml', 'port_value')
    const egress = manifestsOf(overlay)
      .filter(({ kind }) => kind === 'NetworkPolicy')
      .flatMap(({ spec }) => (spec as { egress: readonly { ports: readonly { port: number }[] }[] }).egress)
    expect(egress.flatMap(({ ports }) => ports.map((one) => one.port))).toContain(port)
  })

  test('the files of SDS bring the secrets that the cluster asks for', () => {
    const names = ['upstream_identity', 'upstream_authority']
    expect(valuesOf('envoy/upstream-mtls.yaml', 'name').filter((name) => names.includes(String(name)))).toEqual(names)
    expect(envoyFiles.slice(1).flatMap((file) => valuesOf(file, 'name'))).toEqual(names)
  })
})

test('the manifests of docs/upstream-mtls.md have the members of their kinds and no other', () => {
  const blocks = [...text('docs/upstream-mtls.md').matchAll(/^```yaml\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) =>
    readManifests(block),
  )
  expect(blocks.map((block) => flawsOfObject(block))).toEqual([[], []])
})
