import { createHash } from 'node:crypto'
import type { Config } from '../config.ts'
import { nameAuthority } from '../routes.ts'
import type { CheckRequest } from '../wire.ts'
import type { RequestMap } from './cases-schema.ts'
import type { BuiltInCertificate } from './certificate.ts'

/** A request as its client sends it. */
export interface SentRequest extends Omit<RequestMap, 'headers'> {
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly certificate: BuiltInCertificate | undefined
  /** Names the stream. */
  readonly id: string
}

/**
 * What an Envoy that is set up for the configuration asks (`encode_raw_headers`, bodies whole): the certificate stands
 * where `clientCertificateFrom` looks for it, and a prefix of the public origin is gone.
 */
export function askAbout(sent: SentRequest, config: Config): CheckRequest {
  const { method, url, body, id, extensions, principal, address } = sent
  const { host, path } = splitUrl(url, config)
  const hop = forward(sent.certificate, config.clientCertificateFrom)
  const lines: readonly (readonly [string, string])[] = [
    [':authority', host],
    [':path', path],
    [':method', method],
    [':scheme', 'https'],
    ...hop.headers,
    ...joined(sent.headers),
    ...(body === undefined ? [] : [['x-envoy-auth-partial-body', 'false'] as const]),
  ]
  const peer = principal ?? hop.principal
  return {
    attributes: {
      source: {
        address: { socketAddress: { address: address ?? hop.address, portValue: 40_000 } },
        ...(peer !== undefined && { principal: peer }),
        ...(hop.certificate !== undefined && { certificate: hop.certificate }),
      },
      request: {
        http: {
          id,
          method,
          path,
          host,
          scheme: 'https',
          protocol: 'HTTP/2',
          headerMap: { headers: lines.map(([key, value]) => ({ key, rawValue: Buffer.from(value) })) },
          ...(body !== undefined && { rawBody: Buffer.from(body), size: Buffer.byteLength(body) }),
        },
      },
      contextExtensions: extensions,
    },
  }
}

/** The URL of a case as clients call it: a path is one of the first public origin. */
export function absoluteUrl(url: string, { publicOrigins: [first] }: Config): string {
  return url.startsWith('/') && first ? `${first.origin}${first.pathPrefix}${url}` : url
}

/** Not what a parser makes of it: paths that are not canonical have to arrive as they are. */
function splitUrl(url: string, { publicOrigins }: Config): { readonly host: string; readonly path: string } {
  const [, host = '', rest = ''] = /^https:\/\/([^/?#]*)([^#]*)/.exec(url) ?? []
  const path = rest.startsWith('/') ? rest : `/${rest}`
  const origin = publicOrigins.find(({ authorities }) => authorities.includes(nameAuthority(host)))
  const prefix = origin?.pathPrefix ?? ''
  return { host, path: prefix !== '' && path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path }
}

/** Envoy keeps credentials in one slot: several lines arrive as one. */
function joined(headers: SentRequest['headers']): SentRequest['headers'] {
  const lower = headers.map(([name, value]) => [name.toLowerCase(), value] as const)
  const credentials = lower.filter(([name]) => name === 'authorization').map(([, value]) => value)
  const others = lower.filter(([name]) => name !== 'authorization')
  return credentials.length === 0 ? others : [['authorization', credentials.join(',')], ...others]
}

/** The neighbour that hands the certificate on, and what it says. */
interface Hop {
  readonly headers: readonly (readonly [string, string])[]
  readonly address: string
  readonly principal?: string
  readonly certificate?: string
}

const CLIENT = '192.0.2.1'

function forward(certificate: BuiltInCertificate | undefined, from: Config['clientCertificateFrom']): Hop {
  if (from.source === 'client-cert') return fromTrusted(from.clientCert?.trustedProxies, clientCert(certificate))
  if (from.source === 'xfcc' && from.xfcc?.writtenBy === 'previousHop') return ofPreviousHop(certificate, from.xfcc)
  if (certificate === undefined) return { headers: [], address: CLIENT }
  const { principal } = certificate
  if (from.source === 'xfcc') return { headers: [[XFCC, element(certificate)]], address: CLIENT, principal }
  return { headers: [], address: CLIENT, principal, certificate: encodeURIComponent(certificate.pem) }
}

const XFCC = 'x-forwarded-client-cert'

const clientCert = (certificate: BuiltInCertificate | undefined): Hop['headers'] =>
  certificate ? [['client-cert', `:${certificate.der.toString('base64')}:`]] : []

const element = ({ der, pem }: BuiltInCertificate): string => `Hash=${hex(der)};Cert="${encodeURIComponent(pem)}"`

const hex = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')

function ofPreviousHop(
  certificate: BuiltInCertificate | undefined,
  { hops = 1, trustedProxies }: NonNullable<Config['clientCertificateFrom']['xfcc']>,
): Hop {
  const hop = fromTrusted(trustedProxies, [])
  const principal = hop.principal ?? 'spiffe://envoy-fapi.test/previous-hop'
  const about = Array.from({ length: hops }, () => `Hash=${hex(principal)};URI=${principal}`)
  const elements = certificate ? [element(certificate), ...about] : about
  return { ...hop, principal, headers: [[XFCC, elements.join(',')]] }
}

/** The first of the trusted proxies: by what its certificate says, or by an address in its range. */
function fromTrusted([first = ''] = [] as readonly string[], headers: Hop['headers'] = []): Hop {
  const [address = ''] = first.split('/')
  const named = !/^[0-9.]+$|^(?=[^:]*:)[0-9A-Fa-f.:]+$/.test(address)
  return named ? { headers, address: CLIENT, principal: first } : { headers, address }
}
