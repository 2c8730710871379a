import { type Reading, read, unreadable } from './reading.ts'

const MAX_LENGTH = 2048

/**
 * The form in which `htu` and the request URI are compared (RFC 9449 section 4.3, RFC 3986 section 6.2.2): an absolute
 * https URI without user information, scheme and host in lower case, without default port, query and fragment, with
 * unreserved characters decoded and dot segments removed. Nothing else is changed: `//`, `%2F` and case in the path stay.
 */
export function normalizeTarget(uri: string): Reading<string> {
  if (uri.length > MAX_LENGTH) return unreadable('the URI is too long')
  if (BROKEN_TRIPLET.test(uri)) return unreadable('a percent sign does not start a triplet')
  const parts = URI.exec(uri)
  if (!parts) return unreadable('it is not an absolute https URI')
  const [, host = '', port = '', path = ''] = parts
  const number = port.replace(/^0+(?=[0-9])/, '')
  if (number !== '' && Number(number) > 65_535) return unreadable('the port is out of range')
  const authority = number === '' || number === '443' ? host.toLowerCase() : `${host.toLowerCase()}:${number}`
  return read(`https://${authority}${normalizePath(path)}`)
}

/**
 * Scheme, host without `@`, port, path; query and fragment are cut off. All printable ASCII, no backslash, and none of
 * the characters RFC 3986 has no place for.
 */
const URI =
  /^[Hh][Tt][Tt][Pp][Ss]:\/\/([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{0,8}))?(|\/[!$%&'()*+,\-./0-9:;=@A-Z_a-z~]*)(?:\?[!-"$-[\]-~]*)?(?:#[!-[\]-~]*)?$/

const BROKEN_TRIPLET = /%(?![0-9A-Fa-f]{2})/

/** A public origin as configured: `https://host[:port]`, nothing behind it. */
export function normalizeOrigin(origin: string): Reading<string> {
  if (!/^[Hh][Tt][Tt][Pp][Ss]:\/\/[^/?#]+$/.test(origin)) return unreadable('it is not https://host[:port]')
  const target = normalizeTarget(origin)
  return target.ok ? read(target.value.slice(0, -1)) : target
}

/** Hex digits in upper case, unreserved characters decoded, dot segments removed, `/` for nothing. */
function normalizePath(path: string): string {
  const decoded = path.includes('%') ? path.replaceAll(/%[0-9A-Fa-f]{2}/g, decodeUnreserved) : path
  return decoded.includes('/.') ? removeDotSegments(decoded) : decoded || '/'
}

function decodeUnreserved(triplet: string): string {
  const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
  return /[A-Za-z0-9\-._~]/.test(character) ? character : triplet.toUpperCase()
}

/** RFC 3986 section 5.2.4 on a path that starts with a slash. */
function removeDotSegments(path: string): string {
  const kept: string[] = []
  const segments = path.slice(1).split('/')
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
    if (last && (segment === '.' || segment === '..')) kept.push('')
  }
  return `/${kept.join('/')}`
}

/**
 * A request path that every reader behind us will understand alike, in canonical form (ENV-12). Refused are dot
 * segments, encoded unreserved characters, empty segments, matrix parameters, backslashes, and triplets that hide a
 * slash, a backslash, a percent sign, a control character or bytes that are not UTF-8. Hex digits may be lower case.
 */
export function canonicalPath(path: string): Reading<string> {
  if (path.length > MAX_LENGTH) return unreadable('the path is too long')
  if (!PLAIN_PATH.test(path)) return unreadable('the path holds a character that has no place in one')
  if (path.includes('//')) return unreadable('the path has an empty segment')
  if (!path.includes('%')) return path.includes('/.') && path !== removeDotSegments(path) ? dotted : read(path)

  if (BROKEN_TRIPLET.test(path)) return unreadable('a percent sign does not start a triplet')
  const upper = path.replaceAll(/%[0-9A-Fa-f]{2}/g, (triplet) => triplet.toUpperCase())
  if (normalizePath(upper) !== upper) return unreadable('the path is not in its normal form')
  if (HIDING.test(upper)) return unreadable('a triplet hides a delimiter or control character')
  return isUtf8(upper) ? read(upper) : unreadable('the triplets are not UTF-8')
}

const dotted = unreadable('the path has dot segments')
const PLAIN_PATH = /^\/[!$%&'()*+,\-./0-9:=@A-Z_a-z~]*$/
/** `%00`–`%1F`, `%25`, `%2F`, `%3B`, `%5C`, `%7F`. */
const HIDING = /%(?:[01][0-9A-F]|25|2F|3B|5C|7F)/

function isUtf8(path: string): boolean {
  try {
    return decodeURIComponent(path) !== ''
  } catch {
    return false
  }
}
