import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readManifests } from '../../tools/manifests.ts'

export const root = join(import.meta.dirname, '../..')
/** What kustomize and Helm made of `k8s/`. */
export const rendered = 'test/fixtures/kubernetes'

interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string | number }
  readonly tcpSocket?: { readonly port: string | number }
}

interface Container {
  readonly name: string
  readonly image: string
  readonly args?: readonly string[]
  readonly restartPolicy?: string
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
  readonly startupProbe?: Probe
  readonly readinessProbe?: Probe
  readonly livenessProbe?: Probe
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } }
  readonly securityContext?: object
  readonly resources?: { readonly requests?: object; readonly limits?: { readonly memory?: string } }
  readonly volumeMounts?: readonly {
    readonly name: string
    readonly mountPath: string
    readonly readOnly?: boolean
    readonly subPath?: string
  }[]
}

interface Pod {
  readonly serviceAccountName?: string
  readonly automountServiceAccountToken?: boolean
  readonly terminationGracePeriodSeconds?: number
  readonly securityContext?: object
  readonly initContainers?: readonly Container[]
  readonly containers: readonly Container[]
  readonly volumes: readonly {
    readonly name: string
    readonly configMap?: { readonly name: string }
    readonly secret?: { readonly secretName: string; readonly defaultMode?: number }
  }[]
}

/** As much of any object as the tests look at; which of it is there depends on the kind. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
  readonly data?: Readonly<Record<string, string>>
  readonly spec?: unknown
}

export interface Deployment extends Manifest {
  readonly spec: {
    /** Absent where an autoscaler decides. */
    readonly replicas?: number
    readonly strategy: { readonly type: string; readonly rollingUpdate?: object }
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> }
      readonly spec: Pod
    }
  }
}

/** The objects of a file of the repository. */
export const manifestsOf = (file: string): readonly Manifest[] =>
  readManifests(readFileSync(join(root, file), 'utf8')) as readonly Manifest[]

/** The files that hold a whole workload: what kustomize and Helm made, and the one that is written by hand. */
export const workloads: readonly string[] = [
  'k8s/sidecar.yaml',
  ...globSync(['kustomize-overlays-*.yaml', 'helm-*.yaml'], { cwd: join(root, rendered) })
    .sort()
    .map((name) => `${rendered}/${name}`),
]

export function deploymentOf(file: string): Deployment {
  const deployments = manifestsOf(file).filter(({ kind }) => kind === 'Deployment')
  const [deployment] = deployments
  if (!deployment || deployments.length > 1) throw new Error(`${file} has ${deployments.length} Deployments`)
  return deployment as Deployment
}

export const podOf = (file: string): Pod => deploymentOf(file).spec.template.spec

export const containersOf = (pod: Pod): readonly Container[] => [...(pod.initContainers ?? []), ...pod.containers]

/** The container of envoy-fapi itself. */
export function serviceOf(file: string): Container {
  const found = containersOf(podOf(file)).find(({ name }) => name === 'envoy-fapi')
  if (!found) throw new Error(`${file} has no container envoy-fapi`)
  return found
}

/** The text of envoy-fapi.yaml that the pod gets. */
export function configurationOf(file: string): string {
  const volume = podOf(file).volumes.find(({ name }) => name === 'config')
  const map = manifestsOf(file).find(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === volume?.configMap?.name,
  )
  const text = map?.data?.['envoy-fapi.yaml']
  if (text === undefined) throw new Error(`${file} has no ConfigMap with envoy-fapi.yaml`)
  return text
}

/** As much of a HorizontalPodAutoscaler as the tests look at. */
interface Autoscaler {
  readonly scaleTargetRef: { readonly kind: string; readonly name: string }
  readonly minReplicas: number
  readonly maxReplicas: number
}

export function autoscalerOf(file: string): Autoscaler | undefined {
  const found = manifestsOf(file).find(({ kind }) => kind === 'HorizontalPodAutoscaler')
  return found?.spec as Autoscaler | undefined
}

/** As many replicas of the service as there may be. */
export const mostReplicas = (file: string): number =>
  autoscalerOf(file)?.maxReplicas ?? deploymentOf(file).spec.replicas ?? 1

/** What stands under `spec` of the first object of a kind. */
export function specOf(file: string, wanted: string): unknown {
  const found = manifestsOf(file).find(({ kind }) => kind === wanted)
  if (!found) throw new Error(`${file} has no ${wanted}`)
  return found.spec
}
