import type { Answers, Target } from './answers.ts'
import { buildConfiguration } from './configuration.ts'
import { buildTests, testsOf } from './tests.ts'
import { fillBootstrap, fillExample } from './wiring.ts'

/** A file that `init` writes, named from its directory. */
export interface NewFile {
  readonly path: string
  readonly text: string
}

/** What of the package goes where. `files` are folders of examples, whose paths are kept: they name each other. */
interface Layout {
  readonly configuration: string
  readonly folders: readonly string[]
  readonly single: readonly string[]
  readonly bootstrap: boolean
}

const layouts: Record<Target, Layout> = {
  envoy: { configuration: 'envoy-fapi.yaml', folders: [], single: [], bootstrap: true },
  sidecar: {
    configuration: 'k8s/overlays/sidecar/envoy-fapi.yaml',
    folders: ['k8s/base', 'k8s/overlays/sidecar'],
    single: [],
    bootstrap: true,
  },
  istio: {
    configuration: 'k8s/istio/gateway/envoy-fapi.yaml',
    folders: ['k8s/base', 'k8s/istio/service', 'k8s/istio/edge', 'k8s/istio/gateway'],
    single: ['k8s/istio/mesh-config.yaml'],
    bootstrap: false,
  },
  'envoy-gateway': {
    configuration: 'k8s/envoy-gateway/patched/envoy-fapi.yaml',
    folders: ['k8s/base', 'k8s/overlays/standalone', 'k8s/envoy-gateway/plain', 'k8s/envoy-gateway/patched'],
    single: ['k8s/envoy-gateway/gateway-class.yaml'],
    bootstrap: false,
  },
}

/** The examples of the package, as a function of where they lie in it. */
export interface Examples {
  readonly read: (path: string) => string
  /** The YAML files in a folder, with the folder's path. */
  readonly list: (folder: string) => readonly string[]
}

/** Where the configuration of a target lies. */
export const configurationOf = (target: Target): string => layouts[target].configuration

/** Everything `init` writes: the same answers and examples make the same files. */
export function layOut(answers: Answers, examples: Examples): readonly NewFile[] {
  const { configuration, folders, single, bootstrap } = layouts[answers.target]
  const template = examples.read('envoy/envoy-fapi.yaml')
  // Tests are written for the answers. Those of other configurations among the examples are not taken along.
  const listed = folders.flatMap(examples.list).filter((path) => !path.endsWith('-tests.yaml'))
  const copied = [...listed, ...single].map((path) => {
    const example = examples.read(path)
    return {
      path,
      text: path.endsWith('/envoy-fapi.yaml')
        ? buildConfiguration(template, example, answers)
        : fillExample(example, answers),
    }
  })
  return [
    ...(folders.length === 0
      ? [{ path: configuration, text: buildConfiguration(template, undefined, answers) }]
      : copied),
    { path: testsOf(configuration), text: buildTests(answers) },
    ...(bootstrap ? [{ path: 'envoy.yaml', text: fillBootstrap(examples.read('envoy/hardened.yaml'), answers) }] : []),
  ]
}
