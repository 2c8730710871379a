import { type Reading, read, unreadable } from '../verify/reading.ts'
import type { CheckRequest } from '../wire.ts'
import { readCheckRequest } from './check-request.ts'
import { asEnvoyAsks, type ClientMessage } from './client-message.ts'
import { readHar } from './har.ts'
import { readPlacedJson } from './json-place.ts'
import { REQUEST_LINE, readRawHttp } from './raw-http.ts'

export const formats = ['check', 'har', 'http'] as const
export type Format = (typeof formats)[number]

/** A request somebody kept, as Envoy would ask about it. */
export interface Capture {
  readonly wire: CheckRequest
  readonly format: Format
}

/** Bytes of a captured file at the most. */
export const MAX_CAPTURE = 4 * 1_048_576

/** Reads a captured request in the format told, or in the one it looks like. Never throws; says what is wrong and where. */
export function readCapture(
  bytes: Uint8Array,
  { format, index }: { readonly format: Format | undefined; readonly index: number | undefined },
): Reading<Capture> {
  if (bytes.length > MAX_CAPTURE) return unreadable(`it is larger than ${MAX_CAPTURE / 1_048_576} MiB`)
  if (bytes.length === 0) return unreadable('it is empty')
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    return unreadable('it is UTF-16; save it as UTF-8')
  if (format === undefined && !/[{\w]/.test(firstCharacter(bytes)))
    return unreadable(`line 1: expected one JSON object, or ${REQUEST_LINE}`)
  if (format === 'http' || (format === undefined && firstCharacter(bytes) !== '{'))
    return fromClient(readRawHttp(bytes), 'http')
  const document = readPlacedJson(bytes)
  if (!document.ok) return document
  if (format === 'har' || (format === undefined && Object.hasOwn(document.value, 'log')))
    return fromClient(readHar(document.value, index), 'har')
  const wire = readCheckRequest(document.value)
  return wire.ok ? read({ wire: wire.value, format: 'check' }) : wire
}

const fromClient = (message: Reading<ClientMessage>, format: Format): Reading<Capture> =>
  message.ok ? read({ wire: asEnvoyAsks(message.value), format }) : message

/** The first character that is not blank; a byte-order mark does not count. */
function firstCharacter(bytes: Uint8Array): string {
  const first = bytes.find((byte) => ![0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf].includes(byte))
  return String.fromCharCode(first ?? 0)
}
