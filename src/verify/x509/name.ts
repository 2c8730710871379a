import { type Element, listOf, malformed, oidOf, partsOf, tags } from './der.ts'

/** One attribute of a distinguished name. */
export interface NameAttribute {
  readonly type: string
  /** The text of a string type; undefined when the value is of another type or no valid text. */
  readonly text: string | undefined
  /** The DER encoding of the value. */
  readonly der: Buffer
  /** What two values are compared by: equal exactly when the attributes match. */
  readonly key: string
}

/** A distinguished name, its attributes in the order of the certificate. */
export interface Name {
  readonly attributes: readonly NameAttribute[]
  /** The same, parted into relative names: usually one attribute each. */
  readonly relative: readonly (readonly NameAttribute[])[]
  /** What is compared: one key for each relative name, so that a name lies below another when they start alike. */
  readonly keys: readonly string[]
  /** The DER encoding. */
  readonly der: Buffer
}

/** RFC 5280 section 4.1.2.4. An empty name has no attributes. */
export function nameOf(element: Element | undefined, what: string): Name {
  if (element?.tag !== tags.sequence) return malformed(`${what} is missing or of another type`)
  if (element.children.length > MAX_ATTRIBUTES) return malformed(`${what} holds more than ${MAX_ATTRIBUTES} names`)
  const relative = element.children.map((set) =>
    listOf(set, `a part of ${what}`, MAX_ATTRIBUTES, tags.set).map((attribute) => attributeOf(attribute, what)),
  )
  const keys = relative.map((attributes) => JSON.stringify(attributes.map(({ key }) => key).sort()))
  return { attributes: relative.flat(), relative, keys, der: element.whole }
}

/** Relative names of one name, and attributes of one relative name. */
const MAX_ATTRIBUTES = 64

function attributeOf(element: Element, what: string): NameAttribute {
  const parts = partsOf(element, `an attribute of ${what}`)
  const type = oidOf(parts.any('a type'))
  const value = parts.any('a value')
  parts.end()
  const text = textOf(value)
  const key = text === undefined ? `${type}#${value.whole.toString('hex')}` : keyOfText(type, text)
  return { type, text, der: value.whole, key }
}

/** The key of an attribute of this type, an OID, with this text. */
export const keyOfText = (type: string, text: string): string => `${type}=${prepareText(text)}`

/** The text of an ASN.1 string; undefined when the bytes are none of its type, or hold a control character. */
function textOf({ tag, content }: Element): string | undefined {
  const text = decoders[tag]?.(content)
  return text === undefined || !isPlain(text) ? undefined : text
}

/** Whether a text may stand in a name: no control character, nothing that is no character. */
export const isPlain = (text: string): boolean => !CONTROL.test(text)

const CONTROL = /\p{Cc}|\p{Cs}|\p{Co}|\ufffd/u

const decoders: Readonly<Record<number, (content: Buffer) => string | undefined>> = {
  [tags.utf8String]: (content) => exactly(content.toString('utf8'), content),
  [tags.printableString]: (content) => only(/^[A-Za-z0-9 '()+,./:=?*&@_-]*$/, content),
  [tags.ia5String]: (content) => only(/^[\x20-\x7e]*$/, content),
  [tags.teletexString]: (content) => content.toString('latin1'),
  [tags.bmpString]: (content) =>
    content.length % 2 === 0 ? Buffer.from(content).swap16().toString('utf16le') : undefined,
  [tags.universalString]: universal,
}

const exactly = (text: string, content: Buffer): string | undefined =>
  Buffer.from(text, 'utf8').equals(content) ? text : undefined

function only(allowed: RegExp, content: Buffer): string | undefined {
  const text = content.toString('latin1')
  return allowed.test(text) ? text : undefined
}

function universal(content: Buffer): string | undefined {
  if (content.length % 4 !== 0) return undefined
  const points = Array.from({ length: content.length / 4 }, (_, index) => content.readUInt32BE(index * 4))
  return points.every((point) => point <= 0x10_ffff) ? String.fromCodePoint(...points) : undefined
}

/** Case, width and repeated spaces make no difference (RFC 4518 section 2, caseIgnoreMatch of RFC 4517). */
const prepareText = (text: string): string =>
  text
    .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFKC')
    .replaceAll(/\p{Z}+/gu, ' ')
    .trim()

export const isSameName = (one: Name, other: Name): boolean =>
  one.keys.length === other.keys.length && isBelow(one, other)

/** Whether the name is the base or lies below it (RFC 5280 section 7.1). */
export const isBelow = (name: Name, base: Name): boolean =>
  base.keys.length <= name.keys.length && base.keys.every((key, index) => key === name.keys[index])

/** The attributes of this type, a type being an OID. */
export const attributesOf = (name: Name, type: string): readonly NameAttribute[] =>
  name.attributes.filter((attribute) => attribute.type === type)
