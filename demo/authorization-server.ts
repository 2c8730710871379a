import type { KeyObject } from 'node:crypto'
import type { Server } from 'node:http'
import { createServer } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { JWK } from 'jose'
import { exportJWK, generateKeyPair } from 'jose'
import { LRUCache } from 'lru-cache'
import Provider, { type Adapter, type AdapterPayload, type ClientMetadata, type Configuration } from 'oidc-provider'
import type { Identity } from '../tools/pki.ts'

/** A client as the authorization server knows it. */
export interface RegisteredClient {
  readonly id: string
  readonly jwks: readonly JWK[]
  /** `none` is a client outside FAPI that gets plain bearer tokens, for the thief's best case. */
  readonly binding: 'dpop' | 'mtls' | 'none'
}

/**
 * A resource server that may ask about tokens, and gets signed answers when it asks for them. With a certificate in its
 * key (`x5c`) it authenticates by mutual TLS.
 */
export interface AskingServer {
  readonly id: string
  readonly jwks: readonly JWK[]
}

/** How tokens are encrypted, and the public key of the resource server. */
export interface Sealing {
  readonly alg: 'RSA-OAEP-256' | 'ECDH-ES+A256KW'
  readonly enc: 'A256GCM'
  readonly kid: string
  readonly key: KeyObject
}

/** A running oidc-provider. */
export interface AuthorizationServer {
  readonly issuer: string
  /** Its own signing key, so that a test can make it say what it never would. */
  readonly signingKey: JWK
  /** Publishes these keys from now on and signs with the first. */
  readonly useKeys: (keys: readonly [JWK, ...JWK[]]) => void
  /** How often its keys were fetched. */
  readonly keyFetches: () => number
  /** Takes back an opaque token. */
  readonly revoke: (token: string) => Promise<void>
  readonly stop: () => Promise<void>
  /** Listens again after a stop, with what it knew. */
  readonly start: () => Promise<void>
}

/**
 * oidc-provider with its FAPI 2.0 profile: client_credentials, private_key_jwt, tokens as JWT (RFC 9068) bound to a DPoP
 * key or to the client certificate of the token request, five minutes long.
 */
export async function startAuthorizationServer(options: {
  readonly port: number
  readonly tls: Identity
  readonly clients: readonly RegisteredClient[]
  readonly resource: string
  readonly scope: string
  /** Who may ask about tokens. When anybody may, tokens are opaque. */
  readonly asking?: readonly AskingServer[] | undefined
  /** What tokens are encrypted for after they were signed. */
  readonly sealing?: Sealing | undefined
}): Promise<AuthorizationServer> {
  const issuer = `https://localhost:${options.port}`
  const signingKey = await newSigningKey('as-1')
  const adapter = memoryAdapter()
  let provider = new Provider(issuer, configure(options, [signingKey], adapter))
  let callback = provider.callback()
  let keyFetches = 0
  const server = createServer(
    {
      cert: options.tls.certificate,
      key: options.tls.key,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
    },
    (request, response) => {
      if (request.url === '/jwks') keyFetches += 1
      void callback(request, response)
    },
  )
  await listen(server, options.port)
  const revoke = async (token: string): Promise<void> => {
    await (await provider.ClientCredentials.find(token))?.destroy()
  }
  const useKeys = (keys: readonly [JWK, ...JWK[]]): void => {
    provider = new Provider(issuer, configure(options, keys, adapter))
    callback = provider.callback()
  }
  const start = (): Promise<void> => listen(server, options.port)
  return { issuer, signingKey, useKeys, keyFetches: () => keyFetches, revoke, stop: () => close(server), start }
}

/** A private key that an authorization server signs with. */
export async function newSigningKey(kid: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair('PS256', { extractable: true, modulusLength: 2048 })
  return { ...(await exportJWK(privateKey)), kid, use: 'sig', alg: 'PS256' }
}

/** Each client has to name an algorithm that is enabled, also one that never asks. */
const signedAnswers = { introspection_signed_response_alg: 'PS256' } as const

function configure(
  options: Parameters<typeof startAuthorizationServer>[0],
  keys: readonly [JWK, ...JWK[]],
  adapter: (name: string) => Adapter,
): Configuration {
  const { asking = [] } = options
  const clients = [...options.clients, ...asking.map((server) => ({ ...server, binding: 'none' as const }))]
  const mayAsk = new Set(asking.map(({ id }) => id))
  const outside = new Set(options.clients.filter(({ binding }) => binding === 'none').map(({ id }) => id))
  return {
    adapter,
    jwks: { keys: [...keys] },
    clients: clients.map((client) =>
      mayAsk.size > 0 ? { ...describeClient(client), ...signedAnswers } : describeClient(client),
    ),
    scopes: options.scope.split(' '),
    clientAuthMethods: ['private_key_jwt', ...(mayAsk.size > 0 ? ['self_signed_tls_client_auth' as const] : [])],
    enabledJWA: {
      clientAuthSigningAlgValues: ['ES256', 'PS256'],
      dPoPSigningAlgValues: ['ES256', 'PS256', 'EdDSA'],
      ...(mayAsk.size > 0 && { introspectionSigningAlgValues: ['PS256'] }),
    },
    ttl: { ClientCredentials: 300 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      introspection: { enabled: mayAsk.size > 0, allowedPolicy: (_ctx, client) => mayAsk.has(client.clientId) },
      jwtIntrospection: { enabled: mayAsk.size > 0 },
      fapi: { enabled: true, profile: (_ctx, client) => (client && outside.has(client.clientId) ? undefined : '2.0') },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        selfSignedTlsClientAuth: mayAsk.size > 0,
        getCertificate: (ctx) => (ctx.socket as TLSSocket).getPeerX509Certificate()?.toString(),
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: options.scope,
          audience: options.resource,
          accessTokenTTL: 300,
          accessTokenFormat: mayAsk.size > 0 ? 'opaque' : 'jwt',
          jwt: { sign: { alg: 'PS256', kid: keys[0].kid }, ...(options.sealing && { encrypt: options.sealing }) },
        }),
      },
    },
  }
}

function describeClient({ id, jwks, binding }: RegisteredClient): ClientMetadata {
  return {
    client_id: id,
    ...(jwks.some(({ x5c }) => x5c)
      ? { token_endpoint_auth_method: 'self_signed_tls_client_auth' }
      : { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256' }),
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    jwks: { keys: [...jwks] },
    dpop_bound_access_tokens: binding === 'dpop',
    tls_client_certificate_bound_access_tokens: binding === 'mtls',
    id_token_signed_response_alg: 'PS256',
  }
}

/** What oidc-provider remembers: used proofs and assertions. Its own memory warns at every start. */
function memoryAdapter(): (name: string) => Adapter {
  const kept = new LRUCache<string, AdapterPayload>({ max: 10_000 })
  const nothing = (): Promise<undefined> => Promise.resolve(undefined)
  return (name) => ({
    upsert: async (id, payload, expiresIn = 600) => {
      kept.set(`${name}:${id}`, payload, { ttl: expiresIn * 1000 })
    },
    find: async (id) => kept.get(`${name}:${id}`),
    consume: async (id) => {
      const payload = kept.get(`${name}:${id}`)
      if (payload) payload.consumed = Math.floor(Date.now() / 1000)
    },
    destroy: async (id) => {
      kept.delete(`${name}:${id}`)
    },
    // Only the interactive flows ask for these.
    findByUserCode: nothing,
    findByUid: nothing,
    revokeByGrantId: nothing,
  })
}

/** Resolves when the server listens on loopback. */
export function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
}

/** Resolves when the server is closed; open connections are cut. */
export function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
