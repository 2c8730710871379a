import type { RequestOptions } from 'node:https'
import type { ConsentService } from '../policies/consent-options.ts'
import type { ConsentQuestion, ConsentStatement } from '../ports.ts'
import { readConsent } from '../verify/consent-record.ts'
import { type Reading, read } from '../verify/reading.ts'
import { readJsonObject } from '../verify/strict-json.ts'
import { readShowing } from './consent-showing.ts'
import { exchange, get, only, parse, placed, post } from './fetch.ts'
import type { Fetched } from './fetch-outcome.ts'
import type { Outbound } from './outbound.ts'

/** How a question ended; `fault`: the service failed as it would have for any consent. */
export interface ConsentOutcome {
  readonly statement: ConsentStatement
  readonly fault: boolean
}

/** One consent service, asked over https without memory. Never throws. */
export interface ConsentCalls {
  readonly look: (question: ConsentQuestion) => Promise<ConsentOutcome>
  readonly consume: (question: ConsentQuestion, key: string) => Promise<ConsentOutcome>
}

/** Bytes of an answer, and members in it. */
const MAX_ANSWER = 65_536
const LIMITS = { depth: 4, members: 2048 }

/** The calls to a service as its options say; `demo/consent-service.yaml` describes its side of them. */
export function readConsentService(service: ConsentService, outbound: () => Outbound): Reading<ConsentCalls> {
  const showing = readShowing(service, new URL(service.url.replace('{id}', '-')).origin)
  if (!showing.ok) return showing
  const { identity, authorize } = showing.value
  const send = async (question: ConsentQuestion, more: string, call: RequestOptions, body?: string) => {
    const target = parse(service.url.replace('{id}', encodeURIComponent(question.id)) + more)
    if (!target.ok) return target
    const authorization = await authorize(question.now)
    const headers = {
      // Node lets the form of headers open; those of our own calls are a map.
      ...(call.headers as Record<string, string>),
      'x-fapi-interaction-id': question.interactionId,
      ...(authorization !== undefined && { authorization }),
    }
    const limits = { ...outbound(), timeout: service.timeout * 1000, maxBytes: MAX_ANSWER }
    const fetched = await exchange(target.value, { ...call, ...identity, headers }, limits, only('json'), body)
    // Where a consent is looked up names it, and messages go to the log.
    return placed(fetched, new URL(service.url.replace('{id}', `-${more}`)))
  }
  return read({
    look: async (question) => settle(await send(question, '', get('application/json'))),
    consume: async (question, key) => {
      const { issuer, clientId, subject } = question
      const body = JSON.stringify({ issuer, clientId, subject })
      const call = post('application/json', 'application/json', body)
      const keyed = { ...call, headers: { ...(call.headers as Record<string, string>), 'x-idempotency-key': key } }
      return settle(await send(question, '/consume', keyed, body))
    },
  })
}

/** Whatever is not a consent, or the word that there is none, is no answer. */
function settle(fetched: Fetched): ConsentOutcome {
  if (!fetched.ok) {
    const { status, problem } = fetched
    if (status === 404) return { statement: { kind: 'absent' }, fault: false }
    if (status === 409) return { statement: { kind: 'spent' }, fault: false }
    const fault = status === undefined || status >= 500 || status === 429 || status === 401
    return { statement: { kind: 'unavailable', detail: problem }, fault }
  }
  const object = readJsonObject(fetched.value, LIMITS)
  const record = object.ok ? readConsent(object.value) : object
  return record.ok
    ? { statement: { kind: 'found', record: record.value }, fault: false }
    : { statement: { kind: 'unavailable', detail: `the consent service: ${record.problem}` }, fault: false }
}
