import { randomUUID } from 'node:crypto'
import { collectDefaultMetrics } from 'prom-client'
import { buildCheck, refuseUnread } from './check.ts'
import { deny } from './denial.ts'
import { buildGeneration, enforce, type Generation, type Loaded } from './generation.ts'
import { flushKeys } from './io/admin-actions.ts'
import { buildHealth } from './io/health.ts'
import { productVersion } from './io/http.ts'
import { openHttpPorts } from './io/http-ports.ts'
import type { LiveKeySource } from './io/keys.ts'
import { buildLog, type LineSink } from './io/log.ts'
import { observeAdmin, observeDecision, observeKeys, observeStore } from './io/observation.ts'
import { revocationActions } from './io/revocation-actions.ts'
import { showRevocations } from './io/revocation-observation.ts'
import { closeRevocations } from './io/revocations.ts'
import { timer } from './io/timer.ts'
import { oneAtATime, watchFiles } from './io/watch.ts'
import { buildMemory, type Memory, monotonic, openReplays, wall } from './memory.ts'
import { buildMetrics, type Metrics } from './metrics.ts'
import { swap } from './reload.ts'
import { internalErrorResponse } from './response.ts'
import { startServer } from './server.ts'
import { describeStatus, hasKeys, type Phase, waitingFor } from './status.ts'
import { type Reading, read, unreadable } from './verify/reading.ts'

/** A running service. */
export interface Service {
  readonly addresses: { readonly check: string; readonly http: readonly string[] }
  /** Stops taking new work, finishes the old, closes everything. */
  readonly stop: () => Promise<void>
}

/** What a start needs from the process around it. */
export interface Surroundings {
  readonly file: string
  readonly environment: NodeJS.ProcessEnv
  readonly output: LineSink
}

/** Nobody waits longer for a slow key source when another one has keys, milliseconds. */
const FIRST_KEYS = 3000
/** How often a service that starts looks whether it is ready, milliseconds. */
const LOOK = 100
/** A change that was refused for want of keys is tried again after this time, milliseconds. */
const RETRY = 10_000
/** Bytes of log lines that may wait for whoever reads them; beyond it nothing is decided, because nobody would learn of it. */
const MAX_BACKLOG = 8_388_608
/** When no Check came for so many seconds, nobody sends any more. */
const QUIET = 0.5

/** Composition root: configuration → io → policies → routes → check → ports. Problems come back as words. */
export async function startService(surroundings: Surroundings, loaded: Loaded): Promise<Reading<Service>> {
  const { listen, limits } = loaded.config
  const metrics = buildMetrics()
  collectDefaultMetrics({ register: metrics.registry })
  const log = buildLog(loaded.config.log.level, surroundings.output)
  const health = buildHealth()
  const shared = openReplays(loaded.config, observeStore(metrics, log))
  if (!shared.ok) return unreadable(`stores.replay: ${shared.problem}`)
  const memory = buildMemory(loaded.config, shared.value)
  let retry: NodeJS.Timeout | undefined
  let lastChange: 'applied' | 'refused' = 'applied'
  let refusedFiles: readonly string[] = []
  const world = {
    ...surroundings,
    memory,
    metrics,
    log,
    observeKeys: observeKeys(metrics, log),
    tryLater: () => {
      clearTimeout(retry)
      if (phase !== 'draining') retry = setTimeout(() => void reload(), RETRY).unref()
    },
    concluded: (result: typeof lastChange, files: readonly string[]) => {
      lastChange = result
      refusedFiles = files
    },
  }
  if (shared.value) metrics.withoutRoom()
  showRoom(metrics, memory)

  const first = buildGeneration(loaded, undefined, world)
  if (!first.ok) {
    memory.replays.close()
    return first
  }
  let current = first.value
  enforce(current, world)

  let phase: Phase = 'starting'
  /** Until the first usable key set nothing is decided, not even on open routes. */
  let keysSeen = false
  let lastCheck = monotonic()
  const check = buildCheck({
    rules: () => {
      lastCheck = monotonic()
      keysSeen ||= hasKeys(current)
      return keysSeen ? current.rules : { ...current.rules, refusal: noKeysYet }
    },
    now: wall,
    monotonic,
    uuid: randomUUID,
    observe: observeDecision(metrics, log),
    report: (error, interactionId) => {
      metrics.exceptionsThrown.inc()
      log.event('error', 'internal error', {
        interactionId,
        error: error instanceof Error ? error.stack : String(error),
      })
    },
    timer,
  })
  const server = await startServer({
    listen,
    concurrentChecks: limits.concurrentChecks,
    check,
    refuse: (reason, request) => refuseUnread(deny(reason, 'not decided'), request, randomUUID),
    fallback: internalErrorResponse,
    congested: () => (surroundings.output.backlog?.() ?? 0) > MAX_BACKLOG,
    health,
    observe: (event, error) => {
      if (event === 'shed') metrics.shed.labels('overload').inc()
      else if (event === 'unpinned') metrics.refusedPeers.inc()
      else log.event('error', 'internal error', { error: error instanceof Error ? error.stack : String(error) })
    },
  })
  if (!server.ok) return abandon(server.problem, current, memory)

  const obstacles = (): readonly string[] => (phase === 'starting' ? waitingFor(current, memory) : [])
  const status = () => describeStatus({ phase, lastChange, waitingFor: obstacles() }, current, memory)
  const scraped = (): void => {
    showRoom(metrics, memory)
    showRevocations(metrics, current.revocations)
  }
  const contents = { registry: metrics.registry, status, beforeScrape: scraped }
  const admin = {
    actions: [
      flushKeys(() => current.sources),
      ...revocationActions(() => current.revocations, {
        wall,
        count: (server, result) => metrics.revocationPushes.labels(server, result).inc(),
      }),
    ],
    tokens: () => current.loaded.config.listen.adminAccess?.tokens,
    monotonic,
    observe: observeAdmin(metrics, log),
  }
  const http = await openHttpPorts(listen, { ...contents, jwks: () => current.jwks }, admin)
  if (!http.ok) {
    await server.value.drain(0)
    return abandon(http.problem, current, memory)
  }

  const tellExpiry = (): void => {
    const expiry = server.value.certificateExpiry()
    if (expiry !== undefined) metrics.certificateExpiry.labels('listen.tls').set(expiry)
  }
  tellExpiry()
  const reload = oneAtATime(async () => {
    const problem = server.value.reloadTls()
    if (problem !== undefined) {
      metrics.reloads.labels('refused').inc()
      log.event('error', 'TLS files refused, the last good ones stay', { problem })
    }
    tellExpiry()
    if (phase !== 'draining') current = await swap(current, world)
  })
  // The certificates in use are those of the start, whatever the configuration names since.
  const tlsFiles = [listen.tls?.certificate, listen.tls?.key, listen.tls?.clientCa].filter((file) => file !== undefined)
  const watched = (): readonly string[] => [
    ...new Set([...current.loaded.files, ...current.loaded.included(), ...refusedFiles, ...tlsFiles]),
  ]
  const watcher = watchFiles(watched, reload)

  const addresses = { check: server.value.address, http: http.value.map(({ address }) => address) }
  const becomeReady = async (): Promise<void> => {
    await firstKeys(current.sources)
    for (let told = ''; obstacles().length > 0; await timer(LOOK).elapsed) {
      const waits = obstacles().join(', ')
      if (waits !== told) log.event('info', 'not ready yet', { ...addresses, waitingFor: obstacles() })
      told = waits
    }
    if (phase !== 'starting') return
    phase = 'ready'
    health.set(true)
    log.event('info', 'ready', { ...addresses, config: current.loaded.hash.slice(0, 12), version: productVersion() })
  }
  void becomeReady()

  return read({
    addresses,
    stop: async () => {
      phase = 'draining'
      watcher.close()
      clearTimeout(retry)
      health.set(false)
      // Envoy learns from the health check that it has to go elsewhere; until then it still gets its answers.
      const end = monotonic() + limits.drain
      while (monotonic() < end - limits.drain / 2 && monotonic() - lastCheck < QUIET) await timer(LOOK).elapsed
      await server.value.drain(Math.max(0, end - monotonic()))
      closeSources(current)
      memory.replays.close()
      for (const port of http.value) await port.close()
      log.event('info', 'stopped')
    },
  })
}

/** How full the memory is; a shared store is for its own monitoring to watch. */
function showRoom({ replayEntries, replayCapacity }: Metrics, { replays }: Memory): void {
  if (replays.size !== undefined) replayEntries.set(replays.size)
  if (replays.capacity !== undefined) replayCapacity.set(replays.capacity)
}

const noKeysYet = deny('starting', 'no authorization server has given its keys yet')

/** Every key source is tried once, but nobody waits for a slow one longer than `FIRST_KEYS`. */
async function firstKeys(sources: ReadonlyMap<string, LiveKeySource>): Promise<void> {
  const limit = timer(FIRST_KEYS)
  await Promise.race([Promise.all([...sources.values()].map((source) => source.load())), limit.elapsed])
  limit.cancel()
}

function closeSources({ sources, statusLists, revocations }: Generation): void {
  closeRevocations(revocations)
  for (const source of sources.values()) void source.close()
  for (const list of statusLists.values()) list.close()
}

function abandon(problem: string, generation: Generation, { replays }: Memory): Reading<never> {
  replays.close()
  closeSources(generation)
  return unreadable(problem)
}
