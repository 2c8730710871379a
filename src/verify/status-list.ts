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
  /** What it takes to keep it. */
  readonly bytes: number
}

/** A Status List Token whose form is right. Nothing is verified. */
export interface UnverifiedList {
  readonly jws: Jws
  readonly kid: string | undefined
}

/** Whose lists are believed. Bytes. */
export interface StatusListRules {
  readonly uri: string
  /** The issuer of the tokens; when the list names an issuer it has to be this one. */
  readonly issuer: string
  readonly algorithms: readonly string[]
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

/** Whether a list may be fetched from there: over https, from a listed host, and nothing else in the URI (TSL-03). */
export function isPlace(uri: string, hosts: readonly string[]): boolean {
  if (!URL.canParse(uri)) return false
  const { protocol, host, username, password, hash } = new URL(uri)
  return protocol === 'https:' && username + password + hash === '' && hosts.includes(host)
}

/** Whether a token says anything of a status, be it readable or not. */
export const hasStatus = (claims: JsonObject): boolean => Object.hasOwn(claims, 'status')

/** The `status` claim of a token; unreadable when it is not exactly one reference. */
export function readStatusReference(claims: JsonObject): Reading<StatusReference> {
  const status = own(claims, 'status')
  const reference = isObject(status) ? own(status, 'status_list') : undefined
  if (!isObject(reference)) return unreadable('status does not name a status_list')
  const [index, uri] = [own(reference, 'idx'), own(reference, 'uri')]
  if (!Number.isSafeInteger(index) || Number(index) < 0) return unreadable('idx is not a non-negative integer')
  if (typeof uri !== 'string' || uri.length > MAX_URI || !URL.canParse(uri)) return unreadable('uri is not a URI')
  return read({ index: Number(index), uri })
}

/** Form and type of a Status List Token (Token Status List section 5.1), before a key is looked for. */
export function readStatusListToken(
  compact: string,
  { algorithms, maxBytes }: StatusListRules,
): Reading<UnverifiedList> {
  const jws = readJws(compact, maxBytes)
  if (!jws.ok) return jws
  const { header, algorithm } = jws.value
  if (!isStatusListType(own(header, 'typ'))) return unreadable('typ is not statuslist+jwt')
  if (!algorithms.includes(algorithm)) return unreadable('alg is not accepted from this issuer')
  if (['jwk', 'jku', 'x5u'].some((name) => Object.hasOwn(header, name)))
    return unreadable('the header brings its own key')
  const kid = own(header, 'kid')
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > 256)) return unreadable('kid is not a short string')
  return read({ jws: jws.value, kid })
}

/**
 * Verifies a Status List Token (Token Status List sections 5.1 and 8.3): its signature, that it is the list that was asked
 * for, its times, and that the list can be unpacked within the limits.
 */
export async function acceptStatusList(
  { jws }: UnverifiedList,
  keys: readonly VerificationKey[],
  rules: StatusListRules,
  now: number,
): Promise<Reading<StatusList>> {
  if (!keys.some((key) => verifySignature(jws, key))) return unreadable('no key of the issuer verifies the signature')
  const { payload } = jws
  if (own(payload, 'sub') !== rules.uri) return unreadable('sub is not the URI it was fetched from')
  const issuer = own(payload, 'iss')
  if (issuer !== undefined && issuer !== rules.issuer) return unreadable('iss is not the issuer of the token')
  const lifetime = readLifetime(payload, now)
  if (!lifetime.ok) return lifetime
  const list = await readList(own(payload, 'status_list'), rules.maxUnpacked)
  return list.ok ? read({ ...list.value, lifetime: lifetime.value }) : list
}

const isStatusListType = (typ: unknown): boolean =>
  typeof typ === 'string' && typ.toLowerCase().replace(/^application\//, '') === 'statuslist+jwt'

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
async function readList(list: unknown, maxUnpacked: number): Promise<Reading<Pick<StatusList, 'status' | 'bytes'>>> {
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
  const status = (index: number): number | undefined => {
    const byte = unpacked.value[Math.floor(index / perByte)]
    return byte === undefined ? undefined : (byte >> ((index % perByte) * width)) & mask
  }
  return read({ status, bytes: unpacked.value.length })
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
