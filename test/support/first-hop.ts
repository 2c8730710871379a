import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../../demo/ports.ts'
import { findEnvoy, startEnvoy } from '../../tools/envoy.ts'
import type { Identity } from '../../tools/pki.ts'
import type { TestEdge } from './edge.ts'

/** How a first hop tells the second one about the client's certificate. */
export type Telling =
  /** `x-forwarded-client-cert` anew, with hash and certificate. */
  | 'xfcc'
  /** The same without the certificate. */
  | 'xfcc-hash-only'
  /** What the client sent, and its own element behind it: a first hop that is set up wrongly. */
  | 'xfcc-appended'
  /** `Client-Cert` (RFC 9440). */
  | 'client-cert'

/** An Envoy in front of the setting's Envoy. */
export interface FirstHop {
  readonly port: number
  readonly stop: () => Promise<void>
}

/** Starts an Envoy that ends the TLS of clients and goes on to the setting's Envoy with a certificate of its own. */
export async function startFirstHop(edge: TestEdge, own: Identity, telling: Telling): Promise<FirstHop> {
  const { setting, directory } = edge
  const ports = await freePorts()
  const at = (name: string): string => join(directory, `${telling}.${name}`)
  writeFileSync(at('pem'), own.certificate)
  writeFileSync(at('key'), own.key, { mode: 0o600 })
  const files: Files = {
    pki: setting.pki.directory,
    own: { certificate_chain: { filename: at('pem') }, private_key: { filename: at('key') } },
  }
  writeFileSync(
    at('json'),
    JSON.stringify({
      node: { id: 'first-hop', cluster: 'first-hop' },
      static_resources: {
        listeners: [{ name: 'clients', address: onLoopback(ports.edge), filter_chains: [clientChain(files, telling)] }],
        clusters: [secondHop(files, setting.ports.edge)],
      },
    }),
  )
  const envoy = findEnvoy(() => undefined)
  const { stop } = await startEnvoy({ envoy, bootstrap: at('json'), port: ports.edge, log: at('log') })
  return { port: ports.edge, stop }
}

interface Files {
  readonly pki: string
  readonly own: object
}

const onLoopback = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } })
const type = (name: string) => `type.googleapis.com/envoy.extensions.${name}`

const clientChain = ({ pki }: Files, telling: Telling) => ({
  transport_socket: {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': type('transport_sockets.tls.v3.DownstreamTlsContext'),
      common_tls_context: {
        tls_certificates: [
          { certificate_chain: { filename: `${pki}/server.pem` }, private_key: { filename: `${pki}/server.key` } },
        ],
        validation_context: { trusted_ca: { filename: `${pki}/client-ca.pem` } },
      },
    },
  },
  filters: [
    {
      name: 'envoy.filters.network.http_connection_manager',
      typed_config: {
        '@type': type('filters.network.http_connection_manager.v3.HttpConnectionManager'),
        stat_prefix: 'clients',
        use_remote_address: true,
        ...forwarding[telling],
        http_filters: [
          ...(telling === 'client-cert' ? [clientCertFilter] : []),
          { name: 'envoy.filters.http.router', typed_config: { '@type': type('filters.http.router.v3.Router') } },
        ],
        route_config: {
          virtual_hosts: [
            { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'second_hop' } }] },
          ],
        },
      },
    },
  ],
})

const forwarding: Readonly<Record<Telling, object>> = {
  xfcc: {
    forward_client_cert_details: 'SANITIZE_SET',
    set_current_client_cert_details: { subject: true, cert: true, dns: true, uri: true },
  },
  'xfcc-hash-only': { forward_client_cert_details: 'SANITIZE_SET', set_current_client_cert_details: { subject: true } },
  'xfcc-appended': {
    forward_client_cert_details: 'APPEND_FORWARD',
    set_current_client_cert_details: { cert: true },
  },
  'client-cert': { forward_client_cert_details: 'SANITIZE' },
}

/** Envoy shows the certificate to Lua as percent-encoded PEM; without its frame that is the base64 of the DER. */
const clientCertFilter = {
  name: 'envoy.filters.http.lua',
  typed_config: {
    '@type': type('filters.http.lua.v3.Lua'),
    default_source_code: {
      inline_string: `
        function envoy_on_request(handle)
          local headers = handle:headers()
          headers:remove("client-cert")
          headers:remove("client-cert-chain")
          local ssl = handle:connection():ssl()
          if ssl == nil or not ssl:peerCertificatePresented() then return end
          local pem = ssl:urlEncodedPemEncodedPeerCertificate()
          pem = pem:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
          local der = pem:gsub("%-%-%-%-%-[%u ]+%-%-%-%-%-", ""):gsub("%s", "")
          headers:add("client-cert", ":" .. der .. ":")
        end
      `,
    },
  },
}

const secondHop = ({ pki, own }: Files, port: number) => ({
  name: 'second_hop',
  type: 'STATIC',
  connect_timeout: '1s',
  transport_socket: {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': type('transport_sockets.tls.v3.UpstreamTlsContext'),
      sni: 'mtls.bank.example',
      common_tls_context: {
        tls_certificates: [own],
        validation_context: {
          trusted_ca: { filename: `${pki}/ca.pem` },
          match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: 'mtls.bank.example' } }],
        },
      },
    },
  },
  load_assignment: {
    cluster_name: 'second_hop',
    endpoints: [{ lb_endpoints: [{ endpoint: { address: onLoopback(port) } }] }],
  },
})
