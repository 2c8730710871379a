import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hashSources, readManifests } from '../../../tools/manifests.ts'
import {
  containersOf,
  deploymentOf,
  podOf,
  rendered,
  root,
  serviceOf,
  specOf,
  workloads,
} from '../../support/kubernetes.ts'

const written = globSync('k8s/**/*.yaml', { cwd: root }).filter((name) => !name.includes('/templates/'))

test('there are manifests and rendered ones', () => {
  expect(written.length).toBeGreaterThan(20)
  expect(workloads).toEqual([
    'k8s/sidecar.yaml',
    `${rendered}/helm-mesh.yaml`,
    `${rendered}/helm-mutual-tls.yaml`,
    `${rendered}/helm-replicas-autoscaled.yaml`,
    `${rendered}/helm-replicas.yaml`,
    `${rendered}/kustomize-overlays-replicas.yaml`,
    `${rendered}/kustomize-overlays-sidecar-upstream-mtls.yaml`,
    `${rendered}/kustomize-overlays-sidecar.yaml`,
    `${rendered}/kustomize-overlays-standalone.yaml`,
  ])
})

test.each(written)('%s is YAML', (file) => {
  expect(readManifests(readFileSync(join(root, file), 'utf8')).length).toBeGreaterThan(0)
})

test('what was rendered was made of these sources; otherwise run make render-deploy', () => {
  expect(readFileSync(join(root, rendered, 'sources.sha256'), 'utf8')).toBe(`${hashSources()}\n`)
})

describe.each(workloads)('%s', (file) => {
  const pod = podOf(file)
  const containers = containersOf(pod)
  const everyContainer = containers.map((container) => [container.name, container] as const)

  test('FAPI-NET-05 the pod is restricted: no root, no token of the cluster, the default seccomp profile', () => {
    expect(pod.securityContext).toEqual({
      runAsNonRoot: true,
      runAsUser: 10001,
      runAsGroup: 10001,
      fsGroup: 10001,
      seccompProfile: { type: 'RuntimeDefault' },
    })
    expect(pod.automountServiceAccountToken).toBe(false)
  })

  test.each(everyContainer)('%s: nothing to gain and nothing to write', (_, { securityContext }) => {
    expect(securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
  })

  test.each(everyContainer)('%s: a version that stays what it is', (_, { image }) => {
    expect(image).toMatch(/(?::[a-z-]*v?[0-9][\w.-]*|@sha256:[0-9a-f]{64})$/)
    expect(image).not.toContain('latest')
  })

  test.each(everyContainer)('%s: mounts that change with their source', (_, { volumeMounts = [] }) => {
    for (const { name, readOnly, subPath } of volumeMounts) {
      expect({ name, readOnly, subPath }).toEqual({ name, readOnly: true, subPath: undefined })
      expect(pod.volumes.map((volume) => volume.name)).toContain(name)
    }
  })

  test('what is secret is not for everybody in the pod to read', () => {
    for (const { secret } of pod.volumes) if (secret) expect(secret.defaultMode).toBe(0o440)
  })

  test('the service has its resources, and a limit of memory', () => {
    const { resources } = serviceOf(file)
    expect(new Set(Object.keys(resources?.requests ?? {}))).toEqual(new Set(['cpu', 'memory']))
    expect(resources?.limits?.memory).toMatch(/^[0-9]+[MG]i$/)
  })

  test('the selector finds the pod', () => {
    const { selector, template } = deploymentOf(file).spec
    expect(template.metadata.labels).toMatchObject(selector.matchLabels)
  })
})

describe.each(workloads.filter((file) => file.includes('sidecar')))('beside Envoy: %s', (file) => {
  const { initContainers = [], containers, terminationGracePeriodSeconds = 30 } = podOf(file)

  test('the service starts before Envoy, ready, and stops after it', () => {
    expect(initContainers.map(({ name, restartPolicy }) => [name, restartPolicy])).toEqual([['envoy-fapi', 'Always']])
    expect(initContainers[0]?.startupProbe?.httpGet?.path).toBe('/readyz')
    expect(containers[0]?.name).toBe('envoy')
  })
  test('Envoy, its longest request and the drain of the service fit into the time to end', () => {
    const sleep = containers[0]?.lifecycle?.preStop.sleep.seconds ?? 0
    const bootstrap = readFileSync(join(root, 'envoy/hardened.yaml'), 'utf8')
    const longest = Number(/cluster: upstream, timeout: ([0-9]+)s/.exec(bootstrap)?.[1])
    expect(sleep).toBeGreaterThan(0)
    expect(sleep + longest + 10).toBeLessThan(terminationGracePeriodSeconds)
  })
})

describe.each(workloads.filter((file) => !file.includes('sidecar')))('by itself: %s', (file) => {
  test('an issuer that is away does not restart it', () => {
    expect(serviceOf(file).startupProbe?.httpGet?.path).toBe('/healthz')
  })
  test('it waits until every Envoy has heard that it goes', () => {
    const seconds = serviceOf(file).lifecycle?.preStop.sleep.seconds ?? 0
    expect(seconds).toBeGreaterThan(0)
    expect(seconds + 10).toBeLessThan(podOf(file).terminationGracePeriodSeconds ?? 30)
  })
})

/** What a NetworkPolicy lets in: the port, and from where; everybody when it does not say. */
interface Ingress {
  readonly from?: readonly object[]
  readonly ports: readonly { readonly port: number }[]
}

describe.each(workloads.filter((file) => !/mesh|k8s\/sidecar/.test(file)))('the network around %s', (file) => {
  const { policyTypes, ingress } = specOf(file, 'NetworkPolicy') as {
    readonly policyTypes: readonly string[]
    readonly ingress: readonly Ingress[]
  }
  const open = ingress
    .filter(({ from = [] }) => from.length === 0)
    .flatMap(({ ports }) => ports.map(({ port }) => port))

  test('is closed in both directions', () => expect(policyTypes).toEqual(['Ingress', 'Egress']))
  test('FAPI-NET-05 lets everybody reach Envoy at the most', () => {
    expect(open).toEqual(file.includes('sidecar') ? [8443] : [])
  })
})
