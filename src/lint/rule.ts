import type { EnvoyPart } from './envoy-parts.ts'
import type { Spot } from './spot.ts'

/** A Kubernetes object. */
export interface KubernetesObject extends Spot {
  readonly kind: string
}

/** Everything that was given to one run; some mistakes only show across files. */
export interface Manifests {
  /** Envoy's own messages: of bootstraps and xDS files, and of the patches in EnvoyFilters and EnvoyPatchPolicies. */
  readonly envoy: readonly EnvoyPart[]
  readonly objects: readonly KubernetesObject[]
  /** Istio's mesh configuration, wherever it stands. */
  readonly meshes: readonly Spot[]
}

/** An unsafe setting that a file can show. */
export interface Rule {
  /** Stands for ever; a rule that goes leaves a hole. */
  readonly id: string
  readonly severity: 'error' | 'warning'
  /** What is found, in a few words. */
  readonly title: string
  /** What goes wrong with it. */
  readonly why: string
  /** What to write instead. */
  readonly fix: string
  readonly find: (manifests: Manifests) => readonly Spot[]
}

/** The objects of a kind. */
export const ofKind = ({ objects }: Manifests, ...kinds: readonly string[]): readonly KubernetesObject[] =>
  objects.filter(({ kind }) => kinds.includes(kind))
