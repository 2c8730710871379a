import { hash } from 'node:crypto'
import type { CheckRequest } from '../../src/wire.ts'
import { verdict } from './answers.ts'
import { certificate, certificateDer } from './possession.ts'
import { overTheWire, received, recordedCheck } from './recordings.ts'
import { boundTo, buildTestCheck, document, goodRequest, mintToken, type Order } from './spine.ts'

/** What a gateway's own certificate is named. */
export const GATEWAY = 'spiffe://bank.example/gateway'

/** The sources of certificates, as an operator writes them. */
export const from = {
  thisEnvoy: { source: 'xfcc', xfcc: { writtenBy: 'thisEnvoy' } },
  previousHop: { source: 'xfcc', xfcc: { writtenBy: 'previousHop', trustedProxies: [GATEWAY] } },
  hashOnly: { source: 'xfcc', xfcc: { writtenBy: 'previousHop', trustedProxies: [GATEWAY], acceptHashOnly: true } },
  clientCert: { source: 'client-cert', clientCert: { trustedProxies: [GATEWAY, '10.0.0.0/8'] } },
  connection: { source: 'connection' },
} as const

/** The hex of the SHA-256 that Envoy writes. */
export const hexOf = (der: Uint8Array): string => hash('sha256', der, 'hex')

/** One element in the order and quotation of Envoy; null leaves a pair out. */
export const element = ({
  hash: hex = hexOf(certificateDer),
  cert = certificate,
  rest = 'Subject="CN=mtls";URI=',
}: {
  readonly hash?: string | null
  readonly cert?: string | null
  readonly rest?: string
} = {}): string =>
  [...(hex === null ? [] : [`Hash=${hex}`]), ...(cert === null ? [] : [`Cert="${cert}"`]), rest].join(';')

/** What a gateway's Envoy appends about the gateway. */
export const gatewayElement = `Hash=${'0'.repeat(64)};Subject="CN=gateway";URI=${GATEWAY}`

/** A Check with one source of certificates. */
export const checkWith = (clientCertificateFrom: object, difference: object = {}) =>
  buildTestCheck({ document: { ...document, clientCertificateFrom, ...difference } })

export const boundToken = (thumbprint?: string): string =>
  mintToken({ claims: { cnf: thumbprint === undefined ? boundTo.mtls : { 'x5t#S256': thumbprint } } })

/** The answer to a request with a certificate-bound token under Bearer, without a proof. */
export const send = async (source: object, { token = boundToken(), ...order }: Order) =>
  overTheWire(await checkWith(source).ask(received(goodRequest({ scheme: 'Bearer', proof: null, token, ...order }))))

export const sent = async (source: object, order: Order): Promise<string> => verdict(await send(source, order))

export const xfcc = (value: string) => [['x-forwarded-client-cert', value]] as const

/** A recorded Check with a token in it, answered by a service that takes certificates from that source. */
export async function replayed(name: string, source: object, thumbprint: string, without: 'certificate' | '' = '') {
  const wire = recordedCheck(name)
  const { attributes: { source: peer, request, ...more } = {} } = wire
  const { certificate: shown, ...nameless } = peer ?? {}
  const http = { ...request?.http }
  const changed: CheckRequest = {
    attributes: {
      ...more,
      source:
        without === 'certificate' ? nameless : { ...nameless, ...(shown !== undefined && { certificate: shown }) },
      request: {
        ...request,
        http: { ...http, headers: { ...http.headers, authorization: `Bearer ${boundToken(thumbprint)}` } },
      },
    },
  }
  const { ask } = checkWith(source, {
    publicOrigins: ['https://api.example.test'],
    routes: [{ name: 'all', path: '/**' }],
  })
  return overTheWire(await ask(received(changed)))
}
