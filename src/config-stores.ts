import { z } from 'zod'
import type { Config } from './config.ts'
import { duration } from './durations.ts'
import type { Problem } from './problems.ts'
import { isLoopback, readRedisAddress } from './redis-address.ts'

const text = z.string().min(1)

const sentinel = z.strictObject({
  /** Name of the primary, as the Sentinels know it. */
  master: text,
  urls: z.array(text).min(1),
  username: text.optional(),
  password: text.optional(),
})

const redis = z.strictObject({
  /** One of these three says where Redis is. */
  url: text.optional(),
  sentinel: sentinel.optional(),
  cluster: z.array(text).min(1).optional(),
  username: text.optional(),
  password: text.optional(),
  /** Files: authorities to trust instead of the system's, and a certificate to show. */
  tls: z.strictObject({ ca: text.optional(), certificate: text.optional(), key: text.optional() }).optional(),
  keyPrefix: z
    .string()
    .regex(/^[A-Za-z0-9:._-]{1,64}$/, { error: 'up to 64 letters, digits and : . _ -' })
    .default('envoy-fapi:'),
  timeout: duration(0.005, 0.1).prefault('30ms'),
})

const remote = 'redis://…, rediss://… or a map with url, sentinel or cluster'
const places = `memory, ${remote}`
const redisUrl = (error: string) => z.string().regex(/^rediss?:/, { error })

/** A Redis by its address alone, or with its options. */
export const redisPlace = z.union([redisUrl(remote), redis], { error: remote })

/** Where proofs are remembered that were used. */
export const stores = z.strictObject({
  replay: z.union([z.literal('memory'), redisUrl(places), redis], { error: places }).default('memory'),
  replayCapacity: z.int().min(1000).max(5_000_000).default(500_000),
  afterRestart: z.enum(['refuse', 'accept']).default('refuse'),
  /** Redis on another host without TLS. */
  insecureRedis: z.boolean().default(false),
})

type Stores = z.output<typeof stores>
export type RedisPlace = z.output<typeof redisPlace>
export type RedisStore = z.output<typeof redis>

/** The same with its defaults. */
export const readRedis = (place: RedisPlace): RedisStore =>
  typeof place === 'string' ? redis.parse({ url: place }) : place

/** The shared replay store with its defaults; undefined: this process remembers by itself. */
export function redisStore({ replay }: Stores): RedisStore | undefined {
  return replay === 'memory' ? undefined : readRedis(replay)
}

/** A proof has to be used up for all replicas, at a place where nobody else reads or writes. */
export function checkStores(config: Config): readonly Problem[] {
  const { stores: settings, replicas } = config
  const { replay, afterRestart } = settings
  if (replay === 'memory') {
    if (replicas === 1) return []
    const message = `replicas: ${replicas} need a shared replay store; a proof used at one replica would pass at another. Set stores.replay to redis://… or rediss://…`
    return [{ path: ['replicas'], message }]
  }
  const problems = [...checkRedis(replay, ['stores', 'replay'], config)]
  if (afterRestart === 'accept')
    problems.push({
      path: ['stores', 'afterRestart'],
      message: 'accept is for the memory store; Redis remembers by itself, and what it may have lost is always refused',
    })
  return problems
}

type Place = Problem['path']

/** One Redis that can be found, where nobody else reads or writes. */
export function checkRedis(place: RedisPlace, path: Place, config: Pick<Config, 'stores' | 'profile'>) {
  const problems = checkAddresses(place, path, config)
  const { certificate, key } = readRedis(place).tls ?? {}
  if ((certificate === undefined) !== (key === undefined))
    problems.push({ path: [...path, 'tls'], message: 'certificate and key belong together' })
  return problems
}

function checkAddresses(place: RedisPlace, path: Place, config: Pick<Config, 'stores' | 'profile'>): Problem[] {
  const store = readRedis(place)
  const { insecureRedis } = config.stores
  const places = [
    ...(store.url === undefined ? [] : [{ at: typeof place === 'string' ? path : [...path, 'url'], url: store.url }]),
    ...(store.sentinel?.urls ?? []).map((url, index) => ({ at: [...path, 'sentinel', 'urls', index], url })),
    ...(store.cluster ?? []).map((url, index) => ({ at: [...path, 'cluster', index], url })),
  ]
  if ([store.url, store.sentinel, store.cluster].filter((one) => one !== undefined).length !== 1)
    return [{ path, message: 'name exactly one of url, sentinel and cluster' }]
  const problems: Problem[] = []
  const schemes = new Set<boolean>()
  for (const { at, url } of places) {
    const address = readRedisAddress(url)
    if (!address.ok) {
      problems.push({ path: at, message: address.problem })
      continue
    }
    const { tls, database, host } = address.value
    schemes.add(tls)
    if (store.cluster && database > 0) problems.push({ path: at, message: 'a cluster has database 0 alone' })
    if (!tls && !isLoopback(address.value) && !insecureRedis && config.profile !== 'compat')
      problems.push({
        path: at,
        message: `${host} is another host: use rediss:// (TLS), or set stores.insecureRedis: true where the network itself encrypts`,
      })
  }
  if (schemes.size > 1) problems.push({ path, message: 'use rediss:// for all addresses or for none' })
  if (store.tls && !schemes.has(true))
    problems.push({ path: [...path, 'tls'], message: 'tls is for rediss:// addresses' })
  return problems
}

/** Said by `config check`. */
export const storeNotes = ({ stores: settings }: Config): readonly string[] => [
  ...(settings.afterRestart === 'accept'
    ? ['stores.afterRestart accept: a proof used before a restart may pass again']
    : []),
  ...(settings.insecureRedis
    ? ['stores.insecureRedis: whoever reads the network between here and Redis sees its password']
    : []),
]

/** The same settings with the files they name replaced. */
export function locateStores(
  settings: Stores,
  locate: (path: readonly (string | number)[], name: string) => string,
): Stores {
  const { replay } = settings
  return replay === 'memory' ? settings : { ...settings, replay: locateRedis(replay, ['stores', 'replay'], locate) }
}

/** The same with the files it names replaced. */
export function locateRedis(place: RedisPlace, path: Place, locate: (path: Place, name: string) => string): RedisPlace {
  if (typeof place === 'string' || !place.tls) return place
  const files = Object.entries(place.tls).map(([name, file]) => [name, file && locate([...path, 'tls', name], file)])
  return { ...place, tls: Object.fromEntries(files) }
}

/** The same settings as they are written, with variables in the place of passwords. */
export const withoutPasswords = (settings: z.input<typeof stores> | undefined): unknown => ({
  ...settings,
  ...(settings?.replay !== undefined && { replay: withoutRedisPassword(settings.replay) }),
})

/** The same as it is written, with variables in the place of passwords. */
export function withoutRedisPassword(place: z.input<typeof redisPlace>): unknown {
  if (typeof place === 'string') return place
  const { password, sentinel: sentinels, ...redis } = place
  return {
    ...redis,
    ...(password !== undefined && { password: variable('REDIS_PASSWORD') }),
    ...(sentinels && {
      sentinel: {
        ...sentinels,
        ...(sentinels.password !== undefined && { password: variable('SENTINEL_PASSWORD') }),
      },
    }),
  }
}

const variable = (name: string): string => `\${${name}}`
