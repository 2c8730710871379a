import { constants, createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import { CompactSign, calculateJwkThumbprint, type JWK } from 'jose'
import type { ProofKeys } from '../../src/ports.ts'
import { Trace } from '../../src/trace.ts'
import type { ProofInput } from '../../src/verify/dpop-proof.ts'
import { nonceMaker } from './nonces.ts'

/** The one moment every proof is made and judged in, seconds since the epoch. */
export const PROOF_TIME = 1_800_000_000
export const TARGET = 'https://api.example.com/accounts'
/** A token as it is sent; nobody looks inside. */
export const TOKEN = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU'

export type Algorithm = 'ES256' | 'PS256' | 'EdDSA' | 'Ed25519'

/** A client's key. The thumbprint is jose's, not ours. */
export interface ClientKey {
  readonly algorithm: Algorithm
  readonly privateKey: KeyObject
  readonly jwk: JWK
  readonly privateJwk: JWK
  readonly thumbprint: string
}

export async function buildClientKey(algorithm: Algorithm = 'ES256', modulusLength = 2048): Promise<ClientKey> {
  const { privateKey, publicKey } = generate(algorithm, modulusLength)
  const jwk = { ...publicKey.export({ format: 'jwk' }) } as JWK
  const privateJwk = { ...privateKey.export({ format: 'jwk' }) } as JWK
  return { algorithm, privateKey, jwk, privateJwk, thumbprint: await calculateJwkThumbprint(jwk) }
}

function generate(algorithm: Algorithm, modulusLength: number) {
  if (algorithm === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return algorithm === 'PS256' ? generateKeyPairSync('rsa', { modulusLength }) : generateKeyPairSync('ed25519')
}

/** Members that differ from a valid proof; undefined removes one. */
export interface Difference {
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
}

export const athOf = (token: string): string => createHash('sha256').update(token).digest('base64url')

const claimsOf = (claims: Difference['claims']) => ({
  jti: randomUUID(),
  htm: 'GET',
  htu: TARGET,
  iat: PROOF_TIME,
  ath: athOf(TOKEN),
  ...claims,
})

const headerOf = (key: ClientKey, header: Difference['header']) => ({
  typ: 'dpop+jwt',
  alg: key.algorithm,
  jwk: key.jwk,
  ...header,
})

/** A proof by jose: whatever it signs, an independent implementation made. */
export async function mintProof(key: ClientKey, { claims, header }: Difference = {}): Promise<string> {
  const payload = new TextEncoder().encode(JSON.stringify(claimsOf(claims)))
  // jose wants alg to be text; what else a header may hold is forged by `forgeProof`.
  const protectedHeader = headerOf(key, header) as { alg: string }
  return new CompactSign(payload).setProtectedHeader(protectedHeader).sign(key.privateKey)
}

/** A properly signed proof that jose would not make. Text is taken as it is, so that it need not be JSON. */
export function forgeProof(key: ClientKey, { claims, header }: Difference = {}): string {
  return forgeText(key, JSON.stringify(headerOf(key, header)), JSON.stringify(claimsOf(claims)))
}

export function forgeText(key: ClientKey, header: string, payload: string): string {
  const input = `${Buffer.from(header).toString('base64url')}.${Buffer.from(payload).toString('base64url')}`
  return `${input}.${signWith(key, input).toString('base64url')}`
}

function signWith({ algorithm, privateKey }: ClientKey, input: string): Buffer {
  const bytes = Buffer.from(input)
  if (algorithm === 'ES256') return sign('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  if (algorithm === 'PS256')
    return sign('sha256', bytes, { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 })
  return sign(null, bytes, privateKey)
}

/** A key memory that counts: how often a key was found in it, and what was put there. */
export function keyMemory(): ProofKeys & { readonly kept: Map<string, KeyObject> } {
  const kept = new Map<string, KeyObject>()
  return {
    kept,
    get: (thumbprint) => kept.get(thumbprint),
    set: (thumbprint, key) => void kept.set(thumbprint, key),
  }
}

/** What a route asks of a proof by default. */
export const proofRules = {
  algorithms: ['ES256', 'PS256', 'EdDSA', 'Ed25519'],
  maxAge: 60,
  futureTolerance: 10,
  maxHeaderBytes: 4096,
  nonce: 'off',
  relaxIat: false,
} as const

/** A GET of TARGET with TOKEN at PROOF_TIME. */
export const proofInput = (
  proof: string | readonly string[] | undefined,
  more: Partial<ProofInput> = {},
): ProofInput => ({
  lines: typeof proof === 'string' ? [proof] : proof,
  method: 'GET',
  target: TARGET,
  token: TOKEN,
  rules: proofRules,
  now: PROOF_TIME,
  keys: keyMemory(),
  nonces: nonceMaker(),
  trace: new Trace(),
  ...more,
})
