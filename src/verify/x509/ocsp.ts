import { type Reading, read, unreadable } from '../reading.ts'
import type { Certificate } from './certificate.ts'
import { isAbout } from './certificate-id.ts'
import { signerOf } from './ocsp-delegate.ts'
import { NONCE, nonceValue, type OcspQuestion } from './ocsp-request.ts'
import { type CertificateStatus, type OcspResponse, readOcspResponse, type SingleResponse } from './ocsp-response.ts'

/** What an answer has to be like besides. Seconds. */
export interface OcspRules {
  /** An answer that does not say when the next one comes counts for this time after thisUpdate. */
  readonly maxAge: number
  /** An answer without the nonce of the question is refused. */
  readonly requireNonce: boolean
}

/** What the issuer, or its delegate, says of the certificate that was asked about. Seconds since 1970. */
export interface OcspVerdict {
  readonly status: CertificateStatus
  readonly thisUpdate: number
  /** It counts up to here. */
  readonly until: number
  /** A delegate whose own status the issuer wants looked at (RFC 6960 section 4.2.2.2.1). */
  readonly unchecked: Certificate | undefined
}

/** What is wrong with an answer; `busy`: the responder has none for anybody at the moment. */
export type OcspJudgement = Reading<OcspVerdict> & { readonly busy?: boolean }

/** Clocks of responders differ from ours by so much at the most, seconds. */
const LEEWAY = 60

/**
 * Judges the answer to a question about one certificate (RFC 6960 section 3.2). What is wrong with it makes it no answer:
 * only the issuer can say that a certificate is good. Never throws.
 */
export function judgeOcspResponse(
  der: Uint8Array,
  question: OcspQuestion,
  rules: OcspRules,
  now: number,
): OcspJudgement {
  const answer = readOcspResponse(der)
  if (!answer.ok) return answer
  if (answer.value.kind === 'none') {
    const { word } = answer.value
    return { ...unreadable(`the responder answers ${word}`), busy: word === 'tryLater' || word === 'internalError' }
  }
  const { response } = answer.value
  const single = singleAbout(response, question)
  if (!single.ok) return single
  const problem = problemOf(response, single.value, question, rules, now)
  if (problem !== undefined) return unreadable(problem)
  const signer = signerOf(response, question, now)
  if (!signer.ok) return signer
  const { status, thisUpdate } = single.value
  const { delegate } = signer.value
  const until = Math.min(lastOf(single.value, rules), delegate?.notAfter ?? Number.POSITIVE_INFINITY)
  const unchecked = delegate?.ocspNoCheck === false ? delegate : undefined
  return read({ status, thisUpdate, until, unchecked })
}

/** The one entry about the certificate. Responders may send others along; two that differ say nothing. */
function singleAbout({ responses }: OcspResponse, { certificate, issuer }: OcspQuestion): Reading<SingleResponse> {
  const [single, ...others] = responses.filter(({ id }) => isAbout(id, certificate, issuer))
  if (!single) return unreadable('the answer is not about this certificate')
  const agree = others.every(({ whole }) => whole.equals(single.whole))
  return agree ? read(single) : unreadable('the answer says two things about this certificate')
}

const lastOf = ({ thisUpdate, nextUpdate }: SingleResponse, { maxAge }: OcspRules): number =>
  nextUpdate ?? thisUpdate + maxAge

function problemOf(
  { extensions, producedAt }: OcspResponse,
  single: SingleResponse,
  { nonce }: OcspQuestion,
  rules: OcspRules,
  now: number,
): string | undefined {
  const critical = [...extensions, ...single.extensions].find((one) => one.critical && one.oid !== NONCE)
  if (critical) return `the answer has the unknown critical extension ${critical.oid}`
  const echo = extensions.find(({ oid }) => oid === NONCE)?.value
  if (nonce && echo && !echo.equals(nonceValue(nonce))) return 'the answer is to another question'
  if (nonce && !echo && rules.requireNonce) return 'the answer has no nonce'
  if (producedAt > now + LEEWAY) return 'the answer is from the future'
  if (single.thisUpdate > now + LEEWAY) return 'the answer does not count yet'
  if (lastOf(single, rules) < now - LEEWAY) return 'the answer counts no longer'
  return undefined
}
