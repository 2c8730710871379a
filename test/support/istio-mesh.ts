import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import type { Answer } from '../../demo/client.ts'
import { freePorts, type Ports } from '../../demo/ports.ts'
import { createAuthority, type Identity, issue } from '../../tools/pki.ts'
import { startTestEdge, type TestEdge } from './edge.ts'
import { headerLines, sendBytes } from './edge-raw.ts'
import { type Account, type Made, type MeshProxy, placeProxy, principalOf } from './istio.ts'

/** What a test runs: a gateway, and the Envoys beside the API and beside the service. */
interface Variant {
  /** The folder of `k8s/istio` whose envoy-fapi.yaml counts. */
  readonly folder: 'gateway' | 'gateway-unpatched' | 'sidecar'
  readonly gateway: Made
  readonly api: Made
  readonly service: Made
}

export const variants = {
  gateway: { folder: 'gateway', gateway: 'gateway', api: 'gateway-api', service: 'gateway-service' },
  unpatched: {
    folder: 'gateway-unpatched',
    gateway: 'gateway-unpatched',
    api: 'gateway-api',
    service: 'gateway-service',
  },
  hostRule: {
    folder: 'gateway-unpatched',
    gateway: 'gateway-host-rule',
    api: 'gateway-api',
    service: 'gateway-service',
  },
  sidecar: { folder: 'sidecar', gateway: 'sidecar', api: 'sidecar-api', service: 'sidecar-service' },
} as const satisfies Readonly<Record<string, Variant>>

/** A mesh of three Envoys in one process, on loopback, each as Istio would set it up. */
export interface Mesh {
  readonly edge: TestEdge
  /** A request from another pod, past the gateway: to the Envoy beside the API, or to that beside the service. */
  readonly fromPod: (pod: Identity, request: PodRequest) => Promise<Answer & { readonly hits: number }>
  /** The certificate of a pod, by Istio's authority. */
  readonly certify: (principal: string) => Identity
}

interface PodRequest {
  readonly to: 'api' | 'service'
  readonly line?: string
  readonly headers?: Readonly<Record<string, string>>
}

export async function startMesh(variant: Variant): Promise<Mesh> {
  // Each part of the demo has one port; the mesh needs two more.
  const { edge: api, check: service } = await freePorts()
  const authority = createAuthority('Mesh CA')
  const certify = (principal: string): Identity => issue(authority, { name: 'pod', uris: [principal] })
  const edge = await startTestEdge({
    document: documentOf(variant.folder),
    adapt: (placed) => {
      const { pki, ports } = placeOf(placed)
      writeMeshPki(pki, authority, certify)
      return meshBootstrap(variant, pki, { ...ports, api, service })
    },
  })
  const fromPod: Mesh['fromPod'] = async (pod, { to, line = 'GET /accounts', headers = {} }) => {
    const before = edge.setting.upstream.count()
    const head = `${line} HTTP/1.1\r\n${headerLines({ host: 'api.bank.example', ...headers })}connection: close\r\n\r\n`
    const answer = await sendBytes(edge, head, {
      ...{ identity: pod, ca: authority.certificate, port: { api, service }[to] },
      // Identities of a mesh have no host names.
      checkServerIdentity: () => undefined,
    })
    return { ...answer, hits: edge.setting.upstream.count() - before }
  }
  return { edge, fromPod, certify }
}

/** Everything about the service that k8s/istio says, but for where things are. */
function documentOf(folder: Variant['folder']) {
  const file = join(import.meta.dirname, `../../k8s/istio/${folder}/envoy-fapi.yaml`)
  const { listen, clientCertificateFrom } = parse(readFileSync(file, 'utf8')) as {
    readonly listen: Readonly<Record<string, unknown>>
    readonly clientCertificateFrom: object
  }
  return {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the service fills these in
    listen: { ...listen, check: '127.0.0.1:${CHECK_PORT}', metrics: '127.0.0.1:${METRICS_PORT}' },
    clientCertificateFrom,
  }
}

function writeMeshPki(pki: string, authority: Identity, certify: (principal: string) => Identity): void {
  writeFileSync(join(pki, 'mesh-ca.pem'), authority.certificate)
  for (const account of Object.keys(principalOf) as readonly Account[]) {
    const { certificate, key } = certify(principalOf[account])
    writeFileSync(join(pki, `mesh-${account}.pem`), certificate)
    writeFileSync(join(pki, `mesh-${account}.key`), key, { mode: 0o600 })
  }
}

type MeshPorts = Pick<Ports, 'edge' | 'admin' | 'check' | 'upstream'> & {
  readonly api: number
  readonly service: number
}

function meshBootstrap({ gateway, api, service }: Variant, pki: string, ports: MeshPorts): string {
  const proxies: readonly MeshProxy[] = [
    {
      made: gateway,
      account: 'gateway',
      port: ports.edge,
      to: { 'outbound|8080|': ports.api, 'outbound|9191|': ports.service },
    },
    {
      made: api,
      account: 'api',
      port: ports.api,
      serves: 8080,
      to: { 'inbound|8080|': ports.upstream, 'outbound|9191|': ports.service },
    },
    { made: service, account: 'service', port: ports.service, serves: 9191, to: { 'inbound|9191|': ports.check } },
  ]
  const placed = proxies.map((proxy) => placeProxy(proxy, pki))
  return JSON.stringify({
    node: { id: 'mesh', cluster: 'mesh' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: ports.admin } } },
    static_resources: {
      // Envoy opens them in this order, and the gateway is what is waited for.
      listeners: placed.toReversed().flatMap(({ listeners }) => listeners),
      clusters: placed.flatMap(({ clusters }) => clusters),
    },
  })
}

/** Files and ports of the hardened bootstrap, which the mesh runs in place of. */
function placeOf(placed: string) {
  const [, pki = ''] = /"filename": "([^"]+)"/.exec(placed) ?? []
  const ports = [...placed.matchAll(/"port_value": (\d+)/g)].map(([, port]) => Number(port))
  const [admin, edge, upstream, check] = ports
  if (!admin || !edge || !upstream || !check || ports.length !== 4)
    throw new Error('the bootstrap does not have one listener, an upstream and a service')
  return { pki: dirname(pki), ports: { admin, edge, upstream, check } }
}
