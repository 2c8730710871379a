import type { Config, RouteConfig } from '../config.ts'
import { type Finding, type FindingId, finding, fine } from './findings.ts'

/** What came back. `error` when nothing did. */
export interface Observation {
  readonly status: number
  /** Header lines by lower-case name. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly error?: string
}

/** A request as bytes, and how to judge what came of it. Nothing in it is a credential of anybody. */
export interface Probe {
  readonly tried: string
  readonly bytes: string
  readonly judge: (seen: Observation) => Finding
}

/** What the requests are about. */
export interface Aim {
  readonly host: string
  /** Path of a route that wants a token. */
  readonly path: string
  readonly interactionId: string
}

/** A path that the route matches. */
const pathOf = ({ path }: RouteConfig): string => path.replace(/\/\*\*$/, '').replaceAll(/\{[^}]*\}/g, 'doctor') || '/'

/** A protected path to aim at; undefined when no route takes GET. */
export const protectedPath = ({ routes }: Pick<Config, 'routes'>): string | undefined => {
  const route = routes.find(({ kind, methods }) => kind !== 'open' && methods.includes('GET'))
  return route && pathOf(route)
}

/**
 * Neither we nor Envoy refused: such a status comes from the upstream, or from something in between. Envoy's router puts
 * its header on every answer of an upstream, whatever the status, and on no answer that is Envoy's own or ours.
 */
const passed = ({ status, headers }: Observation): boolean =>
  status < 400 || status >= 500 || headers.has('x-envoy-upstream-service-time')

/** How a denial of ours looks: it repeats our id and says how to ask. */
const isOurs = ({ headers }: Observation, { interactionId }: Aim): boolean =>
  headers.get('x-fapi-interaction-id')?.[0] === interactionId

const answered = ({ status, error }: Observation): string => (error ? `no answer (${error})` : `answered ${status}`)

/** A denial by the service itself, with this status. */
const refusedByUs =
  (tried: string, aim: Aim, statuses: readonly number[], error?: string) =>
  (seen: Observation): Finding => {
    const found = answered(seen)
    if (seen.error) return finding('DT-01', tried, found)
    if (seen.status === 503 && !seen.headers.has('x-envoy-upstream-service-time')) return finding('DT-03', tried, found)
    if (passed(seen)) return finding('DT-02', tried, found)
    const challenge = seen.headers.get('www-authenticate') ?? []
    if (!statuses.includes(seen.status) || !isOurs(seen, aim) || (seen.status === 401 && challenge.length === 0))
      return finding('DT-04', tried, found)
    if (error !== undefined && !challenge.some((line) => line.includes(`error="${error}"`)))
      return finding('DT-04', tried, `${found} without error="${error}"`)
    return fine(tried, found)
  }

const CLOSED = /^(?:the connection was closed|ECONNRESET|EPIPE)$/

/** Any refusal will do, by Envoy or by us; a 404 may be the upstream's. */
const refused =
  (tried: string, id: FindingId, unclear: readonly number[] = [404]) =>
  (seen: Observation): Finding => {
    const found = answered(seen)
    // A closed connection is a refusal too; silence is none, because a tunnel may be open.
    if (seen.error) return CLOSED.test(seen.error) ? fine(tried, `refused: ${found}`) : finding('DT-09', tried, found)
    if (seen.status === 503 || seen.status === 501 || seen.status === 505) return finding('DT-09', tried, found)
    if (passed(seen)) return finding(id, tried, found)
    return unclear.includes(seen.status) ? finding('DT-09', tried, found) : fine(tried, found)
  }

/**
 * Envoy has to make one path of several spellings, or refuse them itself. Where it does neither we refuse, but nothing
 * else behind Envoy would.
 */
function judgeSpelling(tried: string, aim: Aim, expected: 'normalized' | 'rejected' | 'refused') {
  const judge = refused(tried, 'DT-05')
  return (seen: Observation): Finding => {
    const judged = judge(seen)
    if (judged.severity !== 'ok' || seen.error) return judged
    const ours = isOurs(seen, aim)
    if (expected === 'normalized' && !(ours && seen.status === 401))
      return finding('DT-14', tried, `${answered(seen)} in place of 401`)
    if (expected === 'rejected' && ours) return finding('DT-14', tried, `${answered(seen)}, by us and not by Envoy`)
    return judged
  }
}

type Lines = readonly (readonly [name: string, value: string])[]

function spell(aim: Aim, start: string, lines: Lines = [], host = aim.host): string {
  const all: Lines = [
    ['host', host],
    ['x-fapi-interaction-id', aim.interactionId],
    ['user-agent', 'envoy-fapi-doctor'],
    ['connection', 'close'],
    ...lines,
  ]
  // One that is named again takes the place of the first.
  const names = new Set(lines.map(([name]) => name))
  const kept = all.filter(([name], index) => index >= 4 || !names.has(name))
  return `${start}\r\n${kept.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

/** The first request: whether anybody of ours answers at all. */
export const firstProbe = (aim: Aim): Probe => ({
  tried: 'no credential',
  bytes: spell(aim, `GET ${aim.path} HTTP/1.1`),
  judge: refusedByUs('no credential', aim, [401]),
})

/** The canned set, after the first. */
export const buildProbes = (aim: Aim, config: Pick<Config, 'routes'>): readonly Probe[] => [
  ...credentialProbes(aim),
  ...spellingProbes(aim, config),
  ...protocolProbes(aim, config),
  ...routeProbes(aim, config),
]

function credentialProbes(aim: Aim): readonly Probe[] {
  const get = `GET ${aim.path} HTTP/1.1`
  const make = (tried: string, lines: Lines, statuses: readonly number[], error?: string, start = get): Probe => ({
    tried,
    bytes: spell(aim, start, lines),
    judge: refusedByUs(tried, aim, statuses, error),
  })
  const bearer = ['authorization', 'Bearer envoy-fapi-doctor'] as const
  const dpop = ['authorization', 'DPoP envoy-fapi-doctor'] as const
  return [
    make('a Bearer token that is none', [bearer], [401], 'invalid_token'),
    make('two Authorization headers', [bearer, dpop], [400, 401]),
    make('two DPoP headers', [dpop, ['dpop', 'a'], ['dpop', 'b']], [400, 401]),
    make('DPoP without a proof', [dpop], [400, 401]),
    make('a token in the query', [], [400, 401], undefined, `GET ${aim.path}?access_token=doctor HTTP/1.1`),
    make('a forged X-Forwarded-Client-Cert', [bearer, ['x-forwarded-client-cert', 'Hash=00']], [400, 401]),
    make('a claim that Envoy may let it pass', [['x-envoy-auth-failure-mode-allowed', 'true']], [401]),
  ]
}

/** Paths that lead to the protected one, or begin like an open one, in another spelling; and other hosts. */
function spellingProbes(aim: Aim, { routes }: Pick<Config, 'routes'>): readonly Probe[] {
  const open = routes.find(({ kind }) => kind === 'open')
  const start = open ? pathOf(open).replace(/\/$/, '') : '/x'
  const name = aim.path.slice(1)
  const paths = [
    ...[`/${aim.path}`, `${start}/../${name}`, `${start}/%2e%2e/${name}`].map((path) => [path, 'normalized'] as const),
    ...[`${start}/..%2f${name}`, `${start}%2f..%2f${name}`, `${start}/..%5c${name}`].map(
      (path) => [path, 'rejected'] as const,
    ),
    ...[
      `${start}/%252e%252e/${name}`,
      `${start};x/../${name}`,
      `${aim.path};x=1`,
      ...(open && !open.path.endsWith('/**') ? [`${start}X`] : []),
    ].map((path) => [path, 'refused'] as const),
  ]
  const bare = aim.host.replace(/:[0-9]+$/, '')
  return [
    ...paths.map(([path, expected]): Probe => {
      const tried = `path ${path}`
      return { tried, bytes: spell(aim, `GET ${path} HTTP/1.1`), judge: judgeSpelling(tried, aim, expected) }
    }),
    ...['unknown.invalid', `${bare}:1`, `${bare}.`].map((host): Probe => {
      const tried = `host ${host}`
      // What Envoy has no virtual host for is its own 404.
      return { tried, bytes: spell(aim, `GET ${aim.path} HTTP/1.1`, [], host), judge: refused(tried, 'DT-06', []) }
    }),
  ]
}

function protocolProbes(aim: Aim, { routes }: Pick<Config, 'routes'>): readonly Probe[] {
  // Where no credential is asked for, nothing but Envoy refuses an upgrade.
  const open = routes.find(({ kind, methods, hosts }) => kind === 'open' && methods.includes('GET') && !hosts)
  const make = (tried: string, bytes: string): Probe => ({ tried, bytes, judge: refused(tried, 'DT-07') })
  const websocket: Lines = [
    ['connection', 'Upgrade'],
    ['upgrade', 'websocket'],
    ['sec-websocket-version', '13'],
    ['sec-websocket-key', 'ZW52b3ktZmFwaS1kb2N0b3I='],
  ]
  const authority = /:[0-9]+$/.test(aim.host) ? aim.host : `${aim.host}:443`
  return [
    make('TRACE', spell(aim, `TRACE ${aim.path} HTTP/1.1`)),
    make('CONNECT', spell(aim, `CONNECT ${authority} HTTP/1.1`, [], authority)),
    make('a WebSocket upgrade', spell(aim, `GET ${aim.path} HTTP/1.1`, websocket)),
    ...(open
      ? [make('a WebSocket upgrade on an open route', spell(aim, `GET ${pathOf(open)} HTTP/1.1`, websocket))]
      : []),
    make('HTTP/1.0', spell(aim, `GET ${aim.path} HTTP/1.0`)),
    make('a header of 70 kB', spell(aim, `GET ${aim.path} HTTP/1.1`, [['x-doctor', 'x'.repeat(70_000)]])),
  ]
}

/** How many routes are asked one by one. */
const MAX_ROUTES = 6

/** Every protected route refuses; an open one at least asks us, which the id in its answer shows. */
function routeProbes(aim: Aim, { routes }: Pick<Config, 'routes'>): readonly Probe[] {
  // What an earlier route takes from it shows nothing about this one.
  const getting = routes.filter(({ methods, hosts }) => methods.includes('GET') && hosts === undefined)
  const closed = getting.filter((route) => route.kind !== 'open' && pathOf(route) !== aim.path).slice(0, MAX_ROUTES)
  const open = getting.find(({ kind }) => kind === 'open')
  return [
    ...closed.map((route): Probe => {
      const tried = `route ${route.name} without credential`
      return {
        tried,
        bytes: spell(aim, `GET ${pathOf(route)} HTTP/1.1`),
        judge: refusedByUs(tried, aim, [401, 403]),
      }
    }),
    ...(open ? [openProbe(aim, open)] : []),
  ]
}

function openProbe(aim: Aim, route: RouteConfig): Probe {
  const tried = `open route ${route.name}`
  const judge = (seen: Observation): Finding => {
    if (seen.error) return finding('DT-09', tried, answered(seen))
    return isOurs(seen, aim)
      ? fine(tried, `${answered(seen)}, with our interaction id`)
      : finding('DT-08', tried, `${answered(seen)} without our interaction id`)
  }
  return { tried, bytes: spell(aim, `GET ${pathOf(route)} HTTP/1.1`), judge }
}
