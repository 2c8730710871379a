import { hash } from 'node:crypto'
import { type Reading, read, unreadable } from '../reading.ts'
import { type Certificate, readCertificateDer } from './certificate.ts'
import { isSameName } from './name.ts'
import type { OcspQuestion } from './ocsp-request.ts'
import type { OcspResponse } from './ocsp-response.ts'
import { isSignedWith } from './signature.ts'

/** id-kp-OCSPSigning. */
const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9'

/** Whether the answer says that this one signed it. */
const isNamed = ({ responder }: OcspResponse, { subject, subjectPublicKey }: Certificate): boolean =>
  'name' in responder ? isSameName(responder.name, subject) : responder.keyHash === hash('sha1', subjectPublicKey)

/**
 * Who signed an answer: the issuer itself, or whom it appointed (RFC 6960 section 4.2.2.2). A responder that somebody else
 * trusts is none: a certificate says nothing about the certificates of another authority.
 */
export function signerOf(
  response: OcspResponse,
  { certificate, issuer }: OcspQuestion,
  now: number,
): Reading<{ readonly delegate: Certificate | undefined }> {
  const direct = isNamed(response, issuer)
  // Others may come along, as that of the issuer itself.
  const named = response.certificates
    .map(readCertificateDer)
    .flatMap((one) => (one.ok && one.value.key.pin !== issuer.key.pin ? [one.value] : []))
    .filter((one) => isNamed(response, one))
  if (!direct && named.length === 0) return unreadable('the answer names nobody who may sign it')
  if (!response.algorithm) return unreadable('the answer is signed with a weak or unknown algorithm')
  if (direct && isSignedWith(response, issuer.key)) return read({ delegate: undefined })
  let problem = 'the signature of the answer is wrong'
  for (const delegate of named) {
    const flaw = flawOf(delegate, issuer, now)
    if (flaw !== undefined) problem = `the delegate ${flaw}`
    // Two certificates of one issuer with one serial number are one: nobody is asked about itself.
    else if (delegate.serial === certificate.serial) problem = 'the delegate answers for itself'
    else if (isSignedWith(response, delegate.key)) return read({ delegate })
  }
  return unreadable(problem)
}

/** Why a certificate appoints nobody to answer for the issuer. */
function flawOf(delegate: Certificate, issuer: Certificate, now: number): string | undefined {
  const { extendedKeyUsage, keyUsage } = delegate
  if (!isSameName(delegate.issuer, issuer.subject)) return 'is not appointed by the issuer'
  if (!delegate.algorithm) return 'is appointed with a weak or unknown algorithm'
  if (!isSignedWith(delegate, issuer.key)) return 'is not appointed by the issuer'
  // anyExtendedKeyUsage is not enough: nobody should answer for an authority by accident.
  if (extendedKeyUsage?.has(OCSP_SIGNING) !== true) return 'may not sign answers'
  if (keyUsage?.has('digitalSignature') === false) return 'may not sign'
  // An authority whose certificate says so by mistake could answer for its siblings.
  if (delegate.ca) return 'is an authority of its own'
  if (delegate.unknownCritical.length > 0) return 'has an unknown critical extension'
  return now < delegate.notBefore || now > delegate.notAfter ? 'is not valid now' : undefined
}
