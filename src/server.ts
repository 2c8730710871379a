import {
  ServerCredentials as Credentials,
  logVerbosity,
  Server,
  type ServerCredentials,
  type ServerOptions,
  type ServerUnaryCall,
  type sendUnaryData,
  setLogVerbosity,
  status,
} from '@grpc/grpc-js'
import type { Config } from './config.ts'
import type { DenyReason } from './denial.ts'
import { type Health, healthService } from './io/health.ts'
import { describeListenError } from './io/http.ts'
import { loadProtos } from './io/protos.ts'
import { buildTls, type ServerTls } from './io/server-tls.ts'
import { claimSocket } from './io/socket.ts'
import { type Reading, read, unreadable } from './verify/reading.ts'
import type { Call, CheckRequest, CheckResponse } from './wire.ts'

/** What the gRPC shell asks of the service behind it. */
export interface ServerParts {
  readonly listen: Config['listen']
  readonly concurrentChecks: number
  readonly check: (request: CheckRequest, call: Call) => CheckResponse | Promise<CheckResponse>
  /** A complete denial for a Check that is not looked at. */
  readonly refuse: (reason: Unseen | 'draining', request: CheckRequest) => CheckResponse
  /** The answer when even `check` failed. */
  readonly fallback: CheckResponse
  readonly health: Health
  /** Says that no Check may be worked on now, because what has to be told of it has nowhere to go. */
  readonly congested?: () => Unseen | undefined
  readonly observe: (event: 'shed' | 'unrecorded' | 'unpinned' | 'bug', error?: unknown) => void
}

/** Why a Check is not looked at. */
type Unseen = Extract<DenyReason, 'overload' | 'audit_unavailable'>

export interface CheckServer {
  /** Where it listens, with the real port. */
  readonly address: string
  /** Finishes what is under way, then closes; what takes longer than `grace` seconds is refused. */
  readonly drain: (grace: number) => Promise<void>
  /** Reads certificate, key and CA again; new connections get them. What is wrong with them is returned. */
  readonly reloadTls: () => string | undefined
  /** When the certificate ends to be valid, seconds since the epoch; undefined without TLS. */
  readonly certificateExpiry: () => number | undefined
}

/** The largest body Envoy is told to send in the shipped bootstraps, plus headers, certificate and room. */
const MAX_MESSAGE_BYTES = 1_048_576

/** The longest a Check may take, milliseconds; Envoy's own limit is usually shorter. */
const MAX_BUDGET = 1000

/** Starts `Authorization/Check` and `grpc.health.v1` on one address. What cannot be listened on is a problem in words. */
export async function startServer(parts: ServerParts): Promise<Reading<CheckServer>> {
  const { listen } = parts
  const tls = listen.tls && buildTls(listen.tls)
  if (tls && !tls.ok) return unreadable(`listen.tls: ${tls.problem}`)
  const socket = listen.check.startsWith('unix:') ? await claimSocket(listen.check.slice('unix:'.length)) : undefined
  if (socket && !socket.ok) return unreadable(`listen.check: ${socket.problem}`)

  // It would write to standard error by itself; what concerns us is handed to us as an error.
  setLogVerbosity(logVerbosity.NONE)
  const protos = loadProtos()
  const pending: Pending = new Map()
  const server = new LenientServer({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    // More than the Checks we work on: what is too much gets an answer instead of waiting at Envoy for its timeout.
    'grpc.max_concurrent_streams': 2 * parts.concurrentChecks + 100,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 5000,
    'grpc.max_connection_idle_ms': 3_600_000,
  })
  server.addService(protos.authorization, { Check: checkHandler(parts, tls?.value, pending) })
  server.addService(protos.health, healthService(parts.health))

  const bound = await bind(server, listen.check, tls?.value.credentials ?? Credentials.createInsecure())
  if (!bound.ok) return unreadable(`listen.check: ${bound.problem}`)
  socket?.value.share()
  return read({
    address: bound.value,
    drain: (grace) => {
      parts.health.end()
      return drain(server, grace, () => {
        for (const [answer, request] of pending) answer(parts.refuse('draining', request))
      })
    },
    reloadTls: () => tls?.value.reload(),
    certificateExpiry: () => tls?.value.expiry(),
  })
}

/**
 * Node closes a connection whose peer resets more than 33 streams a second, or opens 100 that it has no room for. An
 * Envoy resets one for each of its clients that goes away, so a few of those could cut off everybody's Checks; the
 * callers are our own Envoys. One that does not speak HTTP/2 is let go soon: it would hold up the end of the process.
 * grpc-js has no options for these.
 */
class LenientServer extends Server {
  constructor(options: ServerOptions) {
    super(options)
    const limits = {
      streamResetBurst: 1_000_000,
      streamResetRate: 100_000,
      maxSessionRejectedStreams: 1_000_000,
      unknownProtocolTimeout: 1000,
    }
    // biome-ignore lint/complexity/useLiteralKeys: a private member can only be reached so
    Object.assign(this['commonServerOptions'], limits)
  }
}

/** The Checks under way, by how to answer them. */
type Pending = Map<(response: CheckResponse) => void, CheckRequest>

type Handler = (call: ServerUnaryCall<CheckRequest, CheckResponse>, done: sendUnaryData<CheckResponse>) => void

/** Counts, identifies, hands over, and answers whatever comes of it. grpc-js does not wait for a handler: nothing may escape. */
function checkHandler(parts: ServerParts, tls: ServerTls | undefined, pending: Pending): Handler {
  return (call, done) => {
    const reason = pending.size >= parts.concurrentChecks ? 'overload' : parts.congested?.()
    if (reason !== undefined) {
      parts.observe(reason === 'overload' ? 'shed' : 'unrecorded')
      done(null, parts.refuse(reason, call.request))
      return
    }
    const peer = tls?.pinned ? tls.identify(call.getAuthContext()) : 'local'
    if (peer === undefined) {
      parts.observe('unpinned')
      done({ code: status.PERMISSION_DENIED, details: 'this peer is not pinned' })
      return
    }
    const answer = (response: CheckResponse): void => {
      // Only the first answer counts; the other one comes when the time to drain is over.
      if (pending.delete(answer)) done(null, response)
    }
    pending.set(answer, call.request)
    const fail = (error: unknown): void => {
      parts.observe('bug', error)
      answer(parts.fallback)
    }
    let response: CheckResponse | Promise<CheckResponse>
    try {
      response = parts.check(call.request, { peer, budget: budgetOf(call), traceparent: traceparentOf(call) })
    } catch (error) {
      fail(error)
      return
    }
    if (response instanceof Promise) response.then(answer, fail)
    else answer(response)
  }
}

/** Milliseconds until nobody waits any more: the gRPC deadline, what Envoy says is left, our own limit. */
function budgetOf(call: ServerUnaryCall<CheckRequest, CheckResponse>): number {
  const deadline = call.getDeadline()
  const left = (deadline instanceof Date ? deadline.getTime() : deadline) - Date.now()
  const [announced] = call.metadata.get('x-envoy-expected-rq-timeout-ms')
  const expected = typeof announced === 'string' && /^[0-9]{1,7}$/.test(announced) ? Number(announced) : MAX_BUDGET
  return Math.min(left, expected || MAX_BUDGET, MAX_BUDGET)
}

/** Envoy puts its own here when it traces; a client's stands among the headers of the request. */
function traceparentOf({ metadata }: ServerUnaryCall<CheckRequest, CheckResponse>): string | undefined {
  const [value] = metadata.get('traceparent')
  return typeof value === 'string' && value.length <= 128 ? value : undefined
}

async function bind(server: Server, address: string, credentials: ServerCredentials): Promise<Reading<string>> {
  const { promise, resolve } = Promise.withResolvers<Reading<string>>()
  server.bindAsync(address, credentials, (error, port) => {
    if (!error) resolve(read(address.startsWith('unix:') ? address : address.replace(/:[0-9]+$/, `:${port}`)))
    else resolve(unreadable(describeListenError(asListenError(error), address)))
  })
  return await promise
}

/** grpc-js wraps the system's error in a text; the code stands in it. */
function asListenError(error: Error): Error {
  const [code] = /\bE[A-Z]{4,}\b/.exec(error.message) ?? []
  return code === undefined ? error : Object.assign(new Error(error.message), { code })
}

/** A refusal needs this long to leave, milliseconds. */
const LAST_WORDS = 100

/** A Check that is cut off without an answer would pass under `failure_mode_allow`; so it is refused before. */
async function drain(server: Server, grace: number, refuseRest: () => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const end = (): void => {
    server.forceShutdown()
    resolve()
  }
  const timers = [setTimeout(refuseRest, grace * 1000), setTimeout(end, grace * 1000 + LAST_WORDS)]
  server.tryShutdown(() => resolve())
  await promise
  for (const timer of timers) clearTimeout(timer)
}
