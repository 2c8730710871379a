import { createHash, createPrivateKey, randomUUID, X509Certificate } from 'node:crypto'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Answer, type Sending, send } from '../../demo/client.ts'
import { freePorts } from '../../demo/ports.ts'
import type { LogRecord } from '../../demo/service-process.ts'
import { API, MTLS, type Setting, type SettingOptions, startSetting } from '../../demo/setting.ts'
import { readSeen, type Seen } from '../../demo/upstream.ts'
import { findEnvoy } from '../../tools/envoy.ts'
import { createAuthority, type Identity, issue, type Subject } from '../../tools/pki.ts'
import { athOf, buildClientKey, type ClientKey, type Difference, forgeProof, forgeText } from './proofs.ts'

/** An issuer whose keys cannot be had: nobody listens there. */
export const DARK_ISSUER = 'https://dark.example'

/** One route for each way to be let in, and for each option that can refuse. */
export const edgeDocument = {
  listen: {
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the service fills these in
    check: '127.0.0.1:${CHECK_PORT}',
    tls: {
      certificate: '${PKI}/service.pem',
      key: '${PKI}/service.key',
      clientCa: '${PKI}/service-ca.pem',
      peers: ['spiffe://bank.example/envoy'],
    },
    metrics: '127.0.0.1:${METRICS_PORT}',
  },
  publicOrigins: [API, MTLS] as readonly string[],
  authorizationServers: [
    { name: 'bank', issuer: '${ISSUER}', audiences: [API] },
    { name: 'dark', issuer: DARK_ISSUER, audiences: [API], keys: { uri: 'https://127.0.0.1:1/jwks' } },
  ] as readonly object[],
  outbound: { ca: '${PKI}/ca.pem' },
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: see above
  // Nothing was used before these services started, so nobody has to wait until that is certain.
  stores: { afterRestart: 'accept' } as object,
  routes: [
    { name: 'public', path: '/public/**', methods: ['GET', 'HEAD', 'POST'], open: true },
    { name: 'dpop-only', path: '/dpop-only', senderConstraint: { methods: ['dpop'] } },
    { name: 'both', path: '/both', senderConstraint: { both: true } },
    { name: 'nonce', path: '/nonce', senderConstraint: { dpop: { nonce: 'required' } } },
    { name: 'strict-id', path: '/strict-id', fapiHeaders: { interactionId: 'reject' } },
    { name: 'strict-proof', path: '/strict-proof', senderConstraint: { dpop: { proofBesideBearer: 'refuse' } } },
    { name: 'accounts', path: '/accounts/**', methods: ['GET', 'HEAD'], scopes: ['accounts'] },
    { name: 'payments', path: '/payments', methods: ['POST'], scopes: ['payments'] },
    { name: 'admin', path: '/admin', scopes: ['admin'] },
  ] as readonly object[],
}

/** A request as the tests write it: a path on the API unless there is a whole URL. */
export interface Asking extends Omit<Sending, 'url'> {
  readonly path?: string
  readonly url?: string
}

/** What came of a request. */
export interface Told extends Answer {
  /** The interaction id it was sent under. */
  readonly id: string
  /** How many requests the upstream got since it was sent. */
  readonly hits: number
  /** What the upstream saw, when the answer is the upstream's. */
  readonly seen: Seen | undefined
}

/** What differs from a GET of /accounts by a client that does everything right. */
interface GoodAsking extends Asking {
  readonly token?: string
  readonly scheme?: string
  readonly proof?: Difference
  readonly proofKey?: ClientKey
}

/** The demo's setting with a configuration of the test's, and a client that can do what no library would. */
export interface TestEdge {
  readonly setting: Setting
  readonly directory: string
  /** The configuration file; the service watches it. */
  readonly config: string
  /** The DPoP key of the client. */
  readonly key: ClientKey
  /** A token by the authorization server's own key, bound to `key` unless told. */
  readonly mint: (difference?: Difference) => string
  /** A certificate by an authority that Envoy trusts for clients. */
  readonly certify: (subject: Partial<Subject>) => Identity
  readonly good: (asking?: GoodAsking) => Asking
  readonly ask: (asking: Asking) => Promise<Told>
  readonly stop: () => Promise<void>
}

/** How a setting differs from the demo's behind the hardened bootstrap. */
export interface EdgeOptions {
  /** Members over those of `edgeDocument`. */
  readonly document?: Readonly<Record<string, unknown>>
  readonly bootstrap?: string
  readonly adapt?: (bootstrap: string) => string
  readonly follow?: (record: LogRecord) => void
  readonly asking?: SettingOptions['asking']
  readonly sealing?: SettingOptions['sealing']
  /** Free ones unless told. */
  readonly ports?: SettingOptions['ports']
  /** Files beside the configuration, by name. */
  readonly files?: Readonly<Record<string, string>>
}

export async function startTestEdge({
  document = {},
  adapt,
  files = {},
  ...more
}: EdgeOptions = {}): Promise<TestEdge> {
  const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-e2e-'))
  const remove = (): void => rmSync(directory, { recursive: true, force: true })
  const config = join(directory, 'envoy-fapi.yaml')
  writeFileSync(config, JSON.stringify({ ...edgeDocument, ...document }))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content)
  const clients = createAuthority('Client CA of the tests')
  const options: SettingOptions = {
    envoy: findEnvoy(() => undefined),
    ports: await freePorts(),
    directory,
    config,
    ...more,
    // The last touch comes after the PKI is written and before Envoy reads it.
    adapt: (bootstrap) => {
      appendFileSync(join(directory, 'pki', 'client-ca.pem'), clients.certificate)
      return adapt ? adapt(bootstrap) : bootstrap
    },
  }
  try {
    const setting = await startSetting(options)
    return { ...(await buildClient(setting, clients)), directory, config, stop: () => setting.stop().finally(remove) }
  } catch (error) {
    const log = readFileSync(join(directory, 'service.log'), 'utf8')
    remove()
    throw new Error(`the setting did not start: ${log}`, { cause: error })
  }
}

async function buildClient(setting: Setting, clients: Identity) {
  const key = await buildClientKey()
  const { issuer, signingKey } = setting.authorizationServer
  const privateKey = createPrivateKey({ key: { ...signingKey }, format: 'jwk' })
  const signer: ClientKey = { algorithm: 'PS256', privateKey, jwk: {}, privateJwk: {}, thumbprint: '' }
  const now = (): number => Math.floor(Date.now() / 1000)

  const mint = ({ claims, header }: Difference = {}): string =>
    forgeText(
      signer,
      JSON.stringify({ typ: 'at+jwt', alg: 'PS256', kid: 'as-1', ...header }),
      JSON.stringify({
        iss: issuer,
        sub: 'user-1',
        client_id: 'tpp-1',
        aud: API,
        jti: randomUUID(),
        iat: now() - 5,
        exp: now() + 290,
        scope: 'accounts payments',
        cnf: { jkt: key.thumbprint },
        ...claims,
      }),
    )
  const good = ({
    token = mint(),
    scheme = 'DPoP',
    proof = {},
    proofKey = key,
    ...asking
  }: GoodAsking = {}): Asking => {
    const { method = 'GET', path = '/accounts', url = API + path } = asking
    const [htu = ''] = url.split('?')
    const claims = { htm: method, htu, iat: now(), ath: athOf(token), ...proof.claims }
    const dpop = forgeProof(proofKey, { ...proof, claims })
    return { ...asking, headers: { authorization: `${scheme} ${token}`, dpop, ...asking.headers } }
  }
  const ask = async ({ path = '/accounts', url = API + path, ...asking }: Asking): Promise<Told> => {
    const id = randomUUID()
    const before = setting.upstream.count()
    const headers = { 'x-fapi-interaction-id': id, ...asking.headers }
    const answer = await send(setting.edge, { ...asking, url, headers })
    return { ...answer, id, hits: setting.upstream.count() - before, seen: readSeen(answer.body) }
  }
  const certify = (subject: Partial<Subject>): Identity => issue(clients, { name: 'tpp', usage: 'client', ...subject })
  return { setting, key, mint, good, ask, certify }
}

/** The `cnf` of a token bound to a certificate (RFC 8705 section 3.1). */
export const boundToCertificate = ({ certificate }: Identity): { readonly 'x5t#S256': string } => ({
  'x5t#S256': createHash('sha256').update(new X509Certificate(certificate).raw).digest('base64url'),
})

/** Every value of a header of an answer. */
export const lines = ({ headers }: Pick<Answer, 'headers'>, name: string): readonly string[] => headers.get(name) ?? []

/** Every value the upstream saw under that name. */
export const sawLines = (seen: Seen | undefined, name: string): readonly string[] =>
  (seen?.headers ?? []).filter(([other]) => other === name).map(([, value]) => value)

/** Changes settings of a bootstrap by the names of their members, wherever they stand. One that is nowhere is an error. */
export const withSettings =
  (changes: Readonly<Record<string, (value: unknown) => unknown>>) =>
  (bootstrap: string): string => {
    const missing = new Set(Object.keys(changes))
    const changed: unknown = JSON.parse(bootstrap, (name, value: unknown) => {
      const change = Object.hasOwn(changes, name) ? changes[name] : undefined
      if (!change) return value
      missing.delete(name)
      return change(value)
    })
    if (missing.size > 0) throw new Error(`the bootstrap has no ${[...missing].join(', ')}`)
    return JSON.stringify(changed)
  }
