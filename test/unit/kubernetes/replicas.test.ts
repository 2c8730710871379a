import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import {
  autoscalerOf,
  configurationOf,
  deploymentOf,
  manifestsOf,
  mostReplicas,
  podOf,
  rendered,
  root,
  specOf,
  workloads,
} from '../../support/kubernetes.ts'
import { grant } from '../../support/redis.ts'

type Tree = Readonly<Record<string, unknown>>
interface Egress {
  readonly to: readonly object[]
  readonly ports: readonly { readonly port: number }[]
}
interface Shared {
  readonly stores?: { readonly replay?: string | { readonly password?: string } }
  readonly nonces?: { readonly secrets?: readonly string[] }
}

const writtenOf = (file: string): Shared => parse(configurationOf(file)) as Shared
/** Where a configuration says that used proofs are remembered. */
const replayOf = (file: string): unknown => writtenOf(file).stores?.replay ?? 'memory'
const inMemory = workloads.filter((file) => replayOf(file) === 'memory')
const shared = workloads.filter((file) => replayOf(file) !== 'memory')
const alone = (file: string): boolean => !file.includes('sidecar')

test('both kinds are shipped, and no configuration but that of replicas names a Redis', () => {
  expect(inMemory.length).toBeGreaterThan(3)
  expect(shared.length).toBeGreaterThan(2)
  expect(shared.filter((file) => !file.includes('replicas'))).toEqual([])
})

describe.each(inMemory)('used proofs in memory: %s', (file) => {
  test('one replica, and the old one is gone before the new one starts', () => {
    const { spec } = deploymentOf(file)
    expect(spec.replicas).toBe(1)
    expect(spec.strategy).toEqual({ type: 'Recreate' })
    expect(autoscalerOf(file)).toBeUndefined()
  })
})

test.each(inMemory.filter(alone))('a node can be drained: %s', (file) => {
  const budget = specOf(file, 'PodDisruptionBudget')
  expect(budget).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' })
  expect(budget).not.toHaveProperty('minAvailable')
})

describe.each(shared)('used proofs in Redis: %s', (file) => {
  const { spec, metadata } = deploymentOf(file)

  test('several replicas, and the new one is ready before an old one goes', () => {
    expect(mostReplicas(file)).toBeGreaterThan(1)
    expect(spec.strategy).toEqual({ type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } })
  })
  test('an autoscaler decides alone, or nobody', () => {
    const scaler = autoscalerOf(file)
    if (!scaler) return expect(spec.replicas).toBeGreaterThan(1)
    expect(spec.replicas).toBeUndefined()
    expect(scaler.scaleTargetRef).toEqual({ apiVersion: 'apps/v1', kind: 'Deployment', name: metadata.name })
    expect(scaler.minReplicas).toBeGreaterThan(1)
    expect(scaler.maxReplicas).toBeGreaterThanOrEqual(scaler.minReplicas)
  })
  test('one stays while nodes are drained', () => {
    const budget = specOf(file, 'PodDisruptionBudget')
    expect(budget).toMatchObject({ minAvailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' })
    expect(budget).not.toHaveProperty('maxUnavailable')
  })
  test('they are spread over nodes and zones, and start all the same where that cannot be', () => {
    const { topologySpreadConstraints = [] } = podOf(file) as unknown as {
      readonly topologySpreadConstraints: readonly { readonly labelSelector: { readonly matchLabels: Tree } }[]
    }
    const common = { maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway' }
    expect(topologySpreadConstraints).toMatchObject([
      { ...common, topologyKey: 'kubernetes.io/hostname' },
      { ...common, topologyKey: 'topology.kubernetes.io/zone' },
    ])
    for (const { labelSelector } of topologySpreadConstraints)
      expect(spec.template.metadata.labels).toMatchObject(labelSelector.matchLabels)
  })
  test('the connection to Redis is encrypted', () => {
    const addresses = configurationOf(file).match(/\brediss?:\/\/[^\s,\]]+/g) ?? []
    expect(addresses.length).toBeGreaterThan(0)
    for (const address of addresses) expect(address).toMatch(/^rediss:/)
  })
  test('passwords and secrets come from mounted files', () => {
    const { stores, nonces } = writtenOf(file)
    const password = typeof stores?.replay === 'object' ? stores.replay.password : undefined
    const secrets = [...(password === undefined ? [] : [password]), ...(nonces?.secrets ?? [])]
    expect(secrets.length).toBeGreaterThan(0)
    for (const secret of secrets) expect(secret).toMatch(/^\$\{file:\/etc\/envoy-fapi\/[\w./-]+\}$/)
  })
  test('the network lets the service through to Redis', () => {
    const policies = manifestsOf(file).filter(({ kind }) => kind === 'NetworkPolicy')
    const own = policies.find((one) => one.metadata.name === metadata.name)
    const rule = (own?.spec as { readonly egress: readonly Egress[] } | undefined)?.egress.find(({ ports }) =>
      ports.some(({ port }) => port === 6379),
    )
    expect(rule?.to.length).toBeGreaterThan(0)
    const sentinel = configurationOf(file).includes('sentinel')
    expect(rule?.ports.map(({ port }) => port)).toEqual(sentinel ? [6379, 26_379] : [6379])
  })
})

describe('the Redis of k8s/components/redis', () => {
  const file = `${rendered}/kustomize-overlays-replicas.yaml`
  const { replicas, selector, template } = specOf(file, 'StatefulSet') as {
    readonly replicas: number
    readonly selector: { readonly matchLabels: Tree }
    readonly template: { readonly metadata: { readonly labels: Tree }; readonly spec: ReturnType<typeof podOf> }
  }
  const pod = template.spec
  const [container] = pod.containers
  const settings = new Map(
    readFileSync(join(root, 'k8s/components/redis/redis.conf'), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]),
  )

  test('there is one: two would remember different proofs', () => {
    expect(replicas).toBe(1)
    expect(template.metadata.labels).toMatchObject(selector.matchLabels)
  })
  test('its pod is as restricted as that of the service', () => {
    expect(pod.securityContext).toEqual(podOf(file).securityContext)
    expect(pod.automountServiceAccountToken).toBe(false)
    expect(container?.securityContext).toEqual(podOf(file).containers[0]?.securityContext)
    expect(container?.volumeMounts?.filter(({ readOnly, subPath }) => !readOnly || subPath !== undefined)).toEqual([])
    for (const { secret } of pod.volumes) if (secret) expect(secret.defaultMode).toBe(0o440)
  })
  test('it throws nothing away, and says that it is full before the kernel ends it', () => {
    expect(settings.get('maxmemory-policy')).toBe('noeviction')
    const limit = /^([0-9]+)Mi$/.exec(container?.resources?.limits?.memory ?? '')?.[1]
    const most = /^([0-9]+)mb$/.exec(settings.get('maxmemory') ?? '')?.[1]
    expect(Number(most)).toBeGreaterThan(0)
    expect(Number(limit)).toBeGreaterThanOrEqual(1.5 * Number(most))
  })
  test('it takes TLS alone, and users that its Secret names', () => {
    expect(settings.get('port')).toBe('0')
    expect(settings.get('tls-port')).toBe('6379')
    expect(settings.get('aclfile')).toBe('/etc/redis/acl/users.acl')
    const mounted = container?.volumeMounts?.map(({ mountPath }) => `${mountPath}/`) ?? []
    for (const [name, value] of settings)
      if (/-file$|^aclfile$/.test(name)) expect(mounted.some((directory) => value.startsWith(directory))).toBe(true)
  })
  test('the service is configured for its name, and only the service reaches it', () => {
    expect(replayOf(file)).toMatchObject({ url: 'rediss://envoy-fapi-redis:6379', username: 'envoy-fapi' })
    const policies = manifestsOf(file).filter(({ kind }) => kind === 'NetworkPolicy')
    expect(policies.find(({ metadata }) => metadata.name === 'envoy-fapi-redis')?.spec).toEqual({
      podSelector: { matchLabels: selector.matchLabels },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        {
          from: [{ podSelector: { matchLabels: { 'app.kubernetes.io/name': 'envoy-fapi' } } }],
          ports: [{ protocol: 'TCP', port: 6379 }],
        },
      ],
    })
  })
  test('the user that docs/kubernetes.md makes has the rights of docs/replicas.md', () => {
    const [line = ''] = /^user envoy-fapi .*$/m.exec(readFileSync(join(root, 'docs/kubernetes.md'), 'utf8')) ?? []
    const rights = grant('').filter((word) => /^[~+]/.test(word))
    expect(line.split(' ').filter((word) => /^[~+]/.test(word))).toEqual(rights)
  })
})
