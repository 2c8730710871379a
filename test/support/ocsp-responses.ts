import type { Certificate } from '../../src/verify/x509/certificate.ts'
import { certificateIdOf, type IdentifierDigest, writeCertificateId } from '../../src/verify/x509/certificate-id.ts'
import { tags } from '../../src/verify/x509/der.ts'
import { writeElement } from '../../src/verify/x509/der-writer.ts'
import { nonceValue } from '../../src/verify/x509/ocsp-request.ts'
import {
  client,
  type Digest,
  extension,
  type Holder,
  hex,
  issuer,
  keyHashOf,
  NOW,
  octets,
  sequence,
  signed,
  time,
} from './ocsp-pki.ts'

/** DER of a CertStatus. */
export const status = {
  good: hex('8000'),
  unknown: hex('8200'),
  revoked: (reason?: number, at = NOW - 3600): Buffer =>
    writeElement(
      0xa1,
      time(at),
      ...(reason === undefined ? [] : [writeElement(0xa0, writeElement(tags.enumerated, Buffer.of(reason)))]),
    ),
}

/** What an answer says of one certificate; `undefined` leaves nextUpdate out. */
export interface SingleContent {
  readonly certificate?: Certificate
  readonly issuedBy?: Certificate
  readonly digest?: IdentifierDigest
  readonly id?: Buffer
  readonly status?: Buffer
  readonly thisUpdate?: number | Buffer
  readonly nextUpdate?: number | undefined
  readonly extensions?: readonly Buffer[]
}

export function single(content: SingleContent = {}): Buffer {
  const { certificate = client, issuedBy = issuer.certificate, digest = 'sha1', thisUpdate = NOW - 600 } = content
  const nextUpdate = 'nextUpdate' in content ? content.nextUpdate : NOW + 3600
  return sequence(
    content.id ?? writeCertificateId(certificateIdOf(certificate, issuedBy, digest)),
    content.status ?? status.good,
    typeof thisUpdate === 'number' ? time(thisUpdate) : thisUpdate,
    ...(nextUpdate === undefined ? [] : [writeElement(0xa0, time(nextUpdate))]),
    ...(content.extensions ? [writeElement(0xa1, sequence(...content.extensions))] : []),
  )
}

/** A good answer, but for what is told. */
export interface ResponseContent extends SingleContent {
  readonly signer?: Holder
  readonly signedDigest?: Digest
  readonly responder?: Buffer
  readonly producedAt?: number | Buffer
  readonly responses?: readonly Buffer[]
  readonly nonce?: Buffer | undefined
  readonly more?: readonly Buffer[]
  readonly version?: Buffer
  /** DER of certificates that come along: those of a delegate unless told. */
  readonly certificates?: readonly Buffer[]
}

export const byName = ({ certificate: { subject } }: Holder): Buffer => writeElement(0xa1, subject.der)
export const byKey = (holder: Holder): Buffer => writeElement(0xa2, octets(keyHashOf(holder)))
const nonceExtension = (nonce: Buffer): Buffer => extension('06092b0601050507300102', nonceValue(nonce))

/** A BasicOCSPResponse. */
export function basic(content: ResponseContent = {}): Buffer {
  const { signer = issuer, producedAt = NOW - 600, nonce, more = [], version = Buffer.of() } = content
  const extended = [...(nonce ? [nonceExtension(nonce)] : []), ...more]
  const data = sequence(
    version,
    content.responder ?? byName(signer),
    typeof producedAt === 'number' ? time(producedAt) : producedAt,
    sequence(...(content.responses ?? [single(content)])),
    ...(extended.length > 0 ? [writeElement(0xa1, sequence(...extended))] : []),
  )
  const certificates = content.certificates ?? (signer === issuer ? [] : [signer.certificate.der])
  const carried = certificates.length > 0 ? [writeElement(0xa0, sequence(...certificates))] : []
  return signed(data, signer.key, content.signedDigest, ...carried)
}

const BASIC = '06092b0601050507300101'

/** An OCSPResponse around it. */
export const wrapped = (body: Buffer, type = BASIC, word = 0): Buffer =>
  sequence(writeElement(tags.enumerated, Buffer.of(word)), writeElement(0xa0, sequence(hex(type), octets(body))))

export const response = (content: ResponseContent = {}): Buffer => wrapped(basic(content))

/** An OCSPResponse without an answer. */
export const refusal = (word: number): Buffer => sequence(writeElement(tags.enumerated, Buffer.of(word)))
