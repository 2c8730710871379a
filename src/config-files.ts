import type { Config, ServerConfig } from './config.ts'
import { locateClientCertificate } from './config-client-certificates.ts'
import { locateConsents } from './config-consents.ts'
import { locateDenyList } from './config-revocation.ts'
import { locateStores } from './config-stores.ts'
import type { Problem } from './problems.ts'

/** Makes of a file name, written there, the one to open. */
export type Locate = (path: Problem['path'], name: string) => string

/** How names become files. */
export interface Locators {
  /** One that has to be there; what is in it belongs to the configuration. */
  readonly file: Locate
  /** One that has to be there, and whose contents somebody else looks after. */
  readonly unread: Locate
  readonly directory: Locate
  /** One that is written, and need not be there. */
  readonly place: (name: string) => string
}

/** The same configuration with every file and directory it names located. */
export function locateFiles(config: Config, { file: locate, unread, directory, place }: Locators): Config {
  const { tls } = config.listen
  const { assertion } = config.identity
  const { ca } = config.outbound
  return {
    ...config,
    listen: { ...config.listen, ...(tls && { tls: locateAll(tls, tlsFiles, ['listen', 'tls'], locate) }) },
    identity: {
      ...config.identity,
      ...(assertion && { assertion: locateAll(assertion, ['key'], ['identity', 'assertion'], locate) }),
    },
    outbound: { ...config.outbound, ...(ca !== undefined && { ca: locate(['outbound', 'ca'], ca) }) },
    stores: locateStores(config.stores, locate),
    audit: locateAudit(config.audit, locate, place),
    routes: config.routes.map((route) =>
      locateConsents(
        { ...route, policies: route.policies.map((entry) => locateClientCertificate(entry, locate, unread)) },
        locate,
      ),
    ),
    authorizationServers: config.authorizationServers.map((server, index) =>
      locateOfServer(server, ['authorizationServers', index], locate, directory),
    ),
  }
}

function locateAudit(
  { to, ...audit }: Config['audit'],
  locate: Locate,
  place: (name: string) => string,
): Config['audit'] {
  const located = locateAll(audit, ['signingKey'], ['audit'], locate)
  return { ...located, to: to === 'stdout' ? to : { file: place(to.file) } }
}

const tlsFiles = ['certificate', 'key', 'clientCa'] as const

function locateOfServer(
  server: ServerConfig,
  at: Problem['path'],
  locate: Locate,
  locateDirectory: Locate,
): ServerConfig {
  const { keys, revocation, encryption } = server
  const { introspection, denyList } = revocation
  return {
    ...server,
    keys:
      'file' in keys
        ? locateAll(keys, ['file'], [...at, 'keys'], locate)
        : locateAll(keys, ['cacheDir'], [...at, 'keys'], locateDirectory),
    ...(encryption && {
      encryption: {
        ...encryption,
        keys: encryption.keys.map((file, position) => locate([...at, 'encryption', 'keys', position], file)),
      },
    }),
    revocation: {
      ...revocation,
      ...(denyList && { denyList: locateDenyList(denyList, [...at, 'revocation', 'denyList'], locate) }),
      ...(introspection && {
        introspection: locateAll(introspection, ['key', 'certificate'], [...at, 'revocation', 'introspection'], locate),
      }),
    },
  }
}

/** A copy in which these members, where there are any, are located. */
function locateAll<T extends object>(
  holder: T,
  names: readonly (keyof T & string)[],
  at: Problem['path'],
  locate: Locate,
): T {
  const copy = { ...holder }
  for (const name of names) {
    const value: unknown = holder[name]
    if (typeof value === 'string') Object.assign(copy, { [name]: locate([...at, name], value) })
  }
  return copy
}
