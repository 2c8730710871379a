import { principalNames } from './x509/attribute-types.ts'

/**
 * Whether the text is the subject of the certificate as RFC 2253 writes it, last attribute first. The values are
 * compared with the certificate's bytes, because libraries differ in what they escape and which types they know.
 */
export function isSubject(der: Buffer, text: string): boolean {
  const attributes = subjectOf(der)?.reverse()
  const written = readText(text)
  if (!attributes || !written || attributes.length === 0 || attributes.length !== written.length) return false
  return attributes.every((attribute, index) => {
    const said = written[index]
    return said !== undefined && isType(said.type, attribute.oid) && isValue(said.value, attribute.value)
  })
}

/** A type has one name or its number; one we have no name for may have any. */
function isType(said: string, oid: string): boolean {
  const name = principalNames.get(oid)
  return said === oid || (name === undefined ? !/^[0-9]/.test(said) : said === name)
}

function isValue(said: string, value: Buffer): boolean {
  if (said.startsWith('#')) return said.slice(1).toLowerCase() === value.toString('hex')
  const content = bytesOf(value, 0)?.content
  return content !== undefined && utf8Of(value[0], content).equals(bytesWritten(said))
}

/** TeletexString and BMPString are written in UTF-8; every other string already is (RFC 5280 section 4.1.2.4). */
function utf8Of(tag: number | undefined, content: Buffer): Buffer {
  if (tag === 0x14) return Buffer.from(content.toString('latin1'))
  if (tag === 0x1e && content.length % 2 === 0) return Buffer.from(Buffer.from(content).swap16().toString('utf16le'))
  return content
}

/** Backslash and two hex digits are a byte of UTF-8, backslash and another character that character (RFC 2253 section 2.4). */
function bytesWritten(text: string): Buffer {
  const parts = text.matchAll(/\\(?<hex>[0-9A-Fa-f]{2})|\\(?<escaped>.)|(?<plain>[^\\]+)/g)
  return Buffer.concat(
    [...parts].map(({ groups: { hex, escaped, plain } = {} }) =>
      hex === undefined ? Buffer.from(escaped ?? plain ?? '') : Buffer.from(hex, 'hex'),
    ),
  )
}

function readText(text: string): readonly { readonly type: string; readonly value: string }[] | undefined {
  const found: { type: string; value: string }[] = []
  const attribute = /(?<type>[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)*)=(?<value>(?:\\.|[^\\,+])*)(?<end>[,+]|$)/y
  for (;;) {
    const groups = attribute.exec(text)?.groups
    if (!groups) return undefined
    const { type = '', value = '', end } = groups
    found.push({ type, value })
    if (end === '') return found
  }
}

interface Element {
  readonly tag: number
  readonly content: Buffer
  /** Tag, length and content. */
  readonly whole: Buffer
}

/** The attributes of the subject, in the order of the certificate (RFC 5280 section 4.1). */
function subjectOf(der: Buffer): { readonly oid: string; readonly value: Buffer }[] | undefined {
  const [signed] = childrenOf(bytesOf(der, 0)?.content)
  const fields = childrenOf(signed?.content).filter(({ tag }) => tag !== 0xa0)
  const [, , , , subject] = fields
  if (!subject) return undefined
  return childrenOf(subject.content).flatMap((set) =>
    childrenOf(set.content).flatMap((attribute) => {
      const [type, value] = childrenOf(attribute.content)
      return type && value ? [{ oid: spellOid(type.content), value: value.whole }] : []
    }),
  )
}

function childrenOf(bytes: Buffer | undefined): readonly Element[] {
  const found: Element[] = []
  for (let at = 0; bytes && at < bytes.length; ) {
    const element = bytesOf(bytes, at)
    if (!element) return []
    found.push(element)
    at += element.whole.length
  }
  return found
}

/** One DER element. Two length octets are enough for any certificate that got this far. */
function bytesOf(bytes: Buffer, at: number): Element | undefined {
  const [tag, first] = [bytes[at], bytes[at + 1]]
  if (tag === undefined || first === undefined) return undefined
  const octets = first < 0x80 ? 0 : first - 0x80
  const from = at + 2 + octets
  if (octets > 2 || from > bytes.length) return undefined
  const to = from + (octets === 0 ? first : bytes.readUIntBE(at + 2, octets))
  return to > bytes.length ? undefined : { tag, content: bytes.subarray(from, to), whole: bytes.subarray(at, to) }
}

function spellOid(bytes: Buffer): string {
  const arcs: number[] = []
  let arc = 0
  for (const byte of bytes) {
    arc = arc * 128 + (byte & 0x7f)
    if (byte >= 0x80) continue
    if (arcs.length === 0) arcs.push(Math.min(Math.floor(arc / 40), 2), arc - Math.min(Math.floor(arc / 40), 2) * 40)
    else arcs.push(arc)
    arc = 0
  }
  return arcs.join('.')
}
