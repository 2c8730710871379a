import { isThumbprint } from './base64url.ts'
import { type AttributeMap, compileAttributes, type WantedAttributes } from './name-match.ts'
import { type Reading, read, unreadable } from './reading.ts'
import { isHostName, isMailbox, isUri } from './x509/general-name.ts'

/** Entries of an allow or a deny list, each of which names certificates. */
export interface CertificateList {
  readonly subjects?: readonly AttributeMap[] | undefined
  readonly dns?: readonly string[] | undefined
  readonly uris?: readonly string[] | undefined
  readonly emails?: readonly string[] | undefined
  /** SHA-256 of the DER encoding, in base64url, base64 or hex. */
  readonly thumbprints?: readonly string[] | undefined
  /** SHA-256 of the SubjectPublicKeyInfo, in the same forms. */
  readonly spki?: readonly string[] | undefined
  readonly serials?: readonly { readonly issuer: AttributeMap; readonly serial: string }[] | undefined
}

/** Which way a comparison errs where two spellings may mean the same. */
export type Side = 'allow' | 'deny'

/** What certificates are looked up in. Every entry is kept with its place in the configuration. */
export interface CompiledList {
  readonly exact: Readonly<Record<ExactKind, ReadonlyMap<string, string>>>
  readonly subjects: readonly { readonly place: string; readonly wanted: WantedAttributes }[]
  /** By serial number. */
  readonly serials: ReadonlyMap<string, readonly { readonly place: string; readonly issuer: WantedAttributes }[]>
}

export type ExactKind = 'dns' | 'uris' | 'emails' | 'thumbprints' | 'spki'
const exactKinds = ['dns', 'uris', 'emails', 'thumbprints', 'spki'] as const

/** Entries of one list. */
const MAX_ENTRIES = 10_000
/** Characters of an entry. */
const MAX_VALUE = 1024

/** The problem names the entry that is wrong. */
export function compileList(list: CertificateList, side: Side): Reading<CompiledList> {
  if (sizeOf(list) > MAX_ENTRIES) return unreadable(`${side} holds more than ${MAX_ENTRIES} entries`)
  const exact = { dns: new Map(), uris: new Map(), emails: new Map(), thumbprints: new Map(), spki: new Map() }
  for (const kind of exactKinds) {
    const problem = addExact(list[kind] ?? [], kind, side, exact[kind])
    if (problem !== undefined) return unreadable(problem)
  }
  const subjects: { readonly place: string; readonly wanted: WantedAttributes }[] = []
  for (const [index, map] of (list.subjects ?? []).entries()) {
    const place = `${side}.subjects[${index}]`
    const wanted = compileAttributes(map)
    if (!wanted.ok) return unreadable(`${place}: ${wanted.problem}`)
    subjects.push({ place, wanted: wanted.value })
  }
  const serials = compileSerials(list.serials ?? [], side)
  return serials.ok ? read({ exact, subjects, serials: serials.value }) : serials
}

export const sizeOf = (list: CertificateList): number =>
  [...exactKinds, 'subjects' as const, 'serials' as const].reduce((sum, kind) => sum + (list[kind]?.length ?? 0), 0)

function addExact(
  entries: readonly string[],
  kind: ExactKind,
  side: Side,
  into: Map<string, string>,
): string | undefined {
  for (const [index, text] of entries.entries()) {
    const place = `${side}.${kind}[${index}]`
    const valid = text.length <= MAX_VALUE && forms[kind].isValid(text)
    if (!valid) return `${place} is not ${forms[kind].name}`
    for (const key of [keyOf(kind, side, text), ...(kind === 'dns' && side === 'deny' ? wildcardOf(text) : [])])
      if (!into.has(key)) into.set(key, place)
  }
  return undefined
}

/** A certificate for every host of a domain is one for this host as well. */
const wildcardOf = (host: string): readonly string[] => [host.toLowerCase().replace(/^[^.]*/, '*')]

const forms: Readonly<Record<ExactKind, { readonly name: string; readonly isValid: (text: string) => boolean }>> = {
  dns: { name: 'a host name in ASCII without a wildcard', isValid: isHostName },
  uris: { name: 'an absolute URI in printable ASCII', isValid: isUri },
  emails: { name: 'an email address in ASCII', isValid: (text) => isMailbox(text) && /^[\x21-\x7e]+$/.test(text) },
  thumbprints: { name: 'a SHA-256 in base64url or hex', isValid: (text) => digestOf(text) !== undefined },
  spki: { name: 'a SHA-256 in base64url or hex', isValid: (text) => digestOf(text) !== undefined },
}

/** Under what a value is kept and looked up. Whoever is to be refused cannot hide behind another case. */
export function keyOf(kind: ExactKind, side: Side, text: string): string {
  switch (kind) {
    case 'dns':
      return text.toLowerCase()
    case 'uris':
      return side === 'deny' ? text.toLowerCase() : text
    case 'emails':
      return side === 'deny' ? text.toLowerCase() : withPlainHost(text)
    case 'thumbprints':
    case 'spki':
      return digestOf(text) ?? text
  }
}

/** The host of an email address is compared without case, its local part with it (RFC 5280 section 7.5). */
function withPlainHost(text: string): string {
  const at = text.indexOf('@')
  return at < 0 ? text : text.slice(0, at) + text.slice(at).toLowerCase()
}

/** Whether a text is the SHA-256 of something. */
export const isThumbprintText = (text: string): boolean => digestOf(text) !== undefined

/** A SHA-256 as base64url; undefined when the text is none. */
function digestOf(text: string): string | undefined {
  if (/^(?:[0-9A-Fa-f]{64}|(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2})$/.test(text))
    return Buffer.from(text.replaceAll(':', ''), 'hex').toString('base64url')
  const base64url = text.replace(/=$/, '').replaceAll('+', '-').replaceAll('/', '_')
  return isThumbprint(base64url) ? base64url : undefined
}

function compileSerials(
  entries: NonNullable<CertificateList['serials']>,
  side: Side,
): Reading<CompiledList['serials']> {
  const serials = new Map<string, { readonly place: string; readonly issuer: WantedAttributes }[]>()
  for (const [index, { issuer, serial }] of entries.entries()) {
    const place = `${side}.serials[${index}]`
    const wanted = compileAttributes(issuer)
    if (!wanted.ok) return unreadable(`${place}.issuer: ${wanted.problem}`)
    if (!SERIAL.test(serial)) return unreadable(`${place}.serial is not a number of at most 20 octets in hex`)
    const key = serialKeyOf(serial)
    if (key === '') return unreadable(`${place}.serial is zero`)
    const same = serials.get(key) ?? []
    serials.set(key, [...same, { place, issuer: wanted.value }])
  }
  return read(serials)
}

const SERIAL = /^(?:[0-9A-Fa-f]{1,42}|[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){0,20})$/

/** Leading zeros make no other number: tools write one of them, none, or a whole octet. */
export const serialKeyOf = (hex: string): string => hex.replaceAll(':', '').toLowerCase().replace(/^0+/, '')
