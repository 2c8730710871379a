import { answers, type DenyReason } from '../denial.ts'
import type { TraceEntry } from '../trace.ts'
import type { HeaderOption } from '../wire.ts'
import type { Answered } from './world.ts'

/** What became of one request. Holds no token, proof or certificate. */
export interface Outcome {
  readonly status: number
  readonly reason: 'allowed' | DenyReason
  /** The denial that enforcement would have given, on a route in shadow. */
  readonly would: 'allowed' | DenyReason | undefined
  /** What was found and what was expected, for a denial. */
  readonly detail: string
  readonly error: string | undefined
  readonly route: string
  readonly challenges: readonly string[]
  /** What the upstream is told when the request is allowed, else headers of the answer, by lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  readonly answer: ReadonlyMap<string, string>
  readonly removed: readonly string[]
  /** The comparison that did not hold. */
  readonly failed: TraceEntry | undefined
}

/** Reads it from what Envoy gets; why it is so, from what was recorded. */
export function readOutcome({ response, record }: Answered): Outcome {
  const { decision, occasion, trace, mode } = record
  const denial = decision.ok ? record.would : decision
  const common = {
    route: occasion.route,
    reason: decision.ok ? ('allowed' as const) : decision.reason,
    would: mode === 'shadow' && decision.ok ? (record.would?.reason ?? ('allowed' as const)) : undefined,
    detail: denial?.detail ?? '',
    failed: denial && trace.entries.findLast(({ result }) => result === 'fail'),
  }
  if ('okResponse' in response) {
    const { headers, responseHeadersToAdd, headersToRemove = [] } = response.okResponse
    const [told, answer] = [byName(headers), byName(responseHeadersToAdd)]
    return { ...common, status: 200, error: undefined, challenges: [], headers: told, answer, removed: headersToRemove }
  }
  const answer = byName(response.deniedResponse.headers)
  const challenges = response.deniedResponse.headers
    .filter(({ header }) => header.key === 'www-authenticate')
    .map(({ header }) => header.value)
  return {
    ...common,
    status: response.deniedResponse.status.code,
    error: decision.ok ? undefined : answers[decision.reason].error,
    challenges,
    headers: answer,
    answer,
    removed: [],
  }
}

/** Absent lists are absent once they have been over the wire. */
const byName = (lines: readonly HeaderOption[] = []): ReadonlyMap<string, string> =>
  new Map(lines.map(({ header }) => [header.key, header.value]))
