import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isMembers, type Members } from '../../src/lint/spot.ts'

/** The Envoys whose configuration Istio's own generator made of `k8s/istio`, written by tools/verify/istio-config.sh. */
export type Made =
  | 'gateway'
  | 'gateway-api'
  | 'gateway-service'
  | 'gateway-unpatched'
  | 'gateway-host-rule'
  | 'sidecar'
  | 'sidecar-api'
  | 'sidecar-service'

/** The account that each kind of Envoy runs under. Its certificate says so, as Istio's authority would write it. */
export const principalOf = {
  gateway: 'spiffe://cluster.local/ns/istio-ingress/sa/istio-ingressgateway',
  api: 'spiffe://cluster.local/ns/accounts/sa/accounts',
  service: 'spiffe://cluster.local/ns/fapi/sa/envoy-fapi',
} as const
export type Account = keyof typeof principalOf

/** One of these Envoys on this machine. */
export interface MeshProxy {
  readonly made: Made
  readonly account: Account
  /** Where it listens, in place of where Istio would have it. */
  readonly port: number
  /** Of the ports of its pod, the one that this stands for. */
  readonly serves?: number
  /** Where its clusters lead, by the beginning of their names; others lead nowhere. */
  readonly to: Readonly<Record<string, number>>
}

/** The one listener that others reach, and what it leads to. */
interface Resources {
  readonly listeners: readonly Members[]
  readonly routes: readonly Members[]
  readonly clusters: readonly Members[]
}

export const readMade = (made: Made): Resources =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../fixtures/istio/${made}.json`), 'utf8')) as Resources

/** What Istio would send as a secret of that name: a certificate with its key, or authorities. Files of the PKI. */
const secretFiles = (account: Account): ReadonlyMap<unknown, string> =>
  new Map([
    ['default', `mesh-${account}`],
    ['ROOTCA', 'mesh-ca.pem'],
    ['kubernetes://bank-api', 'server'],
    ['kubernetes://bank-api-cacert', 'client-ca.pem'],
  ])

/**
 * What is left out, because Envoy as it is published lacks it or it needs the pod: Istio's own filters, which only tell
 * each other names for metrics and choose protocols of TLS, and what asks the kernel where a connection was meant to go.
 */
const isLeftOut = (value: unknown): boolean =>
  isMembers(value) && typeof value.name === 'string' && LEFT_OUT.test(value.name)
const LEFT_OUT = /^(?:istio\.(?:metadata_exchange|alpn)|envoy\.filters\.listener\.original_dst)$/
const LEFT_OUT_MEMBERS: readonly string[] = ['upstream_bind_config', 'lb_policy']

/** A proxy as static resources on loopback. */
export function placeProxy(proxy: MeshProxy, pki: string) {
  const made = readMade(proxy.made)
  const place: Place = { proxy, pki, made, names: new Set(made.clusters.map(({ name }) => name)) }
  return {
    listeners: made.listeners.map((listener) => ({
      ...settleMembers(place, listener),
      name: proxy.made,
      address: onLoopback(proxy.port),
    })),
    clusters: made.clusters.map((cluster) => settleCluster(place, cluster)),
  }
}

/** Where requests are logged in place of standard output. */
export const accessLogOf = (pki: string): string => join(pki, 'access.log')

interface Place {
  readonly proxy: MeshProxy
  readonly pki: string
  readonly made: Resources
  /** Names of clusters; several proxies share one process here, so each has its own. */
  readonly names: ReadonlySet<unknown>
}

const onLoopback = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } })

function settle(place: Place, value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => !isLeftOut(item)).map((item) => settle(place, item))
  if (isMembers(value)) return settleMembers(place, value)
  return place.names.has(value) ? `${place.proxy.made} ${String(value)}` : value
}

const settleMembers = (place: Place, members: Members): Members =>
  Object.assign({}, ...Object.entries(members).map(([key, value]) => settleMember(place, key, value))) as Members

function settleMember(place: Place, key: string, value: unknown): Members {
  switch (key) {
    case 'rds': {
      const route = place.made.routes.find(({ name }) => name === member(value, 'route_config_name'))
      return { route_config: settle(place, known(route, 'the route configuration')) }
    }
    case 'destination_port':
      return { [key]: value === place.proxy.serves ? place.proxy.port : value }
    case 'tls_certificate_sds_secret_configs':
      return { tls_certificates: [identity(place, Array.isArray(value) ? value[0] : undefined)] }
    case 'combined_validation_context':
      return { validation_context: authority(place, value) }
    case 'path':
      return { [key]: value === '/dev/stdout' ? accessLogOf(place.pki) : settle(place, value) }
    default:
      return LEFT_OUT_MEMBERS.includes(key) ? {} : { [key]: settle(place, value) }
  }
}

/** Endpoints stand where Istio would discover them. */
function settleCluster(place: Place, cluster: Members): Members {
  const { eds_cluster_config: _, type: __, ...kept } = cluster
  const name = `${place.proxy.made} ${String(cluster.name)}`
  const target = Object.entries(place.proxy.to).find(([start]) => String(cluster.name).startsWith(start))
  return {
    ...settleMembers(place, kept),
    type: 'STATIC',
    load_assignment: {
      cluster_name: name,
      endpoints: target ? [{ lb_endpoints: [{ endpoint: { address: onLoopback(target[1]) } }] }] : [],
    },
  }
}

function identity({ proxy, pki }: Place, secret: unknown): Members {
  const file = known(secretFiles(proxy.account).get(member(secret, 'name')), 'a certificate')
  return {
    certificate_chain: { filename: join(pki, `${file}.pem`) },
    private_key: { filename: join(pki, `${file}.key`) },
  }
}

function authority({ proxy, pki }: Place, combined: unknown): Members {
  const name = member(member(combined, 'validation_context_sds_secret_config'), 'name')
  const file = known(secretFiles(proxy.account).get(name), 'authorities')
  const names = member(member(combined, 'default_validation_context'), 'match_subject_alt_names')
  // Envoy has no longer the older name of the same setting.
  const typed = Array.isArray(names) && {
    match_typed_subject_alt_names: names.map((matcher: unknown) => ({ san_type: 'URI', matcher })),
  }
  return { ...typed, trusted_ca: { filename: join(pki, file) } }
}

const member = (value: unknown, name: string): unknown => (isMembers(value) ? value[name] : undefined)

function known<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`nothing stands for ${what}`)
  return value
}
