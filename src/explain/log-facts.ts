import type { TraceEntry } from '../trace.ts'
import { isObject, type JsonObject, own } from '../verify/strict-json.ts'
import type { Facts } from './explanation.ts'

/** Comparisons of one line at the most. */
const MAX_ENTRIES = 200

/**
 * What a line of the log, a record of the audit or the admin port says of a decision; undefined when it is about
 * anything else. Tolerant: members of the wrong type are absent.
 */
export function factsOfLine(line: unknown): Facts | undefined {
  if (!isObject(line)) return undefined
  const decision = own(line, 'decision')
  const reason = reasonOf(line, 'reason')
  if ((decision !== 'allow' && decision !== 'deny') || reason === undefined) return undefined
  const would = reasonOf(line, 'would')
  const detail = text(line, 'detail') ?? ''
  return {
    decision,
    reason,
    detail: decision === 'deny' ? detail : '',
    would: would === undefined ? undefined : { reason: would, detail },
    time: timeOf(line),
    interactionId: text(line, 'interactionId'),
    request: { method: text(line, 'method'), host: undefined, path: text(line, 'path') },
    route: text(line, 'route') ?? '',
    client: {
      issuer: text(line, 'issuer'),
      clientId: text(line, 'clientId'),
      subject: text(line, 'subject'),
      binding: text(line, 'binding'),
    },
    anomalies: textsOf(own(line, 'anomalies')),
    entries: entriesOf(line),
  }
}

/** The name of a reason, also one of another version; it stands on the first line. */
function reasonOf(line: JsonObject, name: string): string | undefined {
  const reason = text(line, name)
  return reason === undefined || /^[A-Za-z_]{1,40}$/.test(reason) ? reason : 'unknown'
}

/** A list of a few short texts; whatever else is in it is left out. */
const textsOf = (list: unknown): readonly string[] =>
  Array.isArray(list) ? list.slice(0, 16).filter((item) => typeof item === 'string') : []

/** The comparisons on a line, if there are any. */
function entriesOf(line: JsonObject): readonly TraceEntry[] | undefined {
  const trace = own(line, 'trace')
  return Array.isArray(trace) ? trace.slice(0, MAX_ENTRIES).flatMap(readEntry) : undefined
}

/** Lines with comparisons that may belong to a decision further on. */
const MAX_WAITING = 200

/**
 * Looks for the decision of an interaction id or request id among lines that come one after the other. The last one
 * counts: clients choose interaction ids, also twice. Where decisions go to the audit, their comparisons stand on a line
 * of their own in front of them or behind.
 */
export function searchDecision(id: string) {
  let found: Facts | undefined
  let count = 0
  const waiting: string[] = []
  return {
    take(line: string): void {
      const apart = line.includes('"msg":"checks"')
      // Nearly all lines are about others: no need to parse them.
      if (!line.includes(id) && !(apart && (found === undefined || line.includes(found.interactionId ?? id)))) {
        return
      }
      if (apart) {
        if (waiting.push(line) > MAX_WAITING) waiting.shift()
        return
      }
      const parsed = parseLine(line)
      if (!isObject(parsed) || (text(parsed, 'interactionId') !== id && text(parsed, 'requestId') !== id)) return
      const facts = factsOfLine(parsed)
      if (!facts) return
      count += 1
      found = facts
    },
    result(): { readonly facts: Facts | undefined; readonly count: number } {
      if (!found || found.entries) return { facts: found, count }
      const { interactionId } = found
      const lines = waiting.map(parseLine).filter(isObject)
      const line = lines.findLast((one) => text(one, 'interactionId') === interactionId)
      return { facts: { ...found, entries: line && entriesOf(line) }, count }
    },
  }
}

/** One line as JSON; undefined when it is none. */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

const text = (object: JsonObject, name: string): string | undefined => {
  const value = own(object, name)
  return typeof value === 'string' ? value : undefined
}

function timeOf(line: JsonObject): number {
  const time = Date.parse(text(line, 'time') ?? '')
  return Number.isFinite(time) ? time / 1000 : 0
}

function readEntry(entry: unknown): readonly TraceEntry[] {
  if (!isObject(entry)) return []
  const [check, clause, result] = [text(entry, 'check'), text(entry, 'clause'), own(entry, 'result')]
  if (check === undefined || (result !== 'pass' && result !== 'fail')) return []
  return [{ check, clause: clause ?? '', result, found: own(entry, 'found'), expected: own(entry, 'expected') }]
}
