import { type Reading, read, unreadable } from './reading.ts'
import { typeOf } from './x509/attribute-types.ts'
import { isPlain, keyOfText, type Name } from './x509/name.ts'

/** Attributes a name has to have: short name or dotted OID of the type → value. */
export type AttributeMap = Readonly<Record<string, string>>

/** The same, compiled: what an attribute of this type is compared by. */
export type WantedAttributes = readonly { readonly type: string; readonly key: string }[]

/** Attributes of one entry, and characters of a value. */
const MAX_ATTRIBUTES = 16
const MAX_VALUE = 1024

/** The problem names the attribute that is wrong, for whoever writes the configuration. */
export function compileAttributes(map: AttributeMap): Reading<WantedAttributes> {
  const written = Object.entries(map)
  if (written.length === 0) return unreadable('it names no attribute')
  if (written.length > MAX_ATTRIBUTES) return unreadable(`it names more than ${MAX_ATTRIBUTES} attributes`)
  const wanted = new Map<string, string>()
  for (const [name, value] of written) {
    const type = typeOf(name)
    if (type === undefined) return unreadable(`${name} is no attribute that is known; write its dotted OID`)
    if (wanted.has(type)) return unreadable(`${name} names an attribute that is there already`)
    const key = keyOfText(type, value)
    if (key === keyOfText(type, '') || value.length > MAX_VALUE || !isPlain(value))
      return unreadable(`${name} is not a text of 1 to ${MAX_VALUE} printable characters`)
    wanted.set(type, key)
  }
  return read([...wanted].map(([type, key]) => ({ type, key })))
}

/** The attributes of a name by type; undefined for one that is there more than once, or is no text. */
export type KnownAttributes = ReadonlyMap<string, string | undefined>

export function knownAttributes(name: Name): KnownAttributes {
  const known = new Map<string, string | undefined>()
  for (const { type, text, key } of name.attributes)
    known.set(type, text === undefined || known.has(type) ? undefined : key)
  return known
}

/** Whether every wanted attribute is there, exactly once, and equal as names are compared. */
export const hasAttributes = (known: KnownAttributes, wanted: WantedAttributes): boolean =>
  wanted.every(({ type, key }) => known.get(type) === key)

/** The same, where an attribute that is there and not sure counts as equal: for whoever is to be refused. */
export const mayHaveAttributes = (known: KnownAttributes, wanted: WantedAttributes): boolean =>
  wanted.every(({ type, key }) => known.has(type) && (known.get(type) ?? key) === key)
