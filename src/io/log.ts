import { pino } from 'pino'
import type { DecisionRecord } from '../check.ts'
import { answers } from '../denial.ts'

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
}

/** Characters of any one text a client can influence. */
const MAX_TEXT = 256

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
      if (logger.isLevelEnabled('debug')) logger.debug({ ...fields, trace: record.trace.entries }, 'decision')
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

const clip = (text: string | undefined): string | undefined =>
  text === undefined || text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`

/** Enough to see where traffic comes from, not who it is: /24 of IPv4, /48 of IPv6. */
export function truncateAddress(address: string): string | undefined {
  if (/^[0-9]+(?:\.[0-9]+){3}$/.test(address)) return address.replace(/\.[0-9]+$/, '.0')
  if (!address.includes(':')) return undefined
  const groups = address.split(':')
  const empty = groups.indexOf('')
  const known = (empty < 0 ? groups : groups.slice(0, empty)).slice(0, 3)
  return `${known.join(':')}::`
}
