import type { Certificate } from './certificate.ts'
import { booleanOf, type Element, malformed, namedBitsOf, parseDer, partsOf, tags } from './der.ts'
import { type GeneralName, generalNameOf } from './general-name.ts'
import { isSameName, type Name, nameOf } from './name.ts'

/** What a list is about: everything its issuer issued, unless told (RFC 5280 section 5.2.5). */
export interface CrlScope {
  readonly only: 'users' | 'authorities' | 'attributes' | undefined
  /** Some reasons are listed elsewhere. */
  readonly someReasons: boolean
  /** It is about the certificates that name one of these as their distribution point; empty: about all. */
  readonly names: readonly GeneralName[]
  /** DER of the extension, which tells one part of the lists of an issuer from another. */
  readonly der: Buffer
}

export const EVERYTHING: CrlScope = { only: undefined, someReasons: false, names: [], der: Buffer.alloc(0) }

const MAX_NAMES = 16

/**
 * The value of an issuingDistributionPoint. A list about the certificates of several issuers is refused: who may write one
 * is a question that no authority known to us asks.
 */
export function readScope(der: Buffer, issuer: Name): CrlScope {
  const what = 'the distribution point of the list'
  const parts = partsOf(parseDer(der), what)
  const point = parts.optional(0xa0)
  const only = kinds.filter(([tag]) => isSet(parts.optional(tag))).map(([, kind]) => kind)
  const reasons = parts.optional(0x83)
  const indirect = isSet(parts.optional(0x84))
  if (isSet(parts.optional(0x85))) only.push('attributes')
  parts.end()
  if (indirect) malformed('the list is about certificates of several issuers')
  if (only.length > 1) malformed(`${what} contradicts itself`)
  if (reasons && (!isPadded(reasons) || namedBitsOf(reasons).length === 0)) malformed(`${what} is wrong`)
  return { only: only[0], someReasons: reasons !== undefined, names: point ? namesOf(point, issuer) : [], der }
}

/** In the order they stand there; attributes come last, behind other members. */
const kinds: readonly (readonly [number, CrlScope['only'] & string])[] = [
  [0x81, 'users'],
  [0x82, 'authorities'],
]

function isSet(flag: Element | undefined): boolean {
  if (!flag) return false
  const [octet] = flag.content
  return flag.content.length === 1 && (octet === 0 || octet === 0xff)
    ? booleanOf(flag)
    : malformed('a boolean is wrong')
}

const isPadded = ({ content: [unused = 8], content }: Element): boolean => unused < 8 && content.length > 1

function namesOf({ children: [inner, ...rest] }: Element, issuer: Name): readonly GeneralName[] {
  const children = inner?.children ?? []
  if (!inner || rest.length > 0 || children.length === 0 || children.length > MAX_NAMES)
    return malformed('the distribution point of the list is wrong')
  if (inner.tag === 0xa0) return children.map(generalNameOf)
  if (inner.tag !== 0xa1) return malformed('the distribution point of the list is of an unknown form')
  return [{ type: 'directory', name: nameBelow(issuer, inner) }]
}

/** The name of which only the last part is told, the others being those of the issuer. */
function nameBelow(issuer: Name, last: Element): Name {
  const { content, whole, children } = last
  const part = { tag: tags.set, content, whole, children }
  const below = nameOf({ tag: tags.sequence, content: whole, whole, children: [part] }, 'a distribution point')
  return {
    ...below,
    attributes: [...issuer.attributes, ...below.attributes],
    relative: [...issuer.relative, ...below.relative],
    keys: [...issuer.keys, ...below.keys],
  }
}

/**
 * Whether a list says all there is to say of a certificate (RFC 5280 section 6.3.3, b and d): what is not in it has not
 * been revoked.
 */
export function coversAll({ only, someReasons, names }: CrlScope, certificate: Certificate): boolean {
  if (someReasons || only === 'attributes' || only === (certificate.ca ? 'users' : 'authorities')) return false
  if (names.length === 0) return true
  const { issuer, distributionPoints } = certificate
  // What another issuer lists, and a place for some reasons alone, is not the place of the whole answer.
  const wanted = distributionPoints.filter(({ indirect, partial }) => !indirect && !partial)
  const places = [...wanted.flatMap((point) => point.names), { type: 'directory' as const, name: issuer }]
  return names.some((name) => places.some((place) => isSamePlace(name, place)))
}

function isSamePlace(one: GeneralName, other: GeneralName): boolean {
  if (one.type === 'directory') return other.type === 'directory' && isSameName(one.name, other.name)
  return other.type === one.type && other.value === one.value
}
