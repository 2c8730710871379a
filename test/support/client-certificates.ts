import type { ClientAuthorities } from '../../src/ports.ts'
import type { StatusSource, StatusWord } from '../../src/verify/certificate-status.ts'
import type { StatusWitness } from '../../src/verify/path-status.ts'
import type { Certificate } from '../../src/verify/x509/certificate.ts'
import { authority, clientExtensions, type Details, type Party, party } from './chains.ts'
import { extension } from './ocsp-pki.ts'
import { PROOF_TIME } from './proofs.ts'
import { qwac } from './qc-statements.ts'
import { buildTestCheck, document, goodRequest, mintToken, type Order, type SpineOptions } from './spine.ts'
import { CN, O, ORGANIZATION, subjectOf } from './subjects.ts'

const DAY = 86_400
export const validity = { notBefore: PROOF_TIME - DAY, notAfter: PROOF_TIME + DAY }

export const qcStatements = (...roles: NonNullable<Parameters<typeof qwac>[0]>[number][]): Buffer =>
  extension('06082b06010505070103', qwac(roles))

/** A root, an authority below it, and what they issue, valid around the time of the test requests. */
export const root = authority('Root', undefined, validity)
export const middle = authority('Middle', root, validity)
export const subject = subjectOf([O, 'Good Fintech'], [CN, 'client-1'], [ORGANIZATION, 'PSDGB-FCA-123456']).der
export const issue = (issuer: Party | undefined, details: Details = {}): Certificate =>
  party('client', issuer, { ...validity, extensions: clientExtensions, subject, ...details }).certificate

export const pemOf = ({ der }: Pick<Certificate, 'der'>): string =>
  `-----BEGIN CERTIFICATE-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`
/** As Envoy sends it. */
export const sent = (...certificates: readonly Pick<Certificate, 'der'>[]): string =>
  encodeURIComponent(certificates.map(pemOf).join(''))

/** A document whose one route asks for a certificate. */
export const asking = (clientCertificate: object = {}, more: object = {}, around: object = {}) => ({
  ...document,
  ...around,
  routes: [
    {
      name: 'accounts',
      path: '/accounts',
      scopes: ['accounts'],
      clientCertificate: { ca: 'unread.pem', ...clientCertificate },
      ...more,
    },
  ],
})

export const trusting = (...anchors: readonly Party[]): ClientAuthorities['trust'] => ({
  anchors: anchors.map(({ certificate }) => certificate),
  intermediates: [],
  pinned: new Set(),
})

/** A source that says what it is told, by serial number, and counts how often it is asked. */
export function oracle(words: Readonly<Record<string, StatusWord | Promise<StatusWord>>>) {
  const asked: string[] = []
  const source: StatusSource = {
    judge: ({ serial }) => {
      asked.push(serial)
      return words[serial] ?? { kind: 'unavailable', detail: `nothing is known of ${serial}` }
    },
  }
  return { source, asked }
}

export const witness = (
  kind: StatusWitness['kind'],
  mode: StatusWitness['mode'],
  source: StatusSource,
): StatusWitness => ({ kind, mode, source })

/** A Check in front of that route, and requests with a certificate that pass it unless told. */
export function meet(options: Partial<SpineOptions> & { readonly document?: object } = {}) {
  const { authorities, ...other } = options
  const built = buildTestCheck({
    document: asking(),
    authorities: { trust: trusting(root), ...authorities },
    ...other,
  })
  const request = (certificate: Certificate | undefined, order: Order = {}) =>
    goodRequest({ token: mintToken(), ...(certificate && { certificate: sent(certificate) }), ...order })
  return { ...built, request }
}
