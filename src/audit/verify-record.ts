import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { isObject, own, readJsonObject } from '../verify/strict-json.ts'
import { hashLine, splitSigned, toBeSigned } from './chain.ts'

/** A public Ed25519 key under its name: the thumbprint of RFC 7638. */
export interface AuditKey {
  readonly id: string
  readonly key: KeyObject
}

/** A line read as a record. Nothing in it is proven. */
export interface ReadRecord {
  readonly run: string
  readonly seq: number
  readonly prev: string | undefined
  readonly msg: string
  readonly torn: number | undefined
  /** Decisions it says were made without a record. */
  readonly dropped: number
  readonly key: AuditKey | undefined
  /** Its own hash. */
  readonly hash: string
  readonly signed: ReturnType<typeof splitSigned>
}

const limits = { depth: 4, members: 128 }

/** Undefined when the line is no audit record. */
export function readRecord(bytes: Uint8Array): ReadRecord | undefined {
  const json = readJsonObject(bytes, limits)
  if (!json.ok) return undefined
  const member = (name: string): unknown => own(json.value, name)
  const [run, seq, prev, msg, torn, dropped] = ['run', 'seq', 'prev', 'msg', 'torn', 'decisions'].map(member)
  if (typeof run !== 'string' || !RUN.test(run) || !isCount(seq) || seq === 0 || typeof msg !== 'string')
    return undefined
  if (prev !== undefined && (typeof prev !== 'string' || !HASH.test(prev))) return undefined
  return {
    run,
    seq,
    prev,
    msg,
    torn: isCount(torn) ? torn : undefined,
    dropped: isCount(dropped) ? dropped : 0,
    key: readKey(member('key')),
    hash: hashLine(bytes),
    signed: splitSigned(Buffer.from(bytes).toString('latin1')),
  }
}

const RUN = /^[A-Za-z0-9-]{1,64}$/
const HASH = /^[A-Za-z0-9_-]{43}$/

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

function readKey(jwk: unknown): AuditKey | undefined {
  if (!isObject(jwk) || own(jwk, 'kty') !== 'OKP' || own(jwk, 'crv') !== 'Ed25519') return undefined
  const x = own(jwk, 'x')
  if (typeof x !== 'string' || !HASH.test(x)) return undefined
  try {
    return nameKey(createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }))
  } catch {
    return undefined
  }
}

/** A public key under its name; undefined when it is not on Ed25519. */
export function nameKey(key: KeyObject): AuditKey | undefined {
  const members = publicMembers(key)
  return members && { id: hashLine(JSON.stringify(members)), key }
}

/** The members of RFC 7638 in their order. */
export function publicMembers(
  key: KeyObject,
): { readonly crv: string; readonly kty: string; readonly x: string } | undefined {
  if (key.asymmetricKeyType !== 'ed25519') return undefined
  const { crv = '', kty = '', x = '' } = key.export({ format: 'jwk' })
  return { crv, kty, x }
}

/** Whether the key has signed the record. */
export const isSignedBy = ({ key }: AuditKey, { text, signature }: NonNullable<ReadRecord['signed']>): boolean =>
  verify(null, Buffer.from(toBeSigned(text), 'latin1'), key, Buffer.from(signature, 'base64url'))
