import { randomUUID } from 'node:crypto'
import { collectDefaultMetrics } from 'prom-client'
import { buildDetector } from './anomalies/detector.ts'
import { buildCheck, refuseUnread } from './check.ts'
import { deny } from './denial.ts'
import { buildGeneration, closeSources, enforce, type Generation, type Loaded } from './generation.ts'
import { type Audit, auditFirst } from './io/audit-records.ts'
import { buildHealth } from './io/health.ts'
import { productVersion } from './io/http.ts'
import { openHttpPorts } from './io/http-ports.ts'
import type { LiveKeySource } from './io/keys.ts'
import { buildLog, type LineSink } from './io/log.ts'
import { observeKeys, observeStore } from './io/observation.ts'
import { keepDecisions } from './io/recent-decisions.ts'
import { timer } from './io/timer.ts'
import type { Tracing } from './io/tracing.ts'
import { oneAtATime, watchFiles } from './io/watch.ts'
import { buildMemory, type Memory, monotonic, openReplays, wall } from './memory.ts'
import { buildMetrics } from './metrics.ts'
import { buildOperations, refreshMetrics } from './operations.ts'
import { openRecording, traceDecisions } from './recording.ts'
import { swap } from './reload.ts'
import { internalErrorResponse } from './response.ts'
import { startServer } from './server.ts'
import { describeStatus, hasKeys, type Phase, waitingFor } from './status.ts'
import { type Reading, read, unreadable } from './verify/reading.ts'

/** A running service. */
export interface Service {
  readonly addresses: { readonly check: string; readonly http: readonly string[] }
  /** Stops taking new work, finishes the old, closes everything. Says whether the audit has all its records. */
  readonly stop: () => Promise<boolean>
  /** Goes on in the audit file that has the name now. */
  readonly reopen: () => void
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
/** When no Check came for so many seconds, nobody sends any more. */
const QUIET = 0.5

/** Composition root: configuration → io → policies → routes → check → ports. Problems come back as words. */
export async function startService(surroundings: Surroundings, loaded: Loaded): Promise<Reading<Service>> {
  const { listen, limits } = loaded.config
  const metrics = buildMetrics()
  collectDefaultMetrics({ register: metrics.registry })
  const log = buildLog(loaded.config.log.level, surroundings.output, loaded.config.log.components)
  const say = log.of('server').event
  const health = buildHealth()
  const shared = openReplays(loaded.config, observeStore(metrics, log.of('replay')))
  if (!shared.ok) return unreadable(`stores.replay: ${shared.problem}`)
  const memory = buildMemory(loaded.config, shared.value)
  let retry: NodeJS.Timeout | undefined
  let lastChange: 'applied' | 'refused' = 'applied'
  let refusedFiles: readonly string[] = []
  const world = {
    ...{ ...surroundings, memory, metrics, log },
    observeKeys: observeKeys(metrics, log.of('keys')),
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

  const first = buildGeneration(loaded, undefined, world)
  if (!first.ok) {
    memory.replays.close()
    return first
  }
  let current = first.value
  enforce(current, world)
  const opened = await openRecording(loaded, { metrics, log, output: surroundings.output })
  if (!opened.ok) return await abandon(opened.problem, current, memory)
  const { audit, ...recording } = opened.value
  const recent = keepDecisions(wall)
  let traces: Tracing | undefined
  const detect = buildDetector({ ...memory.anomalies, identity: () => current.rules.identity })

  let phase: Phase = 'starting'
  /** Until the first usable key set nothing is decided, not even on open routes. */
  let keysSeen = false
  let lastCheck = monotonic()
  const recorded = auditFirst(audit, (record) => {
    recording.observe(record)
    // Kept for those who may ask, and for nobody else.
    if (current.loaded.config.listen.adminAccess) recent.take(record)
    else recent.clear()
    traces?.observe(record)
  })
  const check = buildCheck({
    rules: () => {
      lastCheck = monotonic()
      keysSeen ||= hasKeys(current)
      return keysSeen ? current.rules : { ...current.rules, refusal: noKeysYet }
    },
    now: wall,
    monotonic,
    uuid: randomUUID,
    observe: (decided, within) => recorded({ ...decided, anomalies: detect(decided, wall()) }, within),
    report: (error, interactionId) => {
      metrics.exceptionsThrown.inc()
      say('error', 'internal error', {
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
    congested: recording.congested,
    health,
    observe: (event, error) => {
      if (event === 'unrecorded') audit.refused()
      if (event === 'shed' || event === 'unrecorded')
        metrics.shed.labels(event === 'shed' ? 'overload' : 'audit_unavailable').inc()
      else if (event === 'unpinned') metrics.refusedPeers.inc()
      else say('error', 'internal error', { error: error instanceof Error ? error.stack : String(error) })
    },
  })
  if (!server.ok) return await abandon(server.problem, current, memory, audit)

  const obstacles = (): readonly string[] => (phase === 'starting' ? waitingFor(current, memory) : [])
  const status = () =>
    describeStatus({ phase, lastChange, waitingFor: obstacles(), audit: audit.trouble() }, current, memory)
  const refresh = (): void => {
    refreshMetrics(metrics, current, memory)
    recording.refresh()
  }
  const contents = { registry: metrics.registry, status, beforeScrape: refresh, jwks: () => current.jwks }
  const http = await openHttpPorts(
    listen,
    contents,
    buildOperations(() => current, recent, metrics, log),
  )
  if (!http.ok) {
    await server.value.drain(0)
    return await abandon(http.problem, current, memory, audit)
  }
  audit.begin()
  traces = await traceDecisions(current, metrics)

  const tellExpiry = (): void => {
    const expiry = server.value.certificateExpiry()
    if (expiry !== undefined) metrics.certificateExpiry.labels('listen.tls').set(expiry)
  }
  tellExpiry()
  const reload = oneAtATime(async () => {
    const problem = server.value.reloadTls()
    if (problem !== undefined) {
      metrics.reloads.labels('refused').inc()
      log.of('configuration').event('error', 'TLS files refused, the last good ones stay', { problem })
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
      if (waits !== told) say('info', 'not ready yet', { ...addresses, waitingFor: obstacles() })
      told = waits
    }
    if (phase !== 'starting') return
    phase = 'ready'
    health.set(true)
    say('info', 'ready', { ...addresses, config: current.loaded.hash.slice(0, 12), version: productVersion() })
  }
  void becomeReady()

  return read({
    addresses,
    reopen: audit.reopen,
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
      await traces?.close()
      for (const port of http.value) await port.close()
      const complete = await audit.close()
      if (!complete) say('error', 'audit records were lost')
      say('info', 'stopped')
      return complete
    },
  })
}

const noKeysYet = deny('starting', 'no authorization server has given its keys yet')

/** Every key source is tried once, but nobody waits for a slow one longer than `FIRST_KEYS`. */
async function firstKeys(sources: ReadonlyMap<string, LiveKeySource>): Promise<void> {
  const limit = timer(FIRST_KEYS)
  await Promise.race([Promise.all([...sources.values()].map((source) => source.load())), limit.elapsed])
  limit.cancel()
}

async function abandon(
  problem: string,
  generation: Generation,
  { replays }: Memory,
  audit?: Audit,
): Promise<Reading<never>> {
  await audit?.close()
  replays.close()
  closeSources(generation)
  return unreadable(problem)
}
