/** An element of an XML document, as far as a report uses XML. */
export interface Element {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly Element[]
  readonly text: string
}

/**
 * Reads a document strictly (XML 1.0): every character allowed, every element closed, every attribute quoted and named
 * once, no bare `<` or `&`. Throws otherwise. Without comments, sections and document types, which no report has.
 */
export function readXml(document: string): Element {
  if (!/^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u.test(document))
    throw new Error('a character is not allowed')
  const opening = '<?xml version="1.0" encoding="UTF-8"?>\n'
  if (!document.startsWith(opening)) throw new Error('there is no declaration')
  const reader = { text: document.slice(opening.length), at: 0 }
  const root = readElement(reader)
  if (reader.text.slice(reader.at).trim() !== '') throw new Error('something stands behind the root')
  return root
}

interface Reader {
  readonly text: string
  at: number
}

function take(reader: Reader, pattern: RegExp): RegExpExecArray | undefined {
  pattern.lastIndex = reader.at
  const found = pattern.exec(reader.text) ?? undefined
  if (found) reader.at += found[0].length
  return found
}

function readElement(reader: Reader): Element {
  const name = take(reader, /<([a-z]+)/y)?.[1]
  if (name === undefined) throw new Error(`no element at ${reader.at}`)
  const attributes = new Map<string, string>()
  for (;;) {
    const [, key, value = ''] = take(reader, /\s+([a-z]+)="([^"<]*)"/y) ?? []
    if (key === undefined) break
    if (attributes.has(key)) throw new Error(`${key} stands twice`)
    // Blanks that are not written as references become spaces (section 3.3.3).
    attributes.set(key, decode(value.replaceAll(/[\t\n\r]/g, ' ')))
  }
  if (take(reader, /\s*\/>/y)) return { name, attributes, children: [], text: '' }
  if (!take(reader, /\s*>/y)) throw new Error(`the tag of ${name} does not end`)
  const children: Element[] = []
  let text = ''
  for (;;) {
    text += decode(take(reader, /[^<]*/y)?.[0] ?? '')
    if (take(reader, /<\//y)) break
    children.push(readElement(reader))
  }
  if (take(reader, /([a-z]+)\s*>/y)?.[1] !== name) throw new Error(`${name} is not closed`)
  return { name, attributes, children, text }
}

const decode = (text: string): string =>
  text.replaceAll(/&([^;&]*;?)/g, (_, reference: string) => {
    const named = { 'amp;': '&', 'lt;': '<', 'gt;': '>', 'quot;': '"' }[reference]
    const [, code] = /^#([0-9]+);$/.exec(reference) ?? []
    if (named !== undefined) return named
    if (code === undefined) throw new Error('an & is bare')
    return String.fromCodePoint(Number(code))
  })
