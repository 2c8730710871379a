import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import type { ClusterOptions, RedisOptions } from 'ioredis'
import type { RedisStore } from '../config-stores.ts'
import { type RedisAddress, readRedisAddress } from '../redis-address.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { readAuthorities } from './authorities.ts'
import { ciphers } from './ciphers.ts'
import { checkIdentity } from './fetch.ts'
import { watchSentinels } from './redis-sentinels.ts'

/** A connection to Redis that keeps itself alive, and runs one script. */
export interface RedisLink {
  /** Runs the script once. Whatever goes wrong rejects; nothing is tried again whose outcome is unknown. */
  readonly run: (keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>
  /** Drops the connection and makes a new one, to whoever is the primary now. */
  readonly reconnect: () => void
  readonly close: () => void
}

/** What a link tells of its life. */
interface LinkHooks {
  readonly ready: () => void
  readonly troubled: (error: unknown) => void
}

export type OpenLink = (hooks: LinkHooks) => Promise<RedisLink>

/** Milliseconds. */
const CONNECT_TIMEOUT = 1000
const MAX_BACKOFF = 1000
/** A connection on which nothing comes back for so long goes nowhere any more. */
const DEAD_AFTER = 2000
/** How long a connection that only listens is silent before it is probed. */
const KEEP_ALIVE = 5000

/** From the configuration to a way of connecting; the client library is loaded when it is first needed. */
export function prepareLink(
  store: RedisStore,
  script: { readonly source: string; readonly sha: string },
): Reading<OpenLink> {
  const tls = readTls(store)
  if (!tls.ok) return tls
  return read(async (hooks) => {
    const { Cluster, Redis } = await import('ioredis')
    const addresses = addressesOf(store)
    const client = store.cluster
      ? new Cluster(addresses.map(hostAndPort), clusterOptions(store, tls.value))
      : new Redis(singleOptions(store, addresses, tls.value))
    client.on('ready', hooks.ready)
    // Without a listener the client would print errors itself, and their text is not ours to print.
    client.on('error', hooks.troubled)
    client.on('node error', hooks.troubled)
    client.connect().catch(hooks.troubled)
    const reconnect = (): void => {
      if (client.status === 'ready') client.disconnect(true)
    }
    const sentinels = store.sentinel ? addresses.map((one) => new Redis(watchOptions(store, one, tls.value))) : []
    const watch = watchSentinels(sentinels, store.sentinel?.master ?? '', reconnect)
    return {
      run: (keys, args) => {
        const known = client.evalsha(script.sha, keys.length, ...keys, ...args)
        const answer = known.catch((error: unknown) => {
          // Redis does not know the script, so it has run nothing: this is the first attempt, not a second one.
          if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
          return client.eval(script.source, keys.length, ...keys, ...args)
        })
        return inTime(answer, store.timeout * 1000)
      },
      reconnect,
      close: () => {
        watch.close()
        client.disconnect()
      },
    }
  })
}

/**
 * Rejects when there is no answer in time. A busy process looks at its timers before it reads what has come meanwhile,
 * so the end is only declared after one more reading: slowness of our own is not blamed on Redis.
 */
function inTime(answer: Promise<unknown>, milliseconds: number): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  const timer = setTimeout(() => setImmediate(() => reject(new Error('Command timed out'))), milliseconds)
  answer.then(resolve, reject).finally(() => clearTimeout(timer))
  return promise
}

/** Checked with the configuration. */
function addressesOf({ url, sentinel, cluster }: RedisStore): readonly RedisAddress[] {
  const urls = sentinel?.urls ?? cluster ?? (url === undefined ? [] : [url])
  return urls.map((text) => {
    const address = readRedisAddress(text, sentinel ? 26_379 : 6379)
    if (!address.ok) throw new Error(address.problem)
    return address.value
  })
}

/** All the client library may know of an address: what it says about TLS would replace our settings. */
const hostAndPort = ({ host, port }: RedisAddress) => ({ host, port })

/** Soon at first, at most a second apart, and never all replicas at once. */
const backOff = (times: number): number =>
  Math.min(MAX_BACKOFF, 50 * 2 ** Math.min(times, 6)) * (0.5 + Math.random() / 2)

function commonOptions({ username, password }: RedisStore, tls: ConnectionOptions | undefined) {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls }),
    connectionName: 'envoy-fapi',
    connectTimeout: CONNECT_TIMEOUT,
    socketTimeout: DEAD_AFTER,
    // For what the client itself asks when it connects.
    commandTimeout: CONNECT_TIMEOUT,
    disconnectTimeout: CONNECT_TIMEOUT,
    // A claim that may have been made is not made again, and none waits for a connection.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // The script finds out what the client would ask for, and in words that can be told apart.
    enableReadyCheck: false,
    retryStrategy: backOff,
    lazyConnect: true,
    protocol: 2,
  } satisfies RedisOptions
}

/** The replies of RESP 2; the client's own type leaves the choice open. */
type SingleOptions = RedisOptions & { readonly replyMapping?: 'legacy' }

function singleOptions(
  store: RedisStore,
  [first, ...more]: readonly RedisAddress[],
  tls: ConnectionOptions | undefined,
): SingleOptions {
  if (!first) throw new Error('there is no address of Redis')
  const { sentinel } = store
  const common = { ...commonOptions(store, tls), db: first.database }
  if (!sentinel) return { ...common, host: first.host, port: first.port }
  const { username, password, master } = sentinel
  return {
    ...common,
    sentinels: [first, ...more].map(hostAndPort),
    name: master,
    sentinelRetryStrategy: backOff,
    ...(username !== undefined && { sentinelUsername: username }),
    ...(password !== undefined && { sentinelPassword: password }),
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  }
}

/** For a connection to one Sentinel that only listens. */
function watchOptions(store: RedisStore, address: RedisAddress, tls: ConnectionOptions | undefined): SingleOptions {
  const { username, password } = store.sentinel ?? {}
  const common = commonOptions({ ...store, username, password }, tls)
  // Nothing comes for days, and that is well.
  return { ...common, ...hostAndPort(address), socketTimeout: 0, autoResubscribe: false, keepAlive: KEEP_ALIVE }
}

function clusterOptions(store: RedisStore, tls: ConnectionOptions | undefined) {
  const { enableOfflineQueue, retryStrategy, ...redisOptions } = commonOptions(store, tls)
  return {
    redisOptions,
    enableOfflineQueue,
    lazyConnect: true,
    clusterRetryStrategy: retryStrategy,
    clusterNodeRetryStrategy: retryStrategy,
    slotsRefreshInterval: 1000,
    // A node that says MOVED has run nothing; one that closed the connection may have.
    maxRedirections: 3,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
  } satisfies ClusterOptions
}

/** TLS 1.2 or newer, the strict check of names, and authorities of its own where the configuration names some. */
function readTls(store: RedisStore): Reading<ConnectionOptions | undefined> {
  if (!addressesOf(store).some(({ tls }) => tls)) return read(undefined)
  const { ca, certificate, key } = store.tls ?? {}
  const authorities = ca === undefined ? read(undefined) : readAuthorities(ca)
  if (!authorities.ok) return unreadable(`tls.ca: ${authorities.problem}`)
  try {
    return read({
      minVersion: 'TLSv1.2',
      ciphers,
      rejectUnauthorized: true,
      checkServerIdentity: (host, { raw }) => {
        const problem = checkIdentity(host, raw)
        return problem && Object.assign(problem, { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
      },
      ...(authorities.value !== undefined && { ca: authorities.value }),
      ...(certificate !== undefined && { cert: readFileSync(certificate) }),
      ...(key !== undefined && { key: readFileSync(key) }),
    })
  } catch (error) {
    return unreadable(`tls: a file cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`)
  }
}
