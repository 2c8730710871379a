import { admit } from './admission.ts'
import { type Attributes, type Headers, readAttributes, readHeaders } from './attributes.ts'
import { type CertificateSource, takeCertificate } from './client-certificate.ts'
import { type Denial, deny } from './denial.ts'
import { refuseAmbiguous } from './guards.ts'
import { type IdentityRules, identify } from './identity.ts'
import { readInteractionId } from './interaction-id.ts'
import type { Passage } from './pipeline.ts'
import type { Evidence } from './policy.ts'
import { type Decision, encode, internalErrorResponse, type Occasion } from './response.ts'
import type { Match, Routes } from './routes.ts'
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
  readonly occasion: Occasion
  readonly attributes: Attributes | undefined
  readonly evidence: Partial<Evidence>
  readonly trace: Trace
  /** Seconds. */
  readonly duration: number
  readonly hash: string
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
  readonly observe: (record: DecisionRecord) => void
  /** Told about every exception that ended in a 500. */
  readonly report: (error: unknown, interactionId: string) => void
  /** Resolves after that many milliseconds at the latest; `cancel` frees the timer. */
  readonly timer: (milliseconds: number) => { readonly elapsed: Promise<void>; readonly cancel: () => void }
}

/** What is left of the budget for the way back, milliseconds. */
const MARGIN = 20

export type Check = (wire: CheckRequest, call: Call) => CheckResponse | Promise<CheckResponse>

/** Where a request arrived, as far as it could be read and matched. */
interface Arrival {
  readonly headers: Headers
  readonly interactionId: string
  readonly trace: Trace
  readonly attributes: Attributes | undefined
  readonly match: Match | undefined
  /** Why it came no further. */
  readonly denial: Denial | undefined
}

/** Decides, tells the observers, answers. Whatever goes wrong inside, the answer is a complete denial. */
export function buildCheck(surroundings: Surroundings): Check {
  return (wire, call) => {
    const begun = surroundings.monotonic()
    const rules = surroundings.rules()
    let arrival: Arrival = { ...nowhere, trace: new Trace() }
    const conclude = (passage: Passage): CheckResponse => answer(surroundings, rules, arrival, passage, begun)
    const bug = (error: unknown): CheckResponse => fail(surroundings, rules, arrival, error, begun)
    try {
      arrival = arrive(wire, rules, surroundings.uuid)
      // Nobody waits for this answer any more, and a proof would be spent for nothing.
      if (call.budget <= MARGIN) return conclude(refused(deny('deadline', 'the time budget was spent on the way here')))
      const passage = pass(arrival, call, surroundings.now())
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
function arrive(wire: CheckRequest, rules: Rules, uuid: () => string): Arrival {
  const headers = readHeaders(wire)
  const interactionId = readInteractionId(headers) ?? uuid()
  const arrival = { ...nowhere, headers, interactionId, trace: new Trace(), denial: rules.refusal }
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

const nowhere = { headers: new Map(), interactionId: '', attributes: undefined, match: undefined, denial: undefined }

/** The policies of the matched route. */
function pass(arrival: Arrival, call: Call, now: number): Passage | Promise<Passage> {
  const { attributes, match, denial, trace } = arrival
  if (denial) return refused(denial)
  if (!attributes || !match) return refused(deny('internal_error', 'neither a route nor a denial'))
  const { route, parameters, target } = match
  return route.pipeline({ attributes, route: route.name, parameters, target, peer: call.peer, now, trace })
}

/** Evidence → admission → identity headers. */
function decide({ match, headers }: Arrival, { evidence, denial }: Passage, rules: Rules): Decision {
  if (denial) return denial
  if (!match) return deny('internal_error', 'no route was matched')

  const admission = admit(match.route.kind, evidence)
  if (!admission.ok) return admission

  const identity = identify(admission.value, headers, rules.identity)
  if (!identity.ok) return identity

  return { ok: true, admission: admission.value, identity: identity.value }
}

/** Records the decision and encodes it; both before anything leaves, so an allow without a record cannot happen. */
function answer(
  surroundings: Surroundings,
  rules: Rules,
  arrival: Arrival,
  passage: Passage,
  begun: number,
): CheckResponse {
  const decision = decide(arrival, passage, rules)
  const occasion: Occasion = {
    interactionId: arrival.interactionId || surroundings.uuid(),
    headers: arrival.headers,
    route: arrival.match?.route.name ?? '',
    challenges: arrival.match?.route.challenges,
    metadata: arrival.match?.metadata,
    verified: verified(passage.evidence),
    nonce: passage.evidence.binding?.proof?.nextNonce,
  }
  const response = encode(decision, occasion)
  surroundings.observe({
    decision,
    occasion,
    attributes: arrival.attributes,
    evidence: passage.evidence,
    trace: arrival.trace,
    duration: surroundings.monotonic() - begun,
    hash: rules.hash,
  })
  return response
}

/** The end of a Check that met a bug of ours. */
function fail(
  surroundings: Surroundings,
  rules: Rules,
  arrival: Arrival,
  error: unknown,
  begun: number,
): CheckResponse {
  try {
    surroundings.report(error, arrival.interactionId)
    return answer(surroundings, rules, arrival, refused(deny('internal_error', describe(error))), begun)
  } catch {
    return internalErrorResponse
  }
}

const refused = (denial: Denial): Passage => ({ evidence: {}, denial })

const verified = ({ token, binding }: Partial<Evidence>): Occasion['verified'] => ({
  ...(token && { issuer: token.issuer, clientId: token.clientId, subject: token.subject }),
  ...(binding && { binding: binding.methods.join(' ') }),
})

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
