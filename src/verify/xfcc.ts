import { type Reading, read, unreadable } from './reading.ts'

/** One hop's word about its peer's certificate, as far as it counts: URI, DNS and Subject are the certificate's own words. */
export interface XfccElement {
  /** Hex SHA-256 of the DER certificate, as sent; undefined when absent or empty. */
  readonly hash: string | undefined
  /** Percent-encoded PEM; undefined when absent or empty. */
  readonly certificate: string | undefined
  /** What the peer sent along, percent-encoded PEM; undefined when absent or empty. */
  readonly chain: string | undefined
  /** Value of the last `URI` pair; undefined when absent or empty. */
  readonly lastUri: string | undefined
}

/** Characters of a header with chains of several hops; Envoy's own limit for all headers is 60 KiB. */
const MAX_LENGTH = 61_440
export const MAX_ELEMENTS = 8
const MAX_PAIRS = 256
/** Keys that decide, which none may add to what Envoy wrote. */
const single: ReadonlySet<string> = new Set(['hash', 'cert', 'chain'])

/**
 * Reads `x-forwarded-client-cert` as Envoy writes it: elements apart by commas, `key=value` pairs apart by semicolons,
 * keys without case, values in double quotes with backslash escapes, or bare. Envoy writes URI and DNS bare and
 * unescaped, so a bare value ends at the next delimiter whatever it was meant to be: a name with a comma in it shows up
 * as an element too many, and one that adds a `Hash`, `Cert` or `Chain` makes its element unreadable.
 */
export function readXfcc(header: string): Reading<readonly XfccElement[]> {
  if (header.length > MAX_LENGTH) return unreadable('x-forwarded-client-cert is too long')
  if (!/^[\x20-\x7e]+$/.test(header)) return unreadable('x-forwarded-client-cert is not printable ASCII')
  const elements: XfccElement[] = []
  let element = new Map<string, string>()
  let pairs = 0
  const pair = /(?<key>[A-Za-z]+)=(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<bare>[^",;]*))(?<end>[,;]|$)/y
  for (;;) {
    const groups = pair.exec(header)?.groups
    if (!groups) return unreadable('x-forwarded-client-cert is not a list of key=value pairs')
    pairs += 1
    if (pairs > MAX_PAIRS) return unreadable('x-forwarded-client-cert has too many pairs')
    const { key = '', quoted, bare = '', end } = groups
    const name = key.toLowerCase()
    if (element.has(name) && single.has(name))
      return unreadable(`x-forwarded-client-cert has two ${name} pairs in one element`)
    element.set(name, quoted === undefined ? bare : quoted.replaceAll(/\\(.)/g, '$1'))
    if (end === ';') continue
    elements.push({
      hash: element.get('hash') || undefined,
      certificate: element.get('cert') || undefined,
      chain: element.get('chain') || undefined,
      lastUri: element.get('uri') || undefined,
    })
    if (elements.length > MAX_ELEMENTS) return unreadable('x-forwarded-client-cert has too many elements')
    if (end === '') return read(elements)
    element = new Map()
  }
}
