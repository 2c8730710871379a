import { z } from 'zod'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { isObject, type JsonObject } from '../verify/strict-json.ts'
import type { CheckRequest } from '../wire.ts'
import { MAX_HEADERS } from './client-message.ts'
import { describeShape } from './shapes.ts'
import { printable } from './values.ts'

/** Bytes in the JSON form of protobuf: base64 or base64url, with or without padding, nothing else. */
const bytes = z.string().transform((text, context): Buffer => {
  const plain = text
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .replace(/={0,2}$/, '')
  const decoded = Buffer.from(plain, 'base64')
  if (decoded.toString('base64').replace(/={1,2}$/, '') !== plain)
    context.issues.push({ code: 'custom', message: 'expected base64', input: undefined })
  return decoded
})

/** Kept as it is: a name may be `__proto__`. */
const texts = z.custom<Readonly<Record<string, string>>>(
  (value) =>
    isObject(value) &&
    Object.keys(value).length <= MAX_HEADERS &&
    Object.values(value).every((text) => typeof text === 'string'),
  { error: `expected an object of at most ${MAX_HEADERS} texts` },
)
const text = z.string().optional()

const peer = z.object({
  address: z
    .object({
      socketAddress: z.object({ address: text, portValue: z.int().min(0).max(65_535).optional() }).optional(),
      pipe: z.object({ path: text }).optional(),
    })
    .optional(),
  principal: text,
  certificate: text,
})

const header = z.object({ key: text, value: text, rawValue: bytes.optional() })
const http = z.object({
  id: text,
  method: text,
  headers: texts.optional(),
  headerMap: z.object({ headers: z.array(header).max(MAX_HEADERS).optional() }).optional(),
  path: text,
  host: text,
  scheme: text,
  size: z.union([z.int(), z.string()]).optional(),
  protocol: text,
  body: text,
  rawBody: bytes.optional(),
})

const checkRequest = z.object({
  attributes: z.object({
    source: peer.optional(),
    destination: peer.optional(),
    request: z.object({ http }),
    contextExtensions: texts.optional(),
    tlsSession: z.object({ sni: text }).optional(),
  }),
})

/** A CheckRequest in the JSON form of protobuf, its names in camelCase or snake_case. Members it does not know are left. */
export function readCheckRequest(document: JsonObject): Reading<CheckRequest> {
  const named = rename(document, '', 0)
  if (!named.ok) return named
  const parsed = checkRequest.safeParse(named.value)
  if (!parsed.success) return unreadable(describeShape(parsed.error, []))
  // The schema lists the members of the message; absent ones are absent, as they are off the wire.
  return read(withoutAbsent(parsed.data) as CheckRequest)
}

/** What stands under these names is the client's or the operator's, not the message's. */
const data = new Set(['headers', 'contextExtensions', 'filterContext', 'metadataContext', 'routeMetadataContext'])

/** The whole message is eight levels deep. */
const MAX_DEPTH = 12

function rename(value: unknown, place: string, depth: number): Reading<unknown> {
  if (depth > MAX_DEPTH) return unreadable(`${printable(place.slice(0, 200))}: nested too deeply`)
  if (Array.isArray(value)) {
    const items: unknown[] = []
    for (const [index, item] of value.entries()) {
      const renamed = rename(item, `${place}[${index}]`, depth + 1)
      if (!renamed.ok) return renamed
      items.push(renamed.value)
    }
    return read(items)
  }
  if (!isObject(value)) return read(value)
  const members = new Map<string, unknown>()
  for (const [written, member] of Object.entries(value)) {
    // In the JSON form of protobuf null stands for an absent member.
    if (member === null) continue
    const name = written.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    const inner = place === '' ? written : `${place}.${written}`
    if (members.has(name)) return unreadable(`${printable(inner.slice(0, 200))}: this member stands twice`)
    const kept = data.has(name) && !Array.isArray(member)
    const renamed = kept ? read(member) : rename(member, inner, depth + 1)
    if (!renamed.ok) return renamed
    members.set(name, renamed.value)
  }
  return read(Object.fromEntries(members))
}

/** What is absent is not there at all, as off the wire. */
function withoutAbsent(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutAbsent)
  if (!isObject(value) || value instanceof Uint8Array) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => [name, withoutAbsent(member)]),
  )
}
