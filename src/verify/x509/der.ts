// biome-ignore lint/correctness/noUnresolvedImports: a CommonJS package; Node gives its exports as the default
import forge from 'node-forge'
import { type Reading, read, unreadable } from '../reading.ts'

/** One DER element: its identifier octet, and the bytes it was read from. */
export interface Element {
  readonly tag: number
  readonly content: Buffer
  /** Identifier, length and content, as they stood there. */
  readonly whole: Buffer
  readonly children: readonly Element[]
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
} as const

/** Levels of nesting; a certificate needs about ten. */
const MAX_DEPTH = 24

/** What a parser of this folder throws. Nothing outside sees it: `attempt` turns it into a reading. */
export function malformed(problem: string): never {
  throw Object.assign(new Error(problem), { name: 'Malformed' })
}

/** The value, or what is wrong with the bytes. Any other error is a refusal too, without its text. */
export function attempt<T>(parse: () => T): Reading<T> {
  try {
    return read(parse())
  } catch (error) {
    const known = error instanceof Error && error.name === 'Malformed'
    return unreadable(known ? error.message : 'the structure cannot be parsed')
  }
}

/**
 * One whole DER element without anything behind it (X.690 sections 10 and 11). The bytes are walked once for their
 * canonical form, and read by a second reader of its own: where the two see different elements, nothing is read.
 * The caller limits the size.
 */
export function parseDer(bytes: Buffer, second: (bytes: Buffer) => Reread = readAgain): Element {
  const spans: Span[] = []
  if (walk(bytes, 0, bytes.length, 0, spans) !== bytes.length) malformed('bytes stand behind the structure')
  const rest = spans.values()
  const element = pair(bytes, second(bytes), rest)
  if (rest.next().done !== true) malformed('two readers see different elements')
  return element
}

function readAgain(bytes: Buffer): Reread {
  // The types of the package know the first option alone, as a boolean.
  const options = { strict: true, parseAllBytes: true, decodeBitStrings: false, maxDepth: MAX_DEPTH + 1 }
  return forge.asn1.fromDer(forge.util.createBuffer(bytes.toString('latin1')), options as unknown as boolean)
}

/** An element as the second reader sees it, in words of ours: whoever uses our types need not have those of that package. */
interface Reread {
  readonly tagClass: number
  readonly type: number
  readonly constructed: boolean
  readonly value: string | readonly Reread[]
}

interface Span {
  readonly tag: number
  readonly start: number
  readonly from: number
  readonly to: number
}

/** Notes one element and what is in it, outermost first; returns where it ends. */
function walk(bytes: Buffer, start: number, end: number, depth: number, spans: Span[]): number {
  if (depth >= MAX_DEPTH) malformed('the structure is nested too deeply')
  const tag = bytes[start]
  if (start + 2 > end || tag === undefined || (tag & 0x1f) === 0x1f) return malformed('an identifier octet is wrong')
  const { from, to } = lengthOf(bytes, start + 1, end)
  spans.push({ tag, start, from, to })
  if ((tag & 0x20) === 0) {
    checkPrimitive(tag, bytes.subarray(from, to))
    return to
  }
  if (tag < 0x80 && tag !== tags.sequence && tag !== tags.set) malformed('a string is in pieces')
  let previous: Buffer | undefined
  for (let at = from; at < to; ) {
    const next = walk(bytes, at, to, depth + 1, spans)
    const whole = bytes.subarray(at, next)
    if (tag === tags.set && previous && Buffer.compare(previous, whole) > 0) malformed('a set is not in order')
    previous = whole
    at = next
  }
  return to
}

/** A definite length in its shortest form (X.690 section 10.1). */
function lengthOf(bytes: Buffer, at: number, end: number): { readonly from: number; readonly to: number } {
  const first = bytes.readUInt8(at)
  const octets = first < 0x80 ? 0 : first - 0x80
  const from = at + 1 + octets
  if (first === 0x80 || octets > 4 || from > end) return malformed('a length is wrong')
  const length = octets === 0 ? first : bytes.readUIntBE(at + 1, octets)
  const shortest = octets === 0 || (length >= 0x80 && length >= 2 ** (8 * (octets - 1)))
  if (!shortest || length > end - from) return malformed('a length is wrong')
  return { from, to: from + length }
}

function checkPrimitive(tag: number, content: Buffer): void {
  const [first = 0] = content
  const { length } = content
  const canonical: Readonly<Record<number, boolean>> = {
    [tags.boolean]: length === 1 && (first === 0 || first === 0xff),
    [tags.integer]: isShortest(content),
    [tags.enumerated]: isShortest(content),
    [tags.bitString]: length > 0 && isPadded(content, first),
    [tags.null]: length === 0,
    [tags.oid]: length > 0 && ((content.at(-1) ?? 0x80) & 0x80) === 0,
    [tags.sequence - 0x20]: false,
    [tags.set - 0x20]: false,
    0: false,
  }
  if (canonical[tag] === false) malformed(`an element of type ${tag} is not canonical`)
}

const isShortest = (content: Buffer): boolean => {
  const [first, second = 0] = content
  if (first === undefined) return false
  return content.length === 1 || !((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))
}

const isPadded = (content: Buffer, unused: number): boolean =>
  unused === 0 || (unused < 8 && content.length > 1 && ((content.at(-1) ?? 1) & ((1 << unused) - 1)) === 0)

function pair(bytes: Buffer, node: Reread, spans: Iterator<Span>): Element {
  const { value: span } = spans.next() as { readonly value: Span | undefined }
  // The types of the package call the class an enumeration of numbers; it holds the two highest bits.
  const tag = Number(node.tagClass) | (node.constructed ? 0x20 : 0) | Number(node.type)
  if (!span || span.tag !== tag) return malformed('two readers see different elements')
  const children = node.constructed && Array.isArray(node.value) ? node.value : []
  return {
    tag,
    content: bytes.subarray(span.from, span.to),
    whole: bytes.subarray(span.start, span.to),
    children: children.map((child) => pair(bytes, child, spans)),
  }
}

/** The parts of a SEQUENCE or SET, taken in order. */
export function partsOf(element: Element | undefined, what: string, tag: number = tags.sequence) {
  if (element?.tag !== tag) return malformed(`${what} is missing or of another type`)
  const { children } = element
  let at = 0
  const optional = (wanted: number): Element | undefined => {
    const next = children[at]
    if (next?.tag !== wanted) return undefined
    at += 1
    return next
  }
  return {
    optional,
    take: (wanted: number, name: string): Element => optional(wanted) ?? malformed(`${name} is missing or misplaced`),
    any: (name: string): Element => children[at++] ?? malformed(`${name} is missing`),
    more: (): boolean => at < children.length,
    end: (): void => {
      if (at < children.length) malformed(`${what} holds something unknown`)
    },
  }
}

/** The elements of a SEQUENCE OF or SET OF with at least one and at most `limit` of them. */
export function listOf(element: Element | undefined, what: string, limit: number, tag: number = tags.sequence) {
  if (element?.tag !== tag) return malformed(`${what} is missing or of another type`)
  if (element.children.length === 0) return malformed(`${what} is empty`)
  if (element.children.length > limit) return malformed(`${what} holds more than ${limit} entries`)
  return element.children
}

/** Dotted decimal. Arcs above 2^53 are refused: nobody assigns them, and readers differ in them. */
export function oidOf(element: Element, tag: number = tags.oid): string {
  if (element.tag !== tag || element.content.length === 0) return malformed('an object identifier is expected')
  const arcs: number[] = []
  let arc = 0
  let open = false
  for (const byte of element.content) {
    if (!open && byte === 0x80) malformed('an object identifier is not canonical')
    arc = arc * 128 + (byte & 0x7f)
    if (!Number.isSafeInteger(arc)) malformed('an object identifier is too large')
    open = byte >= 0x80
    if (open) continue
    const root = Math.min(Math.floor(arc / 40), 2)
    if (arcs.length === 0) arcs.push(root, arc - root * 40)
    else arcs.push(arc)
    arc = 0
  }
  if (open) malformed('an object identifier is cut off')
  return arcs.join('.')
}

export const booleanOf = (element: Element): boolean => element.content[0] === 0xff

/** An INTEGER (or one under an implicit tag) from zero to what 31 bits hold. */
export function smallNumberOf(element: Element): number {
  const { content } = element
  if (!isShortest(content) || content.length > 4 || content.readInt8(0) < 0)
    return malformed('a number is out of range')
  return content.readUIntBE(0, content.length)
}

/** The bits of a named bit list, in order. DER leaves trailing zero bits out (X.690 section 11.2.2). */
export function namedBitsOf(element: Element): readonly number[] {
  const [unused = 0, ...octets] = element.content
  const last = octets.at(-1)
  if (last !== undefined && (last & (1 << unused)) === 0) malformed('a bit list has trailing zeros')
  return octets.flatMap((octet, index) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (octet & (0x80 >> bit)) !== 0).map((bit) => index * 8 + bit),
  )
}
