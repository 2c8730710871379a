import { readFileSync } from 'node:fs'
import type { Attributes } from '../../src/attributes.ts'
import type { Result } from '../../src/denial.ts'
import { memoryReplays } from '../../src/io/replays.ts'
import { senderConstraint } from '../../src/policies/sender-constraint.ts'
import type { Ports, RoutedRequest } from '../../src/policy.ts'
import type { Claim, Nonces, ReplayKey, ReplayStore } from '../../src/ports.ts'
import { Trace } from '../../src/trace.ts'
import { acceptAccessToken, type VerifiedToken } from '../../src/verify/access-token.ts'
import type { VerifiedBinding } from '../../src/verify/binding.ts'
import { nonceMaker } from './nonces.ts'
import { keyMemory, PROOF_TIME, TARGET, TOKEN } from './proofs.ts'

/** A genuine VerifiedToken with the given confirmation; undefined leaves `cnf` out. */
export function verifiedToken(cnf: unknown, scheme: 'DPoP' | 'Bearer' = 'DPoP', raw = TOKEN): VerifiedToken {
  const claims = { sub: 'user', client_id: 'client', jti: 'token', aud: 'https://api.example.com' }
  const times = { iat: PROOF_TIME, exp: PROOF_TIME + 300 }
  const payload = cnf === undefined ? { ...claims, ...times } : { ...claims, ...times, cnf }
  const jws = { header: {}, payload, algorithm: 'ES256', signingInput: '', signature: Buffer.alloc(0) }
  const accepted = acceptAccessToken(
    { jws, issuer: 'https://as.example.com', kid: undefined },
    { raw, scheme },
    { server: 'bank', audiences: ['https://api.example.com'], leeway: 5, maxLifetime: 600, mapClaims: false },
    PROOF_TIME,
    new Trace(),
  )
  if (!accepted.ok) throw new Error(accepted.detail)
  return accepted.value
}

/** The certificate of RFC 8705 appendix A: DER, and what Envoy makes of it. */
const vector = JSON.parse(readFileSync(new URL('../vectors/rfc8705-certificate.json', import.meta.url), 'utf8')) as {
  readonly der: string
  readonly thumbprint: string
  readonly pemThumbprint: string
}
export const certificateThumbprint = vector.thumbprint
export const pemThumbprint = vector.pemThumbprint
export const certificateDer = Buffer.from(vector.der, 'base64')

export const pemOf = (der: Uint8Array): string => {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
/** Percent-encoded as in `source.certificate`. */
export const certificate = encodeURIComponent(pemOf(certificateDer))

/** Another certificate: one bit of the signature differs. Nobody parses it. */
export const otherCertificate = encodeURIComponent(
  pemOf(Buffer.concat([certificateDer.subarray(0, -1), Buffer.of((certificateDer.at(-1) ?? 0) ^ 1)])),
)

/** As the source of certificates hands it on. */
export const shownAs = (text: string) => ({ kind: 'pem', text }) as const

/** A replay store with room that remembers since long before PROOF_TIME. */
export const freshReplays = (): ReturnType<typeof memoryReplays> =>
  memoryReplays({
    capacity: 10_000,
    afterRestart: 'accept',
    maxFuture: 10,
    wall: () => PROOF_TIME,
    monotonic: () => 0,
  })

/** A store that gives one answer and notes what it was asked. */
export function answering(answer: Claim | Promise<Claim>): ReplayStore & { readonly asked: Asked[] } {
  const asked: Asked[] = []
  return {
    asked,
    claim(key, ttl, owner) {
      asked.push({ key, ttl, owner })
      return answer
    },
  }
}

interface Asked {
  readonly key: ReplayKey
  readonly ttl: number
  readonly owner: string
}

/** A request and the token that came with it; what is not given is as in a valid one without proof and certificate. */
export interface Attempt {
  readonly token: VerifiedToken
  readonly proof?: string | readonly string[] | undefined
  readonly attributes?: Partial<Attributes>
  readonly request?: Partial<RoutedRequest>
  /** Options of the policy as an operator writes them. */
  readonly options?: unknown
  readonly replays?: ReplayStore
  readonly nonces?: Nonces
}

export function routedRequest(proof: Attempt['proof'], attributes: Partial<Attributes> = {}): RoutedRequest {
  const lines = typeof proof === 'string' ? [proof] : proof
  return {
    attributes: {
      id: 'stream-1',
      method: 'GET',
      authority: 'api.example.com',
      path: '/accounts',
      query: undefined,
      headers: new Map(lines ? [['dpop', lines]] : []),
      mode: 'raw',
      body: { kind: 'absent' },
      clientAddress: '192.0.2.1',
      principal: '',
      certificate: undefined,
      contextExtensions: new Map(),
      ...attributes,
    },
    route: 'accounts',
    parameters: new Map(),
    target: TARGET,
    interactionId: '11111111-2222-4333-8444-555555555555',
    peer: 'spiffe://example.com/envoy',
    now: PROOF_TIME,
    trace: new Trace(),
  }
}

/** The senderConstraint policy on an attempt. */
export function constrain(attempt: Attempt): ReturnType<ReturnType<typeof buildConstraint>> {
  const { token, proof, attributes, request, options, replays, nonces } = attempt
  return buildConstraint(options, replays, nonces)({ ...routedRequest(proof, attributes), ...request }, { token })
}

export function buildConstraint(
  options: unknown = {},
  replays: ReplayStore = freshReplays(),
  nonces: Nonces = nonceMaker(),
) {
  const ports: Ports = {
    servers: new Map(),
    replays,
    proofKeys: keyMemory(),
    nonces,
    signedTokens: { get: () => undefined, set: () => {} },
  }
  return senderConstraint.create(senderConstraint.options.parse(options), ports, {
    route: 'accounts',
    exceptions: new Set(),
  })
}

/** `allow`, or the reason of the denial. */
export const verdict = async (attempt: Attempt): Promise<string> => outcome(await constrain(attempt))

const outcome = (result: Result<{ readonly binding: VerifiedBinding }>): string => (result.ok ? 'allow' : result.reason)
