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

/** The health of the service under the names of `grpc.health.v1`. */
export interface Health {
  readonly set: (ready: boolean) => void
  readonly get: (service: string) => Serving | undefined
  /** Calls back at once and on every change until the returned function is called. */
  readonly watch: (service: string, listener: (serving: Serving | undefined) => void) => () => void
}

/** `liveness` and `startup` say that the process runs; every other name says whether it can decide. */
const names = ['', 'envoy.service.auth.v3.Authorization', 'readiness', 'liveness', 'startup']

/** Watchers at the most; a kubelet and an Envoy need a handful. */
const MAX_WATCHERS = 256

export function buildHealth(): Health {
  let ready = false
  const listeners = new Set<() => void>()
  const get = (service: string): Serving | undefined => {
    if (!names.includes(service)) return undefined
    return ready || service === 'liveness' ? 'SERVING' : 'NOT_SERVING'
  }
  return {
    set: (next) => {
      ready = next
      for (const tell of listeners) tell()
    },
    get,
    watch: (service, listener) => {
      const tell = (): void => listener(get(service))
      if (listeners.size < MAX_WATCHERS) listeners.add(tell)
      tell()
      return () => listeners.delete(tell)
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
    const stop = health.watch(call.request.service ?? '', (serving) => {
      const now = serving ?? 'SERVICE_UNKNOWN'
      if (now !== last) call.write({ status: now })
      last = now
    })
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
