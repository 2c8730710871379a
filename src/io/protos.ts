import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js'
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader'
import type { CheckRequest, CheckResponse } from '../wire.ts'

/** The two services of ours, as grpc-js wants them. */
export interface Protos {
  readonly authorization: ServiceDefinition & { readonly Check: MethodDefinition<CheckRequest, CheckResponse> }
  readonly health: ServiceDefinition
}

/**
 * camelCase names, absent fields absent, numbers as numbers. With `oneofs` off no extra member names the chosen one.
 * A test decodes recorded messages of Envoy and reads each of our answers back.
 */
const options = { keepCase: false, longs: Number, enums: String, defaults: false, oneofs: false, arrays: false }

interface ConsentMethods {
  readonly Read: MethodDefinition<object, object>
  readonly Consume: MethodDefinition<object, object>
}

/** The service of consents that we ask: its methods by name. */
export function loadConsentProto(): ConsentMethods {
  const definitions = loadSync('envoyfapi/consent/v1/consent.proto', { ...options, includeDirs: [protoDirectory()] })
  const consents = definitions['envoyfapi.consent.v1.Consents']
  if (!isService(consents)) throw new Error('proto/ lacks the service of consents')
  // The methods are fixed by the file just loaded; what is in an answer is looked at member by member.
  return consents as unknown as ConsentMethods
}

/** Loads the message definitions from `proto/`, which stands beside `src/` and beside a compiled `dist/`. */
export function loadProtos(): Protos {
  const definitions = loadSync(['envoy/service/auth/v3/external_auth.proto', 'grpc/health/v1/health.proto'], {
    ...options,
    includeDirs: [protoDirectory()],
  })
  const authorization = definitions['envoy.service.auth.v3.Authorization']
  const health = definitions['grpc.health.v1.Health']
  if (!isService(authorization) || !isService(health)) throw new Error('proto/ lacks a service')
  // The method's name and types are fixed by the file just loaded.
  return { authorization: authorization as unknown as Protos['authorization'], health }
}

const isService = (definition: unknown): definition is ServiceDefinition =>
  typeof definition === 'object' &&
  definition !== null &&
  !('format' in (definition as Partial<MessageTypeDefinition<object, object>>))

function protoDirectory(): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(directory, 'proto', 'envoy'))) {
    const parent = dirname(directory)
    if (parent === directory) throw new Error('the directory proto/ is missing')
    directory = parent
  }
  return join(directory, 'proto')
}
