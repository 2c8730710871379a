import type { Reading } from '../reading.ts'
import { type CertificateId, readCertificateId } from './certificate-id.ts'
import { attempt, type Element, listOf, malformed, oidOf, parseDer, partsOf, smallNumberOf, tags } from './der.ts'
import { type Name, nameOf } from './name.ts'
import { revocationReasons } from './revocation-reasons.ts'
import { type Signed, signatureAlgorithmOf } from './signature.ts'
import { timeOf } from './time.ts'
import { type Extension, extensionsOf, octetsOf } from './x509-certificate.ts'

export type CertificateStatus =
  | { readonly kind: 'good' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'revoked'; readonly at: number; readonly reason: string }

/** What an answer says of one certificate. Seconds since 1970. */
export interface SingleResponse {
  readonly id: CertificateId
  readonly status: CertificateStatus
  readonly thisUpdate: number
  readonly nextUpdate: number | undefined
  readonly extensions: readonly Extension[]
  /** The DER encoding. */
  readonly whole: Buffer
}

/** A BasicOCSPResponse (RFC 6960 section 4.2.1). Who signed it, and whether it counts, is not said. */
export interface OcspResponse extends Signed {
  readonly responder: { readonly name: Name } | { readonly keyHash: string }
  readonly producedAt: number
  readonly responses: readonly SingleResponse[]
  readonly extensions: readonly Extension[]
  /** DER of the certificates that came along. */
  readonly certificates: readonly Buffer[]
}

/** An answer, or the responder's word for having none. */
export type OcspAnswer =
  | { readonly kind: 'response'; readonly response: OcspResponse }
  | { readonly kind: 'none'; readonly word: 'malformedRequest' | 'internalError' | 'tryLater' | RefusalWord }
type RefusalWord = 'sigRequired' | 'unauthorized'

/** Bytes of DER; an answer takes about two thousand. */
export const MAX_RESPONSE = 65_536
const MAX_RESPONSES = 64
const MAX_CERTIFICATES = 8

/** Reads the DER encoding strictly. Never throws. */
export const readOcspResponse = (der: Uint8Array): Reading<OcspAnswer> => attempt(() => answerOf(der))

function answerOf(bytes: Uint8Array): OcspAnswer {
  if (bytes.length > MAX_RESPONSE) malformed('the answer is too long')
  const parts = partsOf(parseDer(Buffer.from(bytes)), 'the answer')
  const status = smallNumberOf(parts.take(tags.enumerated, 'the status of the answer'))
  const body = parts.optional(0xa0)
  parts.end()
  if (status !== 0) {
    const word = words[status]
    return word && !body ? { kind: 'none', word } : malformed('the status of the answer is wrong')
  }
  const content = partsOf(only(body, 'the body'), 'the body')
  if (oidOf(content.any('the type of the answer')) !== BASIC) malformed('the answer is of an unknown type')
  const { content: basic } = content.take(tags.octetString, 'the body')
  content.end()
  return { kind: 'response', response: basicOf(parseDer(basic)) }
}

/** id-pkix-ocsp-basic. */
const BASIC = '1.3.6.1.5.5.7.48.1.1'

/** 4 is not used (RFC 6960 section 4.2.1). */
const words: Readonly<Record<number, Extract<OcspAnswer, { kind: 'none' }>['word']>> = {
  1: 'malformedRequest',
  2: 'internalError',
  3: 'tryLater',
  5: 'sigRequired',
  6: 'unauthorized',
}

/** The one element under an explicit tag. */
function only(element: Element | undefined, what: string): Element {
  const [inner, ...rest] = element?.children ?? []
  return inner && rest.length === 0 ? inner : malformed(`${what} is missing or wrong`)
}

function basicOf(element: Element): OcspResponse {
  const outer = partsOf(element, 'the response')
  const data = outer.take(tags.sequence, 'what is signed')
  const algorithm = signatureAlgorithmOf(outer.take(tags.sequence, 'the signature algorithm'))
  const signature = octetsOf(outer.take(tags.bitString, 'the signature'))
  const carried = outer.optional(0xa0)
  outer.end()
  const certificates = carried
    ? listOf(only(carried, 'the certificates'), 'the certificates', MAX_CERTIFICATES).map(({ whole }) => whole)
    : []
  const parts = partsOf(data, 'what is signed')
  const version = parts.optional(0xa0)
  // The default, which some responders write all the same.
  if (version && !version.whole.equals(VERSION_1)) malformed('the response is not of version 1')
  const responder = responderOf(parts.any('the responder'))
  const producedAt = timeOf(parts.take(tags.generalizedTime, 'producedAt'))
  const responses = listOf(parts.any('the responses'), 'the responses', MAX_RESPONSES).map(singleOf)
  const extensions = extensionsOf(parts.optional(0xa1))
  parts.end()
  return {
    ...{ signed: data.whole, algorithm, signature },
    ...{ responder, producedAt, responses, extensions, certificates },
  }
}

/** `[0] EXPLICIT INTEGER 0`. */
const VERSION_1 = Buffer.of(0xa0, 3, 2, 1, 0)

function responderOf(element: Element): OcspResponse['responder'] {
  const inner = only(element, 'the responder')
  if (element.tag === 0xa1) return { name: nameOf(inner, 'the responder') }
  if (element.tag !== 0xa2 || inner.tag !== tags.octetString) return malformed('the responder is of an unknown form')
  return { keyHash: inner.content.toString('hex') }
}

function singleOf(element: Element): SingleResponse {
  const parts = partsOf(element, 'a response')
  const id = readCertificateId(parts.any('a certificate identifier'))
  const status = statusOf(parts.any('the status of a certificate'))
  const thisUpdate = timeOf(parts.take(tags.generalizedTime, 'thisUpdate'))
  const next = parts.optional(0xa0)
  const nextUpdate = next ? timeUnder(next, 'nextUpdate') : undefined
  const extensions = extensionsOf(parts.optional(0xa1))
  parts.end()
  if (nextUpdate !== undefined && nextUpdate < thisUpdate) malformed('nextUpdate lies before thisUpdate')
  return { id, status, thisUpdate, nextUpdate, extensions, whole: element.whole }
}

function timeUnder(element: Element, what: string): number {
  const inner = only(element, what)
  return inner.tag === tags.generalizedTime ? timeOf(inner) : malformed(`${what} is of another type`)
}

function statusOf(element: Element): CertificateStatus {
  const { tag, content } = element
  if ((tag === 0x80 || tag === 0x82) && content.length === 0)
    return tag === 0x80 ? { kind: 'good' } : { kind: 'unknown' }
  if (tag !== 0xa1) return malformed('the status of a certificate is of an unknown form')
  const parts = partsOf(element, 'a revocation', 0xa1)
  const at = timeOf(parts.take(tags.generalizedTime, 'the time of a revocation'))
  const under = parts.optional(0xa0)
  parts.end()
  return { kind: 'revoked', at, reason: under ? reasonOf(only(under, 'the reason')) : 'unspecified' }
}

/** Whatever it is, the certificate has been revoked. */
function reasonOf(element: Element): string {
  if (element.tag !== tags.enumerated) malformed('the reason of a revocation is of another type')
  return revocationReasons[smallNumberOf(element)] ?? malformed('the reason of a revocation is unknown')
}
