import { isIPv4, isIPv6 } from 'node:net'
import { pino } from 'pino'
import type { DecisionRecord } from '../check.ts'
import { answers } from '../denial.ts'
import type { TraceEntry } from '../trace.ts'

export type Level = 'debug' | 'info' | 'warn' | 'error'

/** JSON lines with named fields only: what is not named here cannot get into the log. */
export interface Log {
  readonly decision: (record: DecisionRecord) => void
  readonly event: (level: Level, message: string, fields?: Readonly<Record<string, unknown>>) => void
  readonly setLevel: (level: Level) => void
}

/** Where lines go, for example standard output. */
export interface LineSink {
  readonly write: (line: string) => void
  /** Bytes that nobody has taken yet; absent when lines are taken at once. */
  readonly backlog?: () => number
}

/** Characters of any one text a client can influence. */
const MAX_TEXT = 256
/** Items of a list in a trace. */
const MAX_ITEMS = 16

export function buildLog(level: Level, stream: LineSink): Log {
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
  return {
    decision: (record) => {
      const fields = describeDecision(record)
      if (logger.isLevelEnabled('debug'))
        logger.debug({ ...fields, trace: record.trace.entries.map(describeEntry) }, 'decision')
      else logger.info(fields, 'decision')
    },
    event: (severity, message, fields = {}) => logger[severity](fields, message),
    setLevel: (next) => {
      logger.level = next
    },
  }
}

/** One decision without token, proof and certificate, and with the client's address cut short. */
function describeDecision({
  decision,
  occasion,
  attributes,
  evidence,
  duration,
  hash,
}: DecisionRecord): Record<string, unknown> {
  const { token, binding } = evidence
  return {
    interactionId: occasion.interactionId,
    requestId: clip(occasion.headers.get('x-request-id')?.[0]),
    route: occasion.route || undefined,
    method: clip(attributes?.method),
    path: clip(attributes?.path),
    headerMode: attributes?.mode,
    client: attributes && truncateAddress(attributes.clientAddress),
    issuer: token?.issuer,
    clientId: clip(token?.clientId),
    subject: clip(token?.subject),
    binding: binding?.methods.join(' '),
    decision: decision.ok ? 'allow' : 'deny',
    reason: decision.ok ? 'allowed' : decision.reason,
    status: decision.ok ? undefined : answers[decision.reason].status,
    detail: decision.ok ? undefined : clip(decision.detail),
    durationMs: Math.round(duration * 1e6) / 1000,
    config: hash.slice(0, 12),
  }
}

/** A comparison as far as a line can hold it. What a client made up goes no deeper than a list of short texts. */
const describeEntry = ({ check, clause, result, found, expected }: TraceEntry): Record<string, unknown> => ({
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

function clip(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  // Cut before it is searched: the client decides how long it is.
  const shown = text.slice(0, 2 * MAX_TEXT).replaceAll(JWT, '***')
  return shown.length <= MAX_TEXT && text.length <= 2 * MAX_TEXT ? shown : `${shown.slice(0, MAX_TEXT)}…`
}

/** A compact JWS or JWE, or what is left of one: they begin with `{"`. A client may put its token into the path. */
const JWT = /eyJ[\w-]{8,}(?:\.[\w-]*)*/g

/** Enough to see where traffic comes from, not who it is: /24 of IPv4, /48 of IPv6. */
export function truncateAddress(address: string): string | undefined {
  const short = address.replace(/^::ffff:(?=[0-9.]+$)/i, '')
  if (isIPv4(short)) return short.replace(/[0-9]{1,3}$/, '0')
  if (!isIPv6(short)) return undefined
  const groups = short.split(':')
  const empty = groups.indexOf('')
  const known = (empty < 0 ? groups : groups.slice(0, empty)).slice(0, 3)
  return `${known.join(':')}::`
}
