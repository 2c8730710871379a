import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import {
  at,
  inside,
  isMembers,
  items,
  type LintDocument,
  type Members,
  type Spot,
  textOf,
} from '../../src/lint/spot.ts'

export type Variant = 'plain' | 'patched' | 'plain-with-teams' | 'patched-with-teams'

/** One part of what Envoy Gateway's generator wrote. */
type Part = 'Listeners' | 'Clusters' | 'Endpoints' | 'Routes'

const text = (variant: Variant): string =>
  readFileSync(join(import.meta.dirname, `../fixtures/envoy-gateway/${variant}.json`), 'utf8')

/** The messages of a part, without the frames of the dump around them. */
export function messagesOf(variant: Variant, part: Part): readonly Members[] {
  const [list, inner] = (
    {
      Listeners: ['dynamicListeners', 'activeState.listener'],
      Clusters: ['dynamicActiveClusters', 'cluster'],
      Endpoints: ['dynamicEndpointConfigs', 'endpointConfig'],
      Routes: ['dynamicRouteConfigs', 'routeConfig'],
    } as const
  )[part]
  return items(spot(JSON.parse(text(variant))))
    .filter((config) => textOf(at(config, '@type')).endsWith(`.${part}ConfigDump`))
    .flatMap((config) => items(at(config, list)))
    .map((frame) => at(frame, ...inner.split('.')).value)
    .filter(isMembers)
    .map(({ '@type': _, ...message }) => message)
}

const nowhere: LintDocument = { value: undefined, placeOf: () => ({ file: '', line: 1, column: 1 }) }
export const spot = (value: unknown): Spot => ({ document: nowhere, path: [], value })

/** The listener that clients reach; the others only answer probes and Prometheus. */
export function edgeListener(variant: Variant): Members {
  const [listener, ...more] = messagesOf(variant, 'Listeners').filter(({ name }) => String(name).startsWith('fapi/'))
  if (!listener || more.length > 0) throw new Error(`${variant} has ${more.length + 1} listeners for clients`)
  return listener
}

/** The connection managers of that listener, one for each listener of the Gateway. */
export const managersOf = (variant: Variant): readonly Spot[] =>
  inside(spot(edgeListener(variant))).filter((one) => textOf(at(one, '@type')).endsWith('.HttpConnectionManager'))

/** The files that hold what Envoy Gateway would send as a secret of that name: a certificate and its key, or authorities. */
const files: ReadonlyMap<string, readonly [certificate: string, key: string]> = new Map([
  ['fapi/api-bank-example', ['server.pem', 'server.key']],
  ['fapi/mtls-bank-example', ['server.pem', 'server.key']],
  ['fapi/envoy-client', ['envoy.pem', 'envoy.key']],
  ['fapi/edge/ca.crt', ['client-ca.pem', '']],
  ['fapi/mtls/ca.crt', ['client-ca.pem', '']],
  ['envoy-fapi/fapi-ca', ['service-ca.pem', '']],
])

/** Where things are on this machine. */
interface Place {
  readonly variant: Variant
  readonly pki: string
  readonly edge: number
  readonly admin: number
  /** By the port that stands in the manifests. */
  readonly backends: ReadonlyMap<unknown, number>
}

/**
 * What Envoy Gateway's generator wrote, as a bootstrap on loopback: secrets become files, discovered routes and endpoints
 * stand where they would have been fetched, and not a setting more. It runs in place of the bootstrap it is given, whose
 * ports and files it takes.
 */
export const asGenerated =
  (variant: Variant) =>
  (placed: string): string => {
    const place = placeOf(variant, spot(parse(placed)))
    const { address: _, ...listener } = edgeListener(variant)
    return JSON.stringify({
      node: { id: 'edge', cluster: 'edge' },
      admin: { address: local(place.admin) },
      staticResources: {
        listeners: [{ ...settleMembers(place, listener), address: local(place.edge) }],
        clusters: messagesOf(variant, 'Clusters').map((cluster) => settleMembers(place, cluster)),
      },
    })
  }

function placeOf(variant: Variant, placed: Spot): Place {
  const port = (one: Spot): number => Number(at(one, 'address', 'socket_address', 'port_value').value)
  const [listener] = items(at(placed, 'static_resources', 'listeners'))
  const endpoints = inside(at(placed, 'static_resources', 'clusters')).map((one) => at(one, 'endpoint'))
  const [upstream = 0, check = 0] = endpoints.filter(({ value }) => isMembers(value)).map(port)
  const file = inside(placed).find((one) => textOf(at(one, 'filename')) !== '')
  if (!listener || !file) throw new Error('the bootstrap has no listener or names no file')
  return {
    variant,
    pki: dirname(textOf(at(file, 'filename'))),
    edge: port(listener),
    admin: port(at(placed, 'admin')),
    backends: new Map([
      [8080, upstream],
      [9191, check],
    ]),
  }
}

const local = (port: number) => ({ socketAddress: { address: '127.0.0.1', portValue: port } })

const settle = (place: Place, value: unknown): unknown => {
  if (Array.isArray(value)) return value.map((item) => settle(place, item))
  return isMembers(value) ? settleMembers(place, value) : value
}

/** Replaces whatever would be fetched from Envoy Gateway. */
const settleMembers = (place: Place, members: Members): Members =>
  Object.assign({}, ...Object.entries(members).map(([key, value]) => settleMember(place, key, spot(value)))) as Members

function settleMember(place: Place, key: string, member: Spot): Members {
  switch (key) {
    case 'rds':
      return { routeConfig: settle(place, named(place, 'Routes', 'name', at(member, 'routeConfigName'))) }
    case 'edsClusterConfig':
      return { loadAssignment: settle(place, named(place, 'Endpoints', 'clusterName', at(member, 'serviceName'))) }
    case 'type':
      return { type: member.value === 'EDS' ? 'STATIC' : member.value }
    case 'socketAddress':
      return local(known(place.backends.get(at(member, 'portValue').value), 'the port of a backend'))
    case 'tlsCertificateSdsSecretConfigs':
      return { tlsCertificates: items(member).map((secret) => identity(place, secret)) }
    case 'validationContextSdsSecretConfig':
      return { validationContext: authority(place, member) }
    case 'combinedValidationContext': {
      const trusted = authority(place, at(member, 'validationContextSdsSecretConfig'))
      return { validationContext: { ...(at(member, 'defaultValidationContext').value as Members), ...trusted } }
    }
    default:
      return { [key]: settle(place, member.value) }
  }
}

const named = ({ variant }: Place, part: Part, key: string, { value: name }: Spot): Members =>
  known(
    messagesOf(variant, part).find((one) => one[key] === name),
    `${part} ${String(name)}`,
  )

function identity({ pki }: Place, secret: Spot): Members {
  const [certificate, key] = known(files.get(textOf(at(secret, 'name'))), textOf(at(secret, 'name')))
  return { certificateChain: { filename: join(pki, certificate) }, privateKey: { filename: join(pki, key) } }
}

function authority({ pki }: Place, secret: Spot): Members {
  const [certificate] = known(files.get(textOf(at(secret, 'name'))), textOf(at(secret, 'name')))
  return { trustedCa: { filename: join(pki, certificate) } }
}

function known<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`nothing stands for ${what}`)
  return value
}

/** The service of a test edge as `k8s/envoy-gateway` sets it up, but for where things are, and with a route for bodies. */
export function documentOf(variant: Variant): Readonly<Record<string, unknown>> {
  const [ours] = variant.split('-')
  const file = join(import.meta.dirname, `../../k8s/envoy-gateway/${ours}/envoy-fapi.yaml`)
  const { listen, authorizationServers, ...kept } = parse(readFileSync(file, 'utf8')) as {
    readonly listen: unknown
    readonly authorizationServers: unknown
    readonly routes: readonly object[]
  }
  if (!listen || !authorizationServers) throw new Error(`${file} lacks what is replaced here`)
  return {
    ...kept,
    routes: [...kept.routes, { name: 'payments', methods: ['POST'], path: '/payments', scopes: ['payments'] }],
  }
}
