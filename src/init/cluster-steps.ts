import type { Answers, Target } from './answers.ts'
import type { Step } from './step.ts'
import { testsOf } from './tests.ts'

/** What one cluster platform wants: files that only the user can bring, and the commands. */
interface Cluster {
  readonly namespace: string
  readonly bring: (answers: Answers) => readonly string[]
  /** Whether the configuration names files of the Secret. */
  readonly secret: boolean
  readonly platform?: string
  readonly prepare: readonly string[]
}

const clusters: Record<Exclude<Target, 'envoy'>, Cluster> = {
  sidecar: {
    namespace: 'edge',
    bring: () => [
      'Make pki/ with server.pem and server.key, what clients see; client-ca.pem, who may issue client certificates; envoy.pem and envoy.key, with the URI spiffe://bank.example/envoy; service.pem and service.key, with the name envoy-fapi.internal; service-ca.pem, who issued these two.',
      'In k8s/overlays/sidecar/envoy.yaml, name the image of your API.',
    ],
    secret: true,
    prepare: [
      'kubectl -n edge create secret generic envoy-fapi-pki --from-file=pki/',
      'kubectl -n edge create configmap edge-envoy --from-file=envoy.yaml',
    ],
  },
  istio: {
    namespace: 'fapi',
    bring: ({ upstream }) => [
      'Merge k8s/istio/mesh-config.yaml into the configuration of your mesh.',
      `See that the names are yours: the gateway runs in istio-ingress as istio-ingressgateway, and your API is the Service ${upstream.host}, with the sidecar of Istio.`,
      'Bring server.pem and server.key, what clients see, and client-ca.pem, who may issue client certificates.',
    ],
    secret: false,
    prepare: [
      'kubectl -n istio-ingress create secret generic bank-api --from-file=tls.crt=server.pem --from-file=tls.key=server.key --from-file=ca.crt=client-ca.pem',
    ],
  },
  'envoy-gateway': {
    namespace: 'fapi',
    bring: () => [
      'Let Envoy Gateway take patches: extensionApis.enableEnvoyPatchPolicy. Where that cannot be, apply k8s/envoy-gateway/plain instead, and there is no second lock.',
      'Make pki/ with service.pem and service.key, with the name envoy-fapi.internal; service-ca.pem, who issued them.',
      'Bring api.pem and api.key, what clients see; client-ca.pem, who may issue client certificates; envoy.pem and envoy.key, with the URI spiffe://bank.example/envoy.',
    ],
    secret: true,
    platform: 'envoy-gateway-patched',
    prepare: [
      'kubectl -n fapi create secret generic envoy-fapi-pki --from-file=pki/',
      'kubectl -n fapi create configmap envoy-fapi-ca --from-file=ca.crt=pki/service-ca.pem',
      'kubectl -n fapi create configmap client-ca --from-file=ca.crt=client-ca.pem',
      'kubectl -n fapi create secret tls api-bank-example --cert=api.pem --key=api.key',
      'kubectl -n fapi create secret tls envoy-client --cert=envoy.pem --key=envoy.key',
      'kubectl apply -f k8s/envoy-gateway/gateway-class.yaml',
    ],
  },
}

/** The steps in a cluster: what to bring, whether it is right, and how it is applied. */
export function clusterSteps(answers: Answers, file: string, target: Exclude<Target, 'envoy'>): readonly Step[] {
  const { namespace, bring, secret, platform, prepare } = clusters[target]
  const suited = platform === undefined ? '' : `--platform ${platform} `
  const folder = file.slice(0, file.lastIndexOf('/'))
  const within = target === 'sidecar' ? `-n ${namespace} ` : ''
  return [
    ...bring(answers).map((title) => ({ title, commands: [] })),
    {
      title: 'Is everything right, and does the configuration stop a thief?',
      commands: [
        `${secret ? 'ENVOY_FAPI_PKI="$PWD/pki" ' : ''}npx envoy-fapi config check ${suited}${file}`,
        `npx envoy-fapi test --config ${file} ${testsOf(file)}`,
        "npx envoy-fapi lint $(find . -name '*.yaml' -not -path './node_modules/*')",
      ],
    },
    {
      title: 'Apply it.',
      commands: [
        `kubectl create namespace ${namespace}`,
        `kubectl label namespace ${namespace} pod-security.kubernetes.io/enforce=restricted`,
        ...prepare,
        `kubectl ${within}apply -k ${folder}`,
      ],
    },
    ...(target === 'sidecar' ? [] : [selection(answers, target)]),
  ]
}

/** A policy whose label meets no pod protects nothing, and nobody says so. */
function selection({ upstream }: Answers, target: 'istio' | 'envoy-gateway'): Step {
  const [service = '', namespace = target === 'istio' ? service : clusters[target].namespace] = upstream.host.split('.')
  return {
    title: `Every pod of your API has to be listed here; one without the label app.kubernetes.io/name: ${service} is not protected.`,
    commands: [`kubectl -n ${namespace} get pods -l app.kubernetes.io/name=${service}`],
  }
}
