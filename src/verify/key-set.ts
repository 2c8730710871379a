import type { KeySearch } from '../ports.ts'
import { admitJwk, hasPrivateMember, importJwk, type VerificationKey } from './jwk.ts'
import { fits } from './jws.ts'
import { type Reading, read, unreadable } from './reading.ts'
import { type JsonObject, own } from './strict-json.ts'

/** The usable keys of a JWK Set and what was wrong with the others. */
export interface KeySet {
  readonly keys: readonly VerificationKey[]
  /** One sentence per key that was left out. */
  readonly skipped: readonly string[]
  /** Some key, usable or not, was published with its private part or is a shared secret (JWK-08). */
  readonly leaked: boolean
}

const MAX_KEYS = 100
/** A token without `kid` is tried against this many keys and no more (JWT-22). */
const MAX_CANDIDATES = 4

/** Reads a JWK Set (RFC 7517 section 5): each key stands for itself, so a broken one does not spoil the rest. */
export function readKeySet(document: JsonObject): Reading<KeySet> {
  const list = own(document, 'keys')
  if (!Array.isArray(list)) return unreadable('it has no list of keys')
  if (list.length > MAX_KEYS) return unreadable(`it has more than ${MAX_KEYS} keys`)
  const keys: VerificationKey[] = []
  const skipped: string[] = []
  let leaked = false
  for (const [index, jwk] of list.entries()) {
    const admitted = admitJwk(jwk, 'set')
    leaked ||= hasPrivateMember(jwk)
    const key = admitted.ok ? importJwk(admitted.value) : admitted
    if (key.ok) keys.push(key.value)
    else skipped.push(`key ${index}: ${key.problem}`)
  }
  return keys.length > 0 ? read({ keys, skipped, leaked }) : unreadable('it has no usable key')
}

/** The keys that fit a token's header: same `kid` when it has one, and type, curve and `alg` in any case (JWT-21). */
export function findKeys({ keys }: KeySet, kid: string | undefined, algorithm: string): KeySearch {
  const fitting = keys.filter((key) => (kid === undefined || key.kid === kid) && fits(algorithm, key))
  if (fitting.length === 0) return { kind: 'unknown', detail: 'the issuer has no key that fits' }
  if (kid === undefined && fitting.length > MAX_CANDIDATES)
    return { kind: 'unknown', detail: 'the token names no key and too many fit' }
  return { kind: 'found', keys: fitting.slice(0, MAX_CANDIDATES) }
}
