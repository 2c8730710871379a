import { hash } from 'node:crypto'
import type { Certificate } from './certificate.ts'
import { type Element, oidOf, partsOf, tags } from './der.ts'
import { writeElement } from './der-writer.ts'

/**
 * What OCSP hashes names and keys with. SHA-1 is what every responder knows, and no weakness here: who is meant is not
 * what is signed for, and the issuer's own signature stands over the answer (RFC 6960 section 4.3).
 */
export type IdentifierDigest = 'sha1' | 'sha256'

/** All that names a certificate beside its issuer. */
export type Identified = Pick<Certificate, 'serial' | 'issuer'>

/** How OCSP names a certificate (RFC 6960 section 4.1.1): by its issuer's name and key, and its serial number. */
export interface CertificateId {
  /** undefined when nobody here can compute it. */
  readonly digest: IdentifierDigest | undefined
  /** Hex. */
  readonly issuerName: string
  readonly issuerKey: string
  readonly serial: string
}

/** The name is hashed as it stands in the certificate that is asked about. */
export const certificateIdOf = (
  { serial, issuer: { der } }: Identified,
  { subjectPublicKey }: Certificate,
  digest: IdentifierDigest,
): CertificateId => ({ digest, issuerName: hash(digest, der), issuerKey: hash(digest, subjectPublicKey), serial })

export function readCertificateId(element: Element): CertificateId {
  const parts = partsOf(element, 'a certificate identifier')
  const algorithm = partsOf(parts.any('a digest'), 'a digest')
  const oid = oidOf(algorithm.any('a digest'))
  algorithm.optional(tags.null)
  algorithm.end()
  const issuerName = parts.take(tags.octetString, 'the digest of a name').content.toString('hex')
  const issuerKey = parts.take(tags.octetString, 'the digest of a key').content.toString('hex')
  const serial = parts.take(tags.integer, 'a serial number').content.toString('hex')
  parts.end()
  return { digest: digests[oid], issuerName, issuerKey, serial }
}

const digests: Readonly<Record<string, IdentifierDigest>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
}

export function writeCertificateId({ digest, issuerName, issuerKey, serial }: CertificateId): Buffer {
  const algorithm = writeElement(tags.sequence, OIDS[digest ?? 'sha1'], writeElement(tags.null))
  const [name, key, number] = [issuerName, issuerKey, serial].map((hex) => Buffer.from(hex, 'hex'))
  return writeElement(
    tags.sequence,
    algorithm,
    writeElement(tags.octetString, name ?? Buffer.of()),
    writeElement(tags.octetString, key ?? Buffer.of()),
    writeElement(tags.integer, number ?? Buffer.of()),
  )
}

/** Each with its identifier octet and length. */
const OIDS: Readonly<Record<IdentifierDigest, Buffer>> = {
  sha1: Buffer.from('06052b0e03021a', 'hex'),
  sha256: Buffer.from('0609608648016503040201', 'hex'),
}

/** Whether an answer is about this certificate, whichever digest it names it by. */
export function isAbout(id: CertificateId, certificate: Identified, issuer: Certificate): boolean {
  if (id.digest === undefined) return false
  const wanted = certificateIdOf(certificate, issuer, id.digest)
  return id.issuerName === wanted.issuerName && id.issuerKey === wanted.issuerKey && id.serial === wanted.serial
}
