import { type Element, parseDer, tags } from '../../src/verify/x509/der.ts'
import { writeElement } from '../../src/verify/x509/der-writer.ts'
import type { GeneralName } from '../../src/verify/x509/general-name.ts'
import type { Name } from '../../src/verify/x509/name.ts'
import type { Named } from '../../src/verify/x509/name-constraints.ts'
import { sequence } from './qc-statements.ts'
import { CN, subjectOf } from './subjects.ts'

/** A name of a subject or of a subtree, as a table of cases writes it: `dns:example.com`, `ip:0a000001`. */
export type NameText =
  | `${'dns' | 'email' | 'uri' | 'ip' | 'other' | 'x400' | 'ediParty' | 'registeredId'}:${string}`
  | Name

export function generalName(text: NameText): GeneralName {
  if (typeof text !== 'string') return { type: 'directory', name: text }
  const at = text.indexOf(':')
  return { type: text.slice(0, at) as 'dns', value: text.slice(at + 1) }
}

const octets = { email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 } as const
const raw = { other: 0xa0, x400: 0xa3, ediParty: 0xa5, registeredId: 0x88 } as const

/** The DER of a GeneralName. */
export function generalNameElement(text: NameText): Buffer {
  const name = generalName(text)
  if (name.type === 'directory') return writeElement(0xa4, name.name.der)
  if (name.type in raw) return writeElement(raw[name.type as 'other'], Buffer.from(name.value, 'hex'))
  return writeElement(octets[name.type as 'dns'], Buffer.from(name.value, name.type === 'ip' ? 'hex' : 'latin1'))
}

/** The value of a nameConstraints extension; anything else than a base that a subtree holds may be written behind it. */
export function nameConstraintsElement(
  permitted: readonly NameText[],
  excluded: readonly NameText[] = [],
  ...more: readonly Buffer[]
): Element {
  const subtrees = (tag: number, names: readonly NameText[]): readonly Buffer[] =>
    names.length === 0 ? [] : [writeElement(tag, ...names.map((name) => sequence(generalNameElement(name), ...more)))]
  return parseDer(writeElement(tags.sequence, ...subtrees(0xa0, permitted), ...subtrees(0xa1, excluded)))
}

export const named = (text: string): Name => subjectOf([CN, text])

/** A certificate of a path, as far as the rules on names look at it. */
export function namedCertificate(content: {
  readonly subject?: Name
  readonly issuer?: Name
  readonly names?: readonly NameText[]
  readonly permitted?: readonly NameText[]
  readonly excluded?: readonly NameText[]
}): Named {
  const { subject = named('subject'), issuer = named('issuer'), names = [], permitted = [], excluded = [] } = content
  const constrained = permitted.length + excluded.length > 0
  return {
    subject,
    issuer,
    alternativeNames: names.map(generalName),
    nameConstraints: constrained
      ? { permitted: permitted.map(generalName), excluded: excluded.map(generalName) }
      : undefined,
  }
}
