import { nameOfType } from './attribute-types.ts'
import type { Name, NameAttribute } from './name.ts'

/** Characters; names of banks have about a hundred. */
const MAX_LENGTH = 1024

/** What stands where a longer name is cut. No whole name ends like this: a type follows a comma that parts two names. */
const CUT = '...'

/**
 * The name as RFC 4514 writes it, from its end, in printable ASCII: every other character is escaped, as Envoy does. A
 * name that is too long ends with what fits and three dots. It is for people, logs and headers; nothing here decides by it.
 */
export const nameText = (name: Name): string => spellName(name).text

/** The same, and whether it is the whole name. */
export function spellName(name: Name): { readonly text: string; readonly whole: boolean } {
  let text = ''
  for (const relative of [...name.relative].reverse()) {
    const next = `${text === '' ? '' : `${text},`}${[...relative].reverse().map(attributeText).join('+')}`
    if (next.length > MAX_LENGTH) return { text: text === '' ? CUT : `${text},${CUT}`, whole: false }
    text = next
  }
  return { text, whole: true }
}

/** RFC 4514 section 2.4: the bytes of a value that is no text, and of every value whose type has no name. */
function attributeText({ type, text, der }: NameAttribute): string {
  const name = nameOfType.get(type)
  const value = name === undefined || text === undefined ? `#${der.toString('hex')}` : escapeText(text)
  return `${name ?? type}=${value}`
}

const escapeText = (text: string): string =>
  text.replaceAll(/^[ #]| $|["+,;<>\\]/g, '\\$&').replaceAll(/[^\x20-\x7e]/gu, escapeCharacter)

const escapeCharacter = (character: string): string =>
  [...Buffer.from(character)].map((byte) => `\\${byte.toString(16).padStart(2, '0').toUpperCase()}`).join('')
