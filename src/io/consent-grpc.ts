import { createSecureContext } from 'node:tls'
import { Client, credentials, Metadata, type MethodDefinition, type ServiceError, status } from '@grpc/grpc-js'
import type { GrpcConsentService } from '../policies/consent-options.ts'
import type { ConsentQuestion } from '../ports.ts'
import { readConsent } from '../verify/consent-record.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { isObject, type JsonObject } from '../verify/strict-json.ts'
import { ciphers } from './ciphers.ts'
import type { ConsentCalls, ConsentOutcome } from './consent-service.ts'
import { readShowing, type Showing } from './consent-showing.ts'
import { checkIdentity } from './fetch.ts'
import { findAddresses, type Outbound } from './outbound.ts'
import { loadConsentProto } from './protos.ts'

/** Bytes of an answer. */
const MAX_ANSWER = 65_536

/** What comes of one call. */
type Reply = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly code: number }

/** Neither proxies of the environment nor settings out of DNS, and nothing is sent twice. */
const channelOptions = {
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.max_receive_message_length': MAX_ANSWER,
  'grpc.max_metadata_size': 16_384,
}

/**
 * The calls to a consent service over gRPC, under the same conditions as over https: its certificate and name are
 * verified, and no address is called where nobody may be. Never throws.
 */
export function readGrpcConsentService(service: GrpcConsentService, outbound: () => Outbound): Reading<ConsentCalls> {
  const url = new URL(service.url)
  const showing = readShowing(service, url.origin)
  if (!showing.ok) return showing
  const { Read, Consume } = loadConsentProto()
  const send = async (method: MethodDefinition<object, object>, message: object, question: ConsentQuestion) => {
    const until = Date.now() + service.timeout * 1000
    const late = Promise.withResolvers<Reply>()
    const timer = setTimeout(() => late.resolve({ ok: false, code: status.DEADLINE_EXCEEDED }), service.timeout * 1000)
    try {
      return settle(await Promise.race([call(method, message, question, until), late.promise]), service.url)
    } catch {
      return settle({ ok: false, code: status.UNKNOWN }, service.url)
    } finally {
      clearTimeout(timer)
    }
  }
  const call = async (
    method: MethodDefinition<object, object>,
    message: object,
    question: ConsentQuestion,
    until: number,
  ): Promise<Reply> => {
    const settings = outbound()
    const found = await findAddresses(url, undefined, settings)
    const address = found.ok ? found.value[0] : undefined
    if (!address) return { ok: false, code: status.UNAVAILABLE }
    const metadata = new Metadata()
    metadata.set('x-fapi-interaction-id', question.interactionId)
    const authorization = await showing.value.authorize(question.now)
    if (authorization !== undefined) metadata.set('authorization', authorization)
    const port = url.port === '' ? '443' : url.port
    const target = address.family === 6 ? `ipv6:[${address.address}]:${port}` : `ipv4:${address.address}:${port}`
    return await once(target, url, secure(settings, showing.value), { method, message, metadata, until })
  }
  return read({
    look: (question) => send(Read, { consentId: question.id }, question),
    consume: (question, idempotencyKey) => {
      const { id: consentId, issuer, clientId, subject } = question
      return send(Consume, { consentId, issuer, clientId, subject, idempotencyKey }, question)
    },
  })
}

const secure = ({ ca }: Outbound, { identity }: Showing) =>
  credentials.createFromSecureContext(
    createSecureContext({ ...(ca && { ca: [...ca] }), ...identity, minVersion: 'TLSv1.2', ciphers }),
    { checkServerIdentity: (host, { raw }) => checkIdentity(host, raw), rejectUnauthorized: true },
  )

interface Sending {
  readonly method: MethodDefinition<object, object>
  readonly message: object
  readonly metadata: Metadata
  /** Milliseconds since the epoch. */
  readonly until: number
}

/** One call on a connection of its own, as over https. */
function once(
  target: string,
  { host, hostname }: URL,
  channel: ReturnType<typeof secure>,
  { method, message, metadata, until }: Sending,
): Promise<Reply> {
  const { promise, resolve } = Promise.withResolvers<Reply>()
  const client = new Client(target, channel, {
    ...channelOptions,
    'grpc.ssl_target_name_override': hostname.replaceAll(/[[\]]/g, ''),
    'grpc.default_authority': host,
  })
  const { path, requestSerialize, responseDeserialize } = method
  client.makeUnaryRequest(
    ...[path, requestSerialize, responseDeserialize, message, metadata, { deadline: until }],
    (error: ServiceError | null, value?: object) => {
      client.close()
      resolve(error ? { ok: false, code: error.code } : { ok: true, value })
    },
  )
  return promise
}

/** What a service says of the very question, rather than of itself. */
const answers: ReadonlySet<number> = new Set([
  ...[status.NOT_FOUND, status.FAILED_PRECONDITION, status.INVALID_ARGUMENT, status.PERMISSION_DENIED],
])

function settle(reply: Reply, place: string): ConsentOutcome {
  if (!reply.ok) {
    if (reply.code === status.NOT_FOUND) return { statement: { kind: 'absent' }, fault: false }
    if (reply.code === status.FAILED_PRECONDITION) return { statement: { kind: 'spent' }, fault: false }
    const detail = `${place}: it answered ${status[reply.code] ?? 'something unknown'}`
    return { statement: { kind: 'unavailable', detail }, fault: !answers.has(reply.code) }
  }
  const record = isObject(reply.value) ? readConsent(asJson(reply.value)) : unreadable('no message')
  return record.ok
    ? { statement: { kind: 'found', record: record.value }, fault: false }
    : { statement: { kind: 'unavailable', detail: `${place}: ${record.problem}` }, fault: false }
}

/** An empty list cannot be told from an absent one: either way nothing is permitted. */
const asJson = (message: JsonObject): JsonObject => ({ permissions: [], ...message })
