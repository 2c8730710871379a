import { z } from 'zod'
import type { Config, ServerConfig } from './config.ts'
import { checkRedis, locateRedis, redisPlace, withoutRedisPassword } from './config-stores.ts'
import { duration } from './durations.ts'
import type { Problem } from './problems.ts'

/** Tokens of an authorization server that are not to be taken any more, as operators or other systems tell. */
export const denyList = z.strictObject({
  /** One JSON object a line. Read again when it changes. */
  file: z.string().min(1).optional(),
  /** Where all replicas learn of what one of them was told. */
  redis: redisPlace.optional(),
  /** Take revocations at the admin port; absent: where there is a Redis that keeps them. */
  push: z.boolean().optional(),
  /** Entries of the file, and entries in Redis, at the most. Never is one dropped for another. */
  maxEntries: z.int().min(1).max(1_000_000).default(100_000),
  /** How old the news of Redis may be. */
  maxStale: duration(1, 300).prefault('30s'),
  /** When they are older: hard answers 503, soft lets tokens pass unchecked. */
  onOutage: z.enum(['hard', 'soft']).default('hard'),
})

export type DenyListOptions = z.output<typeof denyList>

/** Whether operators can revoke tokens of this server. */
export const takesPushes = ({ push, redis }: DenyListOptions): boolean => push ?? redis !== undefined

/** A list comes from somewhere, and what is pushed outlives a restart. */
export function checkDenyLists(config: Config): readonly Problem[] {
  return config.authorizationServers.flatMap(({ revocation }, index) => {
    const { denyList: list } = revocation
    if (!list) return []
    const path = ['authorizationServers', index, 'revocation', 'denyList']
    const { file, redis, push } = list
    if (file === undefined && redis === undefined)
      return [{ path, message: 'without file and redis it would always be empty' }]
    const problems = redis === undefined ? [] : checkRedis(redis, [...path, 'redis'], config)
    if (push === true && redis === undefined)
      problems.push({
        path: [...path, 'push'],
        message: 'only redis keeps what is pushed; without it a revoked token would pass after the next start',
      })
    return problems
  })
}

/** Said by `config check`. */
export const denyListNotes = ({ authorizationServers, listen }: Config): readonly string[] =>
  authorizationServers.flatMap(({ name, revocation: { denyList: list } }) => [
    ...(list && takesPushes(list) && !listen.adminAccess
      ? [`revocations of ${name} cannot be pushed: listen.adminAccess is not set`]
      : []),
    ...(list?.onOutage === 'soft'
      ? [`revocations of ${name}: soft lets revoked tokens pass while Redis cannot be reached`]
      : []),
  ])

/** Servers whose tokens pass unchecked while nothing can be learned of their revocation. */
export const softServers = ({ authorizationServers }: Config): readonly string[] =>
  authorizationServers.flatMap(({ name, revocation: { denyList: list, statusList } }) =>
    statusList?.onFailure === 'soft' || (list?.redis !== undefined && list.onOutage === 'soft')
      ? [`tokens of ${name}`]
      : [],
  )

/** The same list with the files it names located. */
export const locateDenyList = (
  list: DenyListOptions,
  path: Problem['path'],
  locate: (path: Problem['path'], name: string) => string,
): DenyListOptions => ({
  ...list,
  ...(list.file !== undefined && { file: locate([...path, 'file'], list.file) }),
  ...(list.redis !== undefined && { redis: locateRedis(list.redis, [...path, 'redis'], locate) }),
})

type WrittenServer = { readonly revocation?: { readonly denyList?: z.input<typeof denyList> | undefined } | undefined }

/** The same server as it is written, with variables in the place of passwords. */
export function withoutDenyListPassword<T extends WrittenServer>(server: T): unknown {
  const { revocation } = server
  const redis = revocation?.denyList?.redis
  if (redis === undefined) return server
  return {
    ...server,
    revocation: { ...revocation, denyList: { ...revocation?.denyList, redis: withoutRedisPassword(redis) } },
  }
}

/**
 * Whether every token of the server is looked up somewhere before it passes. Introspection is not meant: JWTs pass
 * without it.
 */
export const isEachTokenLookedUp = ({ revocation }: Pick<ServerConfig, 'revocation'>): boolean =>
  revocation.denyList !== undefined
