import type { Config } from './config.ts'
import { checkAdmin } from './config-admin.ts'
import { checkAudit } from './config-audit.ts'
import { checkCertificates } from './config-certificates.ts'
import { checkEncryption } from './config-encryption.ts'
import { checkResourceMetadata } from './config-metadata-checks.ts'
import { checkNonces } from './config-nonces.ts'
import { checkOutbound } from './config-outbound.ts'
import { checkDenyLists } from './config-revocation.ts'
import { checkRoute } from './config-route-checks.ts'
import { checkAnyEnforces } from './config-shadow.ts'
import { checkStores } from './config-stores.ts'
import { checkTracing } from './config-tracing.ts'
import { ASSERTION_HEADER } from './identity.ts'
import type { Problem } from './problems.ts'
import { readAddress } from './trusted-proxies.ts'

/** What the schema alone cannot say: settings that contradict each other or would be unsafe together. */
export const checkConfig = (config: Config): readonly Problem[] => [
  ...checkListen(config),
  ...checkAdmin(config),
  ...checkDenyLists(config),
  ...checkServers(config),
  ...checkOutbound(config),
  ...checkEncryption(config),
  ...checkStores(config),
  ...checkTracing(config),
  ...checkAudit(config),
  ...checkNonces(config),
  ...checkCertificates(config.clientCertificateFrom),
  ...checkIdentity(config),
  ...checkResourceMetadata(config),
  ...checkNames(config),
  ...checkAnyEnforces(config),
  ...config.routes.flatMap((route, index) => checkRoute(route, config.routes.slice(0, index), config)),
]

/** Nobody outside this machine gets there, however the address is spelled. A name that only looks like one is none. */
export function isLocal(listener: string): boolean {
  if (listener.startsWith('unix:')) return true
  const host = listener.replace(/:[0-9]+$/, '').replaceAll(/[[\]]/g, '')
  if (/^localhost$/i.test(host)) return true
  const address = readAddress(host)
  return address?.bits === 32 ? address.value >> 24n === 127n : address?.value === 1n
}

/** FAPI-NET-05: the Check port belongs on loopback, a socket, or behind mutual TLS with pinned peers. */
function checkListen({ listen, profile }: Config): readonly Problem[] {
  const problems: Problem[] = []
  const local = isLocal(listen.check)
  const { tls } = listen
  if (tls?.peers && !tls.clientCa)
    problems.push({ path: ['listen', 'tls', 'clientCa'], message: 'peers can only be pinned together with clientCa' })
  if (!local && !(tls?.clientCa && tls.peers) && !listen.insecureCheck)
    problems.push({
      path: ['listen', 'check'],
      message: `${listen.check} can be reached from outside: set listen.tls with clientCa and peers, or use loopback or unix:/path`,
    })
  if (!local && listen.insecureCheck && !listen.meshTls && profile !== 'compat')
    problems.push({
      path: ['listen', 'insecureCheck'],
      message: `profile ${profile} allows this only together with meshTls: true (the mesh authenticates and encrypts)`,
    })
  if (!isLocal(listen.admin))
    problems.push({
      path: ['listen', 'admin'],
      message: `${listen.admin} can be reached from outside: use loopback or unix:/path, and listen.metrics for what may be seen there`,
    })
  return problems
}

function checkServers({ authorizationServers }: Config): readonly Problem[] {
  const problems: Problem[] = []
  for (const [index, { issuer, keys, name, revocation }] of authorizationServers.entries()) {
    const path = ['authorizationServers', index]
    if (!/^https:\/\/[^\s?#@]+$/.test(issuer) || !URL.canParse(issuer))
      problems.push({
        path: [...path, 'issuer'],
        message: `expected an https URL without query, fragment and user, found ${JSON.stringify(issuer)}`,
      })
    if ('uri' in keys) problems.push(...checkUrl([...path, 'keys', 'uri'], keys.uri))
    const endpoint = revocation.introspection?.endpoint
    if (endpoint !== undefined)
      problems.push(...checkUrl([...path, 'revocation', 'introspection', 'endpoint'], endpoint))
    const before = authorizationServers.slice(0, index)
    if (before.some((other) => other.issuer === issuer))
      problems.push({ path: [...path, 'issuer'], message: `the issuer ${issuer} stands twice` })
    if (before.some((other) => other.name === name))
      problems.push({
        path: [...path, 'name'],
        message: `the name ${name} stands twice; give each server its own name`,
      })
  }
  return problems
}

function checkUrl(path: Problem['path'], url: string): readonly Problem[] {
  if (/^https:\/\/[^\s#@]+$/.test(url) && URL.canParse(url)) return []
  const message = `expected an https URL (FAPI 2.0 Security Profile section 5.2.1), found ${JSON.stringify(url)}`
  return [{ path, message }]
}

/** Headers Envoy, HTTP itself or the token travel in are not ours to give to an identity. */
const reserved =
  /^(?:host|authorization|proxy-.*|cookie|set-cookie|dpop|connection|keep-alive|te|trailer|transfer-encoding|upgrade|via|expect|forwarded|content-.*|x-forwarded-.*|x-real-ip|x-original-.*|x-http-method.*|x-envoy-.*|x-request-id|x-fapi-.*|date|server|age|accept.*|user-agent|origin|referer|signature.*|client-cert.*|www-authenticate|cache-control|range|if-.*)$/

function checkIdentity({ identity, listen }: Config): readonly Problem[] {
  const problems: Problem[] = []
  const seen = new Set<string>()
  if (identity.assertion && listen.metrics === undefined)
    problems.push({
      path: ['identity', 'assertion'],
      message: 'upstreams fetch the key of assertions from listen.metrics, which is missing',
    })
  for (const [fact, name] of identity.headers) {
    const path = ['identity', 'headers', fact]
    if (reserved.test(name)) problems.push({ path, message: `${name} is not free for identity; x-authz-… names are` })
    if (name === ASSERTION_HEADER) problems.push({ path, message: `${name} is the header of the assertion` })
    if (seen.has(name)) problems.push({ path, message: `${name} stands for two facts` })
    seen.add(name)
  }
  return problems
}

function checkNames({ routes, publicOrigins }: Config): readonly Problem[] {
  const problems: Problem[] = []
  const names = new Set<string>()
  for (const { name, at } of routes) {
    if (names.has(name))
      problems.push({
        path: [...at, 'name'],
        message: `two routes are named "${name}"; give this one a name of its own`,
      })
    names.add(name)
  }
  const authorities = new Map<string, string>()
  for (const [index, { origin, authorities: own }] of publicOrigins.entries()) {
    const taken = own.find((authority) => authorities.has(authority))
    if (taken !== undefined)
      problems.push({
        path: ['publicOrigins', index],
        message: `the host ${taken} already selects ${authorities.get(taken)}`,
      })
    for (const authority of own) authorities.set(authority, origin)
  }
  return problems
}
