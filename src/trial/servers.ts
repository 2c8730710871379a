import { unaskedLifetime } from '../build.ts'
import type { Config, ServerConfig } from '../config.ts'
import type { AuthorizationServer } from '../policy.ts'
import type { KeySource, Statement } from '../ports.ts'
import { readIntrospection } from '../verify/introspection.ts'
import { findKeys, readKeySet } from '../verify/key-set.ts'
import { readJsonObject } from '../verify/strict-json.ts'
import type { Algorithm, TokenDifference } from './cases-schema.ts'
import { type BuiltInKey, type buildKeyring, sha256 } from './keys.ts'

/** The built-in authorization servers: they stand behind the ports where the configured ones would be asked. */
export interface TrialServers {
  readonly ports: ReadonlyMap<string, AuthorizationServer>
  /** The key a server signs with, which it publishes from then on. */
  readonly publish: (server: string, algorithm: Algorithm) => { readonly key: BuiltInKey; readonly kid: string }
  /** Keeps what a server says when it is asked about a token. */
  readonly remember: (token: string, issued: IssuedToken) => void
}

/** What a server knows of a token of its own. */
interface IssuedToken {
  readonly server: string
  readonly claims: object
  readonly state: TokenDifference['introspection']
}

export function buildServers({ authorizationServers }: Config, keyring: ReturnType<typeof buildKeyring>): TrialServers {
  const published = new Map<string, Map<string, object>>(authorizationServers.map(({ name }) => [name, new Map()]))
  const issued = new Map<string, IssuedToken>()
  return {
    ports: new Map(
      authorizationServers.map((server) => [
        server.name,
        {
          ...server,
          keys: keySource(() => [...(published.get(server.name)?.values() ?? [])]),
          introspection: server.revocation.introspection && introspector(server, issued),
          unasked: unaskedLifetime(server),
        },
      ]),
    ),
    publish(server, algorithm) {
      const key = keyring(`server ${server}`, algorithm)
      const kid = `${server}-${key.thumbprint.slice(0, 8)}`
      published.get(server)?.set(kid, { ...key.jwk, kid, use: 'sig' })
      return { key, kid }
    },
    remember: (token, one) => void issued.set(sha256(token), one),
  }
}

/** Read anew each time: a key is there as soon as something was signed with it. */
const keySource = (jwks: () => readonly object[]): KeySource => ({
  generation: 1,
  find(kid, algorithm) {
    const set = readKeySet({ keys: jwks() })
    return set.ok ? findKeys(set.value, kid, algorithm) : { kind: 'unknown', detail: 'the server has signed nothing' }
  },
})

/** Knows the tokens of its own server, and says of every other that it is not active. */
function introspector(server: ServerConfig, issued: ReadonlyMap<string, IssuedToken>) {
  return {
    required: server.revocation.introspection?.required ?? [],
    ask(token: string): Statement {
      const known = issued.get(sha256(token))
      if (known?.state === 'unavailable') return { kind: 'unavailable', detail: 'the case says so' }
      if (known?.server !== server.name || known.state !== 'active') return { kind: 'inactive' }
      const answer = readJsonObject(Buffer.from(JSON.stringify({ ...known.claims, active: true })))
      const read = answer.ok ? readIntrospection(answer.value) : undefined
      if (!read) return { kind: 'unavailable', detail: 'what it would say cannot be read' }
      return read.active ? { kind: 'active', claims: read.claims } : { kind: 'inactive' }
    },
  }
}
