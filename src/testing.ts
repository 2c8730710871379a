import { createHash } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'
import { buildRules, unaskedLifetime } from './build.ts'
import { buildCheck } from './check.ts'
import { type Config, readConfig } from './config.ts'
import { consentSettings } from './config-consents.ts'
import type { DenyReason } from './denial.ts'
import { authoritiesKey, pinsOf } from './policies/client-certificate.ts'
import type { ClientCertificateOptions } from './policies/client-certificate-options.ts'
import { consentKey } from './policies/consent-options.ts'
import type { Cache, ClientAuthorities, ConsentSource, Introspector, KeySource, ReplayStore } from './ports.ts'
import { findKeys, readKeySet } from './verify/key-set.ts'
import { buildNonces } from './verify/nonce.ts'
import type { CheckRequest, CheckResponse } from './wire.ts'

/** One request of a client. Nothing is added to it: without token and proof it has none. */
export interface TriedRequest {
  /** GET when absent. */
  readonly method?: string
  /** As the client calls it, with its query. */
  readonly url: string
  /** Sent as `DPoP` when there is a proof, else as `Bearer`. */
  readonly token?: string
  readonly proof?: string
  /** PEM of the certificate that the connection was made with. */
  readonly certificate?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What became of a request. */
export interface TriedAnswer {
  readonly reason: 'allowed' | DenyReason
  /** What was found and what was expected. Clients are never told. */
  readonly detail: string
  /** HTTP status of the denial; 200 when the request goes on to the upstream. */
  readonly status: number
  /** Set on the request to the upstream, or on the denial. */
  readonly headers: Headers
}

/** A configuration under trial. */
export interface Trial {
  /** Seconds since the epoch; everything is minted and judged at this time. Move it on to see things expire. */
  readonly clock: { now: number }
  /** A token of the first authorization server for its first audience, bound to the client's DPoP key. Claims given here win. */
  readonly mintToken: (claims?: JWTPayload) => Promise<string>
  /** A proof by the client's DPoP key for this request and its token. Claims given here win. */
  readonly mintProof: (request: TriedRequest, claims?: JWTPayload) => Promise<string>
  readonly send: (request: TriedRequest) => Promise<TriedAnswer>
}

/**
 * The whole decision, from what Envoy asks to what it is answered, without network. Configuration, policies and
 * verification are those that serve; made up are the clock, the client, the keys of the authorization servers (one key
 * signs for all of them) and a replay store without limits. Not tried are Envoy's own settings.
 *
 * `configuration` is plain data, e.g. what a YAML parser makes of the file: `${…}` and `include` stay as they are, and
 * no file or address in it is touched, so of client certificates only pinned ones are trusted. One that `serve` would refuse throws.
 */
export async function buildTrial(configuration: unknown): Promise<Trial> {
  const reading = readConfig(configuration)
  if (!reading.ok)
    throw new Error(reading.problems.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n'))
  const { config } = reading
  const [server] = config.authorizationServers

  const [issuer, client] = [await generateKeyPair('ES256'), await generateKeyPair('ES256')]
  const clientJwk = await exportJWK(client.publicKey)
  const keys = keySource({ ...(await exportJWK(issuer.publicKey)), kid: 'trial' })
  const rules = buildRules(config, 'trial', {
    servers: new Map(
      config.authorizationServers.map((one) => [
        one.name,
        { ...one, keys, introspection: one.revocation.introspection && askingNobody, unasked: unaskedLifetime(one) },
      ]),
    ),
    replays: unlimitedReplays(),
    clientAuthorities: pinnedAlone(config),
    consents: new Map(consentSettings(config).map(({ options }) => [consentKey(options), knowingNobody])),
    proofKeys: forgetful,
    signedTokens: forgetful,
    nonces: buildNonces({ secrets: [{ secret: 'trial', since: 0 }], step: config.nonces.step, monotonic: () => 0 }),
  })

  const clock = { now: 1_800_000_000 }
  let count = 0
  const uuid = (): string => `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`
  const fresh = (): JWTPayload => ({ jti: uuid(), iat: Math.floor(clock.now) })

  return {
    clock,
    mintToken: async (claims) => {
      const who = { iss: server?.issuer, aud: server?.audiences[0], sub: 'user', client_id: 'client' }
      const bound = { exp: Math.floor(clock.now) + 300, cnf: { jkt: await calculateJwkThumbprint(clientJwk) } }
      const payload = { ...who, ...fresh(), ...bound, ...claims } as JWTPayload
      return await new SignJWT(payload)
        .setProtectedHeader({ typ: 'at+jwt', alg: 'ES256', kid: 'trial' })
        .sign(issuer.privateKey)
    },
    mintProof: async ({ method = 'GET', url, token }, claims) => {
      const target = { htm: method, htu: url.replace(/[?#].*$/, '') }
      const ath = token === undefined ? {} : { ath: createHash('sha256').update(token).digest('base64url') }
      return await new SignJWT({ ...target, ...ath, ...fresh(), ...claims })
        .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: clientJwk })
        .sign(client.privateKey)
    },
    send: async (request) => {
      let outcome: Pick<TriedAnswer, 'reason' | 'detail'> | undefined
      const check = buildCheck({
        rules: () => rules,
        now: () => clock.now,
        monotonic: () => clock.now,
        uuid,
        observe: ({ decision }) => {
          outcome = decision.ok ? { reason: 'allowed', detail: '' } : decision
        },
        report: () => {},
        timer: () => ({ elapsed: Promise.withResolvers<void>().promise, cancel: () => {} }),
      })
      const response = await check(checkRequest(request, uuid()), { peer: 'local', budget: 1000 })
      const { reason, detail } = outcome ?? { reason: 'internal_error', detail: 'nothing was recorded' }
      return { reason, detail, ...readAnswer(response) }
    },
  }
}

function keySource(jwk: JWK): KeySource {
  const set = readKeySet({ keys: [jwk] })
  if (!set.ok) throw new Error(set.problem)
  return { find: (kid, algorithm) => findKeys(set.value, kid, algorithm), generation: 1 }
}

const askingNobody: Introspector = {
  required: [],
  ask: () => ({ kind: 'unavailable', detail: 'a trial asks no authorization server' }),
}

/** No file is read, so nobody is trusted but certificates that are pinned, and nobody is asked about them. */
const pinnedAlone = ({ routes }: Config): ReadonlyMap<string, ClientAuthorities> =>
  new Map(
    routes.flatMap(({ policies }) =>
      policies.flatMap(({ name, options }) => {
        if (name !== 'clientCertificate') return []
        // Parsed by the very schema this type comes from.
        const settings = options as ClientCertificateOptions
        const trust = { anchors: [], intermediates: [], pinned: pinsOf(settings) }
        return [
          [
            authoritiesKey(settings),
            {
              ...{ trust, status: { witnesses: [], scope: 'chain' }, judged: forgetful, refused: forgetful },
              ...{ generation: () => 0, monotonic: () => 0, tolerated: () => undefined },
            },
          ] as const,
        ]
      }),
    ),
  )

const knowingNobody: ConsentSource = {
  find: () => ({ kind: 'unavailable', detail: 'a trial asks no consent service' }),
}

const forgetful: Cache<never> = { get: () => undefined, set: () => {} }

function unlimitedReplays(): ReplayStore {
  const used = new Set<string>()
  return { claim: ({ digest }) => (used.size === used.add(digest).size ? 'used' : 'fresh') }
}

/** As Envoy asks with `encode_raw_headers`. */
function checkRequest(request: TriedRequest, id: string): CheckRequest {
  const { method = 'GET', url, token, proof, certificate, headers = {} } = request
  const { host } = new URL(url)
  // Not what the parser makes of it: paths that are not canonical have to arrive as they are.
  const path = /^[^:]+:\/\/[^/?#]*([^#]*)/.exec(url)?.[1] ?? ''
  const fields = Object.entries({
    ':authority': host,
    ':path': path.startsWith('/') ? path : `/${path}`,
    ':method': method,
    ':scheme': 'https',
    ...(token !== undefined && { authorization: `${proof === undefined ? 'Bearer' : 'DPoP'} ${token}` }),
    ...(proof !== undefined && { dpop: proof }),
    ...headers,
  })
  const http = {
    id,
    method,
    path: path.startsWith('/') ? path : `/${path}`,
    host,
    scheme: 'https',
    headerMap: { headers: fields.map(([key, value]) => ({ key: key.toLowerCase(), rawValue: Buffer.from(value) })) },
  }
  return {
    attributes: {
      source: {
        address: { socketAddress: { address: '192.0.2.1', portValue: 40_000 } },
        ...(certificate !== undefined && { certificate: encodeURIComponent(certificate) }),
      },
      request: { http },
    },
  }
}

function readAnswer(response: CheckResponse): Pick<TriedAnswer, 'status' | 'headers'> {
  const [status, options] =
    'okResponse' in response
      ? [200, response.okResponse.headers]
      : [response.deniedResponse.status.code, response.deniedResponse.headers]
  return { status, headers: new Headers(options.map(({ header }) => [header.key, header.value])) }
}
