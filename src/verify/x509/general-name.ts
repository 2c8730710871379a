import { type Element, malformed } from './der.ts'
import { type Name, nameOf } from './name.ts'

/** One name of a subjectAltName or of a constraint on names (RFC 5280 section 4.2.1.6). */
export type GeneralName =
  | { readonly type: 'email' | 'dns' | 'uri'; readonly value: string }
  /** The address, or address and mask, in hex. */
  | { readonly type: 'ip'; readonly value: string }
  | { readonly type: 'directory'; readonly name: Name }
  /** A form this product compares nothing with; only its DER is known, in hex. */
  | { readonly type: 'other' | 'x400' | 'ediParty' | 'registeredId'; readonly value: string }

/** A name as it stands there; its form alone is known, not that it is valid. */
export function generalNameOf(element: Element): GeneralName {
  const { tag, content, children, whole } = element
  const text = texts[tag]
  if (text) return { type: text, value: asciiOf(content) }
  if (tag === 0x87) return { type: 'ip', value: content.toString('hex') }
  if (tag === 0xa4) {
    if (children.length !== 1) malformed('a directory name is wrong')
    return { type: 'directory', name: nameOf(children[0], 'a directory name') }
  }
  const other = others[tag]
  return other ? { type: other, value: whole.toString('hex') } : malformed('a name is of an unknown form')
}

const texts: Readonly<Record<number, 'email' | 'dns' | 'uri'>> = { 129: 'email', 130: 'dns', 134: 'uri' }
const others: Readonly<Record<number, 'other' | 'x400' | 'ediParty' | 'registeredId'>> = {
  160: 'other',
  163: 'x400',
  165: 'ediParty',
  136: 'registeredId',
}

function asciiOf(content: Buffer): string {
  const text = content.toString('latin1')
  return /^[\x20-\x7e]*$/.test(text) ? text : malformed('a name holds something else than printable ASCII')
}

/** A name as a subject may have it: of valid form, so that nobody after us reads it otherwise. */
export function alternativeNameOf(element: Element): GeneralName {
  const name = generalNameOf(element)
  const valid =
    (name.type === 'dns' && (isHostName(name.value) || isHostName(name.value.replace(/^\*\./, '')))) ||
    (name.type === 'email' && isMailbox(name.value)) ||
    (name.type === 'uri' && isUri(name.value)) ||
    (name.type === 'ip' && (name.value.length === 8 || name.value.length === 32)) ||
    name.type === 'directory' ||
    name.type in unknownForms
  return valid ? name : malformed('an alternative name is of invalid form')
}

const unknownForms: Readonly<Record<string, true>> = { other: true, x400: true, ediParty: true, registeredId: true }

/** Labels of letters, digits, hyphen and underscore, the last one no number: an address is no host name. */
export const isHostName = (text: string): boolean =>
  text.length <= 253 && HOST_NAME.test(text) && !/(?:^|\.)[0-9]+$/.test(text)

const HOST_NAME =
  /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$/

export const isUri = (text: string): boolean => /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/.test(text)

export const isMailbox = (text: string): boolean => {
  const [local = '', host = '', ...rest] = text.split('@')
  return local !== '' && !/["\\ ]/.test(local) && isHostName(host) && rest.length === 0
}
