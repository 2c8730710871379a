import { randomUUID } from 'node:crypto'
import { buildRules, unaskedLifetime } from '../../src/build.ts'
import { buildCheck, type DecisionRecord, type Rules, type Surroundings } from '../../src/check.ts'
import { readConfig } from '../../src/config.ts'
import { consentSettings } from '../../src/config-consents.ts'
import { ok, type Result } from '../../src/denial.ts'
import { memoryReplays } from '../../src/io/replays.ts'
import { buildPipeline, type Pipeline } from '../../src/pipeline.ts'
import { authoritiesKey } from '../../src/policies/client-certificate.ts'
import type { ClientCertificateOptions } from '../../src/policies/client-certificate-options.ts'
import { consentKey } from '../../src/policies/consent-options.ts'
import type { AuthorizationServer, Policy, Ports } from '../../src/policy.ts'
import type {
  Cache,
  ClientAuthorities,
  ConsentSource,
  Introspector,
  KeySource,
  Nonces,
  ReplayStore,
  Revocations,
  StatusLists,
} from '../../src/ports.ts'
import type { Match } from '../../src/routes.ts'
import { findKeys, readKeySet } from '../../src/verify/key-set.ts'
import type { Call, CheckRequest, CheckResponse } from '../../src/wire.ts'
import { nonceMaker } from './nonces.ts'
import { certificateThumbprint } from './possession.ts'
import {
  athOf,
  buildClientKey,
  type ClientKey,
  type Difference,
  forgeProof,
  forgeText,
  keyMemory,
  PROOF_TIME,
} from './proofs.ts'
import { type ClientRequest, checkRequest, type Form } from './requests.ts'

export const ISSUER = 'https://as.example.com'
export const ORIGIN = 'https://api.example.com'

/** The authorization server's key, and two of clients. */
export const serverKey = await buildClientKey()
export const clientKey = await buildClientKey()
export const otherKey = await buildClientKey('EdDSA')

export const serverJwks = { keys: [{ ...serverKey.jwk, kid: 'as-1', use: 'sig' }] }

/** A configuration with one route for each way of binding, an open one, and one whose scope carries an account. */
export const document = {
  publicOrigins: [ORIGIN, { origin: 'https://mtls.example.com:8443', hosts: ['internal.example'] }],
  authorizationServers: [{ name: 'as', issuer: ISSUER, audiences: [ORIGIN], keys: { file: 'unread.json' } }],
  routes: [
    { name: 'accounts', path: '/accounts', scopes: ['accounts'] },
    {
      name: 'account',
      path: '/accounts/{id}',
      scopes: { parameter: { scope: 'account:{id}', fact: 'id' } },
    },
    { name: 'dpop', path: '/dpop', senderConstraint: { methods: ['dpop'] } },
    { name: 'mtls', path: '/mtls', senderConstraint: { methods: ['mtls'] } },
    { name: 'both', path: '/both', senderConstraint: { both: true } },
    { name: 'strict-id', path: '/strict-id', fapiHeaders: { interactionId: 'reject' } },
    { name: 'public', path: '/public/**', methods: ['GET', 'HEAD'], open: true },
  ],
}

/** The same under `profile: compat` with a route for bearer tokens. */
export const compatDocument = {
  ...document,
  profile: 'compat',
  routes: [...document.routes, { name: 'bearer', path: '/bearer', exceptions: ['bearerTokens'] }],
}

export function keySource(document: object = serverJwks): KeySource {
  const set = readKeySet(JSON.parse(JSON.stringify(document)))
  if (!set.ok) throw new Error(set.problem)
  return { find: (kid, algorithm) => findKeys(set.value, kid, algorithm), generation: 1 }
}

export interface SpineOptions {
  readonly document?: object
  readonly keys?: KeySource
  /** Who is asked about tokens, for each server whose configuration says that it is. */
  readonly introspection?: Introspector
  /** Revoked tokens, for each server whose configuration has a list of them. */
  readonly revocations?: Revocations
  /** Where the status of tokens stands, for each server whose configuration says that it is looked at. */
  readonly statusLists?: StatusLists
  /** What tokens are encrypted for, for each server whose configuration says that they are. */
  readonly recipient?: AuthorizationServer['recipient']
  /** Whom the `clientCertificate` policies trust and ask; what is left out trusts and asks nobody. */
  readonly authorities?: Partial<ClientAuthorities>
  /** Who is asked about consents, wherever the configuration says that somebody is. */
  readonly consents?: ConsentSource
  readonly replays?: ReplayStore
  readonly nonces?: Nonces
  /** Policies that run instead of those of the route of that name. */
  readonly pipelines?: Readonly<Record<string, readonly Policy[]>>
  readonly surroundings?: Partial<Surroundings>
}

/** A whole Check of real parts; only clock, keys and chance are the test's. */
export function buildTestCheck(options: SpineOptions = {}) {
  const reading = readConfig(options.document ?? document)
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems))
  const clock = { now: PROOF_TIME }
  const ports: Ports = {
    servers: new Map(
      reading.config.authorizationServers.map((server) => [
        server.name,
        {
          ...server,
          keys: options.keys ?? keySource(),
          introspection: server.revocation.introspection && options.introspection,
          statusLists: server.revocation.statusList && options.statusLists,
          recipient: server.encryption && options.recipient,
          revocations: server.revocation.denyList && options.revocations,
          unasked: unaskedLifetime(server),
        },
      ]),
    ),
    consents: new Map(
      consentSettings(reading.config).flatMap((one) =>
        options.consents ? [[consentKey(one.options), options.consents] as const] : [],
      ),
    ),
    replays: options.replays ?? testReplays(clock),
    proofKeys: keyMemory(),
    nonces: options.nonces ?? nonceMaker(),
    clientAuthorities: new Map(
      reading.config.routes.flatMap(({ policies }) =>
        policies.flatMap((entry) =>
          entry.name === 'clientCertificate'
            ? // Parsed by the very schema this type comes from.
              [[authoritiesKey(entry.options as ClientCertificateOptions), authoritiesOf(options.authorities)] as const]
            : [],
        ),
      ),
    ),
    signedTokens: memory(),
    openedTokens: memory(),
  }
  const built = buildRules(reading.config, 'hash', ports)
  const pipelines = new Map(
    Object.entries(options.pipelines ?? {}).map(([name, policies]) => [name, buildPipeline(policies)]),
  )
  const rules: Rules = {
    ...built,
    routes: { match: (attributes) => reroute(built.routes.match(attributes), pipelines) },
  }

  const records: DecisionRecord[] = []
  const errors: unknown[] = []
  const surroundings: Surroundings = {
    rules: () => rules,
    now: () => clock.now,
    monotonic: () => clock.now,
    uuid: randomUUID,
    observe: (record) => void records.push(record),
    report: (error) => void errors.push(error),
    timer: () => ({ elapsed: Promise.withResolvers<void>().promise, cancel: () => {} }),
    ...options.surroundings,
  }
  const check = buildCheck(surroundings)
  const ask = async (request: CheckRequest): Promise<CheckResponse> => await check(request, CALL)
  return { check, ask, clock, records, errors, ports, surroundings }
}

const authoritiesOf = (given: Partial<ClientAuthorities> = {}): ClientAuthorities => ({
  trust: { anchors: [], intermediates: [], pinned: new Set() },
  status: { witnesses: [], scope: 'chain' },
  generation: () => 0,
  monotonic: () => 0,
  judged: memory(),
  refused: memory(),
  tolerated: () => undefined,
  ...given,
})

export const CALL: Call = { peer: 'local', budget: 1000 }

function reroute(match: Result<Match>, pipelines: ReadonlyMap<string, Pipeline>): Result<Match> {
  if (!match.ok) return match
  const { route } = match.value
  return ok({ ...match.value, route: { ...route, pipeline: pipelines.get(route.name) ?? route.pipeline } })
}

export const testReplays = (clock: { readonly now: number }): ReplayStore =>
  memoryReplays({
    capacity: 1_000_000,
    afterRestart: 'accept',
    maxFuture: 10,
    wall: () => clock.now,
    monotonic: () => clock.now,
  })

export function memory<V>(): Cache<V> {
  const kept = new Map<string, V>()
  return { get: (key) => kept.get(key), set: (key, value) => void kept.set(key, value) }
}

/** The three ways a good token can be bound. */
export const boundTo = {
  dpop: { jkt: clientKey.thumbprint },
  mtls: { 'x5t#S256': certificateThumbprint },
  both: { jkt: clientKey.thumbprint, 'x5t#S256': certificateThumbprint },
} as const

/** A good access token that differs as told; undefined removes a member. */
export function mintToken(difference: Difference = {}, key: ClientKey = serverKey): string {
  const parts = tokenParts(difference)
  return forgeText(key, JSON.stringify(parts.header), JSON.stringify(parts.claims))
}

export const tokenParts = ({ claims, header }: Difference = {}) => ({
  header: { typ: 'at+jwt', alg: 'ES256', kid: 'as-1', ...header },
  claims: {
    iss: ISSUER,
    sub: 'user-1',
    client_id: 'client-1',
    aud: ORIGIN,
    jti: randomUUID(),
    iat: PROOF_TIME - 10,
    exp: PROOF_TIME + 290,
    scope: 'accounts account:42 payments',
    cnf: boundTo.dpop,
    ...claims,
  },
})

/** A good proof for the token, for GET /accounts unless told. */
export const proofFor = (token: string, { claims, header }: Difference = {}, key: ClientKey = clientKey): string =>
  forgeProof(key, { claims: { htu: `${ORIGIN}/accounts`, ath: athOf(token), ...claims }, ...(header && { header }) })

export interface Order extends ClientRequest {
  readonly token?: string
  readonly scheme?: string
  /** null leaves it out. */
  readonly proof?: string | null
  readonly form?: Form
}

/** A request that passes on any route of the test documents, except for what is said. */
export function goodRequest({
  token = mintToken(),
  scheme = 'DPoP',
  proof,
  form,
  ...client
}: Order = {}): CheckRequest {
  const [path = '/accounts'] = (client.path ?? '/accounts').split('?')
  const made =
    proof === undefined ? proofFor(token, { claims: { htu: ORIGIN + path, htm: client.method ?? 'GET' } }) : proof
  const headers: (readonly [string, string])[] = [
    ['authorization', `${scheme} ${token}`],
    ...(made === null ? [] : ([['dpop', made]] as const)),
    ...(client.headers ?? []),
  ]
  return checkRequest({ ...client, headers }, form)
}
