import { parseDer, tags } from '../../src/verify/x509/der.ts'
import { writeElement } from '../../src/verify/x509/der-writer.ts'
import { type Name, nameOf } from '../../src/verify/x509/name.ts'

/** One attribute of a subject: OID, value, and the tag of the value when it is no UTF8String. */
export type Attribute = readonly [type: string, value: string | Buffer, tag?: number]

export const CN = '2.5.4.3'
export const SERIAL_NUMBER = '2.5.4.5'
export const C = '2.5.4.6'
export const O = '2.5.4.10'
export const OU = '2.5.4.11'
export const ORGANIZATION = '2.5.4.97'
export const UID = '0.9.2342.19200300.100.1.1'

/** DER of an object identifier. */
export function oidElement(dotted: string): Buffer {
  const [root = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return writeElement(tags.oid, ...[root * 40 + second, ...rest].map(arc))
}

function arc(value: number): Buffer {
  const septets = [value % 128]
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) septets.unshift((rest % 128) + 128)
  return Buffer.from(septets)
}

const attributeElement = ([type, value, tag = tags.utf8String]: Attribute): Buffer =>
  writeElement(tags.sequence, oidElement(type), writeElement(tag, typed(value, tag)))

/** The bytes of a text in this string type; bytes stay as they are. */
function typed(value: string | Buffer, tag: number): Buffer {
  if (typeof value !== 'string') return value
  if (tag === tags.bmpString) return Buffer.from(value, 'utf16le').swap16()
  return tag === tags.utf8String ? Buffer.from(value) : Buffer.from(value, 'latin1')
}

/** A name of relative names with any number of attributes each. */
export function nameOfParts(...parts: readonly (readonly Attribute[])[]): Name {
  const sets = parts.map((attributes) =>
    writeElement(tags.set, ...attributes.map(attributeElement).sort(Buffer.compare)),
  )
  return nameOf(parseDer(writeElement(tags.sequence, ...sets)), 'the subject')
}

/** A name with one attribute in each relative name, in the order of the certificate. */
export const subjectOf = (...attributes: readonly Attribute[]): Name => nameOfParts(...attributes.map((one) => [one]))
