import type { Certificate } from './certificate.ts'
import { certificateIdOf, type Identified, type IdentifierDigest, writeCertificateId } from './certificate-id.ts'
import { tags } from './der.ts'
import { writeElement } from './der-writer.ts'

/** About whom is asked, and what makes the answer a fresh one. */
export interface OcspQuestion {
  readonly certificate: Identified
  readonly issuer: Certificate
  /** 16 to 32 octets (RFC 9654); absent: an answer made before the question is wanted as well. */
  readonly nonce?: Buffer | undefined
}

/** id-pkix-ocsp-nonce (RFC 9654). */
export const NONCE = '1.3.6.1.5.5.7.48.1.2'
const NONCE_OID = Buffer.from('06092b0601050507300102', 'hex')

/** An OCSPRequest about one certificate, not signed (RFC 6960 section 4.1.1). */
export function writeOcspRequest({ certificate, issuer, nonce }: OcspQuestion, digest: IdentifierDigest): Buffer {
  const sequence = (...contents: readonly Buffer[]): Buffer => writeElement(tags.sequence, ...contents)
  const id = writeCertificateId(certificateIdOf(certificate, issuer, digest))
  const extensions = nonce ? [writeElement(0xa2, sequence(sequence(NONCE_OID, wrap(nonceValue(nonce)))))] : []
  return sequence(sequence(sequence(sequence(id)), ...extensions))
}

const wrap = (value: Buffer): Buffer => writeElement(tags.octetString, value)

/** The value of the extension in a request, and in an answer to it. */
export const nonceValue = (nonce: Buffer): Buffer => wrap(nonce)
