import type { KeyObject } from 'node:crypto'
import type { Denial } from './denial.ts'
import type { TrustStore } from './verify/certificate-chain.ts'
import type { JudgedCertificate } from './verify/client-certificate.ts'
import type { ConsentRecord } from './verify/consent-record.ts'
import type { RevocableToken } from './verify/deny-list.ts'
import type { VerificationKey } from './verify/jwk.ts'
import type { StatusRules } from './verify/path-status.ts'
import type { StatusReference } from './verify/status-list.ts'
import type { JsonObject } from './verify/strict-json.ts'

/** A proof as the replay store knows it (design: SHA-256 over thumbprint, canonical htu and jti). */
export interface ReplayKey {
  /** base64url SHA-256, 43 characters. */
  readonly digest: string
  /** RFC 7638 thumbprint of the proof key; the quota is counted per thumbprint. */
  readonly thumbprint: string
  /** The `iat` claim, seconds since the epoch. */
  readonly issuedAt: number
}

/**
 * `fresh`: recorded now. `mine`: recorded within the last 2 s by the same request (same owner tag).
 * `used`: recorded before. `full`: no room and no live entry may go. `quota`: this key holds too many.
 * `unknown`: the proof could predate what the store remembers. `unavailable`: the store did not answer.
 */
export type Claim = 'fresh' | 'mine' | 'used' | 'full' | 'quota' | 'unknown' | 'unavailable'

export interface ReplayStore {
  /**
   * Records the key for `ttl` seconds in one atomic step and says how it went. Call it only after every other check
   * of the proof has held. `owner` names the request; an empty owner never matches.
   */
  claim(key: ReplayKey, ttl: number, owner: string): Claim | Promise<Claim>
}

/** Nonces for DPoP proofs (RFC 9449 sections 8 and 9). Times in seconds since the epoch. */
export interface Nonces {
  /** Seconds between the first moment and the last that one clock accepts a nonce. */
  readonly lifetime: number
  /** What a client of that public origin is to use from now on. */
  issue(origin: string, now: number): string
  /**
   * `current`: good, and none is newer. `aging`: good for now. `expired`: one of ours of the last day, for that origin.
   * `foreign`: any other.
   */
  judge(origin: string, nonce: string, now: number): 'current' | 'aging' | 'expired' | 'foreign'
}

/** `found` holds one to four keys that fit; `unknown` means the issuer is known not to have such a key. */
export type KeySearch =
  | { readonly kind: 'found'; readonly keys: readonly VerificationKey[] }
  | { readonly kind: 'unknown'; readonly detail: string }
  | { readonly kind: 'unavailable'; readonly detail: string }

/** The signature keys of one authorization server. */
export interface KeySource {
  /** Keys whose `kid` (when given), type, curve, `use` and `alg` fit. May fetch once when the kid is unknown. */
  find(kid: string | undefined, algorithm: string): KeySearch | Promise<KeySearch>
  /** Grows each time the set changes; caches of verified signatures carry it in their key. */
  readonly generation: number
}

/** What an authorization server says about a token it was asked about; `unavailable`: it did not say. */
export type Statement =
  | { readonly kind: 'active'; readonly claims: JsonObject }
  | { readonly kind: 'inactive' }
  | { readonly kind: 'unavailable'; readonly detail: string }

/** Asks one authorization server about tokens (RFC 7662). */
export interface Introspector {
  /** At once when the answer is remembered. `client` is the address the token came from. */
  ask(token: string, client: string): Statement | Promise<Statement>
  /** Members that its answers have to have on top of what every token needs. */
  readonly required: readonly string[]
}

/**
 * What a status list says of one token. `absent`: its index lies outside of the list; `foreign`: lists are not fetched
 * from there; `unavailable`: there is no list that may be used. `tolerated`: the operator accepts that for short-lived
 * tokens.
 */
export type StatusAnswer =
  | { readonly kind: 'found'; readonly status: number }
  | { readonly kind: 'absent' | 'foreign'; readonly detail: string }
  | { readonly kind: 'unavailable'; readonly detail: string; readonly tolerated: boolean }

/** The Token Status Lists of one authorization server. */
export interface StatusLists {
  /** At once when the list is there. */
  find(reference: StatusReference): StatusAnswer | Promise<StatusAnswer>
  /** Tokens have to point to a list. */
  readonly required: boolean
}

/** Tokens of one authorization server that were revoked, as somebody else than the token tells. Never waits. */
export interface Revocations {
  /** `unknown`: news may be missing, and without them the token must not pass. */
  judge(token: RevocableToken, now: number): RevocationVerdict
}

type RevocationVerdict =
  | { readonly kind: 'clean' }
  | { readonly kind: 'revoked'; readonly by: string }
  | { readonly kind: 'unknown'; readonly detail: string }

/** Whom one policy trusts about client certificates, whom it asks, and what it remembers. */
export interface ClientAuthorities {
  readonly trust: TrustStore
  readonly status: StatusRules
  /** Grows with all news because of which an earlier good word may not count any more. */
  readonly generation: () => number
  /** Seconds. */
  readonly monotonic: () => number
  /** By thumbprint. */
  readonly judged: Cache<JudgedCertificate>
  /** By thumbprint and what came along; for a few seconds. */
  readonly refused: Cache<Denial>
  /** Told whenever a certificate passes of which nothing could be learned. */
  readonly tolerated: (detail: string) => void
}

/** What is asked about one consent, and for whom. */
export interface ConsentQuestion {
  readonly id: string
  readonly issuer: string
  readonly clientId: string
  readonly subject: string
  readonly interactionId: string
  /** Seconds since the epoch. */
  readonly now: number
  /** Nothing that is remembered will do. */
  readonly fresh: boolean
}

/** `absent`: there is none of that id. `spent`: it was used up before. `unavailable`: nobody could tell. */
export type ConsentStatement =
  | { readonly kind: 'found'; readonly record: ConsentRecord }
  | { readonly kind: 'absent' | 'spent' }
  | { readonly kind: 'unavailable'; readonly detail: string }

/** Somebody who knows consents. */
export interface ConsentSource {
  /** At once when the answer is remembered. */
  find(question: ConsentQuestion): ConsentStatement | Promise<ConsentStatement>
  /** Uses it up in one atomic step; the same `key` names the same request, which may come again. */
  readonly consume?: (question: ConsentQuestion, key: string) => ConsentStatement | Promise<ConsentStatement>
}

/** Tells how long things take. */
export interface Meter {
  /** Monotonic clock, seconds. */
  readonly now: () => number
  /** What to tell the seconds a policy of that name took. */
  readonly took: (policy: string) => (seconds: number) => void
}

/** A bounded memory where forgetting is harmless. */
export interface Cache<V> {
  get(key: string): V | undefined
  set(key: string, value: V, ttlSeconds?: number): void
}

/** Room for work that is dear and that anybody can cause. What was taken has to be released, however the work ended. */
export interface Places {
  /** False when there are not so many; then none is taken. */
  take(places: number): boolean
  release(places: number): void
}

/** Imported public keys of DPoP proofs by RFC 7638 thumbprint. */
export type ProofKeys = Cache<KeyObject>
