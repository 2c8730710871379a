import { describeDecision } from '../audit/record.ts'
import type { DecisionRecord } from '../check.ts'
import type { AdminAction, AdminAnswer } from './admin.ts'
import { describeEntry } from './log.ts'

/** Decisions that are kept, and bytes that they take together as JSON. */
const MAX_DECISIONS = 100
const MAX_BYTES = 1_048_576

/** The last decisions with their comparisons, for whoever asks about them; they hold no token, proof or certificate. */
export interface RecentDecisions {
  readonly take: (record: DecisionRecord) => void
  /** Forgets all of them. */
  readonly clear: () => void
  /** The newest last. */
  readonly list: () => readonly string[]
}

/** Keeps the newest; the oldest make room. Seconds since the epoch. */
export function keepDecisions(wall: () => number): RecentDecisions {
  const kept: string[] = []
  let bytes = 0
  return {
    take(record) {
      const fields = describeDecision(record)
      const time = new Date(wall() * 1000).toISOString()
      const text = JSON.stringify({ time, ...fields, trace: record.trace.entries.map(describeEntry) })
      bytes += kept.push(text) && text.length
      while (kept.length > MAX_DECISIONS || bytes > MAX_BYTES) bytes -= kept.shift()?.length ?? bytes
    },
    clear() {
      kept.length = 0
      bytes = 0
    },
    list: () => [...kept],
  }
}

/** `GET /decisions?last=N` or `?id=…`: what the service keeps of its last decisions, the newest last. */
export const showDecisions = (recent: RecentDecisions): AdminAction => ({
  method: 'GET',
  path: '/decisions',
  handle(_body, query) {
    const [last, id] = [query.get('last'), query.get('id')]
    const known = [...query.keys()].every((name) => name === 'last' || name === 'id')
    if (!known || (last !== null && !/^[1-9][0-9]{0,2}$/.test(last)) || (id !== null && id.length > 256))
      return invalid('expected ?last=1 … 100 or ?id=interaction id or request id')
    const decisions = recent
      .list()
      .map((text) => JSON.parse(text) as Readonly<Record<string, unknown>>)
      .filter(({ interactionId, requestId }) => id === null || interactionId === id || requestId === id)
    return { status: 200, body: { decisions: last === null ? decisions : decisions.slice(-Number(last)) } }
  },
})

const invalid = (message: string): AdminAnswer => ({ status: 400, body: { error: 'invalid_request', message } })
