import type { AnomalyKind } from './anomalies/kinds.ts'
import { type Attributes, readAttributes, readHeaders } from './attributes.ts'
import { type CertificateSource, takeCertificate } from './client-certificate.ts'
import { type Arrived, decide, modeOf, verified } from './decide.ts'
import { type Denial, deny } from './denial.ts'
import { refuseAmbiguous } from './guards.ts'
import type { IdentityRules } from './identity.ts'
import { readInteractionId } from './interaction-id.ts'
import type { Passage } from './pipeline.ts'
import type { Evidence } from './policy.ts'
import { type Decision, encode, internalErrorResponse, type Mode, type Occasion } from './response.ts'
import type { Routes } from './routes.ts'
import { Trace } from './trace.ts'
import type { Call, CheckRequest, CheckResponse } from './wire.ts'

/** Everything one configuration says about requests; swapped whole, read once per Check. */
export interface Rules {
  readonly routes: Routes
  readonly identity: IdentityRules
  /** Whose word about the client's certificate counts. */
  readonly certificateFrom: CertificateSource
  /** Hash of the configuration, for the record. */
  readonly hash: string
  /** What every request is answered as long as nothing can be decided yet. */
  readonly refusal?: Denial
}

/** What happened, for log and metrics. Holds no token, proof or certificate. */
export interface DecisionRecord {
  readonly decision: Decision
  /** `shadow`: it was allowed whatever was found. */
  readonly mode: Mode
  /** What a route that enforces would have answered, where that was not asked for. */
  readonly would: Denial | undefined
  readonly occasion: Occasion
  readonly attributes: Attributes | undefined
  readonly evidence: Partial<Evidence>
  readonly trace: Trace
  /** Seconds. */
  readonly duration: number
  readonly hash: string
  /** What was odd about it; told by whoever watches, after the decision. */
  readonly anomalies?: readonly AnomalyKind[]
  /** Where the Check belongs in a trace of Envoy's (W3C Trace Context). */
  readonly traceparent: string | undefined
}

/** What the core asks of the shell around it. */
export interface Surroundings {
  readonly rules: () => Rules
  /** Wall clock, seconds since the epoch. */
  readonly now: () => number
  /** Monotonic clock, seconds. */
  readonly monotonic: () => number
  /** A new RFC 4122 UUID. */
  readonly uuid: () => string
  /**
   * Takes the record before the answer leaves. A denial it gives leaves in its place; it waits no longer than told,
   * milliseconds.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: most observers only look on
  readonly observe: (record: DecisionRecord, within: number) => void | Denial | Promise<Denial | undefined>
  /** Told about every exception that ended in a 500. */
  readonly report: (error: unknown, interactionId: string) => void
  /** Resolves after that many milliseconds at the latest; `cancel` frees the timer. */
  readonly timer: (milliseconds: number) => { readonly elapsed: Promise<void>; readonly cancel: () => void }
}

/** What is left of the budget for the way back, milliseconds. */
const MARGIN = 20

export type Check = (wire: CheckRequest, call: Call) => CheckResponse | Promise<CheckResponse>

/** Where a request arrived, as far as it could be read and matched. */
interface Arrival extends Arrived {
  readonly interactionId: string
  readonly trace: Trace
  readonly attributes: Attributes | undefined
  readonly traceparent: string | undefined
}

/** Decides, tells the observers, answers. Whatever goes wrong inside, the answer is a complete denial. */
export function buildCheck(surroundings: Surroundings): Check {
  return (wire, call) => {
    const begun = surroundings.monotonic()
    const rules = surroundings.rules()
    let arrival: Arrival = { ...nowhere, trace: new Trace(), traceparent: call.traceparent }
    const bug = (error: unknown) => fail(surroundings, rules, arrival, error, begun)
    // Whoever cannot record or encode a decision lets nothing pass, in shadow neither.
    const unanswered = (error: unknown) =>
      fail(surroundings, rules, { ...arrival, denial: bugged(error) }, error, begun)
    const conclude = (passage: Passage): CheckResponse | Promise<CheckResponse> => {
      try {
        const response = answer(surroundings, rules, arrival, passage, begun, call.budget)
        return response instanceof Promise ? response.catch(unanswered) : response
      } catch (error) {
        return unanswered(error)
      }
    }
    try {
      arrival = arrive(wire, call, rules, surroundings)
      // Nobody waits for this answer any more, and a proof would be spent for nothing.
      if (call.budget <= MARGIN) return conclude(refused(deny('deadline', 'the time budget was spent on the way here')))
      const passage = pass(arrival, call)
      if (!(passage instanceof Promise)) return conclude(passage)
      const spent = (surroundings.monotonic() - begun) * 1000
      return withinBudget(passage, call.budget - spent - MARGIN, surroundings)
        .then(conclude)
        .catch(bug)
    } catch (error) {
      return bug(error)
    }
  }
}

/** The answer to a Check that nobody looks at; it comes back under the id of its request all the same (XF-01). */
export const refuseUnread = (denial: Denial, wire: CheckRequest, uuid: () => string): CheckResponse =>
  encode(denial, {
    interactionId: readInteractionId(readHeaders(wire)) ?? uuid(),
    headers: new Map(),
    route: '',
    challenges: undefined,
    verified: {},
  })

/** CheckRequest → headers → attributes → route. */
function arrive(wire: CheckRequest, { traceparent }: Call, rules: Rules, { uuid, now }: Surroundings): Arrival {
  const headers = readHeaders(wire)
  const interactionId = readInteractionId(headers) ?? uuid()
  const arrival = {
    ...nowhere,
    headers,
    interactionId,
    trace: new Trace(),
    denial: rules.refusal,
    now: now(),
    traceparent,
  }
  if (rules.refusal) return arrival

  const read = readAttributes(wire, headers)
  if (!read.ok) return { ...arrival, denial: read }
  const certificate = takeCertificate(read.value, rules.certificateFrom)
  const attributes = { ...read.value, certificate: certificate.ok ? certificate.value : undefined }

  const match = rules.routes.match(attributes)
  if (!match.ok) return { ...arrival, attributes, denial: match }

  const denial = refuseAmbiguous(attributes) ?? (certificate.ok ? undefined : certificate)
  return { ...arrival, attributes, match: match.value, denial }
}

const nowhere = {
  headers: new Map(),
  interactionId: '',
  attributes: undefined,
  match: undefined,
  denial: undefined,
  now: Number.POSITIVE_INFINITY,
}

/** The policies of the matched route. */
function pass(arrival: Arrival, call: Call): Passage | Promise<Passage> {
  const { attributes, match, denial, trace, now, interactionId } = arrival
  if (denial) return refused(denial)
  if (!attributes || !match) return refused(deny('internal_error', 'neither a route nor a denial'))
  const { route, parameters, target } = match
  const request = { attributes, parameters, target, interactionId, now, trace }
  return route.pipeline({ ...request, route: route.name, peer: call.peer })
}

/** Encodes the decision and records it; both before anything leaves, so an allow without a record cannot happen. */
function answer(
  surroundings: Surroundings,
  rules: Rules,
  arrival: Arrival,
  passage: Passage,
  begun: number,
  budget: number,
): CheckResponse | Promise<CheckResponse> {
  const decision = decide(arrival, passage, rules.identity)
  const mode = modeOf(arrival, decision)
  const occasion: Occasion = {
    interactionId: arrival.interactionId || surroundings.uuid(),
    headers: arrival.headers,
    route: arrival.match?.route.name ?? '',
    challenges: arrival.match?.route.challenges,
    metadata: arrival.match?.metadata,
    verified: verified(passage.evidence),
    mode,
    nonce: passage.evidence.binding?.proof?.nextNonce,
  }
  const response = encode(decision, occasion)
  const duration = surroundings.monotonic() - begun
  const record: DecisionRecord = {
    decision,
    mode,
    would: decision.ok && decision.admission.kind === 'shadow' ? decision.admission.would : undefined,
    occasion,
    attributes: arrival.attributes,
    evidence: passage.evidence,
    trace: arrival.trace,
    duration,
    hash: rules.hash,
    traceparent: arrival.traceparent,
  }
  const settle = (instead: Denial | undefined): CheckResponse => (instead ? encode(instead, occasion) : response)
  const observed = surroundings.observe(record, budget - duration * 1000 - MARGIN)
  return observed instanceof Promise ? observed.then(settle) : settle(observed ?? undefined)
}

/** The end of a Check that met a bug of ours. */
function fail(
  surroundings: Surroundings,
  rules: Rules,
  arrival: Arrival,
  error: unknown,
  begun: number,
): CheckResponse | Promise<CheckResponse> {
  try {
    surroundings.report(error, arrival.interactionId)
    const response = answer(surroundings, rules, arrival, refused(bugged(error)), begun, 0)
    return response instanceof Promise ? response.catch(() => internalErrorResponse) : response
  } catch {
    return internalErrorResponse
  }
}

const bugged = (error: unknown): Denial => deny('internal_error', describe(error))

const refused = (denial: Denial): Passage => ({ evidence: {}, denial })

/** Waits for a pipeline that had to ask the outside world, but never longer than Envoy waits for us. */
async function withinBudget(
  passage: Promise<Passage>,
  milliseconds: number,
  { timer }: Surroundings,
): Promise<Passage> {
  const limit = timer(Math.max(milliseconds, 0))
  try {
    return await Promise.race([
      passage,
      limit.elapsed.then(() => refused(deny('deadline', 'the time budget is spent'))),
    ])
  } finally {
    limit.cancel()
  }
}

const describe = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : typeof error)
