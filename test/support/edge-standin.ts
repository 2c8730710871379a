import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Metadata, Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js'
import { buildHealth, healthService } from '../../src/io/health.ts'
import { loadProtos } from '../../src/io/protos.ts'
import type { CheckRequest, CheckResponse } from '../../src/wire.ts'
import type { TestEdge } from './edge.ts'

const { authorization, health } = loadProtos()

/** What somebody else's service answers: bytes, a gRPC error, or nothing ever. */
export type StrangeAnswer = Buffer | keyof typeof status | 'silence'

/** A gRPC server in the place of the service, whose answers are the test's, right or wrong. */
export interface StandIn {
  /** What it answers from now on. */
  readonly answer: (next: StrangeAnswer) => void
  /** What Envoy asked, in the order it came. */
  readonly asked: readonly CheckRequest[]
  /** How long Envoy said it would wait for the last answer, milliseconds. */
  readonly patience: () => string
  readonly stop: () => void
}

/** Starts it where the service of the setting was; in a mesh that is plain text, and the Envoy beside it does the rest. */
export async function startStandIn({ setting }: TestEdge, mesh = false): Promise<StandIn> {
  await setting.service().stop()
  const file = (name: string): Buffer => readFileSync(join(setting.pki.directory, name))
  const asked: CheckRequest[] = []
  let next: StrangeAnswer = 'silence'
  let patience = ''
  const server = new Server()
  const raw = { ...authorization.Check, responseSerialize: (bytes: Buffer): Buffer => bytes }
  server.addService(
    { Check: raw },
    {
      Check: (
        call: { readonly request: CheckRequest; readonly metadata: Metadata },
        done: (error: Partial<ServiceError> | null, bytes?: Buffer) => void,
      ) => {
        asked.push(call.request)
        patience = String(call.metadata.get('x-envoy-expected-rq-timeout-ms')[0])
        if (typeof next !== 'string') done(null, next)
        else if (next !== 'silence') done({ code: status[next], details: next })
      },
    },
  )
  const serving = buildHealth()
  serving.set(true)
  server.addService(health, healthService(serving))
  const credentials = mesh
    ? ServerCredentials.createInsecure()
    : ServerCredentials.createSsl(
        file('service-ca.pem'),
        [{ private_key: file('service.key'), cert_chain: file('service.pem') }],
        true,
      )
  const bound = Promise.withResolvers<void>()
  server.bindAsync(`127.0.0.1:${setting.ports.check}`, credentials, (error) =>
    error ? bound.reject(error) : bound.resolve(),
  )
  await bound.promise
  return {
    answer: (answer) => {
      next = answer
    },
    asked,
    patience: () => patience,
    stop: () => server.forceShutdown(),
  }
}

/** A response that the types of ours have no room for, as bytes. */
// The encoder takes any members; that it must not get these is what the tests are about.
export const strange = (response: object): Buffer => authorization.Check.responseSerialize(response as CheckResponse)

/** What is left of a message when all its members are misspelled. */
export const EMPTY = Buffer.alloc(0)

export const headerOption = (key: string, value: string) => ({
  header: { key, value },
  appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD',
})

export const decided = (decision: string) => ({ dynamicMetadata: { fields: { decision: { stringValue: decision } } } })
