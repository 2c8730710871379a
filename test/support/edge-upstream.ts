import { X509Certificate } from 'node:crypto'
import { globSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { parse } from 'yaml'
import { close, listen } from '../../demo/authorization-server.ts'
import type { Identity } from '../../tools/pki.ts'

/** The name that envoy/upstream-mtls.yaml wants the API to have, and the one it has itself. */
export const API_NAME = 'accounts.internal'
export const ENVOY_NAME = 'spiffe://bank.example/envoy'

/** What a mounted Secret holds. */
interface Mounted {
  readonly identity: Identity
  /** PEM of the authorities of the API's certificate. */
  readonly authority: string
}

/** Exchanges the files of a mounted Secret as a kubelet does: all at once, by one link that is renamed. */
export function mount(directory: string, { identity, authority }: Mounted): void {
  const version = `..version-${globSync('..version-*', { cwd: directory }).length}`
  mkdirSync(join(directory, version), { recursive: true, mode: 0o700 })
  const files = { 'tls.crt': identity.certificate, 'tls.key': identity.key, 'ca.crt': authority }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, version, name), text, { mode: 0o600 })
  symlinkSync(version, join(directory, '..data_tmp'))
  renameSync(join(directory, '..data_tmp'), join(directory, '..data'))
  if (version.endsWith('-0'))
    for (const name of Object.keys(files)) symlinkSync(join('..data', name), join(directory, name))
}

interface Cluster {
  readonly name: string
}

/** Puts the shipped cluster with mutual TLS in place of `upstream`, with its files in a directory and the API on loopback. */
export function withUpstreamMtls(bootstrap: string, directory: string, port: number): string {
  const placed = (name: string): { readonly resources: readonly [Cluster & { readonly '@type': string }] } => {
    const text = readFileSync(`envoy/${name}.yaml`, 'utf8')
    return parse(
      text
        .replaceAll('/etc/envoy-fapi/upstream', directory)
        .replaceAll('/etc/envoy/', `${directory}-sds/`)
        .replace(`address: ${API_NAME}, port_value: 8080`, `address: 127.0.0.1, port_value: ${port}`),
    )
  }
  mkdirSync(`${directory}-sds`, { mode: 0o700 })
  for (const name of ['upstream-identity', 'upstream-authority'])
    writeFileSync(join(`${directory}-sds`, `${name}.yaml`), JSON.stringify(placed(name)))
  const { '@type': _, ...cluster } = placed('upstream-mtls').resources[0]
  const tree = JSON.parse(bootstrap) as { static_resources: { clusters: readonly Cluster[] } }
  const { clusters } = tree.static_resources
  if (!clusters.some(({ name }) => name === cluster.name)) throw new Error('the bootstrap has no such cluster')
  tree.static_resources.clusters = clusters.map((one) => (one.name === cluster.name ? cluster : one))
  return JSON.stringify(tree)
}

/** A request that got as far as the API. */
interface Call {
  /** Serial number of the certificate it came with. */
  readonly serial: string
  readonly resumed: boolean
}

/** An API that answers nobody but the Envoy of that name, by that authority. */
export interface GuardedApi {
  readonly calls: () => readonly Call[]
  /** Shows another certificate from the next connection on. */
  readonly show: (own: Identity) => void
  readonly stop: () => Promise<void>
}

export async function startGuardedApi(port: number, own: Identity, ca: string): Promise<GuardedApi> {
  const calls: Call[] = []
  const context = ({ certificate: cert, key }: Identity) => ({ cert, key, ca, minVersion: 'TLSv1.2' as const })
  const server = createServer({ ...context(own), requestCert: true, rejectUnauthorized: true }, (request, response) => {
    const socket = request.socket as TLSSocket
    const { subjectaltname, serialNumber } = socket.getPeerCertificate()
    calls.push({ serial: serialNumber, resumed: socket.isSessionReused() })
    // Each request on a connection of its own: it shows which certificates count at that moment.
    response.writeHead(subjectaltname === `URI:${ENVOY_NAME}` ? 200 : 403, { connection: 'close' })
    const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`)
    response.end(JSON.stringify({ received: { method: request.method, path: request.url, headers } }))
  })
  await listen(server, port)
  return {
    calls: () => calls,
    show: (identity) => server.setSecureContext(context(identity)),
    stop: () => close(server),
  }
}

export const serialOf = ({ certificate }: Identity): string => new X509Certificate(certificate).serialNumber
