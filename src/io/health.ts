import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'

type Serving = 'SERVING' | 'NOT_SERVING'

interface HealthRequest {
  readonly service?: string
}

interface HealthResponse {
  readonly status: Serving | 'SERVICE_UNKNOWN'
}

/** Somebody who wants to know. */
interface Watcher {
  readonly tell: (serving: Serving | undefined) => void
  /** Nothing more will be told. */
  readonly end: () => void
}

/** The health of the service under the names of `grpc.health.v1`. */
export interface Health {
  readonly set: (ready: boolean) => void
  readonly get: (service: string) => Serving | undefined
  /**
   * Tells at once and on every change until the returned function is called. Undefined when nobody more can be told: one
   * who is not told of a change had better know nothing.
   */
  readonly watch: (service: string, watcher: Watcher) => (() => void) | undefined
  /** Ends every watch: a stream that never ends would hold up the end of the server. */
  readonly end: () => void
}

/** `liveness` and `startup` say that the process runs; every other name says whether it can decide. */
const names = ['', 'envoy.service.auth.v3.Authorization', 'readiness', 'liveness', 'startup']
const alive = new Set(['liveness', 'startup'])

/** Watchers at the most; a kubelet and an Envoy need a handful. */
const MAX_WATCHERS = 256

export function buildHealth(): Health {
  let ready = false
  const watchers = new Map<Watcher, string>()
  const get = (service: string): Serving | undefined => {
    if (!names.includes(service)) return undefined
    return ready || alive.has(service) ? 'SERVING' : 'NOT_SERVING'
  }
  return {
    set: (next) => {
      ready = next
      for (const [watcher, service] of watchers) watcher.tell(get(service))
    },
    get,
    watch: (service, watcher) => {
      if (watchers.size >= MAX_WATCHERS) return undefined
      watchers.set(watcher, service)
      watcher.tell(get(service))
      return () => watchers.delete(watcher)
    },
    end: () => {
      for (const watcher of [...watchers.keys()]) watcher.end()
      watchers.clear()
    },
  }
}

/** `grpc.health.v1.Health`: Check answers NOT_FOUND for an unknown name, Watch says SERVICE_UNKNOWN. */
export function healthService(health: Health): UntypedServiceImplementation {
  const check: handleUnaryCall<HealthRequest, HealthResponse> = (call, done) => {
    const serving = health.get(call.request.service ?? '')
    if (serving) done(null, { status: serving })
    else done({ code: status.NOT_FOUND, details: 'unknown service' })
  }
  const watch: handleServerStreamingCall<HealthRequest, HealthResponse> = (call) => {
    let last: string | undefined
    const stop = health.watch(call.request.service ?? '', {
      tell: (serving) => {
        const now = serving ?? 'SERVICE_UNKNOWN'
        if (now !== last) call.write({ status: now })
        last = now
      },
      end: () => call.end(),
    })
    if (!stop) {
      call.emit('error', { code: status.RESOURCE_EXHAUSTED, details: 'too many watchers' })
      return
    }
    call.on('cancelled', stop)
    call.on('close', stop)
    call.on('error', stop)
  }
  const list: handleUnaryCall<HealthRequest, { readonly statuses: Record<string, HealthResponse> }> = (_call, done) => {
    const statuses = Object.fromEntries(
      names.map((name): [string, HealthResponse] => [name, { status: health.get(name) ?? 'SERVICE_UNKNOWN' }]),
    )
    done(null, { statuses })
  }
  return { Check: check, Watch: watch, List: list }
}
