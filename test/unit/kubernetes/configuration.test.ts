import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Config } from '../../../src/config.ts'
import { loadText } from '../../support/config-files.ts'
import {
  configurationOf,
  manifestsOf,
  mostReplicas,
  podOf,
  serviceOf,
  specOf,
  workloads,
} from '../../support/kubernetes.ts'

const FILES = '/etc/envoy-fapi'

/** What stands in a mounted file: no two secrets are the same, and none is short. */
const contentOf = (path: string): string => `${path} 7KqXz0vRbWm3TjYs9LcFhD2g`

/** Reads the configuration as the pod does, with a file in each place where a Secret or ConfigMap is mounted. */
function loadMounted(file: string): Config {
  const text = configurationOf(file)
  const named = [...text.matchAll(/\/etc\/envoy-fapi\/([\w./-]+)/g)].map(([, path = '']) => path)
  const loaded = loadText(
    text.replaceAll(`${FILES}/`, ''),
    {},
    Object.fromEntries(named.map((path) => [path, contentOf(path)])),
  )
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.config
}

const portOf = (address: string): number => Number(/:([0-9]+)$/.exec(address)?.[1])

describe.each(workloads)('%s', (file) => {
  const { args = [], ports = [], volumeMounts = [], startupProbe, readinessProbe, livenessProbe } = serviceOf(file)

  test('the service accepts its configuration', () => {
    const config = loadMounted(file)
    expect(config.profile).toBe('fapi2-security')
    expect(config.replicas).toBe(mostReplicas(file))
  })
  test('it is started with the file that is mounted', () => {
    expect(args).toEqual(['serve', '--config', `${FILES}/config/envoy-fapi.yaml`])
    expect(volumeMounts.map(({ mountPath }) => mountPath)).toContain(`${FILES}/config`)
  })
  test('every file the configuration names lies in a mounted directory', () => {
    const mounted = volumeMounts.map(({ mountPath }) => `${mountPath}/`)
    const named = [...configurationOf(file).matchAll(/\/etc\/envoy-fapi\/[\w./-]+/g)].map(([path]) => path)
    expect(named.filter((path) => !mounted.some((directory) => path.startsWith(directory)))).toEqual([])
  })
  test('the probes ask for what is served, where it is served', () => {
    const config = loadMounted(file)
    const metrics = ports.find(({ name }) => name === 'metrics')
    expect(metrics?.containerPort).toBe(portOf(config.listen.metrics ?? ''))
    // The kubelet comes from outside the pod.
    expect(config.listen.metrics).toMatch(/^0\.0\.0\.0:/)
    expect(['/healthz', '/readyz']).toContain(startupProbe?.httpGet?.path)
    expect(readinessProbe?.httpGet).toEqual({ path: '/readyz', port: 'metrics' })
    expect(livenessProbe?.httpGet).toEqual({ path: '/healthz', port: 'metrics' })
  })
  test('the Check port is reached as the configuration says', () => {
    const config = loadMounted(file)
    const services = manifestsOf(file).filter(({ kind }) => kind === 'Service')
    const named = services.flatMap(
      ({ spec }) => (spec as { readonly ports: readonly { readonly targetPort: string }[] }).ports,
    )
    const check = ports.find(({ name }) => name === 'check')
    const alone = !podOf(file).initContainers
    expect(named.some(({ targetPort }) => targetPort === 'check')).toBe(alone)
    if (alone) expect(check?.containerPort).toBe(portOf(config.listen.check))
    else expect(config.listen.check).toMatch(/^127\./)
  })
  test('FAPI-NET-05 whoever asks is known: by a pinned name, or to the mesh', () => {
    const { tls, meshTls } = loadMounted(file).listen
    expect(meshTls).toBe(file.includes('mesh'))
    expect(tls?.peers).toEqual(meshTls ? undefined : ['spiffe://bank.example/envoy'])
  })
})

test('the port of a mesh is gRPC to it, and the port with TLS of its own is none of its business', () => {
  const checkPort = (file: string): unknown => {
    const { ports } = specOf(file, 'Service') as { readonly ports: readonly { readonly port: number }[] }
    return ports.find(({ port }) => port === 9191)
  }
  const [mesh, ...others] = workloads.filter((file) => !file.includes('sidecar'))
  expect(checkPort(mesh ?? '')).toMatchObject({ name: 'grpc-check', appProtocol: 'kubernetes.io/h2c' })
  for (const file of others) {
    expect(checkPort(file)).toMatchObject({ name: 'tls-check' })
    expect(checkPort(file)).not.toHaveProperty('appProtocol')
  }
})

test('a large number of proofs survives the templates', () => {
  const [mesh = ''] = workloads.filter((file) => file.includes('mesh'))
  expect(parse(configurationOf(mesh))).toMatchObject({ stores: { replayCapacity: 2_000_000 } })
})

test('no manifest has an Envoy bootstrap of its own: Envoy gets envoy/hardened.yaml, which is tried on Envoy', () => {
  const texts = workloads.flatMap((file) => manifestsOf(file).flatMap(({ data = {} }) => Object.values(data)))
  expect(texts.length).toBeGreaterThan(workloads.length)
  expect(texts.filter((text) => text.includes('static_resources'))).toEqual([])
  for (const file of workloads.filter((name) => name.includes('sidecar')))
    expect(podOf(file).volumes).toContainEqual(expect.objectContaining({ configMap: { name: 'edge-envoy' } }))
})
