import {
  type CertificateList,
  type CompiledList,
  compileList,
  type ExactKind,
  keyOf,
  type Side,
  serialKeyOf,
  sizeOf,
} from './certificate-list.ts'
import { hasAttributes, type KnownAttributes, knownAttributes, mayHaveAttributes } from './name-match.ts'
import { type Reading, read, unreadable } from './reading.ts'
import { nameOfType } from './x509/attribute-types.ts'
import type { Certificate } from './x509/certificate.ts'

export interface CertificateLists {
  /** One entry has to name the certificate; undefined: none has to. */
  readonly allow?: CertificateList | undefined
  /** No entry may name it. */
  readonly deny?: CertificateList | undefined
}

/** What is compared of a certificate. */
export type MatchedCertificate = Pick<
  Certificate,
  'alternativeNames' | 'issuer' | 'key' | 'serial' | 'subject' | 'thumbprint'
>

/** Undefined when the lists let the certificate pass, else why not, for the operator. */
export type Matcher = (certificate: MatchedCertificate) => string | undefined

/**
 * Compiles both lists, once, at the start; the problem names the entry that is wrong. An entry that allows has to fit
 * beyond doubt: an attribute it names is in the subject once, as text. One that denies needs no more than that it may fit.
 */
export function compileMatcher({ allow, deny }: CertificateLists): Reading<Matcher> {
  if (allow && sizeOf(allow) === 0) return unreadable('allow holds no entry; without it every certificate is allowed')
  const allowed = allow && compileList(allow, 'allow')
  const denied = compileList(deny ?? {}, 'deny')
  if (allowed?.ok === false) return allowed
  if (!denied.ok) return denied
  return read((certificate) => {
    const place = placeOf(certificate, denied.value, 'deny')
    if (place !== undefined) return `${place} names the certificate`
    if (!allowed || placeOf(certificate, allowed.value, 'allow') !== undefined) return undefined
    return `no entry of allow names the certificate${doubtOf(certificate, allowed.value)}`
  })
}

/** Where the first entry stands that names the certificate. */
function placeOf(certificate: MatchedCertificate, list: CompiledList, side: Side): string | undefined {
  for (const [kind, value] of valuesOf(certificate)) {
    const place = list.exact[kind].get(keyOf(kind, side, value))
    if (place !== undefined) return place
  }
  const fits = side === 'allow' ? hasAttributes : mayHaveAttributes
  const subject = knownAttributes(certificate.subject)
  const entry = list.subjects.find(({ wanted }) => fits(subject, wanted))
  if (entry) return entry.place
  const sameSerial = list.serials.get(serialKeyOf(certificate.serial)) ?? []
  const issuer = knownAttributes(certificate.issuer)
  return sameSerial.find(({ issuer: wanted }) => fits(issuer, wanted))?.place
}

function valuesOf({
  alternativeNames,
  key,
  thumbprint,
}: MatchedCertificate): readonly (readonly [ExactKind, string])[] {
  const names = alternativeNames.flatMap((name) =>
    name.type === 'dns' || name.type === 'uri' || name.type === 'email'
      ? [[kinds[name.type], name.value] as const]
      : [],
  )
  return [['thumbprints', thumbprint], ['spki', key.pin], ...names]
}

const kinds = { dns: 'dns', uri: 'uris', email: 'emails' } as const

/** Says when an attribute that is wanted is there, and not once as text: nobody sees that in a printed subject. */
function doubtOf({ subject }: MatchedCertificate, { subjects }: CompiledList): string {
  const known: KnownAttributes = knownAttributes(subject)
  const type = subjects
    .flatMap(({ wanted }) => wanted.map((attribute) => attribute.type))
    .find((wanted) => known.has(wanted) && known.get(wanted) === undefined)
  return type === undefined ? '' : `; its subject has ${nameOfType.get(type) ?? type} more than once, or not as text`
}
