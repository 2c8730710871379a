import { z } from 'zod'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { isObject, type JsonObject, own } from '../verify/strict-json.ts'
import { type ClientMessage, MAX_HEADERS } from './client-message.ts'
import { hideTokens } from './secrets.ts'
import { describeShape } from './shapes.ts'
import { printable } from './values.ts'

/** A field value as bytes, one character each; a control character would be another field on the wire. */
const value = z.string().regex(/^[^\0\r\n]*$/, { error: 'expected a value on one line' })
const request = z.object({
  method: z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}$/, { error: 'expected a method' }),
  url: z.string().regex(/^https?:\/\/[^/?#]+/i, { error: 'expected an absolute http or https URL' }),
  headers: z.array(z.object({ name: z.string().min(1).max(256), value })).max(MAX_HEADERS),
  postData: z.object({ text: z.string().optional(), encoding: z.enum(['base64']).optional() }).optional(),
})

/** Entries shown to whoever has to choose one. */
const MAX_SHOWN = 10

/** One request of an HTTP archive (HAR 1.2). Which one has to be said, unless there is only one. */
export function readHar(document: JsonObject, index: number | undefined): Reading<ClientMessage> {
  const log = own(document, 'log')
  const entries = isObject(log) ? own(log, 'entries') : undefined
  if (!Array.isArray(entries)) return unreadable('log.entries: expected a list of requests')
  if (index === undefined && entries.length !== 1)
    return unreadable(`it holds ${entries.length} requests; choose one with --index${listEntries(entries)}`)
  const chosen = index ?? 0
  if (chosen >= entries.length) return unreadable(`--index ${chosen}: it holds ${entries.length} requests, from 0 on`)
  const entry: unknown = entries[chosen]
  const parsed = request.safeParse(isObject(entry) ? own(entry, 'request') : undefined)
  if (!parsed.success) return unreadable(describeShape(parsed.error, ['log', 'entries', chosen, 'request']))
  const { method, url, headers, postData } = parsed.data

  const [, authority = '', path = ''] = /^https?:\/\/([^/?#]*)([^#]*)/i.exec(url) ?? []
  const host = headers.find(({ name }) => name.toLowerCase() === 'host')?.value ?? authority
  return read({
    method,
    host: host.replace(/^[^@]*@/, ''),
    target: path.startsWith('/') ? path : `/${path}`,
    headers: headers.map(({ name, value: text }) => [name.toLowerCase(), Buffer.from(text).toString('latin1')]),
    body: postData?.text ? Buffer.from(postData.text, postData.encoding ?? 'utf8') : undefined,
  })
}

/** Method and URL without query and user: there may be a token or a password in them. */
function listEntries(entries: readonly unknown[]): string {
  const lines = entries.slice(0, MAX_SHOWN).map((entry, position) => {
    const asked = isObject(entry) ? own(entry, 'request') : undefined
    const [method, url] = isObject(asked) ? [own(asked, 'method'), own(asked, 'url')] : []
    const shown = hideTokens(String(url).replace(/[?#].*$/s, '')).replace(/^(https?:\/\/)[^/]*@/i, '$1')
    return `\n  ${position}: ${printable(String(method).slice(0, 32))} ${printable(shown.slice(0, 100))}`
  })
  return `${lines.join('')}${entries.length > MAX_SHOWN ? '\n  …' : ''}`
}
