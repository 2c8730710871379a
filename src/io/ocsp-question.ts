import { randomBytes } from 'node:crypto'
import type { StatusSource } from '../verify/certificate-status.ts'
import { type Reading, unreadable } from '../verify/reading.ts'
import type { Certificate } from '../verify/x509/certificate.ts'
import type { Identified } from '../verify/x509/certificate-id.ts'
import { judgeOcspResponse, type OcspVerdict } from '../verify/x509/ocsp.ts'
import { writeOcspRequest } from '../verify/x509/ocsp-request.ts'
import { MAX_RESPONSE } from '../verify/x509/ocsp-response.ts'
import type { BytesQuestion } from './fetch-bytes.ts'
import type { Fetched } from './fetch-outcome.ts'
import type { OcspOptions } from './ocsp.ts'

/** What one question needs of the outside world. Seconds. */
export interface QuestionSurroundings {
  readonly post: (url: string, question: BytesQuestion) => Promise<Fetched>
  readonly wall: () => number
  /** Asked about delegates whose certificate does not say that their status need not be looked at; see OcspDelegates. */
  readonly delegates?: OcspDelegates | undefined
}

/**
 * Where the status of a delegate is found, which is never OCSP. `hard`: a delegate that is not known to be good signs
 * nothing. Otherwise, and without any source, only one that is known to have been revoked does not: where the issuer says
 * nothing about it, RFC 6960 section 4.2.2.2.1 leaves it to the client.
 */
interface OcspDelegates {
  readonly source: StatusSource
  readonly hard: boolean
}

/** How asking ended; `fault`: the responder failed as it would have for any certificate. */
export interface OcspOutcome {
  readonly verdict: Reading<OcspVerdict>
  readonly fault: boolean
}

/** The call goes on for so long whoever waits for it, milliseconds. */
const TIMEOUT = 5000
/** As long as responders have to take and no longer (RFC 9654 section 2.1). */
const NONCE_BYTES = 32

/** Asks one responder about one certificate. */
export async function askResponder(
  url: string,
  certificate: Identified,
  issuer: Certificate,
  { maxAge, requireNonce, digest = 'sha1' }: OcspOptions,
  { post, wall, delegates }: QuestionSurroundings,
): Promise<OcspOutcome> {
  const question = { certificate, issuer, nonce: randomBytes(NONCE_BYTES) }
  const fetched = await post(url, {
    type: 'ocsp-request',
    accept: 'ocsp-response',
    body: writeOcspRequest(question, digest),
    timeout: TIMEOUT,
    maxBytes: MAX_RESPONSE,
  })
  if (!fetched.ok) {
    const { problem, status } = fetched
    return { verdict: unreadable(problem), fault: status === undefined || status >= 500 || status === 429 }
  }
  const { origin, pathname } = new URL(url)
  const refuse = (problem: string): Reading<OcspVerdict> => unreadable(`${origin}${pathname}: ${problem}`)
  const judged = judgeOcspResponse(fetched.value, question, { maxAge, requireNonce }, wall())
  if (!judged.ok) return { verdict: refuse(judged.problem), fault: judged.busy === true }
  const { unchecked } = judged.value
  const flaw = unchecked && delegates ? await flawOf(unchecked, issuer, delegates, wall()) : undefined
  return { verdict: flaw === undefined ? judged : refuse(flaw), fault: false }
}

async function flawOf(
  delegate: Certificate,
  issuer: Certificate,
  { source, hard }: OcspDelegates,
  now: number,
): Promise<string | undefined> {
  const { kind } = await source.judge(delegate, issuer, now)
  if (kind === 'revoked') return 'the delegate has been revoked'
  return hard && kind !== 'good' ? 'the status of the delegate is not known' : undefined
}
