import type { DecisionRecord } from '../check.ts'
import type { Config } from '../config.ts'
import { readInteractionId } from '../interaction-id.ts'
import { arrivalChecks } from './arrival.ts'
import type { Facts } from './explanation.ts'

/** What the service knows of a decision it has just made. */
export function factsOfRecord(record: DecisionRecord, config: Config, time: number): Facts {
  const { decision, would, occasion, attributes, evidence, trace } = record
  const { token, binding } = evidence
  const denial = decision.ok ? would : decision
  const route = config.routes.find(({ name }) => name === occasion.route)
  const arrival = attributes ? arrivalChecks(attributes, config, route, denial?.reason ?? 'allowed') : []
  return {
    decision: decision.ok ? 'allow' : 'deny',
    reason: decision.ok ? 'allowed' : decision.reason,
    detail: decision.ok ? '' : decision.detail,
    would: would && { reason: would.reason, detail: would.detail },
    time,
    // One the client sent; any other is made up for the trial.
    interactionId: readInteractionId(occasion.headers),
    request: attributes && { method: attributes.method, host: attributes.authority, path: attributes.path },
    route: occasion.route,
    client: {
      issuer: token?.issuer,
      clientId: token?.clientId,
      subject: token?.subject,
      binding: binding?.methods.join(' '),
    },
    anomalies: record.anomalies ?? [],
    entries: [...arrival, ...trace.entries],
  }
}
