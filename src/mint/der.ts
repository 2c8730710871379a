import { typeOf } from '../verify/x509/attribute-types.ts'
import { tags } from '../verify/x509/der.ts'
import { writeElement } from '../verify/x509/der-writer.ts'

export const sequence = (...parts: readonly Buffer[]): Buffer => writeElement(tags.sequence, ...parts)
export const utf8 = (text: string): Buffer => writeElement(tags.utf8String, Buffer.from(text))
export const octets = (...parts: readonly Buffer[]): Buffer => writeElement(tags.octetString, ...parts)
/** Whole octets. */
export const bits = (content: Buffer): Buffer => writeElement(tags.bitString, Buffer.of(0), content)
export const TRUE = writeElement(0x01, Buffer.of(0xff))

/** A number that is not negative, from its octets. */
export function integer(octetsOf: Buffer): Buffer {
  const first = octetsOf.findIndex((octet) => octet !== 0)
  const digits = first < 0 ? Buffer.of(0) : octetsOf.subarray(first)
  return writeElement(tags.integer, (digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits)
}

/** An object identifier from its dotted form. */
export function oid(dotted: string): Buffer {
  const [root = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return writeElement(tags.oid, ...[root * 40 + second, ...rest].map(septets))
}

function septets(value: number): Buffer {
  const digits = [value % 128]
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift((rest % 128) + 128)
  return Buffer.from(digits)
}

/** UTCTime up to 2049, GeneralizedTime from then on (RFC 5280 section 4.1.2.5). */
export function time(seconds: number): Buffer {
  const text = spell(seconds)
  const short = /^(?:19[5-9]|20[0-4])/.test(text)
  return writeElement(short ? tags.utcTime : tags.generalizedTime, Buffer.from(short ? text.slice(2) : text))
}
export const generalizedTime = (seconds: number): Buffer =>
  writeElement(tags.generalizedTime, Buffer.from(spell(seconds)))

const spell = (seconds: number): string =>
  new Date(Math.floor(seconds) * 1000).toISOString().replaceAll(/[-:T]|\.[0-9]+/g, '')

/** A distinguished name of these attributes in this order, each by its short name or dotted OID; others are left out. */
export const nameOf = (attributes: readonly (readonly [type: string, value: string])[]): Buffer =>
  sequence(
    ...attributes.flatMap(([name, value]) => {
      const type = typeOf(name)
      // A country is a PrintableString (RFC 5280 appendix A.1).
      const written = type === '2.5.4.6' ? writeElement(tags.printableString, Buffer.from(value)) : utf8(value)
      return type === undefined ? [] : [writeElement(tags.set, sequence(oid(type), written))]
    }),
  )

export const extension = (id: string, value: Buffer, critical = false): Buffer =>
  sequence(oid(id), ...(critical ? [TRUE] : []), octets(value))

/** One block of PEM. */
export function pem(label: 'CERTIFICATE' | 'X509 CRL', der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}
