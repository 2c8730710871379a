import type { Config } from '../config.ts'
import type { KeySource } from '../ports.ts'
import { buildStatusLists, type LiveStatusLists, type StatusListSurroundings } from './status-lists.ts'

/** A configuration, its key sources and its status lists. */
export interface StatusListHolder {
  readonly config: Config
  readonly sources: ReadonlyMap<string, KeySource>
  readonly statusLists: ReadonlyMap<string, LiveStatusLists>
}

/**
 * The status lists of each server that has them, by name. Those of the configuration before are kept with what they know
 * where nothing changed for them: their server may be out of reach just now.
 */
export function collectStatusLists(
  { authorizationServers }: Config,
  sources: ReadonlyMap<string, KeySource>,
  before: StatusListHolder | undefined,
  surroundings: Omit<StatusListSurroundings, 'keys'>,
): ReadonlyMap<string, LiveStatusLists> {
  const collected = new Map<string, LiveStatusLists>()
  for (const server of authorizationServers) {
    const { name } = server
    const options = server.revocation.statusList
    const keys = sources.get(name)
    if (!options || !keys) continue
    const other = before?.config.authorizationServers.find((one) => one.name === name)
    const same = other && before?.sources.get(name) === keys && describe(other) === describe(server)
    const kept = same ? before?.statusLists.get(name) : undefined
    collected.set(name, kept ?? buildStatusLists(server, options, { ...surroundings, keys }))
  }
  return collected
}

/** Everything about a server that says which lists are believed. */
const describe = ({ issuer, algorithms, revocation }: Config['authorizationServers'][number]): string =>
  JSON.stringify([issuer, algorithms, revocation.statusList])
