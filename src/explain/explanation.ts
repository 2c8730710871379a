import type { Config } from '../config.ts'
import { type Answer, answers, type DenyReason } from '../denial.ts'
import type { TraceEntry } from '../trace.ts'
import { advice, docsOf } from './advice.ts'
import { type PlaceOf, type Responsible, responsibleFor, type Spot } from './options.ts'
import { isoTime, printable, type Shown, showValues } from './values.ts'

/** What is known of one decision, from the service itself or from what it wrote down. */
export interface Facts {
  readonly decision: 'allow' | 'deny'
  readonly reason: string
  readonly detail: string
  /** What enforcement would have answered, where a route does not enforce. */
  readonly would: { readonly reason: string; readonly detail: string } | undefined
  /** Seconds since the epoch. */
  readonly time: number
  readonly interactionId: string | undefined
  readonly request: Readonly<Record<'method' | 'host' | 'path', string | undefined>> | undefined
  readonly route: string
  /** Who it was, as far as that was verified. */
  readonly client: Readonly<Record<'issuer' | 'clientId' | 'subject' | 'binding', string | undefined>>
  /** What was odd about it, by kind. */
  readonly anomalies: readonly string[]
  /** Undefined when nobody wrote them down. */
  readonly entries: readonly TraceEntry[] | undefined
}

/** The configuration that decided, when it is at hand. */
export interface Setting {
  readonly config: Config
  readonly placeOf: PlaceOf
}

/** One check of an explanation. */
export interface ExplainedCheck extends Shown {
  readonly check: string
  readonly clause: string
  readonly result: 'pass' | 'fail'
  readonly setBy?: Responsible
}

/** Where a policy of the pipeline comes from. */
interface ExplainedPolicy extends Spot {
  readonly policy: string
}

/** Why a request was allowed or denied. `--json` prints it; members are added, never renamed or taken away. */
export interface Explanation {
  readonly version: 1
  readonly verdict: 'allow' | 'deny'
  /** HTTP status of the denial. */
  readonly status?: number
  readonly reason: string
  /** The denial that a route which does not enforce would have given. */
  readonly would?: { readonly reason: string; readonly status?: number }
  readonly time: string
  readonly interactionId?: string
  readonly request?: Readonly<Partial<Record<'method' | 'host' | 'path', string>>>
  readonly client?: Readonly<Partial<Record<'issuer' | 'clientId' | 'subject' | 'binding', string>>>
  readonly route?: { readonly name: string; readonly kind?: string; readonly at?: Spot }
  readonly pipeline?: readonly ExplainedPolicy[]
  /** In the order they were made; the last one fails when the verdict is a denial. Absent when nobody wrote them down. */
  readonly checks?: readonly ExplainedCheck[]
  readonly detail?: string
  readonly cause?: string
  readonly fix?: { readonly client: string; readonly operator: string }
  readonly docs?: string
  /** What was odd about the request, by kind: docs/anomalies.md. */
  readonly anomalies?: readonly string[]
  readonly notes: readonly string[]
}

/** Facts → what a human wants to know about them. */
export function explain(facts: Facts, setting: Setting | undefined, notes: readonly string[]): Explanation {
  const { decision, time, interactionId, request, client, would } = facts
  const refusal = would ?? (decision === 'deny' ? facts : undefined)
  const known = refusal && isReason(refusal.reason) ? advice[refusal.reason] : undefined
  const route = setting?.config.routes.find(({ name }) => name === facts.route)
  const checks = withFailure(facts, refusal)
  return {
    version: 1,
    verdict: decision,
    ...(decision === 'deny' && statusOf(facts.reason)),
    reason: printable(facts.reason),
    ...(would && { would: { reason: printable(would.reason), ...statusOf(would.reason) } }),
    time: isoTime(time),
    ...(interactionId !== undefined && { interactionId: printable(interactionId) }),
    ...(request && { request: texts(request) }),
    ...(Object.values(client).some((text) => text !== undefined) && { client: texts(client) }),
    ...(facts.route !== '' && {
      route: {
        name: printable(facts.route),
        ...(route &&
          setting && { kind: route.shadow ? `${route.kind}, shadow` : route.kind, at: setting.placeOf(route.at) }),
      },
    }),
    ...(route &&
      setting && {
        pipeline: route.policies.map(({ name, at }) => ({ policy: name, ...setting.placeOf(at) })),
      }),
    ...(checks && {
      checks: checks.map((entry) => {
        const setBy = setting && responsibleFor(entry.check, route, setting.placeOf)
        const { check, clause, result } = entry
        const shown = { check: printable(check), clause: printable(clause), result, ...showValues(entry, time) }
        return { ...shown, ...(setBy && { setBy }) }
      }),
    }),
    ...(refusal && { detail: printable(refusal.detail) }),
    ...(known && { cause: known.cause, fix: { client: known.client, operator: known.operator } }),
    ...(refusal && known && { docs: docsOf(refusal.reason) }),
    ...(facts.anomalies.length > 0 && { anomalies: facts.anomalies.map(printable) }),
    notes: notes.map(printable),
  }
}

/** The checks with the one that failed at their end: not every refusal comes out of a comparison. */
function withFailure({ entries }: Facts, refusal: Pick<Facts, 'reason' | 'detail'> | undefined) {
  if (!entries || !refusal) return entries
  const { reason, detail } = refusal
  const last = entries.at(-1)
  if (last?.result === 'fail' && reason !== 'internal_error')
    return [...entries.slice(0, -1), { ...last, found: last.found ?? (detail || undefined) }]
  const { check, clause } = isReason(reason) ? advice[reason] : { check: reason, clause: '' }
  return [...entries, { check, clause, result: 'fail' as const, found: detail || undefined }]
}

const isReason = (reason: string): reason is DenyReason => Object.hasOwn(answers, reason)

function statusOf(reason: string): { readonly status?: number } {
  return isReason(reason) ? { status: (answers[reason] as Answer).status } : {}
}

/** The members that are there. */
const texts = <Name extends string>(all: Readonly<Record<Name, string | undefined>>) =>
  Object.fromEntries(
    Object.entries<string | undefined>(all).flatMap(([name, text]) =>
      text === undefined || text === '' ? [] : [[name, printable(text)]],
    ),
  ) as Partial<Record<Name, string>>
