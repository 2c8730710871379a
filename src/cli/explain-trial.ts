import { randomUUID } from 'node:crypto'
import { buildCheck, type DecisionRecord } from '../check.ts'
import type { Config, RouteConfig } from '../config.ts'
import { buildGeneration, closeSources, enforce, type Loaded } from '../generation.ts'
import { buildLog } from '../io/log.ts'
import { memoryReplays } from '../io/replays.ts'
import { timer } from '../io/timer.ts'
import { buildMemory, monotonic } from '../memory.ts'
import { buildMetrics } from '../metrics.ts'
import type { ClientCertificateOptions } from '../policies/client-certificate-options.ts'
import type { SenderConstraintOptions } from '../policies/sender-constraint.ts'
import type { ConsentSource, Introspector, Nonces } from '../ports.ts'
import { nonceLifetime } from '../verify/nonce.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import type { CheckRequest } from '../wire.ts'

/** How a captured request is tried. */
export interface TrialOptions {
  readonly environment: NodeJS.ProcessEnv
  /** Seconds since the epoch. */
  readonly now: number
  /** Whether authorization servers are asked about tokens. */
  readonly ask: boolean
}

export interface TrialResult {
  readonly record: DecisionRecord
  /** What was different from the running service. */
  readonly notes: readonly string[]
}

/** Milliseconds: somebody waits for an explanation, no client does. */
const BUDGET = 30_000

/**
 * Decides a captured request the way the service would, with the same rules and the real keys. Nothing is written and no
 * proof is spent: the replay store is one of its own, and what cannot be known beside the service is said.
 */
export async function tryRequest(
  loaded: Loaded,
  wire: CheckRequest,
  options: TrialOptions,
): Promise<Reading<TrialResult>> {
  const { now, ask } = options
  const { config } = loaded
  const notes: string[] = []
  const replays = memoryReplays({ capacity: 1, afterRestart: 'accept', maxFuture: 60, wall: () => now, monotonic })
  const world = {
    file: '',
    environment: options.environment,
    memory: buildMemory(config, replays),
    metrics: buildMetrics(),
    log: buildLog('error', { write: () => {} }),
    observeKeys: (event: { readonly kind: string; readonly server: string; readonly problem?: string }) => {
      if (event.kind === 'failed') notes.push(`keys of ${event.server}: ${event.problem}`)
    },
    standIns: {
      introspector: ask ? undefined : askingNobody(notes),
      nonces: config.nonces.secrets ? undefined : acceptingNonces(config),
      consents: usingNothingUp(notes, ask),
      alone: true,
    },
  }
  const generation = buildGeneration(loaded, undefined, world)
  if (!generation.ok) return unreadable(generation.problem)
  const { rules, sources } = generation.value
  enforce(generation.value, world)
  try {
    await Promise.all([...sources.values()].map((source) => source.load()))
    let record: DecisionRecord | undefined
    const check = buildCheck({
      rules: () => rules,
      now: () => now,
      monotonic,
      uuid: randomUUID,
      observe: (decided) => {
        record = decided
      },
      report: () => {},
      timer,
    })
    await check(wire, { peer: 'local', budget: BUDGET })
    if (!record) throw new Error('nothing was decided')
    return read({ record, notes: [...notes, ...beside(record, config)] })
  } finally {
    closeSources(generation.value)
    replays.close()
  }
}

function askingNobody(notes: string[]): Introspector {
  return {
    required: [],
    ask: () => {
      notes.push(
        'introspection: not asked, so nobody knows whether the token is good; --ask asks the authorization server',
      )
      return { kind: 'unavailable', detail: 'not asked' }
    },
  }
}

/** Files are looked at; services only when they may be asked, and nothing is used up. */
const usingNothingUp =
  (notes: string[], ask: boolean) =>
  (source: ConsentSource): ConsentSource => {
    const { consume } = source
    if (!consume) return source
    return {
      find(question) {
        if (ask) return source.find(question)
        notes.push('consent: not asked, so nobody knows whether it is in force; --ask asks the consent service')
        return { kind: 'unavailable', detail: 'not asked' }
      },
      async consume(question) {
        notes.push('consent: not used up; the service would have told the consent service to do so')
        const statement = await source.find(question)
        return statement.kind === 'found'
          ? { kind: 'found', record: { ...statement.record, state: 'CONSUMED' } }
          : statement
      },
    }
  }

/** Without configured secrets only the running service knows its nonces. */
const acceptingNonces = ({ nonces: { step } }: Config): Nonces => ({
  lifetime: nonceLifetime(step),
  issue: () => 'known-to-the-service-alone',
  judge: () => 'current',
})

/** What the service would have looked at besides. */
function beside({ trace, occasion }: DecisionRecord, config: Config): readonly string[] {
  const made = (check: string): boolean => trace.entries.some((entry) => entry.check === check)
  const route = config.routes.find(({ name }) => name === occasion.route)
  const constraint = route?.policies.find(({ name }) => name === 'senderConstraint')
  // Parsed by the very schema this type comes from.
  const nonces = (constraint?.options as SenderConstraintOptions | undefined)?.dpop.nonce ?? 'off'
  return [
    ...(made('proof unused') ? ['replay: not asked; the proof is taken as new'] : []),
    ...(made('token revocation') && config.authorizationServers.some(({ revocation }) => revocation.denyList?.redis)
      ? ['revocation: the list in Redis is not asked; the token is taken as not revoked there']
      : []),
    ...(made('certificate status') && asksForStatus(route)
      ? ['revocation: nobody was asked about the client certificate; it is taken as not revoked']
      : []),
    ...(made('proof nonce') && nonces !== 'off' && !config.nonces.secrets
      ? ['nonce: taken as good; the service made its secret itself, and only it can judge the nonce']
      : []),
  ]
}

function asksForStatus(route: RouteConfig | undefined): boolean {
  const policy = route?.policies.find(({ name }) => name === 'clientCertificate')
  // Parsed by the very schema this type comes from.
  const revocation = (policy?.options as ClientCertificateOptions | undefined)?.revocation
  return revocation !== undefined && (revocation.crl !== 'off' || revocation.ocsp !== 'off')
}
