import type { CertificateSource } from './client-certificate.ts'
import type { Config } from './config.ts'
import type { Problem } from './problems.ts'
import { readTrustedProxy, type TrustedProxy } from './trusted-proxies.ts'

type Setting = Config['clientCertificateFrom']

/** MTLS-07: nobody's word about a certificate is taken unless the file says whose, and never that of the whole internet. */
export const checkCertificates = (setting: Setting): readonly Problem[] => [
  ...checkBlocks(setting),
  ...checkXfcc(setting),
  ...checkProxies(setting.xfcc?.trustedProxies, ['clientCertificateFrom', 'xfcc', 'trustedProxies']),
  ...checkProxies(setting.clientCert?.trustedProxies, ['clientCertificateFrom', 'clientCert', 'trustedProxies']),
]

/** Options of a source that is not in use would be believed to protect something. */
function checkBlocks({ source, xfcc, clientCert }: Setting): readonly Problem[] {
  const problems: Problem[] = []
  const path = ['clientCertificateFrom']
  if (xfcc && source !== 'xfcc')
    problems.push({
      path: [...path, 'xfcc'],
      message: `this belongs to source: xfcc, and the source is ${source}; there is one source, never a second to fall back to`,
    })
  if (clientCert && source !== 'client-cert')
    problems.push({
      path: [...path, 'clientCert'],
      message: `this belongs to source: client-cert, and the source is ${source}; there is one source, never a second to fall back to`,
    })
  if (source === 'xfcc' && !xfcc)
    problems.push({
      path: [...path, 'source'],
      message: 'xfcc needs xfcc: { writtenBy: thisEnvoy } or { writtenBy: previousHop, trustedProxies: […] } beside it',
    })
  if (source === 'client-cert' && !clientCert?.trustedProxies)
    problems.push({
      path: [...path, 'source'],
      message: 'client-cert needs clientCert: { trustedProxies: […] } beside it, or anybody could show any certificate',
    })
  return problems
}

function checkXfcc({ xfcc }: Setting): readonly Problem[] {
  if (!xfcc) return []
  const path = ['clientCertificateFrom', 'xfcc']
  if (xfcc.writtenBy === 'previousHop')
    return xfcc.trustedProxies
      ? []
      : [
          {
            path: [...path, 'writtenBy'],
            message: 'previousHop needs trustedProxies beside it, or anybody could show any certificate',
          },
        ]
  const problems: Problem[] = []
  for (const key of ['hops', 'trustedProxies'] as const)
    if (xfcc[key] !== undefined)
      problems.push({
        path: [...path, key],
        message: 'this belongs to writtenBy: previousHop; thisEnvoy writes about the connection it ends itself',
      })
  if (xfcc.acceptHashOnly !== undefined)
    problems.push({
      path: [...path, 'acceptHashOnly'],
      message:
        'this belongs to writtenBy: previousHop; thisEnvoy can send the certificate (set_current_client_cert_details: { cert: true }), without which its principal cannot be compared',
    })
  return problems
}

function checkProxies(proxies: readonly string[] = [], path: Problem['path']): readonly Problem[] {
  return proxies.flatMap((proxy, index) => {
    const reading = readTrustedProxy(proxy)
    return reading.ok
      ? []
      : [{ path: [...path, index], message: `${JSON.stringify(proxy)} cannot be trusted: ${reading.problem}` }]
  })
}

/** What the setting takes for granted about Envoy and the proxies, for whoever checks a configuration. */
export function certificateNotes({ source, xfcc, clientCert }: Setting): readonly string[] {
  if (source === 'client-cert')
    return [`client certificates are what ${clientCert?.trustedProxies?.join(', ')} writes into Client-Cert`]
  if (source !== 'xfcc') return []
  if (xfcc?.writtenBy !== 'previousHop')
    return [
      'client certificates come from x-forwarded-client-cert: Envoy has to be set to SANITIZE_SET with cert: true',
    ]
  const { hops = 1, trustedProxies = [], acceptHashOnly } = xfcc
  return [
    `client certificates are what ${trustedProxies.join(', ')} writes into x-forwarded-client-cert (hops: ${hops}): Envoy has to be set to APPEND_FORWARD with uri: true`,
    ...(acceptHashOnly ? ['xfcc.acceptHashOnly: a hash without its certificate is believed'] : []),
  ]
}

/** A checked setting → whose word counts. */
export function certificateSource({ source, xfcc, clientCert }: Setting): CertificateSource {
  if (source === 'client-cert') return { kind: 'clientCert', trustedProxies: proxiesOf(clientCert?.trustedProxies) }
  if (source !== 'xfcc') return { kind: source }
  if (xfcc?.writtenBy !== 'previousHop') return { kind: 'xfccOfThisEnvoy' }
  const { hops = 1, trustedProxies, acceptHashOnly = false } = xfcc
  return { kind: 'xfccOfPreviousHop', hops, trustedProxies: proxiesOf(trustedProxies), acceptHashOnly }
}

const proxiesOf = (proxies: readonly string[] = []): readonly TrustedProxy[] =>
  proxies.flatMap((proxy) => {
    const reading = readTrustedProxy(proxy)
    return reading.ok ? [reading.value] : []
  })
