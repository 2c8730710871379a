import type { Config } from '../config.ts'
import type { KeySource } from '../ports.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { readClientAuthentication } from './client-authentication.ts'
import { buildIntrospector, type IntrospectionSurroundings, type LiveIntrospector } from './introspection.ts'

/**
 * One introspector for each server that can be asked, by name. New ones for each configuration: what a server said under
 * another one is not believed under this one.
 */
export function buildIntrospectors(
  { authorizationServers }: Config,
  sources: ReadonlyMap<string, KeySource>,
  surroundings: Omit<IntrospectionSurroundings, 'keys' | 'client'>,
): Reading<ReadonlyMap<string, LiveIntrospector>> {
  const introspectors = new Map<string, LiveIntrospector>()
  for (const [index, server] of authorizationServers.entries()) {
    const options = server.revocation.introspection
    const keys = sources.get(server.name)
    if (!options || !keys) continue
    const client = readClientAuthentication(options, server.issuer)
    if (!client.ok) return unreadable(`authorizationServers[${index}].revocation.introspection: ${client.problem}`)
    const built = buildIntrospector(server, options, { ...surroundings, keys, client: client.value })
    introspectors.set(server.name, built)
  }
  return read(introspectors)
}
