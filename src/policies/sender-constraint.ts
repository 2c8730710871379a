import { hash } from 'node:crypto'
import { z } from 'zod'
import type { Challenges } from '../challenge.ts'
import { type Denial, deny, ok, type Result } from '../denial.ts'
import { duration } from '../durations.ts'
import { type Evaluate, type Ports, policyKind, type RoutedRequest } from '../policy.ts'
import type { Claim, ReplayStore } from '../ports.ts'
import type { VerifiedToken } from '../verify/access-token.ts'
import { type VerifiedBinding, verifyBinding } from '../verify/binding.ts'
import type { VerifiedProof } from '../verify/dpop-proof.ts'
import { spellAlgorithms } from '../verify/jws.ts'

const unique = (items: readonly string[]): boolean => new Set(items).size === items.length

const options = z
  .strictObject({
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
          .array(z.enum(['ES256', 'PS256', 'EdDSA', 'Ed25519']))
          .min(1)
          .refine(unique, { error: 'each algorithm once' })
          .default(['ES256', 'PS256', 'EdDSA']),
        maxAge: duration(10, 300).prefault('60s'),
        futureTolerance: duration(10, 60).prefault('10s'),
        /** Whether proofs have to hold a nonce of ours; `optional` offers one and refuses any other. */
        nonce: z.enum(['off', 'optional', 'required']).default('off'),
        /** A proof with a good nonce may be dated any time ago, for clients whose clocks are slow. */
        relaxIat: z.boolean().default(false),
        maxHeaderBytes: z.int().min(1024).max(16_384).default(4096),
        /** What a proof beside a token that is bound to a certificate alone means: it never identifies anyone. */
        proofBesideBearer: z.enum(['ignore', 'refuse']).default('ignore'),
      })
      .prefault({}),
  })
  .refine(({ methods, both }) => !both || methods.length === 2, {
    path: ['both'],
    error: 'false unless methods lists dpop and mtls',
  })
  .refine(({ dpop }) => !dpop.relaxIat || dpop.nonce !== 'off', {
    path: ['dpop', 'relaxIat'],
    error: 'false unless nonce is optional or required',
  })

export type SenderConstraintOptions = z.output<typeof options>

/** Possession of every key and certificate the token is bound to (RFC 9449, RFC 8705), each proof once. */
export const senderConstraint = policyKind({
  options,
  needs: ['token'],
  yields: ['binding'],
  create: (settings: SenderConstraintOptions, { proofKeys, replays, nonces }: Ports): Evaluate<'token', 'binding'> => {
    const { maxAge, futureTolerance, relaxIat, proofBesideBearer } = settings.dpop
    const rules = { ...settings.dpop, algorithms: spellAlgorithms(settings.dpop.algorithms) }
    const window = Math.max(maxAge + futureTolerance, relaxIat ? nonces.lifetime : 0)
    // The entry outlives the whole acceptance window, counted from our clock (DPOP-49).
    const ttl = window + 5

    return (request, { token }) => {
      const { attributes, target, now, trace } = request
      const { certificate, headers, method } = attributes
      const proof = { lines: headers.get('dpop'), method, target, rules, now, keys: proofKeys, nonces }
      const binding = verifyBinding(token, settings, { certificate, proof }, trace)
      if (!binding.ok) return binding
      if (binding.value.proof) return spend(request, binding.value, binding.value.proof, replays, ttl)
      const welcome = proofBesideBearer === 'ignore' || proof.lines === undefined
      if (!trace.holds('no proof beside Bearer', 'RFC 9449 section 10.1', welcome))
        return deny('proof_beside_bearer', 'a DPoP field came with a token that is not bound to a key')
      return ok({ binding: binding.value })
    }
  },
})

/** What a refused client is told to use on a route with these options. */
export const challengesOf = ({ methods, both, dpop }: SenderConstraintOptions): Challenges => ({
  dpopAlgorithms: methods.includes('dpop') ? spellAlgorithms(dpop.algorithms) : undefined,
  bearer: methods.includes('mtls') && !both,
})

type Yield = Result<{ readonly binding: VerifiedBinding }>

/** Claims the proof, last of all: a proof that fails any other check leaves no trace in the store (ERR-12). */
function spend(
  request: RoutedRequest,
  binding: VerifiedBinding,
  { thumbprint, target, jti, issuedAt }: VerifiedProof,
  replays: ReplayStore,
  ttl: number,
): Yield | Promise<Yield> {
  // Thumbprint and target hold no zero byte and jti is last, so no two proofs share the text (DPOP-44).
  const key = { digest: sha256(`${thumbprint}\0${target}\0${jti}`), thumbprint, issuedAt }
  const settle = (claim: Claim): Yield => judgeClaim(claim, request, binding)
  const claim = replays.claim(key, ttl, ownerOf(request, binding.token))
  return claim instanceof Promise ? claim.then(settle, () => settle('unavailable')) : settle(claim)
}

function judgeClaim(claim: Claim, { trace }: RoutedRequest, binding: VerifiedBinding): Yield {
  trace.holds('proof unused', 'RFC 9449 section 11.1', claim === 'fresh' || claim === 'mine', claim, 'fresh')
  if (claim === 'fresh' || claim === 'mine') return ok({ binding })
  return Object.hasOwn(refusals, claim) ? refusals[claim] : refusals.unavailable
}

/** Whatever else a broken store may say counts as `unavailable`. */
const refusals: Readonly<Record<Exclude<Claim, 'fresh' | 'mine'>, Denial>> = {
  used: deny('proof_replayed', 'this proof was used before'),
  quota: deny('replay_quota', 'this key holds as many live proofs as one key may'),
  full: deny('replay_full', 'the replay store is full'),
  unknown: deny('replay_unknown', 'the proof may be older than what the replay store remembers'),
  unavailable: deny('replay_unavailable', 'the replay store did not answer'),
}

/**
 * Names the request, so that a Check which Envoy sends again is not taken for a replay: the same stream id, Envoy,
 * method, URI and token. Empty when Envoy gave no stream id. JSON, because it keeps the parts apart.
 */
function ownerOf({ attributes, peer }: RoutedRequest, { raw }: VerifiedToken): string {
  const { id, method, authority, path, query } = attributes
  return id === '' ? '' : sha256(JSON.stringify([peer, id, method, authority, path, query ?? null, raw]))
}

const sha256 = (text: string): string => hash('sha256', text, 'base64url')
