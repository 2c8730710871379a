import { pino } from 'pino'
import { describeDecision } from '../audit/record.ts'
import { clip } from '../audit/text.ts'
import type { DecisionRecord } from '../check.ts'
import { type Component, components, type Level, type Levels } from '../config-log.ts'
import type { TraceEntry } from '../trace.ts'

/** JSON lines with named fields only: what is not named here cannot get into the log. */
export interface Log {
  readonly decision: (record: DecisionRecord) => void
  /** The comparisons of a decision that has its line elsewhere; at level debug alone. */
  readonly checks: (record: DecisionRecord) => void
  readonly event: (level: Level, message: string, fields?: Readonly<Record<string, unknown>>) => void
  /** The same log for the lines of one component, which name it. */
  readonly of: (component: Component) => Pick<Log, 'event'>
  readonly setLevel: (level: Level, levels?: Levels) => void
}

/** Where lines go, for example standard output. */
export interface LineSink {
  readonly write: (line: string) => void
  /** Bytes that nobody has taken yet; absent when lines are taken at once. */
  readonly backlog?: () => number
}

/** Items of a list in a trace. */
const MAX_ITEMS = 16

export function buildLog(level: Level, stream: LineSink, levels: Levels = {}): Log {
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'msg',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  )
  const children = components.map(
    (component) => [component, logger.child({ component }, { level: levels[component] ?? level })] as const,
  )
  const { decisions, ...others } = Object.fromEntries(children) as Record<Component, typeof logger>
  const tell =
    (teller: typeof logger): Log['event'] =>
    (severity, message, fields = {}) =>
      teller[severity](fields, message)
  return {
    decision: (record) => {
      const fields = describeDecision(record)
      if (decisions.isLevelEnabled('debug'))
        decisions.debug({ ...fields, trace: record.trace.entries.map(describeEntry) }, 'decision')
      else decisions.info(fields, 'decision')
    },
    checks: ({ occasion, trace }) => {
      if (!decisions.isLevelEnabled('debug')) return
      decisions.debug({ interactionId: occasion.interactionId, trace: trace.entries.map(describeEntry) }, 'checks')
    },
    event: tell(logger),
    of: (component) => ({ event: tell(component === 'decisions' ? decisions : others[component]) }),
    setLevel: (next, nextLevels = {}) => {
      logger.level = next
      for (const [component, child] of children) child.level = nextLevels[component] ?? next
    },
  }
}

/** A comparison as far as a line can hold it. What a client made up goes no deeper than a list of short texts. */
export const describeEntry = ({ check, clause, result, found, expected }: TraceEntry): Record<string, unknown> => ({
  check,
  clause,
  result,
  found: Array.isArray(found) ? found.slice(0, MAX_ITEMS).map(show) : show(found),
  expected: Array.isArray(expected) ? expected.slice(0, MAX_ITEMS).map(show) : show(expected),
})

function show(value: unknown): unknown {
  if (typeof value === 'string') return clip(value)
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' && value !== null ? 'an object' : value
}
