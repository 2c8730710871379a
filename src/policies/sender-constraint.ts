import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Challenges } from '../challenge.ts'
import { deny, ok, type Result } from '../denial.ts'
import { duration } from '../durations.ts'
import { type Ports, policyKind, type RoutedRequest } from '../policy.ts'
import type { Claim } from '../ports.ts'
import type { VerifiedToken } from '../verify/access-token.ts'
import { judgeCertificate, judgeConfirmation, type VerifiedBinding, verifyBinding } from '../verify/binding.ts'
import { type VerifiedProof, verifyDpopProof } from '../verify/dpop-proof.ts'

const algorithms = z.enum(['ES256', 'PS256', 'EdDSA', 'Ed25519'])
const unique = (items: readonly string[]): boolean => new Set(items).size === items.length

const options = z.strictObject({
  /** Bindings the route accepts. A token that names both has to satisfy both, always. */
  methods: z
    .array(z.enum(['dpop', 'mtls']))
    .min(1)
    .refine(unique, { error: 'each method once' })
    .default(['dpop', 'mtls']),
  /** The token has to name both. */
  both: z.boolean().default(false),
  dpop: z
    .strictObject({
      algorithms: z
        .array(algorithms)
        .min(1)
        .refine(unique, { error: 'each algorithm once' })
        .default(['ES256', 'PS256', 'EdDSA']),
      maxAge: duration(10, 300).prefault('60s'),
      futureTolerance: duration(10, 60).prefault('10s'),
      maxHeaderBytes: z.int().min(1024).max(16_384).default(4096),
      proofBesideBearer: z.enum(['ignore', 'refuse']).default('ignore'),
    })
    .prefault({}),
})

export type SenderConstraintOptions = z.output<typeof options>

/** Possession of every key and certificate the token is bound to (RFC 9449, RFC 8705). */
export const senderConstraint = policyKind({
  options,
  needs: ['token'],
  yields: ['binding'],
  create:
    (settings: SenderConstraintOptions, ports: Ports) =>
    (request, { token }) => {
      const { attributes, trace } = request
      const confirmation = judgeConfirmation(token, settings, trace)
      if (!confirmation.ok) return confirmation
      const { jkt, x5tS256 } = confirmation.value
      const { certificate } = attributes

      if (jkt === undefined) {
        if (settings.dpop.proofBesideBearer === 'refuse' && attributes.headers.has('dpop'))
          return deny('proof_beside_bearer', 'a DPoP field came with a token that is not bound to a key')
        return bind(verifyBinding(token, confirmation.value, { proof: undefined, certificate }, trace))
      }

      // Before the proof, so that the costly step comes last for a token that is bound twice.
      const held = x5tS256 === undefined ? ok(undefined) : judgeCertificate(x5tS256, certificate, trace)
      if (!held.ok) return held
      const proof = proofOf(request, token, settings, ports)
      if (!proof.ok) return proof
      const binding = verifyBinding(token, confirmation.value, { proof: proof.value, certificate }, trace)
      if (!binding.ok) return binding
      return spend(proof.value, request, token, settings, ports, binding.value)
    },
})

/** What a refused client is told to use on a route with these options. */
export const challengesOf = ({ methods, both, dpop }: SenderConstraintOptions): Challenges => ({
  dpopAlgorithms: both || methods.includes('dpop') ? spellings(dpop.algorithms) : undefined,
  bearer: !both && methods.includes('mtls'),
})

/** RFC 9864: Ed25519 is the full name of what EdDSA means here; whoever takes one takes the other. */
const spellings = (configured: readonly string[]): readonly string[] =>
  configured.includes('EdDSA') && !configured.includes('Ed25519') ? [...configured, 'Ed25519'] : configured

type Yield = Result<{ readonly binding: VerifiedBinding }>

const bind = (binding: Result<VerifiedBinding>): Yield => (binding.ok ? ok({ binding: binding.value }) : binding)

function proofOf(
  { attributes, target, now, trace }: RoutedRequest,
  token: VerifiedToken,
  { dpop }: SenderConstraintOptions,
  { proofKeys }: Ports,
): Result<VerifiedProof> {
  return verifyDpopProof({
    lines: attributes.headers.get('dpop'),
    method: attributes.method,
    target,
    token: token.raw,
    rules: { ...dpop, algorithms: spellings(dpop.algorithms) },
    now,
    keys: proofKeys,
    trace,
  })
}

/** Claims the proof, last of all: a proof that fails any other check leaves no trace in the store (ERR-12). */
function spend(
  proof: VerifiedProof,
  request: RoutedRequest,
  token: VerifiedToken,
  { dpop }: SenderConstraintOptions,
  { replays }: Ports,
  binding: VerifiedBinding,
): Yield | Promise<Yield> {
  const digest = hash(proof.thumbprint, proof.target, proof.jti)
  const key = { digest, thumbprint: proof.thumbprint, issuedAt: proof.issuedAt }
  // The entry outlives the whole acceptance window, counted from our clock (DPOP-49).
  const ttl = dpop.maxAge + dpop.futureTolerance + 5
  const settle = (claim: Claim): Yield => judgeClaim(claim, request, binding)
  const claim = replays.claim(key, ttl, ownerOf(request, token))
  return claim instanceof Promise ? claim.catch((): Claim => 'unavailable').then(settle) : settle(claim)
}

function judgeClaim(claim: Claim, { trace }: RoutedRequest, binding: VerifiedBinding): Yield {
  const unused = claim === 'fresh' || claim === 'mine'
  if (trace.holds('proof unused', 'RFC 9449 section 11.1', unused, claim, 'fresh')) return ok({ binding })
  switch (claim) {
    case 'used':
      return deny('proof_replayed', 'this proof was used before')
    case 'quota':
      return deny('replay_quota', 'this key holds as many live proofs as one key may')
    case 'full':
      return deny('replay_full', 'the replay store is full')
    case 'unknown':
      return deny('replay_unknown', 'the proof may be older than what the replay store remembers')
    default:
      // `unavailable`, and whatever a broken store may say.
      return deny('replay_unavailable', 'the replay store did not answer')
  }
}

/**
 * Names the request, so that a Check which Envoy sends again is not taken for a replay: the same stream id, Envoy,
 * method, URI and token. Empty when Envoy gave no stream id.
 */
function ownerOf({ attributes, peer }: RoutedRequest, { raw }: VerifiedToken): string {
  if (attributes.id === '') return ''
  const { id, method, authority, path, query } = attributes
  return hash(peer, id, method, authority, path, query ?? '', raw)
}

/** base64url SHA-256 over the parts with a zero byte between them; none of them can hold one. */
const hash = (...parts: readonly string[]): string => createHash('sha256').update(parts.join('\0')).digest('base64url')
