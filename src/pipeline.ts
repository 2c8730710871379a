import { answers, type Denial, type DenyReason, deny, type Result } from './denial.ts'
import type { Evidence, Fact, Policy, RoutedRequest } from './policy.ts'
import { isVerifiedToken } from './verify/access-token.ts'
import { isVerifiedBinding } from './verify/binding.ts'

/** How far a pipeline came: what was proven, and the denial that stopped it, if one did. */
export interface Passage {
  readonly evidence: Partial<Evidence>
  readonly denial: Denial | undefined
}

/** Runs policies in order and stops at the first denial. Answers at once unless a policy had to wait. */
export type Pipeline = (request: RoutedRequest) => Passage | Promise<Passage>

/** Who may vouch for a fact: only values its own verifier has sealed at run time are evidence. */
const genuine: { readonly [F in Fact]: (value: unknown) => boolean } = {
  token: isVerifiedToken,
  binding: isVerifiedBinding,
}

export function buildPipeline(policies: readonly Policy[]): Pipeline {
  return (request) => run(policies, 0, request, {})
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
    if (isThenable(outcome))
      return Promise.resolve(outcome).then((settled: unknown) => {
        const next = absorb(policy, evidence, settled)
        return next.ok ? run(policies, index + 1, request, next.value) : { evidence, denial: next }
      })
    const next = absorb(policy, evidence, outcome)
    if (!next.ok) return { evidence, denial: next }
    evidence = next.value
  }
  return { evidence, denial: undefined }
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
 * so every member is looked at, and whatever is not exactly what was declared is a fault of ours, never an allow.
 */
function absorb(policy: Policy, evidence: Partial<Evidence>, outcome: unknown): Result<Partial<Evidence>> {
  if (typeof outcome !== 'object' || outcome === null) return fault(policy, 'returned no result')
  const result = outcome as { readonly ok?: unknown; readonly value?: unknown }
  if (result.ok === false) return readDenial(policy, outcome)
  if (result.ok !== true) return fault(policy, 'returned a result that is neither ok nor a denial')

  const { value } = result
  if (typeof value !== 'object' || value === null) return fault(policy, 'returned ok without its facts')
  const undeclared = Reflect.ownKeys(value).find((key) => !policy.yields.some((fact) => fact === key))
  if (undeclared !== undefined) return fault(policy, 'returned a fact it does not declare')

  const facts: Partial<Record<Fact, unknown>> = { ...evidence }
  for (const fact of policy.yields) {
    const proof: unknown = Object.hasOwn(value, fact) ? (value as Record<string, unknown>)[fact] : undefined
    if (!genuine[fact](proof)) return fault(policy, `returned a ${fact} that was not verified`)
    if (facts[fact] !== undefined) return fault(policy, `proved ${fact} a second time`)
    facts[fact] = proof
  }
  // Every member has just been found genuine.
  return { ok: true, value: facts as Partial<Evidence> }
}

function readDenial(policy: Policy, outcome: object): Denial {
  const { reason, detail, scope, allow, retryAfter } = outcome as Partial<Denial>
  if (typeof reason !== 'string' || !Object.hasOwn(answers, reason))
    return fault(policy, 'denied for an unknown reason')
  return deny(reason satisfies DenyReason, typeof detail === 'string' ? detail : '', {
    ...(isTextList(scope) && { scope: [...scope] }),
    ...(isTextList(allow) && { allow: [...allow] }),
    ...(Number.isSafeInteger(retryAfter) && { retryAfter: retryAfter as number }),
  })
}

const isTextList = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'

const fault = (policy: Policy, what: string): Denial => deny('internal_error', `policy ${policy.name} ${what}`)
