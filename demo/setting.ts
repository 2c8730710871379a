import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { placeBootstrap } from '../tools/bootstrap.ts'
import { type RunningEnvoy, startEnvoy } from '../tools/envoy.ts'
import {
  type AskingServer,
  type AuthorizationServer,
  type Sealing,
  startAuthorizationServer,
} from './authorization-server.ts'
import type { Client, Edge } from './client.ts'
import { type ConsentService, startConsentService } from './consent-service.ts'
import { type Pki, writePki } from './pki.ts'
import type { Ports } from './ports.ts'
import { type LogRecord, type ServiceProcess, startServiceProcess } from './service-process.ts'
import { startUpstream, type Upstream } from './upstream.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The public names of the demo; mtls takes no connection without a client certificate. */
export const API = 'https://api.bank.example'
export const MTLS = 'https://mtls.bank.example'

/** Everything that runs: authorization server, upstream, service and Envoy, each on loopback. */
export interface Setting {
  readonly directory: string
  readonly pki: Pki
  readonly ports: Ports
  readonly edge: Edge
  readonly authorizationServer: AuthorizationServer
  readonly upstream: Upstream
  readonly consents: ConsentService
  readonly service: () => ServiceProcess
  /** Starts the service again after it was stopped or killed. */
  readonly restartService: () => Promise<ServiceProcess>
  readonly envoy: RunningEnvoy
  /** A second service and a second Envoy; only with a Redis that both services share. */
  readonly replica: { readonly edge: Edge; readonly service: ServiceProcess } | undefined
  /** The log record of a decision, whichever service made it. */
  readonly decision: (interactionId: string) => Promise<LogRecord | undefined>
  readonly clients: { readonly dpop: Client; readonly mtls: Client; readonly legacy: Client }
  /** Private key with which the client `tpp-dpop` authenticates. */
  readonly dpopClientJwk: JWK
  readonly stop: () => Promise<void>
}

/** How a setting differs from the demo. */
export interface SettingOptions {
  readonly envoy: string
  readonly ports: Ports
  /** Certificates, keys and logs go here; it is for the caller to remove. */
  readonly directory: string
  /** Default: demo/envoy-fapi.yaml. */
  readonly config?: string
  /** Default: envoy/hardened.yaml. */
  readonly bootstrap?: string
  /** Last touch on the placed bootstrap (JSON), for tests that need another Envoy setting. */
  readonly adapt?: (bootstrap: string) => string
  readonly environment?: Readonly<Record<string, string>>
  /** Remember used proofs in this Redis, and run a second service and Envoy on these ports. */
  readonly replicas?: { readonly redis: string; readonly ports: Ports }
  /** Resource servers that may ask about tokens; with any, tokens are opaque. */
  readonly asking?: readonly AskingServer[] | undefined
  /** What the authorization server encrypts tokens for. */
  readonly sealing?: Sealing | undefined
  readonly follow?: (record: LogRecord) => void
  readonly say?: (line: string) => void
  readonly cleanup?: Cleanup
}

/** Ends what was started, last first. What is added after `run` ends at once. */
export interface Cleanup {
  readonly add: (end: () => Promise<void>) => void
  readonly run: () => Promise<void>
}

export function buildCleanup(): Cleanup {
  const ends: (() => Promise<void>)[] = []
  let running: Promise<void> | undefined
  const runAll = async (): Promise<void> => {
    for (let end = ends.pop(); end; end = ends.pop()) await end().catch(() => undefined)
  }
  return {
    add: (end) => {
      ends.push(end)
      if (running) running = running.then(runAll)
    },
    run: () => {
      running = (running ?? Promise.resolve()).then(runAll)
      return running
    },
  }
}

/** Starts all parts in order; what was started is stopped again when a later part does not start. */
export async function startSetting(options: SettingOptions): Promise<Setting> {
  const { cleanup = buildCleanup() } = options
  try {
    return await startParts(options, cleanup)
  } catch (error) {
    await cleanup.run()
    throw error
  }
}

async function startParts(options: SettingOptions, cleanup: Cleanup): Promise<Setting> {
  const { ports, directory, say = () => undefined } = options
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const pki = writePki(join(directory, 'pki'))
  const keys = { dpop: await newKey(), mtls: await newKey(), legacy: await newKey() }

  say(`authorization server  oidc-provider with its FAPI 2.0 profile, https://localhost:${ports.authorizationServer}`)
  const authorizationServer = await startAuthorizationServer({
    port: ports.authorizationServer,
    tls: pki.authorizationServer,
    resource: API,
    scope: 'accounts payments',
    asking: options.asking,
    sealing: options.sealing,
    clients: [
      { id: 'tpp-dpop', jwks: [keys.dpop.publicJwk], binding: 'dpop' },
      { id: 'tpp-mtls', jwks: [keys.mtls.publicJwk], binding: 'mtls' },
      { id: 'legacy-app', jwks: [keys.legacy.publicJwk], binding: 'none' },
    ],
  })
  cleanup.add(authorizationServer.stop)
  say(`upstream              answers with what it received, http://127.0.0.1:${ports.upstream}`)
  const upstream = await startUpstream(ports.upstream)
  cleanup.add(upstream.stop)
  const consents = await startConsentService(pki.consents, pki.internal.certificate)
  cleanup.add(consents.stop)
  say(`consent service       over mutual TLS, ${consents.origin}`)

  say(`envoy-fapi            ${options.config ?? 'demo/envoy-fapi.yaml'}, mTLS gRPC on 127.0.0.1:${ports.check}`)
  say('                      not ready for 11 s: a proof made before its start, or dated 10 s ahead of it, may have')
  say(
    `                      been used already${options.replicas ? ', because this Redis is new' : ' (stores.afterRestart: refuse)'}`,
  )
  const environment = { CONSENTS: consents.origin, ...options.environment, ...sharedEnvironment(options) }
  const common = { ...options, environment }
  const starting = startService(common, pki, authorizationServer.issuer, cleanup)
  const replica =
    options.replicas && startReplica(common, options.replicas.ports, pki, authorizationServer.issuer, cleanup)
  // Awaited below; until then its end is no accident of this process.
  replica?.catch(() => undefined)
  let service = await starting
  say(`Envoy                 ${options.bootstrap ?? 'envoy/hardened.yaml'}, ${API} on 127.0.0.1:${ports.edge}`)
  const envoy = await launchEnvoy(options, pki, cleanup)
  const second = await replica

  return {
    directory,
    pki,
    ports,
    edge: { port: ports.edge, ca: pki.authority.certificate },
    authorizationServer,
    upstream,
    consents,
    service: () => service,
    restartService: async () => {
      service = await startService(common, pki, authorizationServer.issuer, cleanup)
      return service
    },
    envoy,
    replica: second,
    decision: async (id) => {
      const records = await Promise.all([service, second?.service].map((one) => one?.decision(id)))
      return records.find((record) => record !== undefined)
    },
    clients: {
      dpop: { id: 'tpp-dpop', key: keys.dpop.pair, certificate: undefined },
      mtls: { id: 'tpp-mtls', key: keys.mtls.pair, certificate: pki.client },
      legacy: { id: 'legacy-app', key: keys.legacy.pair, certificate: undefined },
    },
    dpopClientJwk: keys.dpop.privateJwk,
    stop: cleanup.run,
  }
}

/** A second service, configured like the first, and an Envoy of its own before the same upstream. */
async function startReplica(options: SettingOptions, ports: Ports, pki: Pki, issuer: string, cleanup: Cleanup) {
  const { directory, say = () => undefined } = options
  const own = {
    ...options,
    ports: { ...ports, upstream: options.ports.upstream },
    directory: join(directory, 'replica'),
  }
  mkdirSync(own.directory, { mode: 0o700 })
  say(`second replica        another envoy-fapi on 127.0.0.1:${ports.check}, another Envoy on 127.0.0.1:${ports.edge}`)
  const [service] = await Promise.all([startService(own, pki, issuer, cleanup), launchEnvoy(own, pki, cleanup)])
  return { service, edge: { port: ports.edge, ca: pki.authority.certificate } }
}

/** What replicas have in common: the place where used proofs are, and the secret that nonces are made with. */
const sharedEnvironment = ({ replicas }: SettingOptions): Readonly<Record<string, string>> => ({
  NONCE_SECRET: randomBytes(32).toString('hex'),
  ...(replicas && { REPLAY: replicas.redis }),
})

/** The variables that demo/envoy-fapi.yaml reads, but for the secret of nonces. */
export const configEnvironment = (
  ports: Ports,
  pki: Pick<Pki, 'directory'>,
  issuer: string,
): Readonly<Record<string, string>> => ({
  PKI: pki.directory,
  ISSUER: issuer,
  CHECK_PORT: String(ports.check),
  METRICS_PORT: String(ports.metrics),
})

function startService(options: SettingOptions, pki: Pki, issuer: string, cleanup: Cleanup): Promise<ServiceProcess> {
  return startServiceProcess({
    config: options.config ?? join(root, 'demo', 'envoy-fapi.yaml'),
    environment: { ...configEnvironment(options.ports, pki, issuer), ...options.environment },
    errors: join(options.directory, 'service.log'),
    follow: options.follow,
    spawned: cleanup.add,
  })
}

function launchEnvoy(
  { envoy, ports, directory, bootstrap: shipped = 'envoy/hardened.yaml', adapt }: SettingOptions,
  pki: Pki,
  cleanup: Cleanup,
): Promise<RunningEnvoy> {
  const placed = placeBootstrap(join(root, shipped), { pki: pki.directory, ports })
  const bootstrap = join(directory, 'envoy.json')
  writeFileSync(bootstrap, adapt ? adapt(placed) : placed)
  return startEnvoy({ envoy, bootstrap, port: ports.edge, log: join(directory, 'envoy.log'), spawned: cleanup.add })
}

async function newKey() {
  const pair = (await generateKeyPair('ES256', { extractable: true })) as CryptoKeyPair
  return {
    pair,
    publicJwk: { ...(await exportJWK(pair.publicKey)), kid: 'client-1', alg: 'ES256', use: 'sig' },
    privateJwk: { ...(await exportJWK(pair.privateKey)), alg: 'ES256' },
  }
}
