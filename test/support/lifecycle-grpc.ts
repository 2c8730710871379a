import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { loadProtos } from '../../src/io/protos.ts'
import type { CheckRequest, CheckResponse } from '../../src/wire.ts'
import type { Identity } from '../../tools/pki.ts'
import { verdict } from './answers.ts'

const { authorization, health } = loadProtos()
const CHECK = '/envoy.service.auth.v3.Authorization/Check'

/** What a caller gets: an answer, or the name of a gRPC error. */
export type Reply =
  | { readonly ok: true; readonly response: CheckResponse }
  | { readonly ok: false; readonly error: string; readonly details: string }

/** How to ask once. */
interface Asking {
  /** Milliseconds. */
  readonly deadline?: number
  readonly metadata?: Readonly<Record<string, string>>
  readonly cancel?: AbortSignal
}

/** How to connect. */
export interface Connecting {
  readonly tls?: { readonly ca: string; readonly name: string; readonly identity?: Identity | undefined }
  readonly options?: Readonly<Record<string, unknown>>
}

/** A gRPC client of Check and health on a connection of its own. */
export interface CheckClient {
  readonly ask: (request: CheckRequest, asking?: Asking) => Promise<Reply>
  /** Sends bytes in place of a CheckRequest. */
  readonly askRaw: (message: Buffer, asking?: Asking) => Promise<Reply>
  /** Status of `grpc.health.v1`, or the name of the error. */
  readonly health: (service?: string) => Promise<string>
  readonly listHealth: () => Promise<Readonly<Record<string, string>>>
  /** What Watch says, as it says it. */
  readonly watchHealth: (service: string) => Watch
  readonly close: () => void
}

interface Watch {
  readonly heard: readonly string[]
  readonly ended: Promise<void>
  readonly cancel: () => void
}

export function connectCheck(address: string, { tls, options = {} }: Connecting = {}): CheckClient {
  const channel = tls
    ? credentials.createSsl(
        Buffer.from(tls.ca),
        tls.identity ? Buffer.from(tls.identity.key) : null,
        tls.identity ? Buffer.from(tls.identity.certificate) : null,
      )
    : credentials.createInsecure()
  const client = new Client(address, channel, {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_send_message_length': -1,
    ...(tls && { 'grpc.ssl_target_name_override': tls.name, 'grpc.default_authority': tls.name }),
    ...options,
  })
  const call = (message: Buffer, { deadline, metadata = {}, cancel }: Asking = {}): Promise<Reply> => {
    const { promise, resolve } = Promise.withResolvers<Reply>()
    const headers = new Metadata()
    for (const [name, value] of Object.entries(metadata)) headers.set(name, value)
    const under = client.makeUnaryRequest(
      CHECK,
      (bytes: Buffer) => bytes,
      authorization.Check.responseDeserialize,
      message,
      headers,
      deadline === undefined ? {} : { deadline: Date.now() + deadline },
      (error, response) => resolve(error || !response ? refused(error) : { ok: true, response }),
    )
    cancel?.addEventListener('abort', () => under.cancel(), { once: true })
    return promise
  }
  return {
    ask: (request, asking) => call(authorization.Check.requestSerialize(request), asking),
    askRaw: call,
    health: (service = '') => unaryHealth(client, service),
    listHealth: () => listOf(client),
    watchHealth: (service) => watch(client, service),
    close: () => client.close(),
  }
}

const refused = (error: ServiceError | null): Reply => ({
  ok: false,
  error: error ? (status[error.code] ?? String(error.code)) : 'nothing',
  details: error?.details ?? '',
})

/** `allow`, the reason of the denial, or the name of the gRPC error. */
export const outcomeOf = (reply: Reply): string => (reply.ok ? verdict(reply.response) : reply.error)

interface HealthAnswer {
  readonly status?: string
}

function method(name: 'Check' | 'List' | 'Watch') {
  const found = health[name]
  if (!found) throw new Error(`grpc.health.v1 has no ${name}`)
  return found
}

function unaryHealth(client: Client, service: string): Promise<string> {
  const { path, requestSerialize, responseDeserialize } = method('Check')
  const { promise, resolve } = Promise.withResolvers<string>()
  client.makeUnaryRequest(
    path,
    requestSerialize,
    (bytes) => responseDeserialize(bytes) as HealthAnswer,
    { service },
    (error, answer) => resolve(error ? (status[error.code] ?? '') : (answer?.status ?? 'nothing')),
  )
  return promise
}

async function listOf(client: Client): Promise<Readonly<Record<string, string>>> {
  const { path, requestSerialize, responseDeserialize } = method('List')
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, HealthAnswer>>()
  client.makeUnaryRequest(
    path,
    requestSerialize,
    (bytes) => responseDeserialize(bytes) as { readonly statuses?: Record<string, HealthAnswer> },
    {},
    (error, answer) => (error ? reject(error) : resolve(answer?.statuses ?? {})),
  )
  return Object.fromEntries(Object.entries(await promise).map(([name, { status: serving = '' }]) => [name, serving]))
}

function watch(client: Client, service: string): Watch {
  const { path, requestSerialize, responseDeserialize } = method('Watch')
  const heard: string[] = []
  const ended = Promise.withResolvers<void>()
  const stream = client.makeServerStreamRequest(
    path,
    requestSerialize,
    (bytes) => responseDeserialize(bytes) as HealthAnswer,
    { service },
  )
  stream.on('data', ({ status: serving = 'nothing' }: HealthAnswer) => heard.push(serving))
  stream.on('error', () => undefined)
  stream.on('status', () => ended.resolve())
  return { heard, ended: ended.promise, cancel: () => stream.cancel() }
}
