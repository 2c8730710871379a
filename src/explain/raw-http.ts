import { type Reading, read, unreadable } from '../verify/reading.ts'
import { type ClientMessage, MAX_HEADERS } from './client-message.ts'

/**
 * One HTTP/1.1 request as text (RFC 9112 section 3), also the way developer tools print one of HTTP/2: origin form with
 * `Host`, or absolute form, which takes precedence. Lines end with CRLF or LF. What is wrong is told with its line.
 */
export function readRawHttp(bytes: Uint8Array): Reading<ClientMessage> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  const { lines, rest } = splitHead(text)
  const [, method = '', target = ''] = START.exec(lines[0] ?? '') ?? []
  if (method === '') return unreadable(`line 1: expected ${REQUEST_LINE}`)
  if (lines.length > MAX_HEADERS + 1) return unreadable(`line ${MAX_HEADERS + 2}: more than ${MAX_HEADERS} fields`)

  const headers: [string, string][] = []
  for (const [index, line] of lines.slice(1).entries()) {
    const [, name = '', value = ''] = FIELD.exec(line) ?? []
    if (name === '') return unreadable(`line ${index + 2}: expected a header field, name: value`)
    headers.push([name.toLowerCase(), trim(value)])
  }
  const hosts = valuesOf(headers, 'host')
  if (hosts.length > 1) return unreadable('there is more than one Host field')
  const [, authority, path = ''] = /^https?:\/\/([^/?#]*)([^#]*)/i.exec(target) ?? []
  const host = authority ?? hosts[0]
  if (host === undefined || host === '') return unreadable('there is no Host field, and the target is not absolute')
  const body = readBody(headers, rest)
  if (!body.ok) return body
  const local = authority === undefined ? target : path.startsWith('/') ? path : `/${path}`
  return read({ method, host, target: local, headers, body: body.value })
}

export const REQUEST_LINE = 'an HTTP request line such as GET /accounts HTTP/1.1'
const START = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) (\S{1,65536}) HTTP\/(?:1\.[01]|2|2\.0|3)$/
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}):([\t\x20-\x7e\x80-\xff]*)$/

/** Without tabs and blanks at the ends (RFC 9112 section 5), in one look at each character. */
function trim(value: string): string {
  let [from, to] = [0, value.length]
  while (from < to && '\t '.includes(value.charAt(from))) from += 1
  while (to > from && '\t '.includes(value.charAt(to - 1))) to -= 1
  return value.slice(from, to)
}

const valuesOf = (headers: readonly (readonly [string, string])[], wanted: string): readonly string[] =>
  headers.filter(([name]) => name === wanted).map(([, value]) => value)

/** The lines in front of the first empty one, without their ends, and what comes behind it. */
function splitHead(text: string): { readonly lines: readonly string[]; readonly rest: string } {
  const lines: string[] = []
  let at = 0
  while (at < text.length && lines.length <= MAX_HEADERS + 1) {
    const found = text.indexOf('\n', at)
    const end = found < 0 ? text.length : found
    const line = text.slice(at, end).replace(/\r$/, '')
    at = end + 1
    if (line === '') return { lines, rest: text.slice(at) }
    lines.push(line)
  }
  return { lines, rest: '' }
}

/** Without `Content-Length` there is no body (RFC 9112 section 6.3); an editor may have put a line end behind it. */
function readBody(headers: ClientMessage['headers'], rest: string): Reading<Uint8Array | undefined> {
  if (valuesOf(headers, 'transfer-encoding').length > 0)
    return unreadable('Transfer-Encoding: write the body out and give its Content-Length')
  const [length, ...more] = valuesOf(headers, 'content-length')
  if (more.length > 0) return unreadable('there is more than one Content-Length field')
  if (length === undefined)
    return /^[\r\n]*$/.test(rest)
      ? read(undefined)
      : unreadable('there are bytes behind the header, but no Content-Length field')
  if (!/^[0-9]{1,9}$/.test(length)) return unreadable('Content-Length is not a number')
  const body = rest.slice(0, Number(length))
  if (body.length !== Number(length) || !/^[\r\n]*$/.test(rest.slice(body.length)))
    return unreadable(`the body has ${rest.length} bytes, Content-Length says ${length}`)
  return read(body === '' ? undefined : Buffer.from(body, 'latin1'))
}
