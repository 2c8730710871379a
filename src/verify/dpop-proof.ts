import { hash, timingSafeEqual } from 'node:crypto'
import { deny, ok, type Result } from '../denial.ts'
import type { Nonces, ProofKeys } from '../ports.ts'
import type { Trace } from '../trace.ts'
import { type AdmittedJwk, admitJwk, importJwk, type VerificationKey } from './jwk.ts'
import { fits, type Jws, readJws, verifySignature } from './jws.ts'
import { type FreshnessRules, judgeFreshness } from './proof-freshness.ts'
import { type Reading, read } from './reading.ts'
import { type JsonObject, own } from './strict-json.ts'
import { normalizeTarget } from './target-uri.ts'

declare const verified: unique symbol

/**
 * A DPoP proof that holds for this request and this token (RFC 9449 section 4.3), except for two things: that its key
 * is the one the token is bound to, and that it has not been used before. Only `verifyDpopProof` makes one.
 */
export interface VerifiedProof {
  readonly [verified]: 'DPoP proof'
  /** RFC 7638 thumbprint of the proof key. */
  readonly thumbprint: string
  readonly jti: string
  /** Seconds since the epoch. */
  readonly issuedAt: number
  /** Canonical request URI the proof is for. */
  readonly target: string
  /** The nonce its sender is to use from now on; undefined when there is none or it has the newest. */
  readonly nextNonce: string | undefined
}

const seals = new WeakSet<object>()

export const isVerifiedProof = (value: unknown): value is VerifiedProof =>
  typeof value === 'object' && value !== null && seals.has(value)

/** What a route accepts as a proof. Seconds and bytes. */
interface ProofRules extends FreshnessRules {
  /** Accepted `alg` values, exactly; whoever takes `EdDSA` lists `Ed25519` too (RFC 9864). */
  readonly algorithms: readonly string[]
  readonly maxHeaderBytes: number
}

/** The proof and what it has to fit. */
export interface ProofInput {
  /** The `DPoP` field lines; undefined when there are none. */
  readonly lines: readonly string[] | undefined
  readonly method: string
  readonly target: string
  /** The access token exactly as sent. */
  readonly token: string
  readonly rules: ProofRules
  readonly now: number
  readonly keys: ProofKeys
  readonly nonces: Nonces
  readonly trace: Trace
}

const MAX_JTI_LENGTH = 256
/** Largest believable time, seconds: values in milliseconds stay out of the window anyway, odd numbers here. */
const MAX_TIME = 2 ** 40

/** Field → header → claims → signature → time and nonce, so that the costly step comes after every cheap one (RFC 9449 section 4.3). */
export function verifyDpopProof(input: ProofInput): Result<VerifiedProof> {
  const { rules, trace } = input
  const jws = readField(input)
  if (!jws.ok) return jws
  const jwk = judgeHeader(jws.value, rules, trace)
  if (!jwk.ok) return jwk
  const claims = judgeClaims(jws.value.payload, input)
  if (!claims.ok) return claims
  const signed = judgeSignature(jws.value, jwk.value, input)
  if (!signed.ok) return signed
  const fresh = judgeFreshness(jws.value.payload, claims.value.issuedAt, input)
  if (!fresh.ok) return fresh

  const proof: Omit<VerifiedProof, typeof verified> = {
    thumbprint: jwk.value.thumbprint,
    jti: claims.value.jti,
    issuedAt: claims.value.issuedAt,
    target: input.target,
    nextNonce: fresh.value,
  }
  seals.add(Object.freeze(proof))
  // The seal: everything above has held.
  return ok(proof as VerifiedProof)
}

/** RFC 9449 section 4.3 (1, 2): one field, one compact JWS. A comma means that Envoy joined two lines (ENV-01). */
function readField({ lines, rules, trace }: ProofInput): Result<Jws> {
  const [line] = lines ?? []
  if (!trace.holds('proof present', 'RFC 9449 section 7.1', line !== undefined) || line === undefined)
    return deny('proof_missing', 'there is no DPoP field')
  const single = lines?.length === 1 && !line.includes(',')
  if (!trace.holds('one proof', 'RFC 9449 section 4.3 (1)', single, lines?.length, 1))
    return deny('proof_repeated', 'there is more than one DPoP field')
  const jws = readJws(line, rules.maxHeaderBytes)
  if (!trace.holds('proof form', 'RFC 9449 section 4.3 (2)', jws.ok) || !jws.ok)
    return deny('proof_malformed', jws.ok ? '' : jws.problem)
  return ok(jws.value)
}

function judgeHeader({ header, algorithm }: Jws, { algorithms }: ProofRules, trace: Trace): Result<AdmittedJwk> {
  const type = own(header, 'typ')
  const typed = typeof type === 'string' && /^(?:application\/)?dpop\+jwt$/i.test(type)
  if (!trace.holds('proof typ', 'RFC 9449 section 4.3 (4)', typed, type, 'dpop+jwt'))
    return deny('proof_type_refused', 'typ is not dpop+jwt')
  if (!trace.holds('proof alg', 'RFC 9449 section 4.3 (5)', algorithms.includes(algorithm), algorithm, algorithms))
    return deny('proof_algorithm_refused', 'alg is not accepted')
  const jwk = admitJwk(own(header, 'jwk'), 'proof')
  if (!trace.holds('proof jwk', 'RFC 9449 section 4.3 (7)', jwk.ok) || !jwk.ok)
    return deny('proof_key_refused', jwk.ok ? '' : jwk.problem)
  if (!trace.holds('proof alg fits jwk', 'RFC 8725 section 3.1', fits(algorithm, jwk.value), algorithm, jwk.value.type))
    return deny('proof_key_refused', 'alg does not fit the key')
  return ok(jwk.value)
}

function judgeClaims(claims: JsonObject, input: ProofInput): Result<Pick<VerifiedProof, 'jti' | 'issuedAt'>> {
  const { trace } = input
  const [jti, htm, htu, iat, ath] = ['jti', 'htm', 'htu', 'iat', 'ath'].map((name) => own(claims, name))
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI_LENGTH)
    return deny('proof_claims_invalid', 'jti is not a string of 1 to 256 characters')
  if (!isTime(iat)) return deny('proof_claims_invalid', 'iat is not a time')
  for (const name of ['exp', 'nbf'])
    if (Object.hasOwn(claims, name) && !isTime(claims[name]))
      return deny('proof_claims_invalid', `${name} is not a time`)
  if (Object.hasOwn(claims, 'nonce') && typeof claims.nonce !== 'string')
    return deny('proof_claims_invalid', 'nonce is not a string')

  if (!trace.holds('proof htm', 'RFC 9449 section 4.3 (8)', htm === input.method, htm, input.method))
    return deny('proof_method_mismatch', 'htm is not the request method')
  const target = typeof htu === 'string' ? comparable(htu, input.target) : undefined
  // What cannot be compared is shown as it came; a query may hold a token.
  const named = target ?? (typeof htu === 'string' ? htu.replace(/[?#].*$/s, '') : undefined)
  if (!trace.holds('proof htu', 'RFC 9449 section 4.3 (9)', target === input.target, named, input.target))
    return deny('proof_target_mismatch', 'htu is not the request URI')
  const hashed = isHashOf(ath, input.token)
  const [foundHash, realHash] = hashed ? [] : [showHash(ath, input.token), showHash(hashOf(input.token), input.token)]
  if (!trace.holds('proof ath', 'RFC 9449 section 4.3 (12)', hashed, foundHash, realHash))
    return deny('proof_token_mismatch', 'ath is not the hash of the access token')
  return ok({ jti, issuedAt: Math.floor(iat) })
}

/** The usual case costs one comparison: the client wrote the target as it stands. */
function comparable(htu: string, target: string): string | undefined {
  if (htu === target) return htu
  const normal = normalizeTarget(htu)
  return normal.ok ? normal.value : undefined
}

/** base64url SHA-256 over the token exactly as sent (RFC 9449 section 4.2), compared in constant time. */
const isHashOf = (ath: unknown, token: string): boolean => typeof ath === 'string' && sameText(ath, hashOf(token))

const hashOf = (token: string): string => hash('sha256', token, 'base64url')

/** Enough of a hash to compare it with another; of what is none, nothing, because it may be the token. */
export function showHash(ath: unknown, token: string): string | undefined {
  if (typeof ath !== 'string') return undefined
  if (sameText(ath, token) || !/^[\w-]{43}$/.test(ath)) return 'not a SHA-256 hash'
  return `sha256:${Buffer.from(ath, 'base64url').toString('hex', 0, 6)}`
}

/** Compares two texts without telling by time where they differ. As UTF-8: every other text has other bytes. */
export function sameText(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/**
 * RFC 9449 section 4.3 (6). Equal thumbprints are equal keys (RFC 7638), so an imported key is used again; it is kept
 * only once it has verified a proof, so that garbage displaces none.
 */
function judgeSignature(jws: Jws, jwk: AdmittedJwk, { keys, trace }: ProofInput): Result<undefined> {
  const { thumbprint, type, kid, alg } = jwk
  const known = keys.get(thumbprint)
  const key: Reading<VerificationKey> = known ? read({ key: known, type, kid, alg, thumbprint }) : importJwk(jwk)
  if (!trace.holds('proof key', 'RFC 9449 section 4.2', key.ok) || !key.ok)
    return deny('proof_key_refused', key.ok ? '' : key.problem)
  if (!trace.holds('proof signature', 'RFC 9449 section 4.3 (6)', verifySignature(jws, key.value)))
    return deny('proof_signature_invalid', 'the signature does not verify with the key in the proof')
  if (!known) keys.set(thumbprint, key.value.key)
  return ok(undefined)
}

const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= MAX_TIME
