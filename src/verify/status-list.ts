import { promisify } from 'node:util'
import { type InputType, inflate, type ZlibOptions } from 'node:zlib'
import { decodeBase64url } from './base64url.ts'
import type { VerificationKey } from './jwk.ts'
import { type Jws, readJws, verifySignature } from './jws.ts'
import { type Reading, read, unreadable } from './reading.ts'
import { isObject, type JsonObject, own } from './strict-json.ts'

/** Where a token's status is found (Token Status List section 6.2). */
export interface StatusReference {
  readonly uri: string
  readonly index: number
}

/** A Status List Token that holds: whose list it is, what it says and how long it may be used. */
export interface StatusList {
  /** 0 VALID, 1 INVALID, 2 SUSPENDED, others are the issuer's own; undefined when the index lies outside the list. */
  readonly status: (index: number) => number | undefined
  /** Seconds for which the list may be kept from now on. */
  readonly lifetime: number
}

/** Whose lists are believed. Bytes. */
export interface StatusListRules {
  readonly uri: string
  /** The issuer of the tokens; when the list names an issuer it has to be this one. */
  readonly issuer: string
  readonly algorithms: readonly string[]
  readonly keys: readonly VerificationKey[]
  readonly maxBytes: number
  /** What the list may become when it is unpacked (section 11.1). */
  readonly maxUnpacked: number
}

const MAX_URI = 2048
/** A list is kept at least and at most so many seconds, whatever it says of itself (TSL-08). */
const KEPT = { least: 60, most: 86_400, otherwise: 300 }
/** The issuer's clock may be ahead by as much, seconds. */
const FUTURE_TOLERANCE = 10
const BITS: readonly unknown[] = [1, 2, 4, 8]

/** The `status` claim of a token; undefined when it has none, unreadable when it is not exactly one reference. */
export function readStatusReference(claims: JsonObject): Reading<StatusReference> | undefined {
  const status = own(claims, 'status')
  if (status === undefined) return undefined
  const reference = isObject(status) ? own(status, 'status_list') : undefined
  if (!isObject(reference)) return unreadable('status does not name a status_list')
  const [index, uri] = [own(reference, 'idx'), own(reference, 'uri')]
  if (!Number.isSafeInteger(index) || Number(index) < 0) return unreadable('idx is not a non-negative integer')
  if (typeof uri !== 'string' || uri.length > MAX_URI || !URL.canParse(uri)) return unreadable('uri is not a URI')
  return read({ index: Number(index), uri })
}

/**
 * Verifies a Status List Token (Token Status List sections 5.1 and 8.3): its type, its signature, that it is the list that
 * was asked for, its times, and that the list can be unpacked within the limits.
 */
export async function readStatusList(
  compact: string,
  rules: StatusListRules,
  now: number,
): Promise<Reading<StatusList>> {
  const jws = readJws(compact, rules.maxBytes)
  if (!jws.ok) return jws
  const { header, payload, algorithm } = jws.value
  if (!isStatusListType(own(header, 'typ'))) return unreadable('typ is not statuslist+jwt')
  if (!rules.algorithms.includes(algorithm)) return unreadable('alg is not accepted from this issuer')
  if (!isSigned(jws.value, rules.keys)) return unreadable('no key of the issuer verifies the signature')
  if (own(payload, 'sub') !== rules.uri) return unreadable('sub is not the URI it was fetched from')
  const issuer = own(payload, 'iss')
  if (issuer !== undefined && issuer !== rules.issuer) return unreadable('iss is not the issuer of the token')
  const lifetime = readLifetime(payload, now)
  if (!lifetime.ok) return lifetime
  const status = await readList(own(payload, 'status_list'), rules.maxUnpacked)
  return status.ok ? read({ status: status.value, lifetime: lifetime.value }) : status
}

const isStatusListType = (typ: unknown): boolean =>
  typeof typ === 'string' && typ.toLowerCase().replace(/^application\//, '') === 'statuslist+jwt'

function isSigned(jws: Jws, keys: readonly VerificationKey[]): boolean {
  const kid = own(jws.header, 'kid')
  return keys.some((key) => (kid === undefined || key.kid === kid) && verifySignature(jws, key))
}

function readLifetime(payload: JsonObject, now: number): Reading<number> {
  const [issuedAt, expires, ttl] = [own(payload, 'iat'), own(payload, 'exp'), own(payload, 'ttl')]
  if (!isNumber(issuedAt) || issuedAt > now + FUTURE_TOLERANCE) return unreadable('iat is missing or in the future')
  if (expires !== undefined && !(isNumber(expires) && now < expires)) return unreadable('exp has passed')
  if (ttl !== undefined && !(isNumber(ttl) && ttl > 0)) return unreadable('ttl is not a positive number')
  const wanted = Math.min(KEPT.most, Math.max(KEPT.least, ttl ?? KEPT.otherwise))
  return read(expires === undefined ? wanted : Math.min(wanted, expires - now))
}

const isNumber = (value: unknown): value is number => Number.isFinite(value)

/** Section 4: so many bits per token, the first in the lowest bits of the first byte; packed by ZLIB. */
async function readList(list: unknown, maxUnpacked: number): Promise<Reading<StatusList['status']>> {
  if (!isObject(list)) return unreadable('status_list is not an object')
  const [bits, packed] = [own(list, 'bits'), own(list, 'lst')]
  if (!BITS.includes(bits)) return unreadable('bits is none of 1, 2, 4 and 8')
  const bytes = typeof packed === 'string' ? decodeBase64url(packed) : undefined
  if (!bytes) return unreadable('lst is not canonical base64url')
  const unpacked = await unpack(bytes, maxUnpacked)
  if (!unpacked.ok) return unpacked
  const width = Number(bits)
  const mask = 2 ** width - 1
  const perByte = 8 / width
  return read((index) => {
    const byte = unpacked.value[Math.floor(index / perByte)]
    return byte === undefined ? undefined : (byte >> ((index % perByte) * width)) & mask
  })
}

/** With `info` the result says how much of the input was read; the types of Node leave that out. */
const inflateWhole = promisify(inflate) as unknown as (
  bytes: InputType,
  options: ZlibOptions,
) => Promise<{ readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }>

/** In the thread pool: a list may be megabytes, and requests are waiting. */
async function unpack(bytes: Buffer, maxOutputLength: number): Promise<Reading<Buffer>> {
  try {
    const { buffer, engine } = await inflateWhole(bytes, { maxOutputLength, info: true })
    return engine.bytesWritten === bytes.length ? read(buffer) : unreadable('lst goes on after its end')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return unreadable(code === 'ERR_BUFFER_TOO_LARGE' ? 'lst unpacks to more than is allowed' : 'lst is not ZLIB')
  }
}
