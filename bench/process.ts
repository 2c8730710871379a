import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Client, credentials } from '@grpc/grpc-js'
import { loadProtos } from '../src/io/protos.ts'
import { ISSUER, ORIGIN, serverJwks } from '../test/support/spine.ts'
import type { buildMint } from './requests.ts'

export type Mint = Awaited<ReturnType<typeof buildMint>>

/** Requests under way at a time on the one connection, as an Envoy worker has them. */
const IN_FLIGHT = 16

/** The product, or the same gRPC server with nothing behind it but so many bare signature checks. */
export type Target = 'product' | 'floor0' | 'floor1' | 'floor2'

/** The process whose CPU time is measured, seen from outside. */
export interface Measured {
  /** Sends every message and wants the answer each of them deserves; CPU microseconds per answer. */
  readonly measure: (target: Target, messages: readonly Buffer[]) => Promise<number>
  /** Where the product listens. */
  readonly address: string
  /** Sends one message and tells the reason of the decision. */
  readonly ask: (message: Buffer) => Promise<string>
  /** Requests answered 503 so far because Redis was too slow on a busy machine; their CPU time counts all the same. */
  readonly unanswered: () => number
  /** Resolves when the product has its keys and remembers proofs; until then it denies. */
  readonly ready: (mint: Mint) => Promise<void>
  readonly stop: () => Promise<void>
}

/** What differs from one measured process to the next. */
export interface Setting {
  readonly stores?: object
  readonly replicas?: number
  /** Where the keys are; a file unless told. */
  readonly keys?: object
  /** PEM of the authority of who serves them. */
  readonly authority?: string
}

const inMemory = { afterRestart: 'accept', replayCapacity: 1_000_000 }

/** A resource by DPoP or certificate and an open one; everything else is as the product has it by default. */
const configuration = (
  directory: string,
  { stores = inMemory, replicas = 1, keys = { file: 'jwks.json' }, authority }: Setting,
) => ({
  listen: { check: `unix:${join(directory, 'product.sock')}`, metrics: '127.0.0.1:0' },
  publicOrigins: [ORIGIN],
  authorizationServers: [{ name: 'as', issuer: ISSUER, keys }],
  ...(authority && { outbound: { ca: 'authority.pem' } }),
  replicas,
  stores,

  routes: [
    { name: 'health', path: '/health', methods: ['GET'], open: true },
    { name: 'accounts', path: '/accounts', scopes: ['accounts'] },
  ],
})

/** Starts the measured process with its log going to /dev/null and a gRPC connection to each of its servers. */
export async function startMeasured(setting: Setting = {}): Promise<Measured> {
  const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-bench-'))
  writeFileSync(join(directory, 'envoy-fapi.yaml'), JSON.stringify(configuration(directory, setting)))
  writeFileSync(join(directory, 'jwks.json'), JSON.stringify(serverJwks))
  if (setting.authority) writeFileSync(join(directory, 'authority.pem'), setting.authority)
  const script = join(import.meta.dirname, 'server.ts')
  const child = fork(script, [directory], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  await usageOf(child)
  const clients = new Map<Target, Client>()
  const clientOf = (target: Target): Client => {
    const client = clients.get(target) ?? connect(directory, target)
    clients.set(target, client)
    return client
  }
  let unanswered = 0
  return {
    address: addressOf(directory, 'product'),
    ask: (message) => send(clientOf('product'), message),
    unanswered: () => unanswered,
    async measure(target, messages) {
      const before = await askUsage(child)
      unanswered += await sendAll(clientOf(target), messages, target === 'product' ? 'allowed' : 'internal_error')
      return ((await askUsage(child)) - before) / messages.length
    },
    async ready(mint) {
      for (let tries = 0; tries < 400; tries += 1) {
        const answered = await sendAll(clientOf('product'), [mint.dpopWarm(0)], 'allowed').then(
          (missed) => missed === 0,
          () => false,
        )
        if (answered) return
        await setTimeout(50)
      }
      throw new Error('the service does not become ready')
    },
    async stop() {
      for (const client of clients.values()) client.close()
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function askUsage(child: ChildProcess): Promise<number> {
  child.send('usage')
  return await usageOf(child)
}

async function usageOf(child: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const ended = (): void => reject(new Error('the measured process ended'))
  child.once('exit', ended)
  child.once('message', resolve)
  return await promise.finally(() => child.off('exit', ended))
}

const addressOf = (directory: string, target: Target): string => `unix:${join(directory, `${target}.sock`)}`

const connect = (directory: string, target: Target): Client => connectTo(addressOf(directory, target))

export const connectTo = (address: string): Client =>
  new Client(address, credentials.createInsecure(), {
    // Otherwise both connections would be one client's with shared settings.
    'grpc.use_local_subchannel_pool': 1,
  })

const { Check } = loadProtos().authorization

/**
 * Every message must be answered as expected, so that nothing else is measured than what is said. How many had no answer
 * from the replay store.
 */
async function sendAll(client: Client, messages: readonly Buffer[], expected: string): Promise<number> {
  const queue = messages.values()
  let unanswered = 0
  const work = async (): Promise<void> => {
    for (const message of queue) {
      const reason = await send(client, message)
      if (reason === 'replay_unavailable') unanswered += 1
      else if (reason !== expected) throw new Error(`a request of the benchmark was answered with ${reason}`)
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, work))
  return unanswered
}

/** The reason of the decision, as the service tells it to Envoy. */
export function send(client: Client, message: Buffer): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const asIs = (bytes: Buffer): Buffer => bytes
  client.makeUnaryRequest(Check.path, asIs, Check.responseDeserialize, message, (error, response) => {
    if (error || !response) reject(error ?? new Error('there is no answer'))
    else resolve(response.dynamicMetadata.fields.reason?.stringValue ?? 'no reason')
  })
  return promise
}
