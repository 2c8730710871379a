import { answers, type Denial, type DenyReason, deny, type Result } from './denial.ts'
import type { Evidence, Fact, Policy, RoutedRequest } from './policy.ts'
import { isVerifiedToken } from './verify/access-token.ts'
import { isVerifiedBinding } from './verify/binding.ts'
import { isVerifiedCertificate } from './verify/client-certificate.ts'
import { isVerifiedConsent } from './verify/consent.ts'

/** How far a pipeline came: what was proven, and the denial that stopped it, if one did. */
export interface Passage {
  readonly evidence: Partial<Evidence>
  readonly denial: Denial | undefined
}

/** Runs policies in order and stops at the first denial. Answers at once unless a policy had to wait. */
export type Pipeline = (request: RoutedRequest) => Passage | Promise<Passage>

/** Who may vouch for a fact: only values its own verifier has sealed at run time are evidence. */
const genuine: { readonly [F in Fact]: (value: unknown) => boolean } = {
  certificate: isVerifiedCertificate,
  token: isVerifiedToken,
  binding: isVerifiedBinding,
  consent: isVerifiedConsent,
}

/** Evidence that some request was judged by. It is about that request alone, so none may bring it a second time. */
const spent = new WeakSet<object>()

export function buildPipeline(policies: readonly Policy[]): Pipeline {
  return (request) => {
    // Every policy and the answer see the same request, whatever one of them tries.
    Object.freeze(request.attributes)
    return run(policies, 0, Object.freeze(request), {})
  }
}

function run(
  policies: readonly Policy[],
  from: number,
  request: RoutedRequest,
  proven: Partial<Evidence>,
): Passage | Promise<Passage> {
  let evidence = proven
  for (const [index, policy] of policies.entries()) {
    if (index < from) continue
    const outcome: unknown = policy.evaluate(request, pick(evidence, policy.needs))
    if (isThenable(outcome)) return resume(policies, index, request, evidence, outcome)
    const next = absorb(policy, evidence, outcome)
    if (!next.ok) return { evidence, denial: next }
    evidence = next.value
  }
  return { evidence, denial: undefined }
}

/** Goes on once a policy has answered. Async, so that the promise is ours and not one the policy has prepared. */
async function resume(
  policies: readonly Policy[],
  index: number,
  request: RoutedRequest,
  evidence: Partial<Evidence>,
  outcome: PromiseLike<unknown>,
): Promise<Passage> {
  const settled = await outcome
  const policy = policies[index]
  if (!policy) throw new Error('the pipeline lost its place')
  const next = absorb(policy, evidence, settled)
  return next.ok ? await run(policies, index + 1, request, next.value) : { evidence, denial: next }
}

/** Only the facts the policy asked for, in an object it cannot change. */
function pick(evidence: Partial<Evidence>, needs: readonly Fact[]): Evidence {
  const facts: Partial<Record<Fact, unknown>> = {}
  for (const fact of needs) {
    if (evidence[fact] === undefined) throw new Error(`the fact ${fact} has not been proven`)
    facts[fact] = evidence[fact]
  }
  // Holds exactly the needed facts, each of them genuine: absorb let nothing else in.
  return Object.freeze(facts) as unknown as Evidence
}

/**
 * Takes over what a policy returned. The compiler cannot be trusted here: a type-stripped module can return anything,
 * so every member is looked at once, and whatever is not exactly what was declared is a fault of ours, never an allow.
 */
function absorb(policy: Policy, evidence: Partial<Evidence>, outcome: unknown): Result<Partial<Evidence>> {
  if (typeof outcome !== 'object' || outcome === null) return fault(policy, 'returned no result')
  const verdict = member(outcome, 'ok')
  if (verdict === false) return readDenial(policy, outcome)
  if (verdict !== true || !hasExactly(outcome, ['ok', 'value']))
    return fault(policy, 'returned a result that is neither ok nor a denial')

  const value = member(outcome, 'value')
  if (typeof value !== 'object' || value === null) return fault(policy, 'returned ok without its facts')
  if (!hasExactly(value, policy.yields)) return fault(policy, 'returned other facts than it declares')

  const facts: Partial<Record<Fact, unknown>> = { ...evidence }
  for (const fact of policy.yields) {
    const proof = member(value, fact)
    if (!genuine[fact](proof)) return fault(policy, `returned a ${fact} that was not verified`)
    if (facts[fact] !== undefined) return fault(policy, `proved ${fact} a second time`)
    if (isSpent(proof)) return fault(policy, `returned the ${fact} of another request`)
    facts[fact] = proof
  }
  // Every member has just been found genuine.
  return { ok: true, value: facts as Partial<Evidence> }
}

/** Whether a pipeline took it before; from now on one has. */
function isSpent(proof: unknown): boolean {
  if (typeof proof !== 'object' || proof === null || spent.has(proof)) return true
  spent.add(proof)
  return false
}

/** A plain member of the object itself: neither inherited nor computed, so it cannot be different the next time. */
const member = (object: object, name: string): unknown => Object.getOwnPropertyDescriptor(object, name)?.value

function hasExactly(object: object, names: readonly string[]): boolean {
  const keys = Reflect.ownKeys(object)
  return keys.length === names.length && keys.every((key) => names.some((name) => name === key))
}

function readDenial(policy: Policy, outcome: object): Denial {
  const [reason, detail, nonce, retryAfter, maxAge] = ['reason', 'detail', 'nonce', 'retryAfter', 'maxAge'].map(
    (name) => member(outcome, name),
  )
  if (typeof reason !== 'string' || !isReason(reason)) return fault(policy, 'denied for an unknown reason')
  const [scope, allow] = [readList(member(outcome, 'scope'), SCOPE), readList(member(outcome, 'allow'), METHOD)]
  const acrValues = readList(member(outcome, 'acrValues'), SCOPE)
  if (!scope || !allow || !acrValues) return fault(policy, 'denied with a list that does not fit a header')
  const asks = answers[reason].error === 'use_dpop_nonce'
  if (asks !== (nonce !== undefined)) return fault(policy, 'asked for a nonce without giving one, or the reverse')
  if (asks && !isNonce(nonce)) return fault(policy, 'denied with a nonce that does not fit a header')
  return deny(reason, typeof detail === 'string' ? detail : '', {
    ...(scope.length > 0 && { scope }),
    ...(acrValues.length > 0 && { acrValues }),
    ...(isAge(maxAge) && { maxAge }),
    ...(allow.length > 0 && { allow }),
    ...(isNonce(nonce) && { nonce }),
    ...(isDelay(retryAfter) && { retryAfter }),
  })
}

const isReason = (reason: string): reason is DenyReason => Object.hasOwn(answers, reason)

/** RFC 6749 section 3.3, and the same for the values of RFC 9470 section 3; RFC 9110 section 9.1. Up to 64 of each. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/
const METHOD = /^[A-Z]{1,32}$/

/** RFC 9449 section 8.1. */
const isNonce = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/.test(value)

/** A copy of a list of such texts, empty when there is none; undefined when it is anything else. */
function readList(value: unknown, form: RegExp): readonly string[] | undefined {
  if (value === undefined) return []
  if (!Array.isArray(value)) return undefined
  const { length } = value
  if (!(length <= 64)) return undefined
  const items = Array.from({ length }, (_, index): unknown => value[index])
  return items.every((item): item is string => typeof item === 'string' && form.test(item)) ? items : undefined
}

/** RFC 9470 section 3: whole seconds. */
const isAge = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

/** Seconds, a day at the most. */
const isDelay = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= 86_400

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'

const fault = (policy: Policy, what: string): Denial => deny('internal_error', `policy ${policy.name} ${what}`)
