import { createHash, type KeyObject } from 'node:crypto'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import type { Certificate } from '../verify/x509/certificate.ts'
import { certificateIdOf, isAbout, readCertificateId, writeCertificateId } from '../verify/x509/certificate-id.ts'
import { attempt, type Element, oidOf, parseDer, tags } from '../verify/x509/der.ts'
import { writeElement } from '../verify/x509/der-writer.ts'
import { NONCE } from '../verify/x509/ocsp-request.ts'
import { extension, generalizedTime, integer, octets, oid, sequence, time } from './der.ts'
import { algorithmOf, signed } from './keys.ts'

/** A certificate that is not to be believed any more. Seconds since 1970. */
export interface Revocation {
  /** Hex. */
  readonly serial: string
  readonly at: number
}

/** An authority with its key. */
export interface Authority {
  readonly certificate: Certificate
  readonly key: KeyObject
}

/** Of `keyCompromise`. */
const REASON = 1
/** Seconds for which a list, and an answer, counts. */
const LIFE = { list: 7 * 86_400, answer: 3600 }

/** DER of the list of an authority, version 2 (RFC 5280 section 5.1). */
export function writeList(
  { certificate, key }: Authority,
  revoked: readonly Revocation[],
  number: number,
  now: number,
): Buffer {
  const { identifier } = algorithmOf(key)
  const entries = revoked.map(({ serial, at }) =>
    sequence(integer(Buffer.from(serial, 'hex')), time(at), sequence(extension('2.5.29.21', enumerated(REASON)))),
  )
  const numbered = Buffer.alloc(6)
  numbered.writeUIntBE(number, 0, 6)
  return signed(
    sequence(
      integer(Buffer.of(1)),
      identifier,
      certificate.subject.der,
      time(now),
      time(now + LIFE.list),
      ...(entries.length > 0 ? [sequence(...entries)] : []),
      writeElement(
        0xa0,
        sequence(
          extension('2.5.29.35', sequence(writeElement(0x80, Buffer.from(certificate.subjectKeyId ?? '', 'hex')))),
          extension('2.5.29.20', integer(numbered)),
        ),
      ),
    ),
    key,
  )
}

const enumerated = (value: number): Buffer => writeElement(0x0a, Buffer.of(value))

/** What a responder knows about the certificates of one authority. */
export interface ResponderKnowledge {
  readonly authority: Authority
  /** Who signs in its place; absent: itself. */
  readonly delegate?: Authority | undefined
  /** Serial numbers in hex. */
  readonly issued: ReadonlySet<string>
  readonly revoked: readonly Revocation[]
}

/** A question: the one certificate it is about, and the value of its nonce. */
interface Question {
  readonly id: Element
  readonly nonce: Buffer | undefined
}

/** Certificates in one question, of which the first is answered. */
function readQuestion(der: Buffer): Reading<Question> {
  return attempt(() => {
    const [request] = parseDer(der).children
    const list = request?.children.find(({ tag }) => tag === tags.sequence)
    const id = list?.children[0]?.children[0]
    if (!id) throw new Error('it asks about nothing')
    const extensions = request?.children.find(({ tag }) => tag === 0xa2)?.children[0]?.children ?? []
    const nonce = extensions.find(({ children: [type] }) => type !== undefined && oidOf(type) === NONCE)
    return { id, nonce: nonce?.children.at(-1)?.content }
  })
}

/** The answer of a responder to a question, DER (RFC 6960 section 4.2.1); without one when the question cannot be read. */
export function answerOcsp(der: Buffer, known: readonly ResponderKnowledge[], now: number): Reading<Buffer> {
  const question = readQuestion(der)
  if (!question.ok) return unreadable(question.problem)
  const { id, nonce } = question.value
  const reading = attempt(() => readCertificateId(id))
  if (!reading.ok) return reading
  const asked = reading.value
  const own = known.find(({ authority: { certificate } }) =>
    isAbout(asked, { serial: asked.serial, issuer: certificate.subject }, certificate),
  )
  if (!own || asked.digest === undefined) return read(refusal(UNAUTHORIZED))
  const { authority, delegate } = own
  const signer = delegate ?? authority
  const identifier = certificateIdOf(
    { serial: asked.serial, issuer: authority.certificate.subject },
    authority.certificate,
    asked.digest,
  )
  const data = sequence(
    writeElement(0xa2, octets(keyHashOf(signer))),
    generalizedTime(now),
    sequence(
      sequence(
        writeCertificateId(identifier),
        statusOf(asked.serial, own),
        generalizedTime(now),
        writeElement(0xa0, generalizedTime(now + LIFE.answer)),
      ),
    ),
    ...(nonce ? [writeElement(0xa1, sequence(sequence(oid(NONCE), octets(nonce))))] : []),
  )
  const along = delegate ? [writeElement(0xa0, sequence(delegate.certificate.der))] : []
  const basic = signed(data, signer.key, ...along)
  return read(sequence(enumerated(0), writeElement(0xa0, sequence(oid('1.3.6.1.5.5.7.48.1.1'), octets(basic)))))
}

/** How an answer names who signed it (RFC 6960 section 4.2.1). */
const keyHashOf = ({ certificate: { subjectPublicKey } }: Authority): Buffer =>
  createHash('sha1').update(subjectPublicKey).digest()

const UNAUTHORIZED = 6
const refusal = (word: number): Buffer => sequence(enumerated(word))

function statusOf(serial: string, { issued, revoked }: ResponderKnowledge): Buffer {
  const found = revoked.find((one) => sameSerial(one.serial, serial))
  if (found) return writeElement(0xa1, generalizedTime(found.at), writeElement(0xa0, enumerated(REASON)))
  return [...issued].some((one) => sameSerial(one, serial)) ? writeElement(0x80) : writeElement(0x82)
}

const sameSerial = (one: string, other: string): boolean => one.replace(/^0+/, '') === other.replace(/^0+/, '')
