import { hash } from 'node:crypto'
import type { DecisionRecord } from '../check.ts'
import { answers, type DenyReason } from '../denial.ts'
import { type IdentityRules, isForged } from '../identity.ts'
import type { Cache } from '../ports.ts'
import type { AnomalyKind } from './kinds.ts'
import { publicNetwork } from './network.ts'

/** What is remembered of one token. */
export interface TokenMemory {
  /** Thumbprints of keys and of certificates it was shown with, two of each at the most. */
  readonly keys: string[]
  /** When it was last seen from a network, seconds. */
  readonly networks: Map<string, number>
  /** When it was last said that it came from several, seconds. */
  told: number
}

/** What is remembered of one client. */
export interface ClientMemory {
  /** Seconds. */
  readonly since: number
  readonly certificates: Set<string>
  minute: Minute
}

interface Minute {
  readonly begun: number
  total: number
  refused: number
  told: boolean
}

/** What the detector knows, bounded by whoever made it; forgetting costs an anomaly, never a decision. */
interface DetectorMemory {
  /** By SHA-256 of the token. */
  readonly tokens: Cache<TokenMemory>
  readonly clients: Cache<ClientMemory>
  /** Those who have not shown that they are one, by network: however many come, no client is forgotten for them. */
  readonly networks: Cache<ClientMemory>
  /** Certificates whose end was told, by thumbprint. */
  readonly ending: Cache<{ readonly told: number }>
  readonly identity: () => Pick<IdentityRules, 'headers'>
}

/** Seconds. */
const SKEW = 30
const TOGETHER = 60
const KNOWN_AFTER = 3600
const MINUTE = 60
/** Refusals within a minute that are worth a word. */
const MANY = 20
/** Before its end, and between two words about one certificate. */
const ENDING = 30 * 86_400
const DAY = 86_400
const MAX_NETWORKS = 4
const MAX_CERTIFICATES = 16

const byReason: Partial<Record<DenyReason, AnomalyKind>> = {
  bound_token_as_bearer: 'bound_token_as_bearer',
  proof_key_mismatch: 'other_key',
  certificate_mismatch: 'other_certificate',
  proof_replayed: 'replay',
}

/** Looks at each decision after it was made and says what is odd about it. Changes no decision. `now` in seconds. */
export function buildDetector(memory: DetectorMemory) {
  return (record: DecisionRecord, now: number): readonly AnomalyKind[] => {
    const reason = record.would?.reason ?? (record.decision.ok ? undefined : record.decision.reason)
    const own = reason && byReason[reason]
    const network = publicNetwork(record.attributes?.clientAddress)
    return [
      ...(own ? [own] : []),
      ...(isShared(record, network, memory.tokens, now) ? (['token_shared'] as const) : []),
      ...(isEnding(record, memory.ending, now) ? (['certificate_expiry'] as const) : []),
      ...(isSkewed(record, now) ? (['clock_skew'] as const) : []),
      ...(reason === 'nonce_refused' && found(record, 'proof nonce') === 'foreign' ? (['foreign_nonce'] as const) : []),
      ...(isForged(record.occasion.headers, memory.identity()) ? (['forged_identity'] as const) : []),
      ...judgeClient(record, network, reason, memory, now),
    ]
  }
}

/** What a comparison of the decision looked at. */
const found = ({ trace }: DecisionRecord, check: string): unknown =>
  trace.entries.find((entry) => entry.check === check)?.found

/** A certificate that holds, and not much longer. */
function isEnding(
  { evidence: { certificate } }: DecisionRecord,
  ending: DetectorMemory['ending'],
  now: number,
): boolean {
  if (!certificate || certificate.notAfter - now > ENDING) return false
  const known = ending.get(certificate.thumbprint)
  if (known && Math.abs(now - known.told) < DAY) return false
  ending.set(certificate.thumbprint, { told: now })
  return true
}

function isSkewed(record: DecisionRecord, now: number): boolean {
  const issuedAt = found(record, 'proof iat')
  return typeof issuedAt === 'number' && Math.abs(now - issuedAt) > SKEW
}

/** Only tokens that hold are remembered: anybody can make up others. */
function isShared(
  record: DecisionRecord,
  network: string | undefined,
  tokens: Cache<TokenMemory>,
  now: number,
): boolean {
  const { token } = record.evidence
  if (!token) return false
  const digest = hash('sha256', token.raw, 'base64url')
  const known = tokens.get(digest)
  const memory = known ?? { keys: [], networks: new Map<string, number>(), told: Number.NEGATIVE_INFINITY }
  if (!known) tokens.set(digest, memory)
  const underOther = ['token jkt', 'token x5t#S256'].map((check) => isOther(memory.keys, check, found(record, check)))
  return isElsewhere(memory, network, now) || underOther.includes(true)
}

/** Whether there was another one for that comparison before. The second is told once; a third adds nothing. */
function isOther(keys: string[], check: string, thumbprint: unknown): boolean {
  if (typeof thumbprint !== 'string') return false
  const key = `${check} ${thumbprint}`
  const before = keys.filter((other) => other.startsWith(`${check} `))
  if (before.includes(key) || before.length >= 2) return false
  keys.push(key)
  return before.length > 0
}

/**
 * Whether the token is new there while it is still used in another place of the same family of addresses. Once a minute:
 * a client may leave through more gateways than are remembered.
 */
function isElsewhere(memory: TokenMemory, network: string | undefined, now: number): boolean {
  if (network === undefined) return false
  const { networks } = memory
  const known = networks.has(network)
  if (known && networks.size === 1) {
    networks.set(network, now)
    return false
  }
  const family = network.includes(':')
  const others = [...networks].filter(([other]) => other !== network && other.includes(':') === family)
  networks.delete(network)
  networks.set(network, now)
  const [oldest] = networks.keys()
  if (networks.size > MAX_NETWORKS && oldest !== undefined) networks.delete(oldest)
  if (known || Math.abs(now - memory.told) < TOGETHER) return false
  if (!others.some(([, seen]) => now - seen < TOGETHER)) return false
  memory.told = now
  return true
}

function judgeClient(
  record: DecisionRecord,
  network: string | undefined,
  reason: DenyReason | undefined,
  { clients, networks }: Pick<DetectorMemory, 'clients' | 'networks'>,
  now: number,
): readonly AnomalyKind[] {
  const { token, binding } = record.evidence
  // Whoever has shown no key may name any client, and would spoil what is known of it.
  const [cache, key] =
    token && binding
      ? [clients, hash('sha256', JSON.stringify([token.issuer, token.clientId]), 'base64url')]
      : [networks, network ?? 'unknown']
  const known = cache.get(key)
  const client = known ?? { since: now, certificates: new Set<string>(), minute: minuteAt(now) }
  if (!known) cache.set(key, client)
  return [
    ...(isNewCertificate(client, binding?.certificateThumbprint, now) ? (['first_certificate'] as const) : []),
    ...(isRefusedOften(client, reason, now) ? (['deny_rate'] as const) : []),
  ]
}

/** Whoever has shown so many within a day uses a new one all the time, and one more means nothing. */
function isNewCertificate({ since, certificates }: ClientMemory, thumbprint: string | undefined, now: number): boolean {
  if (thumbprint === undefined || certificates.has(thumbprint) || certificates.size >= MAX_CERTIFICATES) return false
  certificates.add(thumbprint)
  return now - since >= KNOWN_AFTER
}

/** Once a minute. Faults of ours do not count, nor being told a nonce, which is how good clients begin. */
function isRefusedOften(client: ClientMemory, reason: DenyReason | undefined, now: number): boolean {
  if (now - client.minute.begun >= MINUTE || now < client.minute.begun) client.minute = minuteAt(now)
  const { minute } = client
  minute.total += 1
  const answer = reason && answers[reason]
  if (answer && answer.status < 500 && answer.error !== 'use_dpop_nonce') minute.refused += 1
  if (minute.told || minute.refused < MANY || minute.refused * 2 <= minute.total) return false
  minute.told = true
  return true
}

const minuteAt = (now: number): Minute => ({ begun: now, total: 0, refused: 0, told: false })
