import type { Attributes, PresentedCertificate } from './attributes.ts'
import { deny, ok, type Result } from './denial.ts'
import { isTrusted, type TrustedProxy } from './trusted-proxies.ts'
import { readClientCert } from './verify/client-cert-field.ts'
import { readXfcc, type XfccElement } from './verify/xfcc.ts'

/** The one place client certificates are taken from. Never the first that works: a second one would be the client's choice. */
export type CertificateSource =
  | { readonly kind: 'connection' | 'none' | 'xfccOfThisEnvoy' }
  | {
      readonly kind: 'xfccOfPreviousHop'
      /** Proxies between the client and this Envoy. */
      readonly hops: number
      readonly trustedProxies: readonly TrustedProxy[]
      readonly acceptHashOnly: boolean
    }
  | { readonly kind: 'clientCert'; readonly trustedProxies: readonly TrustedProxy[] }

/**
 * What the configured source says about the client's certificate (MTLS-06 … MTLS-10). A header from anybody who is not
 * trusted to write it is as good as absent. What is said and cannot be used only counts when a certificate is needed;
 * a malformed `Client-Cert` makes the request itself malformed.
 */
export function takeCertificate(
  attributes: Attributes,
  source: CertificateSource,
): Result<PresentedCertificate | undefined> {
  switch (source.kind) {
    case 'connection':
      return ok(attributes.certificate)
    case 'xfccOfThisEnvoy':
      return ok(readElements(attributes, (elements) => ofThisEnvoy(elements, attributes)))
    case 'xfccOfPreviousHop':
      if (!isTrusted(source.trustedProxies, attributes)) return ok(undefined)
      return ok(readElements(attributes, (elements) => ofPreviousHop(elements, attributes, source)))
    case 'clientCert':
      return isTrusted(source.trustedProxies, attributes) ? ofClientCert(attributes) : ok(undefined)
    default:
      return ok(undefined)
  }
}

type Judge = (elements: readonly XfccElement[]) => PresentedCertificate | undefined

function readElements({ headers }: Attributes, judge: Judge): PresentedCertificate | undefined {
  const lines = headers.get('x-forwarded-client-cert')
  if (lines === undefined) return undefined
  const elements = readXfcc(lines.join(','))
  return elements.ok ? judge(elements.value) : unusable(elements.problem)
}

const unusable = (problem: string): PresentedCertificate => ({ kind: 'unusable', problem })

/** SANITIZE_SET: the header is about the peer of this connection, about nobody else, and says what the connection says. */
function ofThisEnvoy(elements: readonly XfccElement[], { certificate, principal }: Attributes): PresentedCertificate {
  const [element] = elements
  if (!element || elements.length !== 1)
    return unusable(`x-forwarded-client-cert has ${elements.length} elements, where this Envoy writes one`)
  const { hash, certificate: text, chain } = element
  if (hash === undefined || text === undefined)
    return unusable('x-forwarded-client-cert lacks Hash or Cert, both of which this Envoy has to write')
  if (certificate?.kind === 'pem' && certificate.text !== text)
    return unusable('x-forwarded-client-cert and the connection show different certificates')
  return { kind: 'pem', text, chain, forwarded: { hash, principal } }
}

/** APPEND_FORWARD behind SANITIZE_SET: the first hop wrote about the client, each further one about the hop before it. */
function ofPreviousHop(
  elements: readonly XfccElement[],
  { principal }: Attributes,
  { hops, acceptHashOnly }: Extract<CertificateSource, { kind: 'xfccOfPreviousHop' }>,
): PresentedCertificate | undefined {
  const [client] = elements
  const lastUri = elements.at(-1)?.lastUri
  if (lastUri === undefined || lastUri !== principal)
    return unusable('the last element of x-forwarded-client-cert is not about the peer of this connection')
  // Without a certificate of the client, there is nothing the first hop could have written.
  if (elements.length === hops) return undefined
  if (!client || elements.length !== hops + 1)
    return unusable(`x-forwarded-client-cert has ${elements.length} elements instead of ${hops + 1}`)
  const { hash, certificate: text, chain } = client
  if (hash === undefined) return unusable('x-forwarded-client-cert lacks the Hash of the client certificate')
  if (text !== undefined) return { kind: 'pem', text, chain, forwarded: { hash, principal: undefined } }
  if (!acceptHashOnly) return unusable('x-forwarded-client-cert has a Hash without Cert')
  return { kind: 'thumbprint', hex: hash }
}

/** RFC 9440: the proxy in front ended the client's TLS connection. */
function ofClientCert({ headers }: Attributes): Result<PresentedCertificate | undefined> {
  const field = readClientCert(headers.get('client-cert'), headers.get('client-cert-chain'))
  if (!field.ok) return deny('client_certificate_malformed', field.problem)
  return ok(field.value && { kind: 'der', bytes: field.value.certificate, chain: field.value.chain })
}
